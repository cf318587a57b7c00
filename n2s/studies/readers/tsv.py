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
        The file is empty or not a table, lacks onset or duration, or one of them is not a finite number.
    """
    table = table_cells(path).reset_index(drop=True)
    names = {name.lower(): name for name in table}
    absent = [name for name in ("onset", "duration") if name not in names]
    if absent:
        raise UserError(
            f"{path}: no column {' and '.join(absent)}; there are {', '.join(table)}. "
            "Expected tab-separated onset, duration (s), trial_type and more, as BIDS has it."
        )
    table = table.rename(columns={names[name]: name for name in ("onset", "duration")})
    for name in ("onset", "duration"):
        table[name] = as_numbers(table[name], path)
    if table.onset.isna().any():
        raise UserError(f"{path}, line {int(table.onset.isna().argmax()) + 2}: onset is n/a; expected seconds.")
    return table.assign(line=np.arange(len(table)) + 2)


def read_table(path: Path, *, numbers: tuple[str, ...], separator: str = "\t") -> pd.DataFrame:
    """Read any table of tabs or commas: all cells as text ("" for n/a), except the columns ``numbers`` (NaN for n/a), if they exist."""
    table = table_cells(path, separator).reset_index(drop=True)
    for name in set(numbers) & set(table):
        table[name] = as_numbers(table[name], path)
    return table


def as_numbers(cells: pd.Series, path: Path) -> pd.Series:
    """A column of text as float64, NaN for "" (n/a); a `UserError` if one is not a finite number."""
    found = pd.to_numeric(cells.where(cells != "", None), errors="coerce").astype(float)
    wrong = ~np.isfinite(found) & (cells != "")
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{path}, line {row + 2}: {cells.name} is '{cells[row]}'; expected seconds, as 12.345, or n/a.")
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
