"""The words and phones of a sound from tables: ``<sound>_words.tsv`` and ``<sound>_phones.tsv``, in the place of a TextGrid."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.textgrid import SILENCES
from n2s.studies.readers.tsv import read_table
from n2s.studies.text import plain

#: What a table's columns may be called, the first that is there counts.
TEXT = ("text", "word", "phone", "phoneme", "label")
STOP = ("offset", "end", "stop")


def read_word_tables(tables: Mapping[str, Path]) -> pd.DataFrame:
    """``kind`` (word | phone), ``text``, ``onset``, ``duration`` (s in the sound), by onset; silences are left out.

    Parameters
    ----------
    tables
        Kind -> a table of tabs (``.tsv``) or commas (``.csv``) with ``onset`` (or start), ``duration`` or ``offset`` (end, stop), and
        ``text`` (or word, phone). Rows without text are left out.

    Raises
    ------
    UserError
        A column is missing, a time is n/a or no number, or an end lies before its onset.
    """
    found = []
    for kind, path in tables.items():
        times = ("onset", "start", "duration", *STOP)
        table = read_table(path, numbers=times, separator="," if path.suffix.lower() == ".csv" else "\t")
        text, onset = _column(table, TEXT, path), _column(table, ("onset", "start"), path)
        last = _column(table, ("duration", *STOP), path)
        rows = table[table[text].str.strip() != ""]
        bad = rows[[onset, last]].isna().any(axis=1)
        if bad.any():
            raise UserError(
                f"{path}, line {int(bad.idxmax()) + 2}: {onset} or {last} is n/a; expected seconds in the sound."
            )
        duration = rows[last] if last == "duration" else rows[last] - rows[onset]
        wrong = (duration < 0) | (rows[onset] < 0)
        if wrong.any():
            raise UserError(
                f"{path}, line {int(wrong.idxmax()) + 2}: from {rows[onset][wrong].iloc[0]:g} s for {duration[wrong].iloc[0]:g} s."
            )
        found.append(
            pd.DataFrame({"kind": kind, "text": rows[text].map(plain), "onset": rows[onset], "duration": duration})
        )
    rows = pd.concat(found)
    rows = rows[~rows.text.str.lower().isin(SILENCES)]
    return rows.sort_values("onset", kind="stable", ignore_index=True)


def _column(table: pd.DataFrame, names: tuple[str, ...], path: Path) -> str:
    column = next((name for name in names if name in table), None)
    if column is None:
        raise UserError(f"{path}: no column {' or '.join(names[:4])}; there are {', '.join(table)}.")
    return column
