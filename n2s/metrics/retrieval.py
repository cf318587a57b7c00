"""Where the true candidate stands among all: ranks, and the scores made from them."""

import numpy as np
import torch
from torch import Tensor

# 16 M comparisons a chunk: 16 MB of booleans, whatever the number of windows
_CHUNK = 2**24


def ranks(
    scores: np.ndarray | Tensor, target: np.ndarray | Tensor, allowed: np.ndarray | Tensor | None = None
) -> np.ndarray | Tensor:
    """Rank of the true candidate of each window: 0 is the best, ``k - 1`` the last.

    Ties count against us: a candidate that scores the same as the true one stands before it, so that constant scores
    give the last rank. So does a candidate whose score is not a number; where the true one's is not, the rank is the
    last.

    Parameters
    ----------
    scores
        (n, k) The higher, the better. A torch tensor may be on any device.
    target
        (n,) Index of the true candidate.
    allowed
        (n, k) Which candidates each window is ranked among, its own always; by default all.

    Returns
    -------
    (n,) integers, of the same library (and device) as ``scores``.

    Raises
    ------
    ValueError
        The shapes do not fit, or a target is no candidate.
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
        found.append(before.sum(1) - 1)  # less itself
    return lib.concatenate(found)


def ranks_of_many(scores: np.ndarray, asked: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    """Ranks (m, n), as `ranks`, of m candidates of each window; -1 where ``asked`` is.

    Parameters
    ----------
    scores
        (n, k) The higher, the better.
    asked
        (m, n) Index of the candidates whose rank is wanted; -1: of none.
    allowed
        (n, k) Which candidates each window is ranked among; by default all.
    """
    found = np.empty(asked.shape, np.int32)
    for i, row in enumerate(scores):
        among = np.sort(row if allowed is None else row[allowed[i]])  # what is no number stands last, above all
        own = row[asked[:, i]]
        less = np.where(np.isnan(own), 0, np.searchsorted(among, own))
        found[:, i] = len(among) - 1 - less
    return np.where(asked == -1, -1, found)


def topk_accuracy(ranks: np.ndarray | Tensor, k: int) -> float | np.ndarray:
    """Share of windows whose true candidate is among the first ``k``: ranks (..., n) -> (...)."""
    return (_numpy(ranks) < k).mean(axis=-1)


def median_rank(ranks: np.ndarray | Tensor) -> float | np.ndarray:
    """Median over windows, 0 is the best: ranks (..., n) -> (...)."""
    return np.median(_numpy(ranks), axis=-1)


def mean_reciprocal_rank(ranks: np.ndarray | Tensor) -> float | np.ndarray:
    """Mean of 1 / (rank + 1), 1 is the best: ranks (..., n) -> (...)."""
    return (1 / (_numpy(ranks) + 1)).mean(axis=-1)


def _numpy(values: np.ndarray | Tensor) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
