"""Two sounds at once: what plays together is held out together, and one stream of it is what a listener attended."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from n2s.data.shared import TOLERANCE_S
from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.talkers import at_once


def attended(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows (events or intervals) of what a listener attended; all where nothing says so."""
    return rows[rows.attended != "no"]


def unattended(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of what played beside it."""
    return rows[rows.attended == "no"]


def together(rows: pd.DataFrame) -> np.ndarray:
    """(n,) A number for each of some rows, the same for units that are heard at once, directly or through others; -1 for all others.

    A split gives these one side: a decoder that is asked which of two talkers was attended may know neither.

    Parameters
    ----------
    rows
        ``unit``, ``recording``, ``onset``, ``duration``, ``attended``, ``stimulus``, ``sound``.

    Raises
    ------
    UserError
        Both sounds have the same samples.
    """
    beside = rows[rows.attended == "no"]
    units, number = np.unique(rows.unit.astype(str), return_inverse=True)
    pairs = []
    for recording in beside.recording.unique():
        own = rows[rows.recording == recording].assign(number=number[(rows.recording == recording).to_numpy()])
        for one, other, shared_s in at_once(own, own[own.attended == "no"]):
            if shared_s <= TOLERANCE_S or other.attended == "no":
                continue
            if one.sound == other.sound:
                raise UserError(
                    f"{recording}: '{other.stimulus}' is attended and '{one.stimulus}' is not, both from {max(one.onset, other.onset):.2f} s, "
                    "and they are the same samples. Is one file a copy of the other?"
                )
            pairs.append((one.number, other.number))
    found = np.full(len(rows), -1)
    if pairs:
        one, other = np.array(pairs).T
        graph = coo_array((np.ones(len(pairs)), (one, other)), shape=(len(units),) * 2)
        group, joined = connected_components(graph, directed=False)[1], np.unique([one, other])
        found = np.where(np.isin(number, joined), group[number], -1)
    return found


def as_one(rows: pd.DataFrame, group: np.ndarray, rank: Sequence[int]) -> pd.DataFrame:
    """Rows of units that are heard at once, with one ``unit`` and one ``drawn``; what is many units is told.

    Parameters
    ----------
    rows
        With ``study``, ``unit``, ``drawn``.
    group
        See `together`.
    rank
        (n,) Of each row: the highest decides for the others. Of equals the first name does.
    """
    rows, rank, large = rows.copy(), np.asarray(rank), []
    for number in np.unique(group[group >= 0]):
        own = np.flatnonzero(group == number)
        first = own[rank[own] == rank[own].max()]
        units = sorted(set(rows.unit.iloc[own].astype(str)))
        rows.loc[rows.index[own], "drawn"] = min(rows.drawn.iloc[first].astype(str))
        rows.loc[rows.index[own], "unit"] = (
            " + ".join(units) if len(units) <= 2 else f"{units[0]} + {len(units) - 1} more"
        )
        large += [len(units)] if len(units) > 2 else []
    if large:
        text = f"{len(large)} times more than two units hang together, up to {max(large)}, since talkers overlap: each is held out as one."
        tell("odd", "data.split", text)
    return rows


def common_clock(rows: pd.DataFrame, length_s: pd.Series) -> pd.DataFrame:
    """One clock for the sounds that are heard at once: ``shift_s`` brings a sound's time to it; ``first_s`` to ``last_s`` is what it spans.

    Parameters
    ----------
    rows
        See `together`; and ``stimulus_onset``.
    length_s
        Of each row's sound.

    Returns
    -------
    With the index of ``rows``; for a sound that is alone 0, 0 and its length.
    """
    apart: dict[str, dict[str, list[float]]] = {}
    for _, own in rows.groupby("recording", sort=False):
        for one, other, _ in at_once(own, own[own.attended == "no"]):
            later_s = other.onset - other.stimulus_onset - (one.onset - one.stimulus_onset)
            apart.setdefault(one.sound, {}).setdefault(other.sound, []).append(later_s)
            apart.setdefault(other.sound, {}).setdefault(one.sound, []).append(-later_s)
    lengths_s = dict(zip(rows["sound"], length_s, strict=True))
    found: dict[str, tuple[float, float, float]] = {}
    for sound, whole_s in lengths_s.items():
        if sound in found:
            continue
        shift_s, left = {sound: 0.0}, [sound]
        while left:
            one = left.pop()
            for other, later_s in apart.get(one, {}).items():
                if other not in shift_s:
                    shift_s[other] = shift_s[one] + float(np.median(later_s))
                    left.append(other)
        first_s = min(shift_s.values())
        last_s = max(shift_s[one] + lengths_s[one] for one in shift_s) if len(shift_s) > 1 else whole_s
        found |= {one: (own_s, first_s, last_s) for one, own_s in shift_s.items()}
    return pd.DataFrame([found[one] for one in rows["sound"]], rows.index, ["shift_s", "first_s", "last_s"])
