"""Do raters agree? Krippendorff's alpha for ordinal ratings, and rank correlations between pairs."""

from itertools import combinations

import numpy as np
from scipy import stats


def coincidences(ratings: np.ndarray, n_levels: int) -> np.ndarray:
    """Count how often each pair of ratings occurs in one unit: one table per unit.

    Parameters
    ----------
    ratings
        (r, u) for r raters and u units: 1 to ``n_levels``, NaN where there is no rating.
    n_levels
        v: number of levels of the scale.

    Returns
    -------
    (u, v, v) symmetric; each sums to the unit's number of ratings, or to 0 if it has fewer than two.
    """
    counts = (ratings[..., None] == np.arange(1, n_levels + 1)).sum(0).astype(np.float64)  # (u, v)
    n_ratings = counts.sum(1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(n_levels)
    return pairs / np.maximum(n_ratings - 1, 1)[:, None, None]


def alpha_of(tables: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for ordinal data, from coincidences summed over units: (..., v, v) -> (...).

    Krippendorff 2011, Computing Krippendorff's alpha-reliability. 1: full agreement, 0: chance agreement, below 0:
    systematic disagreement; NaN if all ratings are the same: agreement is then not defined.
    """
    marginal = tables.sum(-1)  # (..., v)
    n = marginal.sum(-1)
    # ordinal distance of two levels: the number of ratings between them; ratings at the two levels count half
    place = np.cumsum(marginal, -1) - marginal / 2
    distance = (place[..., :, None] - place[..., None, :]) ** 2
    observed = (tables * distance).sum((-1, -2))
    expected = (marginal[..., :, None] * marginal[..., None, :] * distance).sum((-1, -2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * observed / expected, np.nan)


def pairwise_spearman(ratings: np.ndarray, *, at_least: int = 3) -> dict[tuple[int, int], float]:
    """Rank correlation of each pair of raters over the units that both rated.

    Pairs with fewer than ``at_least`` common units are left out, and pairs where one rater gave them all the same rating.

    Parameters
    ----------
    ratings
        (r, u), NaN where there is no rating.
    at_least
        Minimum number of common units of a pair.
    """
    found = {}
    for one, other in combinations(range(len(ratings)), 2):
        both = ratings[[one, other]][:, np.isfinite(ratings[[one, other]]).all(0)]
        if both.shape[1] >= at_least and (np.ptp(both, axis=1) > 0).all():
            found[one, other] = float(stats.spearmanr(*both).statistic)
    return found
