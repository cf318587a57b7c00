"""Word vectors from the training stories alone: which words keep company there."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from n2s.errors import UserError
from n2s.features.text_encoders.encoder import TextEncoder
from n2s.options import check_options

_SMOOTHED = 0.75  # power of the counts of neighbours: rare ones are not overrated (Levy et al. 2015)
_COMMON = 1e-3  # words that are more frequent than this weigh less than half (Arora et al. 2017)


class PPMIVectors(TextEncoder):
    """Positive pointwise mutual information of words that are near each other in the training stories, and its singular vectors.

    Needs no download, no GPU and a second. It knows what these stories tell, not the language: words that they lack have no vector. A text is
    the sum of its words' vectors, frequent words less, without what every text of these stories has. The order of words is lost.

    Parameters
    ----------
    n_features
        Length of a vector; shorter where there are fewer words.
    reach
        Neighbours: words at most so many places away, on either side.

    References
    ----------
    Levy, Goldberg and Dagan 2015, TACL 3:211 (counts that rival word2vec on small corpora); Arora et al. 2017, ICLR (weights of words).

    Examples
    --------
    >>> from n2s.features import PPMIVectors
    >>> vectors = PPMIVectors(2)
    >>> vectors.learn([["the", "cat", "sat", "on", "the", "mat"], ["the", "dog", "sat", "on", "the", "rug"]])
    >>> vectors.words(["cat", "dog"]).shape
    (2, 2)
    """

    def __init__(self, n_features: int = 100, *, reach: int = 5) -> None:
        check_options("PPMIVectors: ", low=1, whole=True, n_features=n_features, reach=reach)
        self._n_features, self.reach = n_features, reach
        self._places: dict[str, int] | None = None
        self._vectors = np.zeros((0, 0))

    @property
    def name(self) -> str:
        """See `TextEncoder`."""
        return "PPMI word vectors of the training stories"

    def settings(self) -> dict:
        """See `TextEncoder`."""
        return {"class": type(self).__name__, "n_features": self._n_features, "reach": self.reach}

    def learn(self, stories: Sequence[Sequence[str]]) -> None:
        """See `TextEncoder`."""
        counts = Counter(word for story in stories for word in story)
        if not counts:
            raise UserError("PPMI word vectors are learned from training stories; these have no words.")
        vocabulary = sorted(counts)
        self._places = {word: place for place, word in enumerate(vocabulary)}
        vectors = _unit(self._learned(stories, len(vocabulary)))
        share = np.array([counts[word] for word in vocabulary], np.float64) / counts.total()
        vectors *= (_COMMON / (_COMMON + share))[:, None]
        # a text's words are drawn from these: without their mean, two texts are as likely unlike as alike
        self._vectors = vectors - share @ vectors if len(vocabulary) > 1 else vectors

    def spans(self, words: Sequence[str], first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """See `TextEncoder`."""
        if self._places is None:
            raise UserError(
                "PPMI word vectors have not learned yet. Call learn() with the words of the training stories."
            )
        blank = np.zeros((1, self._vectors.shape[1]))
        table = np.concatenate([self._vectors, blank])
        rows = table[[self._places.get(word, -1) for word in words]] if len(words) else blank[:0]
        known = np.array([0, *np.cumsum([word in self._places for word in words])])
        sums = np.concatenate([blank, np.cumsum(rows, axis=0)])
        first, last = np.asarray(first, int), np.maximum(np.asarray(last, int), first)
        texts = sums[last] - sums[first]
        texts[known[last] == known[first]] = 0  # rounding is no meaning
        return _unit(texts).astype(np.float32)

    def _learned(self, stories: Sequence[Sequence[str]], n_words: int) -> np.ndarray:
        """(w, f) singular vectors of the words, by the roots of their singular values."""
        found, near = [], []
        for story in stories:
            ids = np.array([self._places[word] for word in story], int)
            for step in range(1, self.reach + 1):
                found += [ids[:-step], ids[step:]]
                near += [ids[step:], ids[:-step]]
        pairs = (np.concatenate(found), np.concatenate(near))
        counts = sparse.csr_array((np.ones(len(pairs[0])), pairs), shape=(n_words, n_words))
        counts.sum_duplicates()
        if not counts.nnz:
            return np.zeros((n_words, 1))
        own, smooth = np.asarray(counts.sum(1)), np.asarray(counts.sum(0)) ** _SMOOTHED
        entries = counts.tocoo()
        expected = own[entries.row] * smooth[entries.col] / smooth.sum()
        information = np.maximum(np.log(entries.data / expected), 0)
        matrix = sparse.csr_array((information, (entries.row, entries.col)), shape=counts.shape)
        if n_words <= max(4, self._n_features + 1):
            left, values, _ = np.linalg.svd(matrix.toarray())
        else:
            left, values, _ = svds(matrix, k=self._n_features, v0=np.ones(n_words) / np.sqrt(n_words))
            left, values = left[:, ::-1], values[::-1]
        left, values = left[:, : self._n_features], values[: self._n_features]
        return left * np.sqrt(np.where(values > 1e-9 * values.max(initial=0), values, 0))


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 1e-12, length, 1) * (length > 1e-12)
