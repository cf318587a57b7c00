"""Data sets with one recording a person: who is chosen, and whose file is here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.labels import chosen
from n2s.studies.readers.fetched import missing_content
from n2s.studies.readers.tsv import natural


def people_files(
    every: Mapping[str, Path], subjects: Sequence[str | int] | None, *, study: str, root: Path
) -> dict[str, Path]:
    """The files of the chosen people in the order of their numbers; those whose content is not here are left out aloud.

    Parameters
    ----------
    every
        Person -> file.
    subjects
        Who is wanted; None: all.
    study, root
        For messages.

    Raises
    ------
    UserError
        An unknown person, or nobody's file can be read.
    """
    known = sorted(every, key=natural)
    kept = known
    if subjects is not None:
        kept = chosen(subjects, known, option=f"{study}: subjects", what="subject", prefix="sub")
    lost = {one: why for one in kept if (why := missing_content(every[one]))}
    for one, why in lost.items():
        tell("left out", every[one], f"{why}.")
    if len(lost) == len(kept):
        raise UserError(f"{root}: none of its recordings can be read: {every[kept[0]]}: {lost[kept[0]]}.")
    return {one: every[one] for one in known if one in kept and one not in lost}
