"""What a decoder that knows nothing scores: exact chance, shuffled brain, and ties drawn at random."""

import numpy as np
from scipy import stats

from n2s.metrics.retrieval import ranks


def chance_accuracy(k: int, n_candidates: int) -> float:
    """Top-k accuracy of a guess, exact."""
    return min(k, n_candidates) / n_candidates


def chance_median_rank(n_candidates: int) -> float:
    """Expected median rank (0 the best) of guesses, exact: ranks are uniform."""
    return (n_candidates - 1) / 2


def chance_reciprocal_rank(n_candidates: int) -> float:
    """Mean reciprocal rank of a guess, exact: the harmonic number of k over k."""
    return float((1 / np.arange(1, n_candidates + 1)).mean())


def chance_bounds(n_windows: int, probability: float, *, level: float = 0.999) -> tuple[float, float]:
    """Least and greatest accuracy that chance gives over ``n_windows`` independent windows, with ``level`` certainty.

    The two-sided binomial range: at most ``(1 - level) / 2`` of the probability lies beyond either end.
    """
    tail = (1 - level) / 2
    low, high = stats.binom.ppf([tail, 1 - tail], n_windows, probability)
    return float(low) / n_windows, float(high) / n_windows


def is_chance(accuracy: float, n_windows: int, probability: float, *, level: float = 0.999) -> bool:
    """Whether an accuracy lies inside `chance_bounds`."""
    low, high = chance_bounds(n_windows, probability, level=level)
    return low - 1e-9 <= accuracy <= high + 1e-9  # 3 / 10 must equal 0.3, however it was averaged


def ranks_ties_at_random(scores: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ranks (n,) of a control: as `ranks`, but ties are drawn at random.

    A model's ties count against it. A control's must not: one that cannot tell candidates apart (no-brain, where all
    segments last equally long) is a guess, and would stand at zero, below chance, to the model's advantage.
    """
    worst = ranks(scores, target)
    best = scores.shape[1] - 1 - ranks(-scores, target)
    return rng.integers(best, worst, endpoint=True)


def mismatched(target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random permutation (n,) of windows that gives as few as possible the true candidate they had.

    Windows are laid in a circle, those with the same target side by side and in random order, and each takes the
    place as many steps on as the largest such group has members: no window then meets its own group, unless that
    group holds more than half of all windows.
    """
    _, group, sizes = np.unique(target, return_inverse=True, return_counts=True)
    circle = np.lexsort((rng.random(len(target)), rng.permutation(len(sizes))[group]))
    permutation = np.empty(len(target), dtype=np.int64)
    permutation[circle] = np.roll(circle, -int(sizes.max()))
    return permutation


def shuffled_ranks(
    scores: np.ndarray,
    target: np.ndarray,
    subject: np.ndarray,
    *,
    n_permutations: int = 200,
    seed: int = 0,
    group: np.ndarray | None = None,
) -> np.ndarray:
    """Ranks (p, n) when each window is scored with the brain of another window of the same subject.

    Everything but the match of brain and speech is kept: the scores, their preference for some candidates, the
    targets, the number of windows of each subject. As no window keeps its true candidate (where that is possible), a
    perfect decoder scores a little below chance here: ``(k - 1) / (K - 1)`` of K candidates instead of ``k / K``.

    Parameters
    ----------
    scores
        (n, k) of the model.
    target
        (n,) Index of the true candidate.
    subject
        (n,) Windows are exchanged within a subject only.
    n_permutations
        p.
    seed
        Of the permutations.
    group
        (n,) Windows whose scores know of each other: none takes the place of another. By default those of one target.
    """
    rng = np.random.default_rng(seed)
    group = target if group is None else group
    members = [np.flatnonzero(subject == name) for name in np.unique(subject)]
    shuffled = np.empty((n_permutations, len(target)), dtype=np.int32)
    for p in range(n_permutations):
        asked = np.empty_like(target)  # of each row of scores: the candidate whose rank we want
        window = np.empty_like(target)  # and the window that it is the true one of
        for rows in members:
            permutation = mismatched(group[rows], rng)
            window[rows[permutation]] = rows
            asked[rows[permutation]] = target[rows]
        shuffled[p, window] = ranks(scores, asked)
    return shuffled
