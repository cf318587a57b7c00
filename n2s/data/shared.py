"""Sound in two splits: an error if the samples are equal, a warning if it only sounds alike."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from lightning.pytorch.utilities import rank_zero_warn

from n2s.errors import UserError

TOLERANCE_S = 0.05  # a shared moment shorter than this is a rounded time, or a clock that drifts
TOLD = 5  # maximum number of named pairs that sound alike


@dataclass(frozen=True)
class Overlap:
    """``seconds`` that two stimuli share, first at ``one_s`` and ``other_s`` in them, in the split of each."""

    one: str
    other: str
    splits: tuple[str, str]
    one_s: float
    other_s: float
    seconds: float
    exact: bool

    def __str__(self) -> str:
        return (
            f"'{self.one}' at {self.one_s:.2f} s ({self.splits[0]}) and '{self.other}' at {self.other_s:.2f} s "
            f"({self.splits[1]}), {self.seconds:.1f} s of sound"
        )


def check_shared_sound(
    pieces: pd.DataFrame, shared: pd.DataFrame, *, remedy: str, rounded_s: float = TOLERANCE_S
) -> list[str]:
    """Check that no moment of a sound is in two splits, whatever its name or study, whole or as a part of another.

    Parameters
    ----------
    pieces
        The used stretches: ``audio`` (identity), ``start_s`` and ``stop_s`` in it, ``split``, and ``stimulus``, its name.
    shared
        See `n2s.data.identity.shared_sound`.
    remedy
        For the message: how to declare that two stimuli are the same.
    rounded_s
        Moments of one audio that are shorter are rounded times.

    Returns
    -------
    The warnings, for the record: sounds that are not equal but sound alike, those in two splits first.

    Raises
    ------
    UserError
        Equal sound is in two splits; it names both, and how many seconds.
    """
    found = list(_overlaps(pieces, shared, rounded_s))
    for overlap in found:
        if overlap.exact and len(set(overlap.splits)) > 1:
            if overlap.one == overlap.other:
                remedy = (
                    "The file plays it again: hold whole sounds out (SplitByStory), or let the rows of the sounds leave it out "
                    "(duration, stimulus_onset)."
                )
            raise UserError(
                f"one sound is in two splits: {overlap} are the same samples. What is held out would be trained on. Give both "
                f"one split, or leave one out. {remedy}"
            )
    near = _together(overlap for overlap in found if not overlap.exact)
    parted = [overlap for overlap in near if len(set(overlap.splits)) > 1]
    beside = [overlap for overlap in near if len(set(overlap.splits)) == 1]
    notes = []
    if parted:
        notes.append(
            f"LEAK? {_named(parted)}. They sound alike, as one recording that was encoded, cut or mixed anew does, and stand in "
            f"two splits: what is held out may be trained on. Listen to them. {remedy}"
        )
    if beside:
        notes.append(
            f"{_named(beside)}. They sound alike and stand in one split, but count as different sounds: each is a wrong "
            "candidate for the other. Give the same file to both, if they are the same."
        )
    for note in notes:
        rank_zero_warn(note)  # once per process and text
    return notes


def _named(overlaps: list[Overlap]) -> str:
    more = f"; and {len(overlaps) - TOLD} more pairs" if len(overlaps) > TOLD else ""
    return "; ".join(str(overlap) for overlap in overlaps[:TOLD]) + more


def _together(overlaps: Iterator[Overlap]) -> list[Overlap]:
    """One for each pair of stimuli and splits, with all seconds, the most first."""
    found: dict[tuple, Overlap] = {}
    for new in overlaps:
        key = (new.one, new.other, new.splits)
        old = found.get(key, new)
        seconds = new.seconds if old is new else old.seconds + new.seconds
        found[key] = Overlap(new.one, new.other, new.splits, old.one_s, old.other_s, seconds, exact=False)
    return sorted(found.values(), key=lambda overlap: -overlap.seconds)


def _overlaps(pieces: pd.DataFrame, shared: pd.DataFrame, rounded_s: float) -> Iterator[Overlap]:
    parts = {key: _Part(rows) for key, rows in pieces.groupby(["audio", "split"])}
    splits: dict[str, list[str]] = {}
    for audio, split in parts:
        splits.setdefault(audio, []).append(split)
    for audio, names in splits.items():
        for one, other in permutations(names, 2):
            if one < other:
                where = parts[audio, one], parts[audio, other]
                yield from _between(*where, (one, other), 0.0, (-np.inf, np.inf), True, rounded_s)
    for row in shared.itertuples():
        lag_s = row.one_start_s - row.other_start_s
        within = row.one_start_s, row.one_start_s + row.duration_s
        for one in splits.get(row.one, ()):
            for other in splits.get(row.other, ()):
                where = parts[row.one, one], parts[row.other, other]
                yield from _between(*where, (one, other), lag_s, within, row.exact)


class _Part:
    """The used part of one sound in one split: ``spans (k, 2)``, disjoint and in order."""

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows
        start, stop = rows.start_s.to_numpy(float), rows.stop_s.to_numpy(float)
        order = np.argsort(start, kind="stable")
        start, stop = start[order], np.maximum.accumulate(stop[order])
        first = np.append(True, start[1:] > stop[:-1])
        self.spans = np.stack([start[first], stop[np.append(first[1:], True)]], 1)

    def name(self, start_s: float, stop_s: float) -> str:
        """Of a stimulus that plays there."""
        return self.rows.stimulus[(self.rows.start_s < stop_s) & (self.rows.stop_s > start_s)].iloc[0]


def _between(
    one: _Part,
    other: _Part,
    splits: tuple[str, str],
    lag_s: float,
    within: tuple[float, float],
    exact: bool,
    rounded_s: float = TOLERANCE_S,
) -> Iterator[Overlap]:
    """The overlap of two parts, if there is any; ``lag_s`` is added to the times of the other, ``within`` is of the one."""
    met = common(common(one.spans, other.spans + lag_s), np.array([within]))
    met = met[met[:, 1] - met[:, 0] > rounded_s]
    if len(met):
        (start_s, stop_s), seconds = met[0], float((met[:, 1] - met[:, 0]).sum())
        names = one.name(start_s, stop_s), other.name(start_s - lag_s, stop_s - lag_s)
        yield Overlap(*names, splits, float(start_s), float(start_s - lag_s), seconds, exact)


def common(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(k, 2) Intersection of two sets of stretches; each is disjoint and in order."""
    found = [np.zeros((0, 2))]
    for start, stop in one:
        low, high = np.searchsorted(other[:, 1], start, "right"), np.searchsorted(other[:, 0], stop, "left")
        found.append(other[low:high].clip(start, stop))
    return np.concatenate(found)


