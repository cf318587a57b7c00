"""Segments identified cell by cell, over folds: how often, what that is at other times, and values to resample."""

from dataclasses import dataclass, field

import numpy as np

from n2s.systems.cross_language.bootstrap import Compared, resampled
from n2s.systems.cross_language.identification import RANK, TOP1, TOPK, Gallery, means, moved


@dataclass
class Identified:
    """One cell of one subject. Each fold has its own gallery: another model has decoded the others.

    Parameters
    ----------
    top_k
        How many best segments count.
    n_moves, least, seed
        Decoded rows are moved in a circle inside their run, by ``least`` rows or more, for chance.
    """

    top_k: int
    n_moves: int
    least: int
    seed: int
    hits: dict[str, list[np.ndarray]] = field(default_factory=dict)
    nulls: dict[str, list[np.ndarray]] = field(default_factory=dict)
    units: list[np.ndarray] = field(default_factory=list)

    def add(
        self,
        decoded: np.ndarray,
        target: np.ndarray,
        gallery: Gallery,
        run: np.ndarray,
        unit: np.ndarray,
        fold: int,
        size: np.ndarray,
    ) -> None:
        """Add a fold.

        Parameters
        ----------
        decoded, target
            (n, f) of all places.
        gallery
            Its segments.
        run, unit
            (n,) Numbers of the run and of what is resampled.
        fold
            Its number.
        size
            (f,) Deviations of training targets.
        """
        segments = gallery.segments
        true = means(target, segments) / size
        for name, one in gallery.identified(means(decoded, segments) / size, true, self.top_k).items():
            self.hits.setdefault(name, []).append(one)
        self.units.append(np.unique(unit[segments[:, 0]], return_inverse=True)[1])
        rng = np.random.default_rng([self.seed, fold, segments.size])
        flat = segments.ravel()
        draws: dict[str, list] = {}
        for _ in range(self.n_moves):
            other = moved(flat, run, self.least, rng, n_rows=segments.shape[1]).reshape(segments.shape)
            for name, one in gallery.identified(means(decoded, other) / size, true, self.top_k).items():
                draws.setdefault(name, []).append(one.sum())
        for name, one in draws.items():
            self.nulls.setdefault(name, []).append(np.array(one))

    def measures(self, n_bootstrap: int) -> dict[str, tuple[Compared, np.ndarray, int]]:
        """Measure -> value with its resampled ones, (moves,) values at other times, and the number of segments."""
        found = {}
        sizes = np.cumsum([0, *(int(one.max()) + 1 for one in self.units)])
        unit = np.concatenate([one + first for one, first in zip(self.units, sizes[:-1], strict=True)])
        weights = resampled(int(sizes[-1]), n_bootstrap, self.seed)
        for name in (RANK, TOP1, TOPK):
            every = np.concatenate(self.hits[name])
            n = len(every)
            null = np.sum(self.nulls[name], axis=0) / n if self.n_moves else np.zeros(0)
            total, count = np.bincount(unit, every), np.bincount(unit)
            draws = (weights @ total) / np.maximum(weights @ count, 1)
            chance = sum(len(one) * self._chance(name, len(one)) for one in self.hits[name]) / n
            found[name] = Compared(float(every.mean()), draws, chance), null, n
        return found

    def _chance(self, name: str, k: int) -> float:
        return {RANK: 0.5, TOP1: 1 / k, TOPK: min(self.top_k, k) / k}[name]
