"""How labels are drawn for the nulls of windows at events: what they stay in, who shares a draw, and the ways to draw them."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from n2s.metrics.classification import p_above
from n2s.metrics.label_draws import LabelPlaces, neighbours
from n2s.metrics.same_events import shared_places

#: Ways to draw labels.
PERMUTED, TURNED, WHOLE = "permuted", "turned", "stretches in another order"
#: Speech comes in stretches: the least turn of frames is as long as two windows, or this.
LEAST_TURN_S = 2.0
OVERLAP = 0.1  # share of windows that overlap the next one
STRETCHES = 2.0  # deviations: neighbours have the same label more often than by chance


class Alike(NamedTuple):
    """How many more neighbours have the same label than by chance, and the variance of that by chance: see `n2s.metrics.label_draws.neighbours`."""

    excess: float
    variance: float


class Draws:
    """The draws of labels of some windows, or averages.

    Labels stay in a recording, fold and condition: conditions may have other classes, and other scores. People who have the same events, and
    runs that have them again, get the same draw (`n2s.metrics.same_events`): their errors may be the same, and the null of their mean is then
    as wide as that of one. Permuted labels lose that neighbours are alike. Where windows overlap or classes come in stretches, labels are
    turned in a circle, too; of stretches whole ones also change places; and the largest p counts. Of averages neither can be done: where
    classes come in stretches, they have no p.

    Parameters
    ----------
    events
        Of the rows: ``subject``, ``recording``, ``condition``, ``label``, ``start_s``; ``fold``, ``text``, ``unit`` and ``story``, if there are.
    window_s
        Length of a window, s.
    average
        Windows in a row.
    frames, step_s
        Whether rows are frames of a grid, and from one to the next, s.
    alike
        Of averages: that of the single windows; None: not known.
    """

    def __init__(
        self, events: pd.DataFrame, *, window_s: float, average: int = 1, frames: bool = False,
        step_s: float | None = None, alike: Alike | None = None,
    ):  # fmt: skip
        self.events, self.window_s, self.average, self.frames = events, window_s, average, frames
        self._given_step_s, self._given = step_s, alike
        self.rows = np.arange(len(events))

    def of(self, rows: np.ndarray, alike: Alike | None = None) -> "Draws":
        """The same draws, of some rows: neighbours are looked at among these. ``alike``: see the class."""
        found = Draws(
            self.events, window_s=self.window_s, average=self.average, frames=self.frames, step_s=self._given_step_s, alike=alike
        )  # fmt: skip
        found.rows, found.places, found.unbroken = np.asarray(rows), self.places, self.unbroken
        return found

    @cached_property
    def places(self) -> LabelPlaces:
        """Of all rows of ``events``."""
        events = self.events
        part, condition = _parts(events), events.condition.astype(str)
        what, time_s = events.label.astype(str) + "|" + condition, events.start_s.to_numpy(float)
        if self.average > 1:  # averages of other windows: the first of a class is like the first of others
            time_s = 1e6 * events.label.to_numpy(float) + events.groupby([part, "label"]).cumcount().to_numpy()
        else:
            what += "|" + _column(events, "text")
        story, unit = _column(events, "story"), _column(events, "unit")
        whole = unit.groupby(part).transform("nunique").to_numpy() == 1
        name = unit.where(whole, story) + "|" + condition
        if self.frames:  # a grid: the same run has the same times, and chance alone matches labels
            what = name
        return shared_places(part, events.subject.to_numpy(str), what.to_numpy(str), time_s, name.to_numpy(str))

    @cached_property
    def unbroken(self) -> LabelPlaces:
        """Of all rows, for turns and stretches: see `n2s.metrics.label_draws.LabelPlaces.apart`."""
        return self.places.apart(self.events.subject.to_numpy(str))

    @cached_property
    def alike(self) -> Alike:
        """Of neighbours among the rows."""
        if self._given is not None:
            return self._given
        if self.average > 1:
            return Alike(0.0, 0.0)
        label, person = self.events.label.to_numpy(np.int64)[self.rows], self.events.subject.to_numpy(str)[self.rows]
        return Alike(*neighbours(label, self.places.some(self.rows), person))

    @property
    def stretches(self) -> bool:
        """Whether classes come in stretches."""
        return self.frames or self.alike.excess > STRETCHES * self.alike.variance**0.5 + 1e-9

    @property
    def tested(self) -> bool:
        """Whether there is a null that p can be of."""
        return self.average == 1 or not self.stretches

    @cached_property
    def ways(self) -> dict[str, tuple[LabelPlaces, bool]]:
        """Name -> what labels stay in, and whether they are turned in a circle; the first way is shown beside the score."""
        if self.frames:
            return {TURNED: (self.unbroken, True)}
        found = {PERMUTED: (self.places, False)}
        if self.average == 1 and (self.overlap or self.stretches):
            found[TURNED] = self.unbroken, True
        if self.average == 1 and self.stretches:
            found[WHOLE] = self.unbroken.whole(self.events.label.to_numpy(np.int64)), False
        return found

    @property
    def overlap(self) -> bool:
        """Whether neighbouring windows share samples, more than a few of them."""
        return (
            self.average == 1 and len(self._steps) > 0 and bool((self._steps < self.window_s - 1e-6).mean() > OVERLAP)
        )

    @cached_property
    def step_s(self) -> float:
        """From one window to the next, s: the median inside runs."""
        if self.frames:
            return self._given_step_s or 0.0
        return float(np.median(self._steps)) if len(self._steps) else np.inf

    @cached_property
    def _steps(self) -> np.ndarray:
        """From each window to the next of its run, s."""
        some, start_s = self.places.some(self.rows), self.events.start_s.to_numpy(float)[self.rows]
        person = pd.factorize(self.events.subject.to_numpy(str)[self.rows])[0]
        order = np.lexsort((start_s, some.copy, some.run, person))
        same = (np.diff(some.run[order]) == 0) & (np.diff(some.copy[order]) == 0) & (np.diff(person[order]) == 0)
        return np.diff(start_s[order])[same]

    @property
    def least_turn(self) -> int:
        """Rows: farther than windows overlap, and of frames farther than speech hangs together."""
        least_s = max(LEAST_TURN_S if self.frames else 0.0, 2 * self.window_s)
        return max(1, round(least_s / max(self.step_s, 1e-3)))

    def p(self, value: float, nulls: Mapping[str, np.ndarray]) -> float:
        """One-sided p of a score: the largest of all `ways`, of turned labels no less than their number allows; NaN: see `tested`."""
        if not self.tested:
            return np.nan
        found = [p_above(value, null) for null in nulls.values()]
        return max(*found, 1 / (1 + self.n_turns))

    @property
    def n_turns(self) -> float:
        """How many different draws there are where labels are turned; infinite where they are not."""
        return self.unbroken.some(self.rows).n_turns(self.least_turn) if TURNED in self.ways else np.inf


def _parts(events: pd.DataFrame) -> np.ndarray:
    """(n,) What labels stay in: recording, fold and condition."""
    keys = ["recording", "condition", *(["fold"] if "fold" in events else [])]
    return events.groupby(keys, sort=False).ngroup().to_numpy()


def _column(events: pd.DataFrame, name: str) -> pd.Series:
    return events[name].astype(str) if name in events else pd.Series("", index=events.index)


def joined(parts: list[Alike]) -> Alike:
    """Of several conditions or folds."""
    return Alike(sum(one[0] for one in parts), sum(one[1] for one in parts))


def alike_of(folds: list[dict | None]) -> dict | None:
    """Condition -> `Alike` of all folds, as plain numbers; None if a fold does not know."""
    if any(one is None for one in folds):
        return None
    names = dict.fromkeys(name for one in folds for name in one)
    return {name: list(joined([one[name] for one in folds if name in one])) for name in names}


def alike_by_condition(events: pd.DataFrame, window_s: float) -> dict[str, list[float]]:
    """Condition -> `Alike` of single windows, as plain numbers."""
    every, condition = Draws(events, window_s=window_s), events.condition.to_numpy(str)
    return {name: list(every.of(np.flatnonzero(condition == name)).alike) for name in dict.fromkeys(condition.tolist())}
