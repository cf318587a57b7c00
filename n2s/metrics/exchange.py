"""The null of retrieval: each brain window is tested on a candidate from elsewhere; dependencies are kept."""

import numpy as np
import pandas as pd

MOST_TURNS = 200
LEAST_UNITS = 8  # minimum number of sentences of similar length that are exchanged with each other


def exchanged_targets(
    target: np.ndarray,
    subject: np.ndarray,
    candidates: pd.DataFrame,
    group: np.ndarray | None = None,
    *,
    most: int = MOST_TURNS,
) -> np.ndarray:
    """Choose the candidates that each window is tested on instead of its own.

    The candidates that a subject heard are placed on a circle, in order of time, and rotated. Overlapping windows are then
    tested on overlapping candidates, as before. All subjects rotate alike, so that shared errors stay shared. Only the
    match of brain and speech is broken.

    Parameters
    ----------
    target
        (n,) Index of the true candidate.
    subject
        (n,) A window is tested only on candidates that its subject heard.
    candidates
        (k,) rows: ``stimulus``, ``start_s``, ``duration_s``.
    group
        (n,) Windows with dependent scores (a sentence; -1: none), the same for all windows of a candidate. Whole groups
        are exchanged, each with one that has the same number of candidates, or nearly the same if few have.
    most
        Maximum number of rotations, evenly spread over the circle.

    Returns
    -------
    (m, n) candidates, one row per rotation, in order, so that neighbours are alike; -1 where a window would be tested on
    a candidate that overlaps its own. Rotations with more of these than necessary are left out.
    """
    number = np.unique(candidates.stimulus.to_numpy(), return_inverse=True)[1]
    start_s, duration_s = candidates.start_s.to_numpy(), candidates.duration_s.to_numpy()
    order = np.lexsort((start_s, number))
    rings = [
        ring
        for name in np.unique(subject)
        for ring in _rings(np.flatnonzero(subject == name), target, group, order=np.argsort(order))
    ]
    n_turns = max(len(ring.length) for ring in rings)
    asked = []
    for turn in np.unique(np.linspace(1, n_turns - 1, min(most, n_turns - 1)).round().astype(int)):
        found = target.copy()
        for ring in rings:
            found[ring.window] = ring.turned(turn / n_turns)
        far = (number[found] != number[target]) | (np.abs(start_s[found] - start_s[target]) > duration_s[target] - 1e-6)
        asked.append(np.where(far, found, -1).astype(np.int32))
    if not asked:
        return np.empty((0, len(target)), np.int32)
    lost = np.array([(row == -1).mean() for row in asked])
    kept = np.flatnonzero((lost <= lost.min() + 0.02) & (lost < 0.5))
    return np.stack([asked[i] for i in kept]) if len(kept) else np.empty((0, len(target)), np.int32)


class _Ring:
    """Groups of one subject that are exchanged with each other, in order of time.

    Attributes
    ----------
    window
        (w,) Row indices of the subject's windows.
    length
        (u,) Number of candidates of each group.
    """

    def __init__(self, groups: list[np.ndarray], window: np.ndarray, target: np.ndarray):
        self.length = np.array([len(group) for group in groups])
        self._member = np.full((len(groups), self.length.max()), -1)
        for row, group in zip(self._member, groups, strict=True):
            row[: len(group)] = group
        unit, place = np.nonzero(self._member >= 0)
        of = np.full(int(target.max()) + 1, -1)
        of[self._member[unit, place]] = np.arange(len(unit))
        found = of[target[window]]
        self.window = window[found >= 0]
        self._unit, self._place = unit[found[found >= 0]], place[found[found >= 0]]

    def turned(self, by: float) -> np.ndarray:
        """(w,) candidates at the same position in the group that lies a share of the circle further on."""
        step = min(max(round(by * len(self.length)), 1), max(1, len(self.length) - 1))
        other = (self._unit + step) % len(self.length)
        return self._member[other, self._place * self.length[other] // self.length[self._unit]]


def _rings(window: np.ndarray, target: np.ndarray, group: np.ndarray | None, *, order: np.ndarray) -> list[_Ring]:
    """The candidates of one subject, split by the length of groups."""
    heard, first = np.unique(target[window], return_index=True)
    by_time = np.argsort(order[heard])
    heard, first = heard[by_time], window[first[by_time]]
    name = np.full(len(heard), -1) if group is None else group[first]
    groups = [heard[i : i + 1] for i in np.flatnonzero(name == -1)]
    rings = [groups] if groups else []
    spoken = [heard[name == one] for one in dict.fromkeys(name[name != -1].tolist())]
    alike: list[np.ndarray] = []
    for length in np.unique([len(one) for one in spoken]):
        alike += [one for one in spoken if len(one) == length]
        if len(alike) >= LEAST_UNITS:
            rings.append(alike)
            alike = []
    if alike and len(rings) > bool(groups):
        rings[-1] = rings[-1] + alike  # the longest
    elif alike:
        rings.append(alike)
    return [_Ring(ring, window, target) for ring in rings]
