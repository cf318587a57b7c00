"""Lines of the table of decoding scores: a value with its interval, its null, and chance."""

import numpy as np

from n2s.metrics.blocks import time_blocks
from n2s.metrics.correlation import column_correlation
from n2s.metrics.cross_fitted import widened
from n2s.metrics.intervals import Interval

BLOCK_S = 10.0  # of time that counts as independent: longer than slow waves last
MOST_MOVED = 400  # turns by rows, for the null of windows
#: Columns of what the best possible decoder reaches, with its interval.
CEILING = ("ceiling", "ceiling_low", "ceiling_high")
#: r of the reconstruction with what was not attended, while both talkers speak.
R_UNATTENDED = "r unattended"


def line_of(measure: str, whole: Interval, *, n: int, chance: float = np.nan) -> dict:
    """A line without a null or ceiling; what is None is NaN."""
    ends = (np.nan if one is None else float(one) for one in whole)
    null = dict.fromkeys(("null_mean", "null_low", "null_high", "p", *CEILING), np.nan)
    return (
        {"measure": measure}
        | dict(zip(("value", "low", "high"), ends, strict=True))
        | null
        | {"chance": chance, "n": n}
    )


def ceiling_of(whole: Interval) -> dict:
    """The columns `CEILING`; what is None is NaN."""
    return {name: np.nan if one is None else float(one) for name, one in zip(CEILING, whole, strict=True)}


def mean_correlation(predicted: np.ndarray, true: np.ndarray) -> float | None:
    """(n, f), (n, f): r of each feature, their mean over those that have one; None if none does."""
    r = column_correlation(predicted, true)
    return float(np.nanmean(r)) if np.isfinite(r).any() else None


def null_of(value: float, null: np.ndarray, *, n_folds: int, bounds: tuple[float, float] = (0.0, 1.0)) -> dict:
    """Mean, central 95% and p of a null: (1 + draws of at least the value) / (1 + draws); {} without draws.

    See `n2s.metrics.cross_fitted.widened` for ``n_folds`` and ``bounds``.
    """
    if not len(null):
        return {}
    mean, null = float(null.mean()), widened(null, n_folds, bounds=bounds)
    low, high = np.quantile(null, (0.025, 0.975))
    p = (1 + (null >= value - 1e-12).sum()) / (1 + len(null))
    return {"null_mean": mean, "null_low": float(low), "null_high": float(high), "p": float(p)}


def slow_blocks(part: np.ndarray, rate_hz: float) -> np.ndarray:
    """(n,) Blocks of consecutive rows of `BLOCK_S` or more, each inside a part."""
    return time_blocks(part, np.arange(len(part)) / rate_hz, duration_s=1 / rate_hz, least_s=BLOCK_S)