def sound_groups(
    clips: pd.DataFrame, shared: pd.DataFrame, said: Mapping[str, str], *, rounded_s: float = TOLERANCE_S
) -> pd.Series:
    """The group of each clip: groups that share a moment of one sound become one, and so do groups declared equal.

    Parameters
    ----------
    clips
        ``group``, ``split``, ``audio``, ``start_s``, ``duration_s`` and ``stimulus``.
    shared
        See `n2s.data.identity.shared_sound`. Sounds that are only alike do not join groups of two splits: there is a warning.
    said
        Group or stimulus -> the name of its content.
    rounded_s
        Clips of one audio that overlap by less are neighbours with rounded times.

    Returns
    -------
    The first name of all groups that are one.
    """
    parent = {name: name for name in clips.group.unique()}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(one: str, other: str) -> None:
        one, other = sorted((root(one), root(other)))
        parent[other] = one

    unique = clips.drop_duplicates(["audio", "start_s", "duration_s", "group", "stimulus"])
    named: dict[str, str] = {}
    for row in unique.itertuples():
        for key in (row.stimulus, row.group):
            if key in said:
                join(row.group, named.setdefault(said[key], row.group))
    pieces = unique.assign(stop_s=unique.start_s + unique.duration_s)
    played = {audio: rows.sort_values("start_s") for audio, rows in pieces.groupby("audio")}
    for rows in played.values():
        _join_touching(rows, join, rounded_s)
    split = dict(zip(clips.group, clips.split, strict=True))
    for row in shared.itertuples():
        if row.one in played and row.other in played:
            lag_s = row.one_start_s - row.other_start_s
            moved = played[row.other].assign(
                start_s=lambda t, s=lag_s: t.start_s + s, stop_s=lambda t, s=lag_s: t.stop_s + s
            )
            both = pd.concat([played[row.one], moved])
            both[["start_s", "stop_s"]] = both[["start_s", "stop_s"]].clip(
                row.one_start_s, row.one_start_s + row.duration_s
            )
            both = both[both.stop_s > both.start_s].sort_values("start_s")
            if row.exact or both.group.map(split).nunique() == 1:
                _join_touching(both, join, TOLERANCE_S)
    return clips.group.map({name: root(name) for name in parent})


def _join_touching(pieces: pd.DataFrame, join: Callable[[str, str], None], rounded_s: float) -> None:
    """Join the groups of stretches, sorted by their start, that overlap."""
    reach_s, last = -np.inf, None
    for start_s, stop_s, group in zip(pieces.start_s, pieces.stop_s, pieces.group, strict=True):
        if start_s < reach_s - rounded_s:
            join(last, group)
        if stop_s > reach_s:
            reach_s, last = stop_s, group
