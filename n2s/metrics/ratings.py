"""Listeners' ratings of methods: means over raters and clips, comparisons of methods, agreement."""

from itertools import combinations

import numpy as np
from scipy import stats

from n2s.metrics.agreement import alpha_of, coincidences, pairwise_spearman
from n2s.metrics.controls import holm

#: The scale: 1 "not similar at all" to 7 "identical".
N_LEVELS = 7

_CHUNK = 500  # resamplings at once: 28 pairs of methods and 200 clips stay below 25 MB


def summarize_ratings(
    ratings: np.ndarray,
    *,
    raters: list[str],
    methods: list[str],
    seed: int = 0,
    n_bootstrap: int = 5000,
    n_permutations: int = 20000,
) -> dict:
    """Summarize ratings: means with intervals, paired comparisons and agreement, as plain JSON types.

    Intervals are 95% intervals over raters and clips of the same kind: both are resampled with replacement (Owen 2007,
    Ann. Appl. Stat. 1:386), and Student's t widens the interval if raters are few; `benchmarks/coverage_clips.py`
    measures the coverage. A single rater is not resampled; the interval is then over clips alone. The test of two
    methods exchanges them clip by clip, for all raters at once: raters heard the same sounds, and their ratings of a clip
    are not independent. The test is about these raters; the interval covers other raters too.

    Parameters
    ----------
    ratings
        (r, c, m) for r raters, c clips and m methods: 1 to `N_LEVELS`, NaN where there is no rating.
    raters, methods
        Names, r and m.
    seed
        Seed for all draws.
    n_bootstrap, n_permutations
        Resamplings of an interval; permutations of a test, if there are too many to try all.

    Returns
    -------
    ``methods``: ``mean``, ``low``, ``high``, ``n`` ratings, ``counts`` of each level, ``per_rater`` means (None: no
    rating). ``pairs``, for each two methods ``first`` and ``second`` over the clips rated for both: ``difference`` of the
    means, ``low``, ``high``, ``n_clips``, ``p`` (two-sided) and ``p_holm`` (corrected for the number of pairs); None: no rater
    rated both for one clip, and the pair does not count in the correction.
    ``agreement``: ordinal ``alpha`` with ``low`` and ``high`` (over clips), and ``spearman``, the mean over ``n_pairs``
    pairs of raters with ``lowest`` and ``highest``; None if it is not defined.
    """
    ratings = np.asarray(ratings, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = _resampled(ratings, rng, n_bootstrap)
    by_method = {}
    for i, name in enumerate(methods):
        given = ratings[:, :, i]
        by_method[name] = {
            **_measured(given, means[:, i], (1, N_LEVELS)),
            "counts": [int((given == level).sum()) for level in range(1, N_LEVELS + 1)],
            "per_rater": {rater: _mean(given[j]) for j, rater in enumerate(raters)},
        }
    return {
        "scale": [1, N_LEVELS],
        "n_raters": len(raters),
        "n_clips": ratings.shape[1],
        "n_ratings": int(np.isfinite(ratings).sum()),
        "interval": "95%, raters and clips drawn anew" if len(raters) > 1 else "95%, clips drawn anew; one rater",
        "seed": seed,
        "methods": by_method,
        "pairs": _pairs(ratings, methods, rng, n_bootstrap=n_bootstrap, n_permutations=n_permutations),
        "agreement": _agreement(ratings, rng, n_bootstrap),
    }


def exchange_test(difference: np.ndarray, rng: np.random.Generator, n_permutations: int) -> float:
    """Two-sided p of the mean difference of two methods, by exchanging their names clip by clip.

    All 2^c exchanges are tried if these are at most ``n_permutations``; otherwise ``n_permutations`` are drawn, and the
    observed one counts among them, so that p is never 0.

    Parameters
    ----------
    difference
        (r, c) Differences of ratings, whole numbers; NaN where one of the two is missing.
    rng, n_permutations
        Random generator, and number of draws.
    """
    of_clips = np.nansum(difference, axis=0)
    n_clips = len(of_clips)
    if 2**n_clips <= n_permutations:
        signs = 1 - 2 * ((np.arange(2**n_clips)[:, None] >> np.arange(n_clips)) & 1)
        return float((np.abs(signs @ of_clips) >= abs(of_clips.sum())).mean())
    signs = 1 - 2 * rng.integers(0, 2, (n_permutations, n_clips), dtype=np.int8)
    as_large = (np.abs(signs @ of_clips) >= abs(of_clips.sum())).sum()
    return float((1 + as_large) / (1 + n_permutations))


def _pairs(
    ratings: np.ndarray, methods: list[str], rng: np.random.Generator, *, n_bootstrap: int, n_permutations: int
) -> list[dict]:
    pairs = list(combinations(range(len(methods)), 2))
    rows = []
    for a, b in pairs:
        difference = ratings[:, :, a] - ratings[:, :, b]
        draws = _resampled(difference[..., None], rng, n_bootstrap)[:, 0]
        found = _measured(difference, draws, (1 - N_LEVELS, N_LEVELS - 1))
        rows.append(
            {"first": methods[a], "second": methods[b], "difference": found.pop("mean"), **found}
            | {"n_clips": int(np.isfinite(difference).any(0).sum())}
            | {
                "p": exchange_test(difference, rng, n_permutations) if np.isfinite(difference).any() else None,
                "p_holm": None,
            }
        )
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm(np.array([row["p"] for row in tested])).tolist(), strict=True):
        row["p_holm"] = p
    return rows


