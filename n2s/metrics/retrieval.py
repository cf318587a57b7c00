"""Ranks of the true candidate, and the scores computed from them."""

import numpy as np
import torch
from torch import Tensor

# 16 M comparisons per chunk: 16 MB of booleans, for any number of windows
_CHUNK = 2**24


def ranks(
    scores: np.ndarray | Tensor, target: np.ndarray | Tensor, allowed: np.ndarray | Tensor | None = None
) -> np.ndarray | Tensor:
    """Rank of the true candidate of each window: 0 is the best, ``k - 1`` the last.

    Ties count as errors: a candidate with the same score as the true one ranks before it, so that constant scores give
    the last rank. A candidate whose score is NaN also ranks before it; if the true one's score is NaN, the rank is the
    last.

    Parameters
    ----------
    scores
        (n, k) Higher is better. A torch tensor may be on any device.
    target
        (n,) Index of the true candidate.
    allowed
        (n, k) The candidates that each window is ranked among, always including its own; by default all.

    Returns
    -------
    (n,) integers, in the same library (and on the same device) as ``scores``.

    Raises
    ------
    ValueError
        The shapes do not match, or a target is not a candidate.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.retrieval import ranks, topk_accuracy
    >>> scores = np.array([[0.9, 0.1, 0.3], [0.8, 0.2, 0.5]])  # two windows, three candidates
    >>> found = ranks(scores, np.array([0, 1]))  # the true ones: first and second
    >>> found.tolist(), float(topk_accuracy(found, 1))
    ([0, 2], 0.5)
    """
    if scores.ndim != 2 or tuple(target.shape) != (len(scores),):
        raise ValueError(f"scores (n, k) and target (n,) do not fit: {tuple(scores.shape)} and {tuple(target.shape)}.")
    n, k = scores.shape
    if n and not (int(target.min()) >= 0 and int(target.max()) < k):
        raise ValueError(f"target holds {int(target.min())} to {int(target.max())}; there are {k} candidates, from 0.")
    lib = torch if isinstance(scores, Tensor) else np
    rows = max(1, _CHUNK // max(k, 1))
    found = []
    for start in range(0, max(n, 1), rows):
        chunk, true = scores[start : start + rows], target[start : start + rows]
        own = chunk[lib.arange(len(chunk)), true][:, None]
        before = ~(chunk < own)  # not less: equal, more, or not a number
        if allowed is not None:
            before &= allowed[start : start + rows]
        found.append(before.sum(1) - 1)  # minus itself
    return lib.concatenate(found)


def ranks_of_many(scores: np.ndarray, asked: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    """Ranks (m, n) of m candidates of each window, like `ranks`; -1 where ``asked`` is -1.

    Parameters
    ----------
    scores
        (n, k) Higher is better.
    asked
        (m, n) Indices of the candidates to rank; -1: none.
    allowed
        (n, k) The candidates that each window is ranked among; by default all.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.retrieval import ranks_of_many
    >>> scores = np.array([[0.9, 0.1, 0.3]])
    >>> ranks_of_many(scores, np.array([[0], [1], [2]])).ravel().tolist()
    [0, 2, 1]
    """
    found = np.empty(asked.shape, np.int32)
    for i, row in enumerate(scores):
        among = np.sort(row if allowed is None else row[allowed[i]])  # NaN ranks first, above all scores
        own = row[asked[:, i]]
        less = np.where(np.isnan(own), 0, np.searchsorted(among, own))
        found[:, i] = len(among) - 1 - less
    return np.where(asked == -1, -1, found)


def topk_accuracy(ranks: np.ndarray | Tensor, k: int) -> float | np.ndarray:
    """Share of windows whose true candidate is among the first ``k``: ranks (..., n) -> (...).

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.retrieval import topk_accuracy
    >>> float(topk_accuracy(np.array([0, 3, 12, 8]), 10))
    0.75
    """
    return (_numpy(ranks) < k).mean(axis=-1)


def median_rank(ranks: np.ndarray | Tensor) -> float | np.ndarray:
    """Median over windows, 0 is the best: ranks (..., n) -> (...).

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.retrieval import median_rank
    >>> float(median_rank(np.array([0, 3, 12])))
    3.0
    """
    return np.median(_numpy(ranks), axis=-1)


def mean_reciprocal_rank(ranks: np.ndarray | Tensor) -> float | np.ndarray:
    """Mean of 1 / (rank + 1), 1 is the best: ranks (..., n) -> (...).

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics.retrieval import mean_reciprocal_rank
    >>> float(mean_reciprocal_rank(np.array([0, 1, 3])).round(3))
    0.583
    """
    return (1 / (_numpy(ranks) + 1)).mean(axis=-1)


def _numpy(values: np.ndarray | Tensor) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
