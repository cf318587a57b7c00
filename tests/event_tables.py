"""A table of events and its stimuli, read as a study reads them."""

from pathlib import Path

import pandas as pd
from builders import write_audio, write_tsv

from n2s.findings import Finding, kept
from n2s.studies.readers.event_columns import EventColumns, complete, read_rows
from n2s.studies.readers.stimuli import StimulusFolder


def read_events(
    folder: Path,
    rows: list[dict] | str,
    *,
    lengths: dict[str, float] | None = None,
    duration_s: float = 200.0,
    columns: EventColumns | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """The events of a table with sounds of these lengths (s), and what was told of the table."""
    path = folder / "events.tsv"
    if isinstance(rows, str):
        path.write_text(rows)
    else:
        write_tsv(path, rows)
    for name, length_s in (lengths or {"a": 30.0, "b": 30.0, "c": 30.0}).items():
        if not (folder / "stimuli" / f"{name}.wav").exists():
            write_audio(folder / "stimuli" / f"{name}.wav", length_s, rate_hz=100)
    stimuli = StimulusFolder(folder / "stimuli")
    with kept() as found:
        rows = read_rows(path, columns or EventColumns(), stimuli)
        table = complete(rows, stimuli, where=str(path), duration_s=duration_s)
    return table, [one for one in found if one.where.startswith(str(path))]


def sounds(table: pd.DataFrame) -> list[tuple]:
    """(stimulus, onset, duration, stimulus_onset) of each sound, to 0.1 ms."""
    columns = ["stimulus", "onset", "duration", "stimulus_onset"]
    return [tuple(row) for row in table[table.kind == "sound"][columns].round(4).to_numpy().tolist()]
