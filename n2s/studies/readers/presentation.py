"""Logs of the software Presentation: pictures and sounds with their times, in ten-thousandths of a second."""

import re
from pathlib import Path

import pandas as pd

from n2s.errors import UserError

TICK_S = 1e-4
_TICKS = re.compile("-?[0-9]{1,15}")
COLUMNS = ("Event Type", "Code", "Time")


def read_log(path: Path) -> pd.DataFrame:
    """Read the first table of a log: ``kind`` (Picture, Sound, Nothing, ...), ``code``, ``time_s``, in order of time.

    A log that is twice in its file is read once. Rows without a time are left out. Dots at the ends of lines do not
    belong to a code.

    Raises
    ------
    UserError
        The file has no such table, or its times do not ascend.
    """
    text = path.read_text("utf-8-sig", errors="replace").replace("\r\n", "\n")
    parts = text.split("Scenario -")
    lines = [line.rstrip().removesuffix(".") for line in parts[min(1, len(parts) - 1)].split("\n")]
    head = next((i for i, line in enumerate(lines) if all(name in line.split("\t") for name in COLUMNS)), None)
    if head is None:
        raise UserError(f"{path}: no table with the columns {', '.join(COLUMNS)}; expected a log of Presentation.")
    places = [lines[head].split("\t").index(name) for name in COLUMNS]
    rows, begun = [], False
    for line in lines[head + 1 :]:
        cells = line.split("\t")
        if not line.strip():
            if begun:
                break  # the summary of trials follows
            continue
        begun = True
        if len(cells) > max(places):
            kind, code, time = (cells[place].strip() for place in places)
            if _TICKS.fullmatch(time):
                rows.append((kind, code, int(time) * TICK_S))
    table = pd.DataFrame(rows, columns=["kind", "code", "time_s"])
    if table.empty:
        raise UserError(f"{path}: no row with a time (whole numbers of 0.1 ms) under {', '.join(COLUMNS)}.")
    if (table.time_s.diff() < 0).any():
        row = int((table.time_s.diff() < 0).argmax())
        raise UserError(f"{path}: the times do not ascend at '{table.code[row]}' ({table.time_s[row]:.4f} s).")
    return table
