"""Intervals by resampling stories, or parts of them, the same for all cells that are compared: scores and transfer ratios."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from n2s.metrics.score import Score

FEWEST_STORIES = 8  # with fewer, parts of stories are resampled
KIND = "95% interval of resampled {units}"
UNDEFINED = "within is not above chance"


@dataclass(frozen=True)
class Sums:
    """What correlations are made of, by unit (a story, or a part of one): sums of products and squares, of values without the mean of their run.

    ``xy``, ``xx``, ``yy``: (units, v).
    """

    xy: np.ndarray
    xx: np.ndarray
    yy: np.ndarray

    @classmethod
    def of(cls, predicted: np.ndarray, true: np.ndarray, unit: np.ndarray) -> "Sums":
        """From (n, v) each, and the (n,) number of each row's unit."""
        n = int(unit.max(initial=-1)) + 1
        found = []
        for one, other in ((predicted, true), (predicted, predicted), (true, true)):
            product = np.zeros((n, one.shape[1]))
            np.add.at(product, unit, one * other)
            found.append(product)
        return cls(*found)

    def r(self, weights: np.ndarray | None = None) -> np.ndarray:
        """(v,), or (draws, v) with (draws, units) weights: correlations, 0 where a course is constant."""
        every = np.ones((1, len(self.xy))) if weights is None else weights
        product, size = every @ self.xy, np.sqrt((every @ self.xx) * (every @ self.yy))
        tiny = 1e-12 * size.max(initial=0.0)
        found = np.divide(product, size, out=np.zeros_like(product), where=size > tiny)
        return found[0] if weights is None else found


def resampled(n_units: int, n_draws: int, seed: int) -> np.ndarray:
    """(n_draws, n_units) How often each unit is drawn."""
    rng = np.random.default_rng([seed, n_units])
    return rng.multinomial(n_units, np.full(n_units, 1 / n_units), n_draws).astype(np.float64)


def unit_numbers(story: np.ndarray, run: np.ndarray, block_rows: int, *, n_stories: int) -> tuple[np.ndarray, str]:
    """(n,) The unit of each row that is resampled, and what it is: stories, if `FEWEST_STORIES` are held out in all, else parts of them.

    Parameters
    ----------
    story, run
        (n,) Of each row.
    block_rows
        Length of a part.
    n_stories
        That are held out, over all folds.
    """
    if n_stories >= FEWEST_STORIES:
        return np.unique(story, return_inverse=True)[1], "stories"
    found, first = np.zeros(len(run), int), 0
    for one in np.unique(run):
        own = np.flatnonzero(run == one)
        n = max(1, round(len(own) / block_rows))
        found[own] = first + np.arange(len(own)) * n // len(own)
        first += n
    return found, "parts of stories"


def interval(value: float, draws: np.ndarray, units: str) -> Score:
    """A value with the interval of its resampled values."""
    if len(draws) < 2 or not np.isfinite(draws).all():
        return Score(float(value))
    return Score.of((value, *np.quantile(draws, [0.025, 0.975])), KIND.format(units=units))


@dataclass(frozen=True)
class Compared:
    """One measure of one cell: its value, its resampled values, and what chance is.

    ``draws (b,)`` are in the same order of resampling as those of the cell that it is compared with.
    """

    value: float
    draws: np.ndarray
    chance: float

    @classmethod
    def mean(cls, subjects: Mapping[str, "Compared"], seed: int) -> "Compared":
        """Over subjects: these are resampled, too, where there are several."""
        every = list(subjects.values())
        draws = np.stack([one.draws for one in every])
        n, b = draws.shape
        weights = resampled(n, b, seed + 1) / n if n > 1 else np.ones((b, 1))
        value, chance = (float(np.mean([getattr(one, name) for one in every])) for name in ("value", "chance"))
        return cls(value, np.einsum("nb,bn->b", draws, weights), chance)


def transfer(cross: Compared, within: Compared, units: str) -> tuple[Score, str]:
    """(cross - chance) / (within - chance) with its interval, and why it is undefined ("": it is not).

    It is undefined where the lower end of the interval of ``within`` is not above chance: a ratio to what may be nothing has no bounds.
    """
    # a draw at or above chance: between two of them, a ratio's end would lie at infinity
    low = np.quantile(within.draws, 0.025, method="lower") if len(within.draws) else within.value
    if within.value <= within.chance or low <= within.chance:
        return Score(None), UNDEFINED
    size = np.maximum(within.draws - within.chance, 1e-12)
    ratios = (cross.draws - cross.chance) / size
    return interval((cross.value - cross.chance) / (within.value - within.chance), ratios, units), ""
