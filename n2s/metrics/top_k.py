"""Top-k balanced accuracy: is the true class among the k likeliest? Its null by permutation within runs, and its interval over runs."""

import numpy as np

from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.label_draws import LabelPlaces, permutations


def top_k_hits(scores: np.ndarray, k: int) -> np.ndarray:
    """(n, n_classes) -> (n, n_classes): whether each class is among the k likeliest, from 0 to 1.

    Classes that are as likely share the places that are left: each order of them is as likely.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f"scores are of shape {scores.shape}; expected (n, n_classes), all finite.")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k is {k}; expected 1 to {scores.shape[1]}, the number of classes.")
    ordered = -np.sort(-scores, axis=1)
    least = ordered[:, k - 1 : k]  # the score of the k-th place
    above, there = (scores > least).sum(1, keepdims=True), (scores == least).sum(1, keepdims=True)
    return (scores > least) + (scores == least) * (k - above) / there


def top_k_balanced(labels: np.ndarray, scores: np.ndarray, k: int) -> float:
    """Mean over the classes that occur of how often the true class is among the k likeliest: chance is k / n_classes, whatever the balance.

    BAcc@k of the PNPL competition 2026, apart from ties: there the order of columns decides, here each order is as likely, so that scores
    that are all the same give chance.

    Parameters
    ----------
    labels
        (n,)
    scores
        (n, n_classes) higher for a likelier class.
    k
        Classes that count as found.
    """
    labels, hits = np.asarray(labels, np.int64), top_k_hits(scores, k)
    total, counts = _totals(labels, hits)
    return float(_mean(total, counts))


def top_k_null(
    labels: np.ndarray,
    scores: np.ndarray,
    k: int,
    runs: np.ndarray | LabelPlaces,
    n: int = 1000,
    seed: int = 0,
    circular: bool = False,
    *,
    least_shift: int = 1,
) -> np.ndarray:
    """(n,) `top_k_balanced` of the same scores with labels permuted within runs: see `n2s.metrics.classification.permutation_null`."""
    labels, hits = np.asarray(labels, np.int64), top_k_hits(scores, k)
    n_classes, rows, found = hits.shape[1], np.arange(len(hits)), np.empty(n)
    counts = np.bincount(labels, minlength=n_classes)
    for part, drawn in permutations(labels, runs, n, seed, circular, least_shift):
        cell = drawn + np.arange(len(drawn))[:, None] * n_classes
        total = np.bincount(cell.ravel(), hits[rows, drawn].ravel(), minlength=len(drawn) * n_classes)
        found[part] = _mean(total.reshape(-1, n_classes), counts)
    return found


def top_k_interval(
    labels: np.ndarray, scores: np.ndarray, k: int, unit: np.ndarray, *, level: float = 0.95
) -> Interval:
    """`top_k_balanced` of all windows with its jackknife interval over units (n,); the ends are None with fewer than two units."""
    labels, hits, which = np.asarray(labels, np.int64), top_k_hits(scores, k), np.unique(unit, return_inverse=True)[1]
    each = [_totals(labels[which == u], hits[which == u]) for u in range(which.max() + 1)]
    total, counts = (np.stack(part) for part in zip(*each, strict=True))

    def value(units: np.ndarray) -> float:
        return float(_mean(total[units].sum(0), counts[units].sum(0)))

    return jackknife_interval(value, np.arange(len(each)), level=level, bounds=(0.0, 1.0))


def _totals(labels: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n_classes,) hits of each true class, and how often it occurs."""
    if len(labels) != len(hits) or (len(labels) and not 0 <= labels.min() <= labels.max() < hits.shape[1]):
        raise ValueError(
            f"{len(labels)} labels of scores {hits.shape}; expected as many, from 0 to {hits.shape[1] - 1}."
        )
    own = hits[np.arange(len(labels)), labels]
    return np.bincount(labels, own, minlength=hits.shape[1]), np.bincount(labels, minlength=hits.shape[1])


def _mean(total: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(..., n_classes) -> (...): mean over the classes that occur."""
    occurs = counts > 0
    return (total[..., occurs] / counts[occurs]).mean(-1)
