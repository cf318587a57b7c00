"""Whether the true window of a story is known among its others: percentile ranks, and a test that keeps how slowly texts change."""

from typing import NamedTuple

import numpy as np

from n2s.metrics.moved_null import LEAST_MOVES

_ROUNDING = 1e-9


def percentile_ranks(similarity: np.ndarray, *, apart: int) -> tuple[np.ndarray, np.ndarray]:
    """Rank of every true window for every decoded one, among the windows of the story that do not overlap it.

    Parameters
    ----------
    similarity
        (n, n) Of decoded window i and true window j, in the order of time; NaN: no such window.
    apart
        Steps from a window to the next that does not overlap it. Those that are nearer to window j are no wrong candidates for it.

    Returns
    -------
    percentile
        (n, n) Share of the wrong candidates that are less similar to window i than window j is, ties counting half: of the true one on the
        diagonal. .5 is chance, 1 is best. NaN where there is no wrong candidate.
    n_wrong
        (n,) Wrong candidates of each true window.
    """
    similarity = np.asarray(similarity, np.float64)
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise ValueError(f"similarity is {similarity.shape}; expected (n, n): decoded by true windows.")
    n = len(similarity)
    known = np.isfinite(similarity)
    there = known.any(0)
    order = np.sort(np.where(known, similarity, np.inf), axis=1)
    below = np.empty((n, n))
    for row in range(n):  # of all windows of the story, then without those that overlap
        low = np.searchsorted(order[row], similarity[row] - _ROUNDING, side="left")
        high = np.searchsorted(order[row], similarity[row] + _ROUNDING, side="right")
        below[row] = low + (np.minimum(high, known[row].sum()) - low) / 2
    wrong = np.full(n, there.sum())
    for step in range(-min(apart, n) + 1, min(apart, n)):
        here = slice(max(0, -step), n - max(0, step))
        near = slice(max(0, step), n - max(0, -step))
        with np.errstate(invalid="ignore"):
            gap = similarity[:, here] - similarity[:, near]
        below[:, here] -= np.where(known[:, near], (gap > _ROUNDING) + (np.abs(gap) <= _ROUNDING) / 2, 0)
        wrong[here] -= there[near]
    with np.errstate(invalid="ignore", divide="ignore"):
        percentile = np.where(known & (wrong > 0), below / wrong, np.nan)
    return percentile, wrong


class Moved(NamedTuple):
    """``mean`` over windows; ``p``, one-sided; ``null``: the mean of each draw. p is NaN with fewer than `LEAST_MOVES` moves."""

    mean: float
    p: float
    null: np.ndarray


def moved_in_time(percentiles: list[np.ndarray], *, n_draws: int = 1000, seed: int = 0) -> Moved:
    """Test the mean percentile rank of the true windows against decoded stories that are moved in time.

    Neighbouring windows share words, so ranks of neighbours are alike; a move keeps that. The true story is a circle that runs forward, then
    backward, as in `n2s.metrics.moved_null`: decoded windows meet those of any other place of it. Small moves are drawn, too. (With moves of
    20 s or more along a plain circle, of independent texts 28% had p < .05 in stories of a minute, 13% in those of two and a half; here 4 to 5%.) Of
    one story each move is made once; of several, each is moved by a random move of its own in every draw.

    Parameters
    ----------
    percentiles
        (n, n) of each story, from `percentile_ranks`.
    n_draws
        Draws, if there are several stories.
    seed
        Of the draws.
    """
    sums, counts = [], []
    for one in (one for one in percentiles if len(one)):
        places = np.arange(len(one))
        circle = np.r_[places, places[::-1]]
        moved = one[places, circle[(places + np.arange(len(circle))[:, None]) % len(circle)]]  # (moves, n)
        sums.append(np.nansum(moved, axis=1))
        counts.append(np.isfinite(moved).sum(1))
    total = sum(int(one[0]) for one in counts)
    if not total:
        return Moved(np.nan, np.nan, np.zeros(0))
    mean = sum(float(one[0]) for one in sums) / total
    if np.prod([float(len(one)) for one in sums]) - 1 < LEAST_MOVES:
        return Moved(mean, np.nan, np.zeros(0))
    if len(sums) == 1:
        drawn = [np.arange(1, len(sums[0]))]
    else:
        rng = np.random.default_rng(seed)
        drawn = [rng.integers(0, len(one), n_draws) for one in sums]
    n_windows = sum(one[moves] for one, moves in zip(counts, drawn, strict=True))
    null = sum(one[moves] for one, moves in zip(sums, drawn, strict=True)) / np.maximum(n_windows, 1)
    return Moved(mean, float((1 + (null >= mean - _ROUNDING).sum()) / (1 + len(null))), null)


def own_percentiles(similarity: np.ndarray, *, apart: int) -> np.ndarray:
    """(n,) The diagonal of `percentile_ranks` alone: a hundredth of the work."""
    similarity = np.asarray(similarity, np.float64)
    places = np.arange(len(similarity))
    wrong = (np.abs(places[:, None] - places) >= apart) & np.isfinite(similarity)
    own = np.diagonal(similarity)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = own[:, None] - similarity
        below = (wrong * ((gap > _ROUNDING) + 0.5 * (np.abs(gap) <= _ROUNDING))).sum(1)
        return np.where(np.isfinite(own), below / wrong.sum(1), np.nan)
