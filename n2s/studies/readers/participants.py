"""participants.tsv of BIDS: who was recorded."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.tsv import read_table


def read_participants(
    root: Path, subjects: Collection[str], *, numbers: tuple[str, ...] = ("age",)
) -> pd.DataFrame | None:
    """``subject`` and what the table says of each of these; None without a table. Cells of n/a are "" or NaN.

    Raises
    ------
    UserError
        The table has no participant_id, or one of them twice.
    """
    path = root / "participants.tsv"
    if not path.is_file():
        return None
    table = read_table(path, numbers=numbers)
    if "participant_id" not in table:
        raise UserError(f"{path}: no column participant_id; there are {', '.join(table)}.")
    table = table.assign(participant_id=table.participant_id.str.removeprefix("sub-"))
    table = table.rename(columns={"participant_id": "subject"})
    table = table[table.subject.isin(subjects)].reset_index(drop=True)
    twice = sorted(table.subject[table.subject.duplicated()])
    if twice:
        raise UserError(f"{path}: {', '.join(twice)} is in it twice. Keep one row a person.")
    return table
