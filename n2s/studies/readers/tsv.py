"""Tables separated by tabs or commas, read strictly: cells as text, numbers checked, n/a as empty."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.cells import table_cells


def read_cells(path: Path) -> pd.DataFrame:
    """Read an events.tsv: ``onset`` and ``duration`` (s, NaN for n/a), the ``line`` of each row, all else as text ("" for n/a).

    Raises
    ------
    UserError
        See `event_cells`; or an onset or duration is not a finite number, or an onset n/a.
    """
    table = event_cells(path)
    for name in ("onset", "duration"):
        table[name] = as_numbers(table[name], path)
    check_onsets(table.onset, path)
    return table.reset_index(drop=True)


def event_cells(path: Path) -> pd.DataFrame:
    """Read an events.tsv as text ("" for n/a), ``onset`` and ``duration`` too, and the ``line`` of each row; its index is its line less 2.

    Raises
    ------
    UserError
        The file is empty or not a table, lacks onset or duration, or has one of them twice.
    """
    table = table_cells(path)
    names = {name.lower(): name for name in table}
    absent = [name for name in ("onset", "duration") if name not in names]
    if absent:
        raise UserError(
            f"{path}: no column {' and '.join(absent)}; there are {', '.join(table)}. "
            "Expected tab-separated onset, duration (s), trial_type and more, as BIDS has it."
        )
    for wanted in ("onset", "duration"):
        several = [name for name in table if name.lower() == wanted]
        if len(several) > 1:
            raise UserError(f"{path}: the columns {' and '.join(several)} are both {wanted}. Rename or drop one.")
    table = table.rename(columns={names[name]: name for name in ("onset", "duration")})
    return table.assign(line=table.index + 2)


def check_onsets(onset: pd.Series, path: Path) -> None:
    """Raise a `UserError` if an onset is n/a; the index of a row is its line less 2."""
    if onset.isna().any():
        raise UserError(f"{path}, line {onset.isna().idxmax() + 2}: onset is n/a; expected seconds.")


def read_table(path: Path, *, numbers: tuple[str, ...], separator: str = "\t") -> pd.DataFrame:
    """Read any table of tabs or commas: all cells as text ("" for n/a), except the columns ``numbers`` (NaN for n/a), if they exist."""
    table = table_cells(path, separator)
    for name in set(numbers) & set(table):
        table[name] = as_numbers(table[name], path)
    return table.reset_index(drop=True)


def as_numbers(cells: pd.Series, path: Path) -> pd.Series:
    """A column of text, or some of its rows, as float64, NaN for "" (n/a); a `UserError` if one is not a finite number.

    NaN and NA, which MATLAB and R write for n/a, are that. The index of a row is its line less 2.
    """
    empty = cells.astype(str).str.lower().isin(("", "nan", "na"))
    found = pd.to_numeric(cells.where(~empty, None), errors="coerce").astype(float)
    wrong = ~np.isfinite(found) & ~empty
    if wrong.any():
        row = wrong.idxmax()
        comma = " Write decimals with a point, and nothing between thousands." if "," in cells[row] else ""
        raise UserError(
            f"{path}, line {row + 2}: {cells.name} is '{cells[row]}'; expected seconds, as 12.345, or n/a.{comma}"
        )
    return found


def whole(cells: pd.Series, path: Path) -> pd.Series:
    """A column of numbers as int64; a `UserError` if one is n/a or has a fraction."""
    wrong = ~(np.abs(cells) < 2**53) | (cells % 1 != 0)  # above this, float64 has no fractions
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{path}, line {row + 2}: {cells.name} is {cells.iloc[row]:g}; expected a whole number.")
    return cells.astype(np.int64)


def natural(label: str) -> list[tuple[int, int, str]]:
    """Sort key that puts run-2 before run-10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", label) if part]
