"""Differences and ratios on the same segments: their intervals by resampling segments, the same ones for all people."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from n2s.metrics.intervals import Interval

N_DRAWS = 2000
LEAST_BLOCKS = 6  # of fewer, percentiles cannot lie far enough out: the extreme draws are of one block alone


@dataclass(frozen=True)
class Resampled:
    """Means over subjects, and how they vary if other segments had been heard.

    Attributes
    ----------
    mean
        (m,) Of the m values: mean over a subject's rows, then over subjects.
    draws
        (d, m) The same of resampled blocks of segments. A draw has the same blocks for all people and all values.
    by_subject
        (s, m) Mean over the rows of each subject, in the order of ``np.unique(subject)``.
    n_blocks
        How many blocks were resampled.
    """

    mean: np.ndarray
    draws: np.ndarray
    by_subject: np.ndarray
    n_blocks: int

    def interval(
        self,
        of: Callable[[np.ndarray], np.ndarray],
        *,
        level: float = 0.95,
        bounds: tuple[float, float] = (-np.inf, np.inf),
    ) -> tuple[float, float | None, float | None]:
        """A number that follows from the means, with its percentile interval.

        The percentiles lie further out where blocks are few, as far as Student's t lies beyond the normal distribution: plain
        percentiles of 10 blocks hold the truth in 91% of cases instead of 95 (Hesterberg 2015, Am. Stat. 69:371). Fewer than
        `LEAST_BLOCKS` give a t interval with the deviation of the draws.

        If nothing varies (all rows were found by one and by none with the other), resampling shows nothing. The interval is then
        what as many equal blocks allow, if other blocks may have any value within ``bounds`` (Clopper and Pearson).

        Parameters
        ----------
        of
            Means (..., m) -> numbers (...).
        level
            Share of such intervals that contain the truth.
        bounds
            The lowest and highest possible number.

        Returns
        -------
        The number and the ends of its interval; the ends are None with fewer than two blocks, and where the number is not defined for
        some draws or has no bounds and no spread.
        """
        value, drawn = float(of(self.mean)), of(self.draws)
        if self.n_blocks < 2 or not np.isfinite(drawn).all():
            return value, None, None
        tail = (1 - level) / 2
        if np.ptp(drawn) < 1e-12:
            other = 1 - tail ** (1 / self.n_blocks)  # the greatest share of blocks that are not like these
            low, high = (value + other * (end - value) for end in bounds)
            return (value, low, high) if np.isfinite([low, high]).all() else (value, None, None)
        wider = np.sqrt(self.n_blocks / (self.n_blocks - 1)) * stats.t.ppf(tail, self.n_blocks - 1)
        if self.n_blocks < LEAST_BLOCKS:
            low, high = value + wider * drawn.std(), value - wider * drawn.std()
        else:
            tail = float(stats.norm.cdf(wider))
            low, high = np.quantile(drawn, [tail, 1 - tail])
        found = Interval(value, max(bounds[0], float(low)), min(bounds[1], float(high)))
        return tuple(found)


def resampled(
    values: np.ndarray, subject: np.ndarray, block: np.ndarray, *, n_draws: int = N_DRAWS, seed: int = 0
) -> Resampled:
    """Resample blocks of segments with replacement: the paired bootstrap.

    Several values of one row (hits of two decoders) stay together, and so do the rows of all people at one block, whose errors may
    be alike since they heard the same.

    Parameters
    ----------
    values
        (n, m) m values of each row, finite.
    subject
        (n,) Whose row it is. Each subject counts the same, however many rows it has.
    block
        (n,) The block of neighbouring segments of each row (`n2s.metrics.blocks`), the same for all people.
    n_draws, seed
        How many draws, and what decides them.

    Raises
    ------
    ValueError
        No rows, other shapes, or values that are not finite.
    """
    values = np.asarray(values, np.float64)
    subject, block = np.asarray(subject), np.asarray(block)
    if values.ndim != 2 or not len(values) or subject.shape != (len(values),) or block.shape != subject.shape:
        raise ValueError(
            f"values (n, m), subject (n,) and block (n,) do not fit: {values.shape}, {subject.shape} and {block.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite.")
    person, block = (np.unique(one, return_inverse=True)[1] for one in (subject, block))
    s, b = person.max() + 1, block.max() + 1
    place = person * b + block
    count = np.bincount(place, minlength=s * b).reshape(s, b).astype(np.float64)
    total = np.stack([np.bincount(place, one, minlength=s * b).reshape(s, b) for one in values.T], axis=-1)
    by_subject = total.sum(1) / count.sum(1)[:, None]
    weight = np.random.default_rng(seed).multinomial(b, np.full(b, 1 / b), size=n_draws).astype(np.float64)
    rows = weight @ count.T  # (d, s)
    sums = np.einsum("db,sbm->dsm", weight, total, optimize=True)
    # a person without a row in the drawn blocks does not count in this draw
    share = np.divide(sums, rows[..., None], out=np.zeros_like(sums), where=rows[..., None] > 0)
    draws = share.sum(1) / (rows > 0).sum(1)[:, None]
    return Resampled(by_subject.mean(0), draws, by_subject, int(b))
