"""Whether a decoded clip is told from others: N-way identification, exact over all draws of distractors.

A window of rank r among k candidates beats ``k - 1 - r`` of the others. It is the first of N candidates, the true one and
N - 1 drawn from the others without replacement, with the probability ``C(k - 1 - r, N - 1) / C(k - 1, N - 1)``: nothing is
sampled. For N = 2 this is the pairwise identification of bdpy, ``(k - 1 - r) / (k - 1)``; ties count as wrong there and
here.
"""

from collections.abc import Sequence

import numpy as np

from n2s.metrics.clip_scores import summarize_clips
from n2s.metrics.controls import ranks_ties_at_random, shuffled_ranks
from n2s.metrics.correlation import unit
from n2s.metrics.retrieval import ranks

N_WAYS = (2, 5, 10, 50)


def correlations(predicted: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Pearson correlation over dimensions of each prediction with each candidate, ``(n, d), (k, d) -> (n, k)``.

    0 where either never changes. Bring dimensions of different scale to one before (z-scored on training data).
    """
    if predicted.ndim != 2 or candidates.ndim != 2 or predicted.shape[1] != candidates.shape[1]:
        raise ValueError(f"predicted is {predicted.shape}, candidates {candidates.shape}; expected (n, d) and (k, d).")
    return unit(predicted, 1) @ unit(candidates, 1).T


def n_way_accuracy(ranks: np.ndarray, n_candidates: int, n_way: int) -> np.ndarray:
    """Probability that the true candidate is first of ``n_way``: ranks (..., n), 0 the best -> (..., n)."""
    if not 2 <= n_way <= n_candidates:
        raise ValueError(f"{n_way}-way identification among {n_candidates} candidates; expected 2 to {n_candidates}.")
    beaten, drawn = n_candidates - 1 - np.arange(n_candidates)[:, None], np.arange(n_way - 1)
    by_rank = (np.maximum(beaten - drawn, 0) / (n_candidates - 1 - drawn)).prod(1)
    return by_rank[np.asarray(ranks)]


def identification(true: np.ndarray, decoded: np.ndarray, n_way: int) -> float:
    """Share of clips that their decoded feature finds among ``n_way``, by correlation; ``1 / n_way`` is chance.

    The mean over clips, and over all draws of the ``n_way - 1`` other clips.

    Parameters
    ----------
    true, decoded
        (n, d) Row i of both is of clip i. Bring dimensions of different scale to one before.
    n_way
        2 (pairwise identification) to n (top-1 accuracy).

    Raises
    ------
    ValueError
        Shapes that do not fit, NaN or infinity, or an ``n_way`` out of range.
    """
    true, decoded = np.asarray(true), np.asarray(decoded)
    if true.ndim != 2 or true.shape != decoded.shape:
        raise ValueError(f"true is {true.shape}, decoded {decoded.shape}; expected (n, d), both the same.")
    for name, values in (("true", true), ("decoded", decoded)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity.")
    found = ranks(correlations(decoded, true), np.arange(len(true)))
    return float(n_way_accuracy(found, len(true), n_way).mean())


def identification_ranks(
    predicted: np.ndarray,
    candidates: np.ndarray,
    target: np.ndarray,
    subject: np.ndarray,
    *,
    train_mean: np.ndarray,
    ceiling: np.ndarray | None = None,
    n_permutations: int = 200,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Ranks of the true clip by correlation, of the model and its controls.

    Parameters
    ----------
    predicted
        (n, d) Decoded feature of each window.
    candidates
        (k, d) True feature of each clip, every clip once: two equal ones would tie, and ties count as wrong.
    target
        (n,) Index of the true candidate.
    subject
        (n,) Responses are exchanged within a subject only.
    train_mean
        (d,) Mean of the training targets: the prediction that needs no brain.
    ceiling
        (n, d) What the best possible decoder would give.
    n_permutations, seed
        Of the exchanges.

    Returns
    -------
    ``model`` (n,), ``shuffled`` (p, n), ``mean_prediction`` (n,) and, where given, ``ceiling`` (n,).
    """
    scores, rng = correlations(predicted, candidates), np.random.default_rng(seed)
    constant = np.broadcast_to(correlations(train_mean[None], candidates), scores.shape)
    found = {
        "model": ranks(scores, target),
        "shuffled": shuffled_ranks(scores, target, subject, n_permutations=n_permutations, seed=seed),
        # a mean of z-scored targets is zero and ties with all: drawn at random, it stands at chance
        "mean_prediction": ranks_ties_at_random(constant, target, rng),
    }
    return found if ceiling is None else found | {"ceiling": ranks(correlations(ceiling, candidates), target)}


def summarize_identification(
    found: dict[str, np.ndarray], subject: np.ndarray, n_candidates: int, *, n_ways: Sequence[int] = N_WAYS
) -> dict[int, dict]:
    """For each N: what `n2s.metrics.clip_scores.summarize_clips` makes of the accuracy, and ``chance``, 1 / N.

    An N above the number of candidates is left out.
    """
    return {
        n_way: summarize_clips(
            {row: n_way_accuracy(values, n_candidates, n_way) for row, values in found.items()},
            subject,
            bounds=(0.0, 1.0),
        )
        | {"chance": 1 / n_way}
        for n_way in n_ways
        if n_way <= n_candidates
    }
