"""The responses of rows: detrended and z-scored run by run, without any statistic of training rows from other rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from n2s.data.encoding_data import Fold, Measured
from n2s.data.encoding_people import Person
from n2s.data.runs import column_places
from n2s.findings import tell

SHORT = 10  # rows of a unit: a line takes a fifth of their variance, or more
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
        """(n, v), (m, v) float32 of training and test rows; a run at a time is in memory beside them."""
        n_columns, still = len(self.what.names), 0
        train = np.empty((len(fold.train), n_columns), np.float32)
        test, count = np.zeros((len(fold.test), n_columns), np.float32), np.zeros(len(fold.test), np.float32)
        for rows, values, constant in self._runs(fold):
            still += constant
            own = np.isin(rows, fold.train)
            train[np.searchsorted(fold.train, rows[own])] = values[own]
            place = np.searchsorted(fold.test, self.person.same[rows[~own]])
            if len(np.unique(place)) == len(place):
                test[place] += values[~own]
            else:
                np.add.at(test, place, values[~own])
            np.add.at(count, place, 1)
        if still:
            told = f"{still} columns do not change in a run, though they do in another: 0 there."
            tell("odd", f"{self.where}, {fold.name}", told)
        if (count > 1).any():
            test /= count[:, None]
        self._tell_short(fold)
        return train, test

    def repeats(self) -> dict[str, np.ndarray]:
        """Stimulus -> (r, m, v) float32: see `n2s.data.encoding_data.EncodingData.repeats`.

        Parts of a stimulus that are held out in several folds follow each other, if they were heard equally often.
        """
        found: dict[str, list[np.ndarray]] = {}
        for fold in self.person.folds:
            places = self.person.presentations(fold)
            if not places:
                continue
            wanted = np.unique(np.concatenate([one.ravel() for one in places.values()]))
            values = np.empty((len(wanted), len(self.what.names)), np.float32)
            for rows, part, _ in self._runs(fold, wanted):
                own = np.isin(rows, wanted)
                values[np.searchsorted(wanted, rows[own])] = part[own]
            for stimulus, one in places.items():
                same = stimulus not in found or len(found[stimulus][0]) == len(one)
                name = stimulus if same else f"{stimulus}, {fold.name}"
                found.setdefault(name, []).append(values[np.searchsorted(wanted, one)])
        return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}

    def _tell_short(self, fold: Fold) -> None:
        if self.detrend != "block":
            return
        rows = np.flatnonzero(np.isin(self.person.same, fold.test))
        rows = np.concatenate([fold.train, rows])
        blocks = pd.Series(self.person.blocks[rows]).groupby(self.person.rows.recording.cat.codes.to_numpy()[rows])
        counts = blocks.value_counts()
        if (counts < SHORT).any():
            told = (
                f"{(counts < SHORT).sum()} of {len(counts)} units have fewer than {SHORT} rows in a run: the line that is taken out of each "
                "(data.detrend: block) takes much of what they respond. Hold out longer units, or detrend the run."
            )
            tell("odd", f"{self.where}, {fold.name}", told)

    def _runs(self, fold: Fold, wanted: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """The training and test rows (k,) of each run (of those that have a wanted row), (k, v) scaled, and columns that are 0."""
        person = self.person
        train = np.zeros(len(person.rows), bool)
        train[fold.train] = True
        used = train | np.isin(person.same, fold.test)
        for run in person.runs:
            rows = run.first + np.flatnonzero(used[run.rows])
            if len(rows) and (wanted is None or np.isin(rows, wanted).any()):
                values, still = scaled(
                    run.read(rows - run.first, column_places(run, self.what)),
                    run.times_s[rows - run.first],
                    train[rows],
                    person.blocks[rows],
                    detrend=self.detrend,
                    clamp=self.clamp,
                )
                yield rows, values, still


def scaled(
    data: np.ndarray,
    time_s: np.ndarray,
    train: np.ndarray,
    blocks: np.ndarray,
    *,
    detrend: Detrend,
    clamp: float | None,
) -> tuple[np.ndarray, int]:
    """(k, v) float32 rows of one run, detrended and z-scored, and how many columns are 0 since they do not change there.

    Held-out rows are scaled by the training rows of their run where these are at least as many, else by their own: the deviation of a
    few rows says little. No statistic of training rows comes from others.

    Parameters
    ----------
    data
        (k, v) As prepared.
    time_s
        (k,) On the run's clock.
    train
        (k,) bool: training rows.
    blocks
        (k,) Number of the unit of each row.
    detrend
        None: no line is removed. ``run``: the line through the training rows from these, and that through the held-out rows from
        those: a line that is carried on to other rows adds a trend where none was. ``block``: the line through the rows of each unit.
    clamp
        Values beyond this many deviations are clipped; None: none.
    """
    data = np.array(data, np.float32)
    largest = np.abs(data).max(0)
    sides = [rows for rows in (train, ~train) if rows.any()]
    for rows in sides if detrend else ():
        parts = [rows] if detrend == "run" else [rows & (blocks == block) for block in np.unique(blocks[rows])]
        for part in parts:
            data[part] -= _line(data[part], time_s[part])
    still = np.zeros(data.shape[1], bool)
    moments = [_moments(data[rows], largest) for rows in sides]
    if len(sides) == 2 and train.sum() >= (~train).sum():
        moments[1] = moments[0]
    for rows, (mean, deviation) in zip(sides, moments, strict=True):
        constant = deviation == 0
        still |= constant
        data[rows] = (data[rows] - mean) * np.where(constant, 0, 1 / np.where(constant, 1, deviation)).astype(
            np.float32
        )
    if clamp is not None:
        np.clip(data, -clamp, clamp, out=data)
    return data, int(still.sum())


def _moments(data: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(v,) mean, and deviation: 0 where there is nothing but rounding errors."""
    mean = data.mean(0, dtype=np.float64).astype(np.float32)
    deviation = np.sqrt(np.square(data - mean).mean(0, dtype=np.float64))
    return mean, np.where(deviation <= CONSTANT * largest, 0, deviation)


def _line(data: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """(k, v) float32, the line that fits each column best; of one row its value alone."""
    mean, away_s = data.mean(0, dtype=np.float64), time_s - time_s.mean()
    slope = away_s @ (data - mean.astype(np.float32)) / max(away_s @ away_s, 1e-12)
    return (mean + away_s[:, None] * slope).astype(np.float32)