def _agreement(ratings: np.ndarray, rng: np.random.Generator, n_bootstrap: int) -> dict:
    n_raters, n_clips, n_methods = ratings.shape
    tables = coincidences(ratings.reshape(n_raters, -1), N_LEVELS)
    by_clip = tables.reshape(n_clips, n_methods, N_LEVELS, N_LEVELS).sum(1)
    draws = alpha_of(np.einsum("nc,cij->nij", _drawn(n_clips, n_bootstrap, rng), by_clip))
    alpha = float(alpha_of(by_clip.sum(0)))
    found = {"alpha": None, "low": None, "high": None}
    if np.isfinite(alpha):
        found = {"alpha": alpha, **_ends(draws)}
    spearman = list(pairwise_spearman(ratings.reshape(n_raters, -1)).values())
    return found | {
        "spearman": float(np.mean(spearman)) if spearman else None,
        "lowest": min(spearman, default=None),
        "highest": max(spearman, default=None),
        "n_pairs": len(spearman),
    }


def _resampled(values: np.ndarray, rng: np.random.Generator, n_draws: int) -> np.ndarray:
    """Means (n_draws, m) of (r, c, m) with resampled raters and clips; NaN where a draw has no value."""
    present = np.isfinite(values)
    both = np.stack([np.where(present, values, 0), present])  # (2, r, c, m)
    n_raters, n_clips = values.shape[:2]
    means = np.empty((n_draws, values.shape[2]))
    for first in range(0, n_draws, _CHUNK):
        n = min(_CHUNK, n_draws - first)
        raters, clips = _drawn(n_raters, n, rng), _drawn(n_clips, n, rng)
        total, count = np.einsum("nc,sncm->snm", clips, np.einsum("nr,srcm->sncm", raters, both))
        means[first : first + n] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def _drawn(n: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Count how often each of n is drawn, (n_draws, n): n - 1 draws each time, so that the variance of a mean is unbiased.

    With n draws it would be too small by the factor (n - 1) / n, a third too small for three raters (McCarthy & Snowden 1985, Vital Health
    Stat. 2:95).
    """
    return rng.multinomial(max(1, n - 1), np.full(n, 1 / n), n_draws).astype(np.float64)


def _measured(values: np.ndarray, draws: np.ndarray, bounds: tuple[float, float]) -> dict:
    n, mean = int(np.isfinite(values).sum()), _mean(values)
    ends = {"low": None, "high": None}
    if n:
        wider = stats.t.ppf(0.975, _freedom(values)) / stats.norm.ppf(0.975)
        ends = {end: float(np.clip(mean + wider * (value - mean), *bounds)) for end, value in _ends(draws).items()}
    return {"mean": mean, **ends, "n": n}


def _freedom(values: np.ndarray) -> float:
    """Degrees of freedom of the variance of a mean over raters and clips, ``(r, c)`` (Satterthwaite); NaN: no rating.

    If raters are the main source of variance, they are hardly more than the number of raters minus one: quantiles of
    resamplings do not account for the uncertainty of only three raters.
    """
    found = []
    for axis in (1, 0):
        rated = np.isfinite(values).any(axis)
        means = np.nanmean(values[rated] if axis else values[:, rated], axis=axis)
        if len(means) > 1:
            found.append((float(means.var(ddof=1)) / len(means), len(means) - 1))
    total = sum(variance for variance, _ in found)
    return total**2 / sum(variance**2 / n for variance, n in found) if total else np.inf


def _ends(draws: np.ndarray) -> dict:
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return {"low": float(low), "high": float(high)}


def _mean(values: np.ndarray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
