"""The responses of rows: cleaned and z-scored run by run, without any statistic of training rows from other rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.encoding_data import Fold, Measured
from n2s.data.encoding_people import Person
from n2s.data.encoding_sides import Detrend, Part, by_training, gathered, parts_of, sides, take_out
from n2s.data.runs import column_places
from n2s.findings import tell

SHORT = 10  # rows of a unit: a line takes a fifth of their variance, or more
CONSTANT = 1e-6  # of a column's magnitude: smaller changes are rounding errors


@dataclass(frozen=True)
class Responses:
    """Of one subject.

    Parameters
    ----------
    person, what
        The subject, and what its columns are.
    detrend, clamp
        See `scaled`.
    clean
        Whether training rows of mixed runs are cleaned by themselves: see `n2s.data.encoding_sides.Part.nuisances`.
    where
        Names the subject in messages.
    """

    person: Person
    what: Measured
    detrend: Detrend
    clean: bool
    clamp: float | None
    where: str

    def both(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """(n, v), (m, v) float32 of training and test rows; a run at a time is in memory beside them."""
        still = 0

        def parts() -> Iterator[tuple[Part, np.ndarray]]:
            nonlocal still
            for part, values, constant in self._runs(fold):
                still += constant
                yield part, values

        found = gathered(self.person, fold, parts(), len(self.what.names))
        if still:
            told = f"{still} columns do not change in a run, though they do in another: 0 there."
            tell("odd", f"{self.where}, {fold.name}", told)
        self._tell_short(fold)
        return found

    def whole(self) -> np.ndarray:
        """(n, v) float32 of every row, each run scaled by all of its own rows: nothing of a run is held out."""
        found = np.empty((len(self.person.rows), len(self.what.names)), np.float32)
        for run in self.person.runs:
            found[run.rows], still = scaled(
                run.read(np.arange(run.n_rows), column_places(run, self.what)),
                run.times_s,
                np.ones(run.n_rows, bool),
                self.person.blocks[run.rows],
                detrend=self.detrend,
                clamp=self.clamp,
            )
            if still:
                tell("odd", run.name, f"{still} columns do not change in this run, though they do in another: 0 there.")
        return found

    def recorded(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """(n, v), (m, v) float32 of training and test rows as prepared: nothing is taken out, nothing is scaled."""

        def parts() -> Iterator[tuple[Part, np.ndarray]]:
            for part in parts_of(self.person, fold):
                yield part, part.run.read(part.own, column_places(part.run, self.what))

        return gathered(self.person, fold, parts(), len(self.what.names))

    def repeats(self) -> dict[str, np.ndarray]:
        """Stimulus -> (r, m, v) float32: see `n2s.data.encoding_data.EncodingData.repeats`.

        Parts of a stimulus that are held out in several folds follow each other, if they were heard equally often. Each held-out part
        of a run is without its mean, as it is scored (`n2s.systems.encoding.predict.HeldOut`): slow noise, of which scores are free
        that way, would lower the ceiling.
        """
        found: dict[str, list[np.ndarray]] = {}
        for fold in self.person.folds:
            places = self.person.presentations(fold)
            if not places:
                continue
            wanted = np.unique(np.concatenate([one.ravel() for one in places.values()]))
            values = np.empty((len(wanted), len(self.what.names)), np.float32)
            for part, data, _ in self._runs(fold, wanted):
                own = np.isin(part.rows, wanted)
                values[np.searchsorted(wanted, part.rows[own])] = data[own] - data[~part.train].mean(0)
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

    def _runs(self, fold: Fold, wanted: np.ndarray | None = None) -> Iterator[tuple[Part, np.ndarray, int]]:
        """The rows of each run (of those that have a wanted row), (k, v) scaled, and columns that are 0."""
        for part in parts_of(self.person, fold, wanted):
            values, still = scaled(
                part.run.read(part.own, column_places(part.run, self.what)),
                part.run.times_s[part.own],
                part.train,
                part.blocks,
                part.nuisances if self.clean else None,
                detrend=self.detrend,
                clamp=self.clamp,
            )
            yield part, values, still


def scaled(
    data: np.ndarray,
    time_s: np.ndarray,
    train: np.ndarray,
    blocks: np.ndarray,
    nuisances: np.ndarray | None = None,
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
    nuisances
        (training rows, p) To be taken out of these; None: none.
    detrend
        See `n2s.data.encoding_sides.take_out`.
    clamp
        Values beyond this many deviations are clipped; None: none.
    """
    data = np.array(data, np.float32)
    largest = np.abs(data).max(0)
    take_out(data, time_s, train, blocks, nuisances, detrend=detrend)
    still = np.zeros(data.shape[1], bool)
    moments = by_training(train, [_moments(data[rows], largest) for rows in sides(train)])
    for rows, (mean, deviation) in zip(sides(train), moments, strict=True):
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
