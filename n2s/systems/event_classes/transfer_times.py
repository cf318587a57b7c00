"""Decoders at single times, at every time of each condition: temporal generalisation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from n2s.metrics.cross_fitted import widened
from n2s.systems.event_classes.transfer import Cell
from n2s.systems.event_classes.transfer_pairs import MOST_DRAWS, PairedScores, drawn_labels


@dataclass(frozen=True)
class TimeScores:
    """Balanced accuracy over time in a cell.

    Parameters
    ----------
    matrix
        (b, b) of the decoder of each time (rows) at each time, mean over subjects; None where each was only tried at its own.
    course
        (b,) of each at its own time.
    high
        What the highest of the course stays below in 95% of draws of labels; NaN where no draw is like the data.
    chance
        1 / k
    """

    matrix: np.ndarray | None
    course: np.ndarray
    high: float
    chance: float


class TimedScores(PairedScores):
    """Scores at single times of every cell of the whole band; made once."""

    @cached_property
    def timed(self) -> dict[Cell, TimeScores]:
        """By cell; {} without decoders at single times."""
        if self.predicted is None:
            return {}
        cells = [cell for cell in self.cells_of(self.bands[0]) if cell.trained in self.time_conditions]
        return {cell: self._timed(cell) for cell in cells}

    def _timed(self, cell: Cell) -> TimeScores:
        said, draws = self.predicted[self.time_conditions.index(cell.trained)], self.draws[cell.tested]
        across, nulls = said.ndim == 3, {way: [] for way in draws.ways}
        matrices, courses, chance = [], [], []
        for subject, rows, labels, _ in self.people(cell):
            own = np.diagonal(said[rows], axis1=1, axis2=2) if across else said[rows]  # (m, b)
            one_hot = own[:, None] == np.arange(self.k)[:, None]  # (m, k, b)
            weight = _weights(labels, self.k)
            courses.append(np.einsum("mb,m->b", own == labels[:, None], weight[labels]))
            flat = one_hot.reshape(-1, own.shape[1]).astype(np.float32)
            for way, null in nulls.items():
                new = drawn_labels(labels, draws, way, rows, min(self.n_permutations, MOST_DRAWS), self.seed)
                drawn = np.zeros((*new.shape, self.k), np.float32)
                np.put_along_axis(drawn, new[..., None], weight[new][..., None].astype(np.float32), 2)
                null.append(drawn.reshape(len(new), -1) @ flat)
            chance.append(self.chance(cell, subject))
            if across:
                matrices.append(np.einsum("mij,m->ij", said[rows] == labels[:, None, None], weight[labels]))
        most = [widened(np.mean(null, 0), self.n_folds, bounds=(0.0, 1.0)).max(1) for null in nulls.values()]
        high = max(float(np.quantile(one, 0.95)) for one in most) if draws.tested else np.nan
        matrix = np.mean(matrices, 0) if across else None
        return TimeScores(matrix, np.mean(courses, 0), high, float(np.mean(chance)))


def _weights(labels: np.ndarray, k: int) -> np.ndarray:
    """(k,) of a window, so that a sum over hits is the balanced accuracy."""
    counts = np.bincount(labels, minlength=k)
    return np.divide(1.0, counts * (counts > 0).sum(), out=np.zeros(k), where=counts > 0)
