"""Which words may come next: the nucleus of a language model, without repetitions."""

from collections.abc import Sequence

import numpy as np

from n2s.features.story_words.rules import TextRules


def nucleus(log_probabilities: np.ndarray, mass: float = 0.9, ratio: float = 0.1) -> np.ndarray:
    """(h, v) log-probabilities -> (h, v) bool: the words that are probable enough.

    Those with at least ``ratio`` of the highest probability, the most probable first, up to the one with which their sum reaches
    ``mass``. There is always one.
    """
    probability = np.exp(log_probabilities - log_probabilities.max(1, keepdims=True))
    order = np.argsort(-probability, axis=1, kind="stable")
    ranked = np.take_along_axis(probability, order, 1)
    total = np.exp(-log_probabilities.max(1, keepdims=True))  # of all words, in the scale of the most probable one
    before = np.cumsum(ranked, axis=1) - ranked
    kept = (ranked >= ratio) & (before < mass * total)
    found = np.empty_like(kept)
    np.put_along_axis(found, order, kept, 1)
    return found


class Repetitions:
    """What a text must not repeat in the last words: a pair of words, or a content word in any of its forms.

    Parameters
    ----------
    vocabulary
        The words.
    rules
        Stems and stop words of their language.
    """

    def __init__(self, vocabulary: Sequence[str], rules: TextRules):
        self._stem = np.unique([rules.stem(word) for word in vocabulary], return_inverse=True)[1]
        self._content = np.array([word not in rules.stop_words for word in vocabulary])

    def allowed(self, context: np.ndarray) -> np.ndarray:
        """(h, l) numbers of the last words, -1 before the first -> (h, v) bool."""
        n, length = context.shape
        rows = np.arange(n)[:, None]
        known = context >= 0
        stems = np.zeros((n, self._stem.max(initial=0) + 2), bool)
        content = known & self._content[context]
        stems[rows, np.where(content, self._stem[context], -1)] = True  # the last column is of no stem
        found = ~(stems[:, self._stem] & self._content)
        if length > 1:
            again = known[:, :-1] & (context[:, :-1] == context[:, -1:])
            at, place = np.nonzero(again)
            found[at, context[at, place + 1]] = False
        return found
