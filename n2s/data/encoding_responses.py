"""The responses of rows: detrended and z-scored run by run, without any statistic of training rows from other rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from n2s.data.encoding_data import Fold, Measured
from n2s.data.encoding_people import Person
from n2s.data.runs import Run, column_places
from n2s.findings import tell

CONSTANT = 1e-6  # of a column's magnitude: smaller changes are rounding errors

Detrend = Literal["run", "block"] | None


@dataclass(frozen=True)
class Responses:
    """Of one subject.

    Parameters
    ----------
    person, what
        The subject, and what its columns are.
    detrend, clamp
        See `scaled`.
    where
        Names the subject in messages.
    """

    person: Person
    what: Measured
    detrend: Detrend
    clamp: float | None
    where: str

    def both(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """(n, v), (m, v) float32 of training and test rows."""
        same = self.person.same
        tested = np.flatnonzero(np.isin(same, fold.test))
        rows = np.union1d(fold.train, tested)
        values, still = self.of(fold, rows)
        if still:
            told = f"{still} columns do not change in a run, though they do in another: 0 there."
            tell("odd", f"{self.where}, {fold.name}", told)
        test = averaged(values[np.searchsorted(rows, tested)], same[tested])
        return values[np.searchsorted(rows, fold.train)], test

    def repeats(self) -> dict[str, np.ndarray]:
        """Stimulus -> (r, m, v) float32: see `n2s.data.encoding_data.EncodingData.repeats`."""
        found = {}
        for fold in self.person.folds:
            for stimulus, places in self.person.presentations(fold).items():
                rows = np.unique(places)
                found[stimulus] = self.of(fold, rows)[0][np.searchsorted(rows, places)]
        return found

    def of(self, fold: Fold, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """(k, v) of ascending rows, and columns that are 0; runs are scaled by their training rows, or else by their test rows."""
        person = self.person
        train, used = np.zeros((2, len(person.rows)), bool)
        train[fold.train] = True
        for run in person.runs:
            low, high = np.searchsorted(rows, [run.rows.start, run.rows.stop])
            if high > low:
                used[run.rows] = train[run.rows] | np.isin(person.same[run.rows], fold.test)
        used[rows] = True
        needed = np.flatnonzero(used)
        values, still = scaled(
            person.runs, self.what, needed, train, person.blocks, detrend=self.detrend, clamp=self.clamp
        )
        return (values, still) if len(needed) == len(rows) else (values[np.searchsorted(needed, rows)], still)


def scaled(
    runs: Sequence[Run],
    what: Measured,
    rows: np.ndarray,
    train: np.ndarray,
    blocks: np.ndarray,
    *,
    detrend: Detrend,
    clamp: float | None,
) -> tuple[np.ndarray, int]:
    """(k, v) float32 of some rows of a subject, and how many columns of a run are 0 since they do not change there.

    Each run is scaled by its training rows, or, without any, by its own rows: no label is used for that.

    Parameters
    ----------
    runs, what
        Of the subject.
    rows
        (k,) ascending, of all runs together.
    train
        (n,) bool: training rows among all.
    blocks
        (n,) number of the unit of each row.
    detrend
        None: no line is removed. ``run``: the line through the training rows (of a run without any: through its rows).
        ``block``: the line through the rows of each unit of a run.
    clamp
        Values beyond this many deviations are clipped; None: none.
    """
    found, still = np.empty((len(rows), len(what.names)), np.float32), 0
    for run in runs:
        low, high = np.searchsorted(rows, [run.rows.start, run.rows.stop])
        if low == high:
            continue
        own = rows[low:high]
        data = run.read(own - run.first, column_places(run, what)).astype(np.float32)
        largest = np.abs(data).max(0)
        fitted = train[own] if train[own].any() else np.ones(len(own), bool)
        time_s = run.times_s[own - run.first]
        if detrend == "block":
            for block in np.unique(blocks[own]):
                part = blocks[own] == block
                if part.sum() > 1:
                    # a unit is on one side, so that its line is of that side's rows alone
                    data[part] -= _line(data[part], time_s[part], time_s[part])
        elif detrend == "run" and fitted.sum() > 1:
            data -= _line(data[fitted], time_s[fitted], time_s)
        mean = data[fitted].mean(0, dtype=np.float64)
        deviation = np.sqrt(np.square(data[fitted] - mean.astype(np.float32)).mean(0, dtype=np.float64))
        constant = deviation <= CONSTANT * largest
        still += int(constant.sum())
        data -= mean.astype(np.float32)
        data *= np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation)).astype(np.float32)
        if clamp is not None:
            np.clip(data, -clamp, clamp, out=data)
        found[low:high] = data
    return found, still


def _line(data: np.ndarray, time_s: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """(k, v) float32, at some moments, the line that fits each column best."""
    centre_s, mean = time_s.mean(), data.mean(0, dtype=np.float64)
    away_s = time_s - centre_s
    slope = away_s @ (data - mean.astype(np.float32)) / (away_s @ away_s)
    return (mean + (at_s - centre_s)[:, None] * slope).astype(np.float32)


def averaged(values: np.ndarray, same: np.ndarray) -> np.ndarray:
    """(m, v) mean of the rows (k, v) that are ``same`` (k,), in the order of their numbers."""
    names, which, count = np.unique(same, return_inverse=True, return_counts=True)
    if len(names) == len(same):
        return values[np.argsort(same)]
    found = np.zeros((len(names), values.shape[1]), np.float32)
    np.add.at(found, which, values)
    return found / count[:, None].astype(np.float32)
