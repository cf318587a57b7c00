"""The cells of a table of tabs or commas, as text: whatever program wrote it, or an error that says what to save it as."""

import csv
import re
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.side_files import read_text
from n2s.studies.text import plain

_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}


def table_cells(path: Path, separator: str = "\t") -> pd.DataFrame:
    """All cells as text, "" for n/a and empty ones. The index of a row is its line in the file less 2.

    Text is UTF-8, or UTF-16 as Excel's "Unicode text". Lines end with LF, CR LF or CR; empty ones are left out, and so are
    empty columns without a name at the right.

    Raises
    ------
    UserError
        The file is no text, is empty, has other separators, rows of unequal length, or two columns of one name.
    """
    parts = re.split("\r\n|\n|\r", read_text(path))
    lines = [(number, line) for number, line in enumerate(parts, 1) if line.strip(f" \f\v\u00a0{separator}")]
    if len(lines) < 2:
        raise UserError(
            f"{path}: {'no rows under the header' if lines else 'an empty file'}. Expected one row an event."
        )
    _check_separator([line for _, line in lines[:2]], separator, path)
    # Quotes are plain text in BIDS; spreadsheets and pandas put a pair around a cell that contains one.
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    rows = csv.reader([f"{line}\n" for _, line in lines], delimiter=separator, quoting=quoting)
    cells, numbers = [], [lines[0][0]]  # the line that each row begins at: a quoted cell may go over several
    try:
        for row in rows:
            cells.append([_unquoted(cell) for cell in row])
            numbers.append(lines[rows.line_num][0] if rows.line_num < len(lines) else 0)
    except csv.Error as error:
        raise UserError(f"{path}: not a table ({error}). Expected cells of text and numbers.") from None
    cells = _without_empty_columns(cells)
    header = [plain(name) for name in cells[0]]
    wrong = next((i for i, row in enumerate(cells) if len(row) != len(header)), None)
    if wrong is not None:
        raise UserError(
            f"{path}, row {wrong}: {len(cells[wrong])} cells under {len(header)} columns ({', '.join(header)}). "
            f"Expected one {_NAMES[separator]} between two cells, n/a for an empty one."
        )
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise UserError(f"{path}: several columns are named {doubled}. Rename or drop one.")
    return pd.DataFrame(cells[1:], [number - 2 for number in numbers[1 : len(cells)]], header, dtype=object)


def _check_separator(lines: list[str], separator: str, path: Path) -> None:
    """Raise a `UserError` if the first lines are one cell each for this separator, and equally many for another one."""
    header, row = lines
    if separator in header:
        return
    for other, name in (*_NAMES.items(), (None, "space")):
        several = len(header.split(other))
        if other != separator and several > 1 and several == len(row.split(other)):
            raise UserError(
                f"{path}: its header has {name}s and no {_NAMES[separator]} ('{header.strip()[:60]}'). Save the table with "
                f"{_NAMES[separator]}s between the cells, and decimals with a point."
            )


def _without_empty_columns(cells: list[list[str]]) -> list[list[str]]:
    """The rows without what stands right of the last named column, if it is empty everywhere."""
    width = max((i + 1 for i, name in enumerate(cells[0]) if name), default=0)
    if width and all(not any(row[width:]) for row in cells):
        return [row[:width] for row in cells]
    return cells


def _unquoted(cell: str) -> str:
    cell = cell.strip().replace("\n", " ")
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        cell = cell[1:-1].replace('""', '"').strip()
    return "" if cell.lower() == "n/a" else cell
