"""How often words follow each other: what a language model can know at least, and the better part of it with little text."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

_DISCOUNT = 0.75  # Chen & Goodman 1999


class WordPairs:
    """Probabilities of a word after the one before it, of a word after two, and of a word alone: interpolated Kneser-Ney.

    Parameters
    ----------
    counts
        (v, v) How often the second followed the first; numbers of words as in `n2s.features.story_words.word_transformer`.
    alone
        (v,) How often each word came.
    """

    def __init__(self, counts: sparse.csr_matrix, alone: np.ndarray) -> None:
        self.counts, self.alone_counts = counts.tocsr().astype(np.float32), alone.astype(np.float32)
        n = len(alone)
        # Of the kinds of words before it, not of its occurrences: "Francisco" is frequent, but after "San" alone.
        kinds = np.bincount(self.counts.indices, minlength=n)[:n] + 0.5  # a word that did not come may
        kinds[0] = 0.0  # a beginning does not
        self._back = kinds / max(kinds.sum(), 1e-9)
        totals = np.asarray(self.counts.sum(1)).ravel()
        after = np.diff(self.counts.indptr)
        self._weight = np.where(totals > 0, _DISCOUNT * after / np.maximum(totals, 1), 1.0)
        self._scale = np.where(totals > 0, 1 / np.maximum(totals, 1), 0.0)

    @classmethod
    def of(cls, stories: Sequence[np.ndarray], n: int) -> "WordPairs":
        """Count in stories of word numbers below ``n``."""
        first = np.concatenate([story[:-1] for story in stories])
        second = np.concatenate([story[1:] for story in stories])
        counts = sparse.coo_matrix((np.ones(len(first), np.float32), (first, second)), (n, n)).tocsr()
        return cls(counts, np.bincount(np.concatenate(stories), minlength=n))

    def alone(self) -> np.ndarray:
        """(v,) the probability of a word without knowing the one before it."""
        return self.alone_counts / self.alone_counts.sum()

    def after(self, words: np.ndarray) -> np.ndarray:
        """(n,) numbers, -1: none -> (n, v) probabilities of the next word."""
        words = np.asarray(words)
        rows = self.counts[np.maximum(words, 0)]
        rows.data = rows.data - _DISCOUNT
        known = rows.toarray() * self._scale[np.maximum(words, 0), None]
        found = known + self._weight[np.maximum(words, 0), None] * self._back
        found[words < 0] = self.alone()
        return found

    def state(self) -> dict:
        """Plain numbers; see `load`."""
        import torch

        parts = {"indices": self.counts.indices, "indptr": self.counts.indptr, "data": self.counts.data}
        return {name: torch.from_numpy(part.copy()) for name, part in (parts | {"alone": self.alone_counts}).items()}

    @classmethod
    def load(cls, state: dict) -> "WordPairs":
        """Of `state`."""
        parts = [state[name].numpy() for name in ("data", "indices", "indptr")]
        n = len(state["alone"])
        return cls(sparse.csr_matrix(tuple(parts), shape=(n, n)), state["alone"].numpy())


def neighbour_vectors(stories: Sequence[np.ndarray], n: int, width: int, *, reach: int = 4, seed: int) -> np.ndarray:
    """(n, width) vectors of words that keep alike company: words near each other more often than by chance (positive pointwise
    mutual information of the words within ``reach``, Levy et al. 2015), by a singular value decomposition.
    """
    from sklearn.utils.extmath import randomized_svd

    near = sparse.csr_matrix((n, n), dtype=np.float64)
    for far in range(1, reach + 1):
        first = np.concatenate([story[:-far] for story in stories])
        second = np.concatenate([story[far:] for story in stories])
        weight = np.full(len(first), 1 / far)
        near = near + sparse.coo_matrix((weight, (first, second)), (n, n))
    near = (near + near.T).tocoo()
    each = np.asarray(near.sum(1)).ravel()
    smooth = each**0.75
    expected = each[near.row] * smooth[near.col] / max(smooth.sum(), 1e-9)
    more = np.log(np.maximum(near.data, 1e-9) / np.maximum(expected, 1e-9))
    kept = more > 0
    table = sparse.csr_matrix((more[kept], (near.row[kept], near.col[kept])), (n, n))
    wide = min(width, n - 1)
    left, sizes, _ = randomized_svd(table, wide, random_state=seed)
    found = np.zeros((n, width))
    found[:, :wide] = left * np.sqrt(sizes)
    return found
