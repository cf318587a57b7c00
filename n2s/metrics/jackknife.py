"""Jackknife interval of any score of a set of clips: the score is recomputed without each unit of clips."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from n2s.metrics.intervals import Interval

MOST = 50  # maximum number of parts to leave out in turn; t with 49 degrees of freedom is 2.01


def jackknife_interval(
    score: Callable[[np.ndarray], float | None],
    unit: np.ndarray,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """A score of all clips with its jackknife t interval (Tukey 1958), if only units of clips are independent.

    With probability ``level``, it contains the average score of the same number of other clips of the kind.

    Parameters
    ----------
    score
        (m,) indices of clips -> the score, which must change smoothly with the clips. None if not defined.
    unit
        (n,) The stimulus of each clip, or the stretch of it. More than 50 are merged at random.
    level
        Share of such intervals that contain the true score.
    bounds
        The lowest and highest possible score.

    Returns
    -------
    Ends are None with fewer than two units, or if the score is None without one of them.
    """
    clips, names = np.arange(len(unit)), np.unique(unit, return_inverse=True)[1]
    value = score(clips)
    if names.max() + 1 > MOST:
        names = (np.random.default_rng(0).permutation(names.max() + 1) % MOST)[names]
    n = names.max() + 1
    if value is None or n < 2:
        return Interval(value, None, None)
    left = [score(clips[names != part]) for part in range(n)]
    if None in left:
        return Interval(value, None, None)
    error = np.sqrt((n - 1) / n * np.square(np.array(left) - np.mean(left)).sum())
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * error)
    return Interval(float(value), max(bounds[0], value - half), min(bounds[1], value + half))
