"""The rows of a fold, run by run and side by side: what is taken out of them, of responses and features alike."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from n2s.data.bold_steps import basis_of
from n2s.data.encoding_data import Fold
from n2s.data.encoding_people import Person
from n2s.data.runs import Run, separable

Detrend = Literal["run", "block"] | None


@dataclass(frozen=True)
class Part:
    """The rows of a run that a fold uses.

    Parameters
    ----------
    run
        The run.
    rows
        (k,) Numbers among all rows of the subject.
    train
        (k,) bool: training rows; the others are held out.
    blocks
        (k,) Number of the unit of each row.
    whole
        Whether all that is heard in the run is of one side: then the run may be cleaned as a whole.
    """

    run: Run
    rows: np.ndarray
    train: np.ndarray
    blocks: np.ndarray
    whole: bool

    @property
    def own(self) -> np.ndarray:
        """(k,) Numbers among the rows of the run."""
        return self.rows - self.run.first

    @property
    def nuisances(self) -> np.ndarray | None:
        """(training rows, p) What training rows lose by themselves, since others of the run would leave a trace in them; None: nothing.

        Held-out rows stay as the whole run was cleaned: what they lost then has nothing in common with training rows that lost it again.
        """
        n_train, every = int(self.train.sum()), self.run.nuisances
        if self.whole or every is None or not n_train or not separable(n_train, every.shape[1]):
            return None
        return every[self.own[self.train]]

    def features(self, columns: np.ndarray, *, detrend: Detrend) -> np.ndarray:
        """(rows, p) of all rows of the subject -> (k, p), without what the responses of these rows lost, their mean in the run, too."""
        found, nuisances = columns[self.rows], self.run.nuisances
        if nuisances is not None:
            # training rows would have a trace of held-out ones
            cleaned = np.ones(len(found), bool) if self.whole else ~self.train
            run = columns[self.run.rows].astype(np.float64)
            found[cleaned] = (run - nuisances @ (nuisances.T @ run))[self.own[cleaned]]
        take_out(found, self.run.times_s[self.own], self.train, self.blocks, self.nuisances, detrend=detrend)
        means = [found[rows].mean(0, dtype=np.float64).astype(np.float32) for rows in sides(self.train)]
        for rows, mean in zip(sides(self.train), by_training(self.train, means), strict=True):
            found[rows] -= mean
        return found


def sides(train: np.ndarray) -> list[np.ndarray]:
    """(k,) bool of the training rows of a run and of its held-out rows; of these that are there."""
    return [rows for rows in (train, ~train) if rows.any()]


def by_training(train: np.ndarray, statistics: list) -> list:
    """The statistic that each of the `sides` is scaled by: held-out rows by that of training rows, where these are as many or more."""
    many = len(statistics) == 2 and train.sum() >= (~train).sum()
    return [statistics[0]] * 2 if many else statistics


def take_out(
    data: np.ndarray,
    time_s: np.ndarray,
    train: np.ndarray,
    blocks: np.ndarray,
    nuisances: np.ndarray | None,
    *,
    detrend: Detrend,
) -> None:
    """Take lines out of both sides of a run, and nuisances out of training rows, in one projection a side, in place.

    Parameters
    ----------
    data
        (k, v) float32 rows of one run.
    time_s
        (k,) On the run's clock.
    train
        (k,) bool: training rows.
    blocks
        (k,) Number of the unit of each row.
    nuisances
        (training rows, p) None: none.
    detrend
        None: no line is removed. ``run``: the line through the training rows from these, and that through the held-out rows from
        those: a line that is carried on to other rows adds a trend where none was. ``block``: the line through the rows of each unit.

    Training rows lose their mean with their nuisances, and so do held-out rows: the mean of training. Else a BOLD mean of
    hundreds of deviations stays in held-out rows alone.
    """
    if nuisances is not None:
        data[~train] -= data[train].mean(0, dtype=np.float64).astype(np.float32)
    for rows, known in ((train, nuisances), (~train, None)):
        regressors = []
        if detrend and rows.any():
            parts = np.zeros(len(data)) if detrend == "run" else blocks
            regressors = [_line(time_s, rows & (parts == one))[rows] for one in np.unique(parts[rows])]
        if known is not None:
            regressors += [np.ones((len(known), 1)), known]
        if regressors:
            side = data[rows] - data[rows].mean(0, dtype=np.float64).astype(np.float32)
            basis = basis_of(np.hstack(regressors)).astype(np.float32)
            data[rows] = side - basis @ (basis.T @ side)


def _line(time_s: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(k, 2) The constant and the slope of some rows, 0 elsewhere."""
    return np.stack([rows, np.where(rows, time_s - time_s[rows].mean(), 0.0)], 1)


def parts_of(person: Person, fold: Fold, wanted: np.ndarray | None = None) -> Iterator[Part]:
    """The training and held-out rows of each run; of those runs that have a wanted row."""
    train = np.zeros(len(person.rows), bool)
    train[fold.train] = True
    used = train | np.isin(person.same, fold.test)
    heard = (person.rows.unit != "").to_numpy()
    units = [np.unique(person.blocks[rows]) for rows in (train, used & ~train)]
    for run in person.runs:
        rows = run.first + np.flatnonzero(used[run.rows])
        if len(rows) and (wanted is None or np.isin(rows, wanted).any()):
            own = np.unique(person.blocks[run.rows][heard[run.rows]])
            whole = any(np.isin(own, side).all() for side in units)
            yield Part(run, rows, train[rows], person.blocks[rows], whole)


def gathered(
    person: Person, fold: Fold, parts: Iterable[tuple[Part, np.ndarray]], n_columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, v), (m, v) float32 of training and test rows; test rows are means over the presentations that are averaged.

    Parameters
    ----------
    person, fold
        Whose rows, and which.
    parts
        Each with its (k, v) values.
    n_columns
        V.
    """
    train = np.empty((len(fold.train), n_columns), np.float32)
    test, count = np.zeros((len(fold.test), n_columns), np.float32), np.zeros(len(fold.test), np.float32)
    for part, values in parts:
        train[np.searchsorted(fold.train, part.rows[part.train])] = values[part.train]
        place = np.searchsorted(fold.test, person.same[part.rows[~part.train]])
        if len(np.unique(place)) == len(place):
            test[place] += values[~part.train]
        else:
            np.add.at(test, place, values[~part.train])
        np.add.at(count, place, 1)
    if (count > 1).any():
        test /= count[:, None]
    return train, test


def features_of(
    person: Person, fold: Fold, columns: np.ndarray, *, detrend: Detrend, clean: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, p), (m, p) float32 features of training and test rows, and (p,) the largest magnitude of each column in training.

    Of presentations whose responses are averaged features are, too: each may follow other sounds, to which the brain still responds.

    Parameters
    ----------
    person, fold
        Whose rows, and which.
    columns
        (rows, p) of all rows of the subject.
    detrend, clean
        See `take_out`, and whether what responses lost is taken out of features, too.
    """
    largest = np.abs(columns[fold.train]).max(0, initial=0)

    def values() -> Iterator[tuple[Part, np.ndarray]]:
        for part in parts_of(person, fold):
            yield part, part.features(columns, detrend=detrend) if clean else columns[part.rows]

    return *gathered(person, fold, values(), columns.shape[1]), largest
