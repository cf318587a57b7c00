"""Nulls of cross-validated scores: chance spreads more widely where folds learn from each other."""

import math

import numpy as np
from scipy import stats

#: How much more widely a cross-validated score spreads by chance than the same predictions against moved or permuted truths.
SPREAD = math.sqrt(2)
ROUNDING = 1e-6  # of a prediction's magnitude: smaller changes are rounding errors
#: For pages.
AS_WIDELY = f"{SPREAD:.2f} times as widely"
TOLD = f"Where several folds are held out in turn, draws are spread {AS_WIDELY} around their mean: folds learn from each other."


def level(predicted: np.ndarray, magnitude: np.ndarray | float = 0.0) -> np.ndarray:
    """(n, v) predictions of one fold, without their mean -> the same with a deviation of 1.

    A correlation over the rows of all folds is then the mean of the folds' own, weighted by rows. On the scale as predicted, folds whose
    training rows happen to agree with each other have larger predictions, just where they disagree with the held-out ones: of pure noise r
    is below 0 (-.04 with 8 stories in 4 folds and penalties chosen from 10 to 1e8), and r of what is predicted is too low.

    Parameters
    ----------
    predicted
        (n, v)
    magnitude
        (v,) Of the predictions with their mean: deviations that are rounding errors of it are 0, as is what they are of.
    """
    size = np.sqrt(np.square(predicted, dtype=np.float64).mean(0))
    known = size > ROUNDING * np.asarray(magnitude)
    return predicted * np.where(known, 1 / np.where(known, size, 1.0), 0.0).astype(predicted.dtype)


def wider_p(p: float | None, n_folds: int) -> float | None:
    """A two-sided p whose statistic was taken to spread as if folds were independent, for one that spreads `SPREAD` times as widely.

    For tests by intervals or by exchanged brains; the tails are taken to be normal. See `widened`.
    """
    return p if p is None or n_folds < 2 else float(2 * stats.norm.sf(stats.norm.isf(p / 2) / SPREAD))


def widened(null: np.ndarray, n_folds: int, *, bounds: tuple[float, float] = (-np.inf, np.inf)) -> np.ndarray:
    """A null of fixed predictions against moved truths, made as wide as the chance of a cross-validated score.

    A linear model predicts fold i by ``X_i G X_j' y_j``, summed over the folds j that it learns from, with G the inverse of the features'
    covariance. The score adds ``y_i' X_i G X_j' y_j`` over all pairs of folds, and (i, j) and (j, i) are the same number: each pair counts
    twice. Without an effect the variance of the score is therefore twice the variance of a null that leaves the predictions as they are and
    moves the truth, where (i, j) and (j, i) are independent. Equal halves, the worst case, have somewhat less. Exact would be a new fit for
    each draw. In simulations of ridges on noise, p < .05 came in 10 to 12% before and comes in 2 to 5% after.

    Parameters
    ----------
    null
        (draws, ...) Scores of draws.
    n_folds
        That are held out in turn, each from a model of the others; 1: the null is right as it is.
    bounds
        The least and the largest value that the score can have.

    Returns
    -------
    np.ndarray
        The same shape, with the same mean over draws.
    """
    null = np.asarray(null)
    if n_folds < 2 or not len(null):
        return null
    mean = null.mean(0)
    return np.clip(mean + SPREAD * (null - mean), *bounds)
