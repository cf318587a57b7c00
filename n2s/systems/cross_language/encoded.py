"""Held-out responses predicted cell by cell: correlations, what they are at other times, and sums to resample."""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from n2s.metrics.cross_fitted import level
from n2s.metrics.moved_null import turned
from n2s.systems.cross_language.bands import centred_by
from n2s.systems.cross_language.bootstrap import Sums


@dataclass
class Encoded:
    """Sums of one cell over folds; rows of each fold are added in turn, so that no predictions stay in memory.

    Predictions of each fold come on one scale, voxel by voxel (`n2s.metrics.cross_fitted.level`): else of pure noise r would be below 0 where a
    cell is within one language (-.02 with 8 stories in 4 folds), and not where it is across two.

    Parameters
    ----------
    n_moves
        How often responses are moved in time, for chance.
    least
        Rows by which they are moved at least, if the run is long enough; else by half of it.
    seed
        Of the moves: the same for all cells of a subject.
    """

    n_moves: int
    least: int
    seed: int
    parts: list[Sums] = field(default_factory=list)
    product: np.ndarray | float = 0.0
    power: np.ndarray | float = 0.0

    def add(self, predicted: np.ndarray, true: np.ndarray, run: np.ndarray, unit: np.ndarray, fold: int) -> None:
        """Add the held-out rows of a fold.

        Parameters
        ----------
        predicted, true
            (n, v).
        run
            (n,) Number of the run: means and moves are of each alone.
        unit
            (n,) Number of what is resampled, from 0 in each fold.
        fold
            Its number.
        """
        x, y = centred_by(predicted, run), centred_by(true, run)
        x = level(x, np.abs(predicted).max(0, initial=0.0))
        self.parts.append(Sums.of(x, y, unit))
        for number, one in enumerate(np.unique(run)):
            rows = np.flatnonzero(run == one)
            n = len(rows)
            rng = np.random.default_rng([self.seed, fold, number, n])
            least = min(self.least, n // 2)
            # the response forward, then backward: a circle without a jump
            turns = rng.integers(least, 2 * n - least + 1, self.n_moves) % (2 * n)
            product, power = turned(x[rows], y[rows], turns)
            self.product = self.product + product.astype(np.float32)
            self.power = self.power + power.astype(np.float32)

    @property
    def sums(self) -> Sums:
        """Of all folds, their units one after another."""
        return Sums(*(np.concatenate([getattr(one, name) for one in self.parts]) for name in ("xy", "xx", "yy")))

    def null(self) -> np.ndarray:
        """(moves, v) Correlations with responses at other times; 0 where a course is constant."""
        size = np.sqrt(np.asarray(self.power, np.float64) * self.sums.xx.sum(0))
        tiny = 1e-9 * size.max(initial=0.0)
        return np.divide(self.product, size, out=np.zeros_like(size), where=size > tiny)


def p_by_spread(r: np.ndarray, null: np.ndarray) -> np.ndarray:
    """(v,) One-sided p of each voxel, as if its correlations at other times (moves, v) were normal: counts of few moves give no small p."""
    spread = null.std(0, ddof=1)
    return stats.norm.sf(np.divide(r - null.mean(0), spread, out=np.zeros_like(r), where=spread > 0))


def p_of(value: float, null: np.ndarray) -> float:
    """One-sided: the share of draws that reach the value, which counts itself."""
    return float((1 + (null >= value - 1e-12).sum()) / (1 + len(null)))
