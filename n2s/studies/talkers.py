"""Two sounds at once, of which one was attended: what a table of events must say of both."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from n2s.errors import UserError

#: What labs write in the column, in lower case, for a sound that was listened to, and for one that was not.
YES = ("yes", "y", "true", "1", "1.0", "attended", "attend", "target")
NO = ("no", "n", "false", "0", "0.0", "unattended", "unattend", "ignored", "ignore", "masker", "distractor")
BRIEF_S = 1.0  # a beep, a rounded time: a sound that plays beside another for less needs no mark


def check_talkers(sounds: pd.DataFrame, where: str) -> None:
    """Check the sounds of one recording that play at once, if it says of any of them whether it was attended.

    Several may be unattended at once: their features are summed.

    Parameters
    ----------
    sounds
        ``onset``, ``duration``, ``stimulus``, ``attended``.
    where
        The file or recording, for error messages.

    Raises
    ------
    UserError
        Two talkers have one name, one sound of two says whether it was attended and the other does not, two are attended, or none is at all.
    """
    marked = sounds[sounds.attended != ""]
    if marked.empty:
        return
    check_names(sounds, where)
    for one, other, shared_s in at_once(sounds, marked):
        both = f"{where}: {_told(one)} and {_told(other)}"
        if shared_s > BRIEF_S and "" in (one.attended, other.attended):
            raise UserError(
                f"{both} play at once for {shared_s:.2f} s, and one does not say whether it was attended. Write yes or no in the column "
                "attended of both."
            )
        if shared_s > BRIEF_S and one.attended == other.attended == "yes" and one.stimulus != other.stimulus:
            raise UserError(
                f"{both} play at once for {shared_s:.2f} s, and both are attended. Expected one: write no for the other, or leave the "
                "recording out if the listener followed both."
            )
    if (sounds.attended == "no").all():
        raise UserError(
            f"{where}: attended is no for all of its {len(sounds)} sounds. Expected yes for what the listener followed; leave the "
            "recording out if that was none of them."
        )


def check_names(sounds: pd.DataFrame, where: str) -> None:
    """A UserError if two sounds with one name play at once, one attended and one not; ``sounds`` as in `check_talkers`."""
    for one, other, _ in at_once(sounds, sounds[sounds.attended == "no"]):
        if one.stimulus == other.stimulus and other.attended == "yes":
            raise UserError(
                f"{where}: {_told(one)} and {_told(other)} play at once: two talkers with one name. Each needs an audio file of its own "
                "(for a file with a talker on each channel: one file a channel), named in its row."
            )


def _told(row: NamedTuple) -> str:
    return f"'{row.stimulus}' (from {row.onset:.2f} s, attended: {row.attended or 'n/a'})"


def at_once(sounds: pd.DataFrame, marked: pd.DataFrame) -> list[tuple[NamedTuple, NamedTuple, float]]:
    """Pairs of rows that overlap, each pair once, and for how long, s; the first of each is ``marked`` (rows of ``sounds``)."""
    start, stop = sounds.onset.to_numpy(float), (sounds.onset + sounds.duration).to_numpy(float)
    rows, place = list(sounds.itertuples()), {label: at for at, label in enumerate(sounds.index)}
    own = np.array([place[label] for label in marked.index], int)
    found = []
    for at in own:
        shared_s = np.minimum(stop, stop[at]) - np.maximum(start, start[at])
        shared_s[own[own <= at]] = 0  # the pair was seen from its other side, or is the row itself
        found += [(rows[at], rows[other], float(shared_s[other])) for other in np.flatnonzero(shared_s > 0)]
    return found


def as_yes_or_no(cells: pd.Series, where: str) -> pd.Series:
    """``yes``, ``no`` or "" for what a table says; a UserError if it says something else."""
    plain = cells.str.strip().str.lower()
    found = plain.map(lambda one: "yes" if one in YES else "no" if one in NO else "" if one in ("", "n/a") else None)
    if found.isna().any():
        odd = sorted(set(cells[found.isna()]))[:6]
        raise UserError(
            f"{where}: attended is {odd}; expected yes or no ({', '.join(YES[:6])}; {', '.join(NO[:6])}). If that column means something "
            "else, set columns.attended to [] or to another column's name."
        )
    return found
