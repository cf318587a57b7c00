"""A score against scores of texts that know nothing of the brain: z, p and q."""

from typing import NamedTuple

import numpy as np

from n2s.metrics.group_tests import benjamini_hochberg

_ROUNDING = 1e-9


class Against(NamedTuple):
    """``mean``, ``sd`` of the null, ``z``, ``p`` (one-sided), each of the shape of the score; NaN where there is none."""

    mean: np.ndarray
    sd: np.ndarray
    z: np.ndarray
    p: np.ndarray


def against_null(score: np.ndarray, null: np.ndarray, *, higher_is_better: bool = True) -> Against:
    """Compare scores with those of null texts.

    ``z = (score - mean) / sd`` and ``p = (1 + number of null scores that are at least as good) / (1 + n)``: never 0. z is positive where the
    score is better, also where lower is better.

    Parameters
    ----------
    score
        (...) NaN: none.
    null
        (n, ...) The same scores of n null texts; n may be 0.
    higher_is_better
        If false, lower is better.
    """
    score, null = np.asarray(score, np.float64), np.asarray(null, np.float64)
    if null.shape[1:] != score.shape:
        raise ValueError(f"score is {score.shape}, null {null.shape}; expected null texts by the shape of the score.")
    nothing, sign = np.full(score.shape, np.nan), 1.0 if higher_is_better else -1.0
    if not len(null):
        return Against(nothing, nothing.copy(), nothing.copy(), nothing.copy())
    mean = null.mean(0)
    sd = null.std(0, ddof=1) if len(null) > 1 else nothing
    known = np.isfinite(score) & np.isfinite(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(sd > _ROUNDING, sign * (score - mean) / sd, np.nan)
        above = (sign * null >= sign * score - _ROUNDING).sum(0)
    return Against(mean, sd, np.where(known, z, np.nan), np.where(known, (1 + above) / (1 + len(null)), np.nan))


def q_of_windows(p: np.ndarray, story: np.ndarray) -> np.ndarray:
    """(n,) p -> q: Benjamini-Hochberg over the windows of each story by itself. Windows without p stay without."""
    p, q = np.asarray(p, np.float64), np.full(len(p), np.nan)
    for one in np.unique(story):
        own = np.asarray(story) == one
        q[own] = benjamini_hochberg(p[own])
    return q
