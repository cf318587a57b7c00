"""Tables of people, such as BIDS' participants.tsv: who was recorded, and what is known of each."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.readers.cells import table_cells


def read_people(path: Path) -> pd.DataFrame:
    """A table such as BIDS' participants.tsv: one row a person, ``subject`` and what else there is.

    ``participant_id`` (``sub-01``) becomes ``subject`` (``01``). Columns of numbers alone are numbers, NaN for n/a; others are text, "" for n/a,
    and so are names written as numbers (``nyu_id``).

    Raises
    ------
    UserError
        No such file, not a table, or no column that names people.
    """
    if not path.is_file():
        raise UserError(
            f"{path}: no such table of participants. Expected tab-separated participant_id, group, age, ..., as BIDS has it."
        )
    return as_people(table_cells(path, "," if path.suffix.lower() == ".csv" else "\t"), str(path))


def participants_of(root: Path, subjects: Collection[str]) -> pd.DataFrame | None:
    """What participants.tsv of a folder says of some subjects, see `read_people`; None without such a table.

    Raises
    ------
    UserError
        See `read_people`; or one of them is in it twice, with other values.
    """
    path = root / "participants.tsv"
    if not path.is_file():
        return None
    table = read_people(path)
    table = table[table.subject.isin(subjects)].drop_duplicates().reset_index(drop=True)
    twice = table.subject[table.subject.duplicated()]
    if len(twice):
        raise UserError(f"{path}: {first_of(twice)} is in it twice, with other values. Keep one row a person.")
    return table


def as_people(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """See `read_people`."""
    named = {str(name).lower(): name for name in table}
    key = next((named[name] for name in ("participant_id", "subject", "subject_id") if name in named), None)
    if key is None:
        raise UserError(f"{where}: no column participant_id or subject; there are {', '.join(map(str, table))}.")
    # the index stays: it is the line in the file
    found = pd.DataFrame({"subject": table[key].astype(str).str.strip().str.removeprefix("sub-")}, index=table.index)
    for name in table:
        if name != key:
            found[name] = table[name] if str(name).lower().endswith("_id") else _numbers(table[name], where)
    if (found.subject == "").any():
        raise UserError(
            f"{where}: {int((found.subject == '').sum())} rows name nobody. Fill the column {key}, or drop them."
        )
    return found.reset_index(drop=True)


def _numbers(cells: pd.Series, where: str) -> pd.Series:
    """As numbers, if all that is known is one, a comma before decimals included."""
    text = cells.astype(str).str.strip()
    empty = cells.isna() | text.str.lower().isin(("", "n/a", "na", "nan"))
    known = text[~empty]
    commas = known.str.contains(",")
    if commas.any() and known.str.fullmatch(r"[+-]?\d+(,\d+)?").all():
        tell(
            "corrected",
            where,
            f"column {cells.name}: {commas.sum()} numbers have a comma before decimals ({known[commas].iloc[0]}).",
        )
        text = text.str.replace(",", ".")
    numbers = pd.to_numeric(text.where(~empty), errors="coerce")
    if (numbers.notna() | empty).all() and not empty.all():
        return numbers.astype(float)
    return text.where(~empty, "")
