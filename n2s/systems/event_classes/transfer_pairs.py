"""Pairs of classes, each decoded by itself: accuracy of every pair and cell, with permuted labels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from n2s.metrics.controls import holm
from n2s.metrics.cross_fitted import widened
from n2s.metrics.group_tests import wilcoxon
from n2s.metrics.intervals import t_interval
from n2s.metrics.label_draws import permutations
from n2s.systems.event_classes.draws import Draws
from n2s.systems.event_classes.transfer import Cell
from n2s.systems.event_classes.transfer_scores import DRAWS, FEWEST, TransferScores

MOST_DRAWS = 200  # permutations of pairs: each scores every pair


@dataclass(frozen=True)
class PairScores:
    """Balanced accuracy of pairs in a cell.

    Parameters
    ----------
    each
        (q,) mean over subjects; NaN: nobody has this pair.
    p
        (q,) By permutation, corrected for the pairs of this cell by the largest of all.
    by_subject
        Subject -> mean over pairs.
    null
        (draws,) mean over pairs and subjects with labels permuted within runs and conditions.
    p_mean
        Of the mean over pairs and subjects, of this cell alone.
    """

    each: np.ndarray
    p: np.ndarray
    by_subject: dict[str, float]
    null: np.ndarray
    p_mean: float = np.nan

    @property
    def mean(self) -> float:
        """Over pairs and subjects."""
        return float(np.mean(list(self.by_subject.values())))

    @property
    def p_wilcoxon(self) -> float:
        """Of the mean over subjects, NaN with fewer than five."""
        values = np.array(list(self.by_subject.values()))
        return float(wilcoxon(values[:, None] - 0.5)[0]) if len(values) >= FEWEST else np.nan

    @property
    def ends(self) -> tuple[float, float]:
        """Of the interval of the mean over subjects; NaN with one."""
        values = np.array(list(self.by_subject.values()))
        return tuple(t_interval(values)[1:]) if len(values) > 1 else (np.nan, np.nan)


class PairedScores(TransferScores):
    """Scores of pairs of every cell; made once."""

    @cached_property
    def paired(self) -> dict[Cell, PairScores]:
        """By cell; {} without pairs."""
        return {} if self.pair_scores is None else {cell: self._paired(cell) for cell in self.cells}

    @cached_property
    def p_of_pairs(self) -> dict[Cell, float]:
        """P of the mean over pairs of every cell, corrected for the number of cells (Holm); NaN where there is none."""
        p = np.array([one.p_mean for one in self.paired.values()])
        known = np.isfinite(p)
        p[known] = holm(p[known])
        return dict(zip(self.paired, p.tolist(), strict=True))

    @property
    def n_few_draws(self) -> int:
        """Permutations where each scores many numbers: `MOST_DRAWS` at most, but enough for the rows that are corrected for."""
        return max(min(self.n_permutations, MOST_DRAWS), DRAWS * len(self.cells))

    def _paired(self, cell: Cell) -> PairScores:
        number, draws = self.decoder(cell), self.draws[cell.tested]
        found, by_subject, nulls = [], {}, {way: [] for way in draws.ways}
        for subject, rows, labels, _ in self.people(cell):
            second = self.pair_scores[:, number, rows]
            known = np.isfinite(second).all(1)
            hits = np.where(known[:, None], second > 0, 0).T.astype(np.float64)  # (m, q)
            each = np.where(known, self._shares(labels[None], hits)[0], np.nan)
            if not np.isfinite(each).any():  # no decoder, or one class of each pair has no window
                continue
            for way, null in nulls.items():
                drawn = drawn_labels(labels, draws, way, rows, self.n_few_draws, self.seed)
                null.append(np.where(known, self._shares(drawn, hits), np.nan))
            found.append(each)
            by_subject[subject] = float(np.nanmean(each))
        if not found:
            nothing = np.full(len(self.pairs), np.nan)
            return PairScores(nothing, nothing, {cell.trained: np.nan}, np.full(1, 0.5))
        each, mean = _mean(np.stack(found)), float(np.mean(list(by_subject.values())))
        means = {way: self._wide(np.mean([np.nanmean(one, 1) for one in null], 0)) for way, null in nulls.items()}
        most = {way: np.nanmax(self._wide(_mean(np.stack(null))), 1) for way, null in nulls.items()}
        p = np.array([np.nan if np.isnan(one) else draws.p(one, most) for one in each])
        return PairScores(each, p, by_subject, next(iter(means.values())), draws.p(mean, means))

    def _wide(self, null: np.ndarray) -> np.ndarray:
        return widened(null, self.n_folds, bounds=(0.0, 1.0))

    def _shares(self, labels: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(draws, n) labels and (n, q) whether the second class is said -> (draws, q) balanced accuracy; NaN where a class has no window."""
        counts = np.bincount(labels[0], minlength=self.k)
        said = np.full((len(labels), self.k, second.shape[1]), np.nan)
        for one in np.flatnonzero(counts):
            said[:, one] = (labels == one) @ second / counts[one]
        first, other = np.array(self.pairs).T
        pair = np.arange(len(self.pairs))
        return (1 - said[:, first, pair] + said[:, other, pair]) / 2


def drawn_labels(labels: np.ndarray, draws: Draws, way: str, rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """(n, m) labels of one person's rows."""
    places, circular = draws.ways[way]
    found = permutations(labels, places.some(rows), n, seed, circular, draws.least_turn)
    return np.concatenate([drawn for _, drawn in found])


def _mean(values: np.ndarray) -> np.ndarray:
    """(s, ...) mean over those that have a value."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))
