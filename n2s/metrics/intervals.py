"""Confidence intervals of a mean over subjects or clusters, and of a share."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A value and the ends of its interval."""

    mean: float
    low: float
    high: float


def t_interval(values: np.ndarray, *, level: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval:
    """Mean over subjects and its Student t interval, clipped to the possible range of the score.

    Subjects are the sample: the interval estimates the mean of the population of subjects. With two or three subjects it
    is very wide, as it must be.

    Parameters
    ----------
    values
        (n,) One score per subject, n >= 2.
    level
        Share of such intervals that contain the true mean.
    bounds
        The lowest and highest possible score.

    Raises
    ------
    ValueError
        Fewer than two values: they have no spread.

    Examples
    --------
    >>> from n2s.metrics.intervals import t_interval
    >>> mean, low, high = t_interval([0.42, 0.38, 0.51, 0.47])  # four people
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (0.445, 0.355, 0.535)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"An interval over subjects needs at least two of them; got an array of shape {values.shape}.")
    mean = float(values.mean())
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, max(bounds[0], mean - half), min(bounds[1], mean + half))


def wilson_interval(n_hits: int, n_windows: int, *, level: float = 0.95) -> Interval:
    """Share of hits among the windows of one subject and its Wilson score interval.

    Windows are the sample, as if independent: it says how well this one subject's score is known, nothing about other
    subjects. It never leaves [0, 1], nor is it empty at 0 or 1 (Wilson 1927, J. Am. Stat. Assoc. 22:209).

    Raises
    ------
    ValueError
        No windows, or more hits than windows.

    Examples
    --------
    >>> from n2s.metrics.intervals import wilson_interval
    >>> [round(end, 3) for end in wilson_interval(0, 20)]  # no hit in 20 windows is not "0, surely"
    [0.0, 0.0, 0.161]
    """
    if not (0 <= n_hits <= n_windows and n_windows > 0):
        raise ValueError(f"{n_hits} hits among {n_windows} windows make no share.")
    return _wilson(n_hits / n_windows, n_windows, float(stats.norm.ppf((1 + level) / 2)))


def _wilson(share: float, n: float, quantile: float) -> Interval:
    square = quantile**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = math.sqrt(square * (share * (1 - share) / n + square / (4 * n**2))) / (1 + square / n)
    low = 0.0 if share == 0 else centre - half  # exact at the ends, where rounding would leave them by 1e-17
    high = 1.0 if share == 1 else centre + half
    return Interval(share, max(0.0, low), min(1.0, high))


class _Clustered(NamedTuple):
    """A mean, its variance and the degrees of freedom, for values in independent clusters."""

    mean: float
    variance: float
    freedom: float
    which: np.ndarray  # (n,) number of each value's cluster
    size: np.ndarray  # (g,) values per cluster, weighted


def _clustered(values: np.ndarray, cluster: np.ndarray, weight: np.ndarray | None = None) -> _Clustered:
    """Compute the mean and its variance.

    The variance is the jackknife's, from the change of the mean when one cluster is left out. Unlike plain sums of squares,
    it is not too small if clusters are few or one is large. The degrees of freedom are those of a chi-squared
    variable with the same mean and variance (Satterthwaite; Bell & McCaffrey 2002, Survey Methodology 28:169): the
    number of clusters minus one if they are equally large, fewer if a few clusters hold most of the values.
    """
    values, cluster = np.asarray(values, np.float64), np.asarray(cluster)
    if values.ndim != 1 or values.shape != cluster.shape:
        raise ValueError(f"values (n,) and their clusters (n,) do not match: {values.shape} and {cluster.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {len(values)} values are not finite.")
    _, which = np.unique(cluster, return_inverse=True)
    n = len(values)
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64) * n / np.sum(weight)
    size = np.bincount(which, weight)
    if len(size) < 2:
        raise ValueError(f"An interval over clusters needs at least two of them; got {len(size)}.")
    mean = float(weight @ values) / n
    left = 1 / (1 - size / n)
    moved = np.bincount(which, weight * (values - mean)) * left / n
    variance = (len(size) - 1) / len(size) * float((moved**2).sum())
    scaled, square = size * left**2, size**2 * left**2
    trace = float((scaled - square / n).sum())
    trace_of_square = float((scaled**2 - 2 * scaled * square / n).sum() + (square.sum() / n) ** 2)
    return _Clustered(mean, variance, trace**2 / trace_of_square, which, size)


def cluster_interval(
    values: np.ndarray,
    cluster: np.ndarray,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Mean of all values and its t interval, if only clusters of values are independent.

    Parameters
    ----------
    values
        (n,) One per window, clip or pair.
    cluster
        (n,) The independent unit: the stimulus, the block of time (`n2s.metrics.blocks`) or the subject of each value.
    level
        Share of such intervals that contain the true mean.
    bounds
        The lowest and highest possible score.

    Raises
    ------
    ValueError
        Fewer than two clusters (they have no spread), or values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.intervals import cluster_interval
    >>> values, story = np.array([0.1, 0.2, 0.5, 0.6, 0.3, 0.2]), np.array([0, 0, 1, 1, 2, 2])
    >>> [round(one, 2) for one in cluster_interval(values, story)]  # three stories are three values, not six
    [0.32, -0.2, 0.83]
    """
    found = _clustered(values, cluster)
    half = float(stats.t.ppf((1 + level) / 2, found.freedom)) * math.sqrt(found.variance)
    return Interval(found.mean, max(bounds[0], found.mean - half), min(bounds[1], found.mean + half))


def cluster_share_interval(hits: np.ndarray, cluster: np.ndarray, *, level: float = 0.95) -> Interval:
    """Share of hits and its interval, if only clusters of hits are independent.

    Wilson's interval with the effective number of values and the quantile of Student's t (Dean & Pagano 2015, J. Surv.
    Stat. Methodol. 3:484). It never leaves [0, 1] and has a width at 0 and 1.

    Parameters
    ----------
    hits
        (n,) 0 or 1, or shares between them.
    cluster
        (n,) The independent unit: the stimulus, the block of time (`n2s.metrics.blocks`) or the subject of each value.
    level
        Share of such intervals that contain the true share.

    Raises
    ------
    ValueError
        Fewer than two clusters, or hits outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.intervals import cluster_share_interval
    >>> hits, block = np.array([1, 1, 0, 0, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    >>> [round(one, 2) for one in cluster_share_interval(hits, block)]
    [0.62, 0.12, 0.95]
    """
    share = effective_share(hits, cluster)
    return _wilson(share.mean, share.n, float(stats.t.ppf((1 + level) / 2, share.freedom)))


class Share(NamedTuple):
    """A share of hits, the equivalent number of independent hits or misses, and the precision of that number.

    ``freedom``: degrees of freedom of the variance behind ``n``.
    """

    mean: float
    n: float
    freedom: float


def effective_share(
    hits: np.ndarray, cluster: np.ndarray, weight: np.ndarray | None = None, *, lean: bool = True
) -> Share:
    """The share of hits in independent clusters, and the effective number of independent hits or misses.

    Parameters
    ----------
    hits, cluster
        See `cluster_share_interval`.
    weight
        (n,) Weight of each hit; by default equal.
    lean
        If few clusters have a hit, assume more similarity of hits than observed; otherwise only reduce the degrees of freedom.
    """
    hits = np.asarray(hits, np.float64)
    if ((hits < 0) | (hits > 1)).any():
        raise ValueError(f"hits lie between {hits.min()} and {hits.max()}; expected 0 to 1.")
    found = _clustered(hits, cluster, weight)
    n, share = len(hits), found.mean
    # number of values equivalent to one that is 0 or 1: `least` if independent, `most` if alike in a cluster
    least = float(hits.var()) / (share * (1 - share)) if np.ptp(hits) else 1.0
    alike = most = least * float((found.size**2).sum()) / n
    if np.ptp(hits):
        alike = max(least, found.variance * n / (share * (1 - share)))
        # few clusters with a hit, or a miss, do not show how alike the values of a cluster are: assume very alike
        seen = min(int((np.bincount(found.which, values) > 0).sum()) for values in (hits, 1 - hits))
        if lean or seen < 2:
            alike = (seen * alike + max(alike, most)) / (1 + seen)
        else:
            return Share(share, n / alike, min(found.freedom, seen - 1.0))
    return Share(share, n / alike, found.freedom)
