"""A language model of a few words: n-grams, which are learned from transcripts."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from n2s.errors import UserError

START, END = "<s>", "</s>"
MOST_TRIED = 200_000  # words after beginnings, in the search for the likeliest sequence


class NGrams:
    """Probabilities of the next word (or phone) by the last ones, each order mixed with the one below it (Witten and Bell 1991).

    ``p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))``: ``T`` counts the different words that follow ``h``, ``h'`` is ``h`` without its
    first word. Below the unigrams all words of the vocabulary are alike, so that none is impossible.

    Parameters
    ----------
    sequences
        Transcripts, as sequences of words.
    order
        Words in the longest n-gram: 1, 2, 3, ...
    vocabulary
        All words; None: those of the transcripts. The end of a sequence comes with it.

    References
    ----------
    Chen and Goodman 1999, Comput. Speech Lang. 13:359.
    """

    def __init__(self, sequences: Iterable[Sequence[str]], order: int = 3, *, vocabulary: Iterable[str] | None = None):
        if order < 1 or order % 1:
            raise UserError(f"NGrams: order is {order}; expected a whole number from 1 on.")
        sequences = [list(one) for one in sequences]
        self.order = order
        self.vocabulary = sorted({word for one in sequences for word in one} | set(vocabulary or ()))
        if not self.vocabulary:
            raise UserError("NGrams: no words to learn from. Give transcripts of training, or a vocabulary.")
        self._after: dict[tuple[str, ...], Counter] = defaultdict(Counter)
        for one in sequences:
            whole = [START] * (order - 1) + one + [END]
            for at in range(order - 1, len(whole)):
                for n in range(order):
                    self._after[tuple(whole[at - n : at])][whole[at]] += 1
        self._total = {context: sum(counts.values()) for context, counts in self._after.items()}
        self._known: dict[tuple[tuple[str, ...], str], float] = {}

    def log_prob(self, before: Sequence[str], word: str) -> float:
        """Log-probability of a word (or of `END`) after others; before the first there is nothing."""
        n = self.order - 1
        context = (*[START] * (n - len(before)), *before[len(before) - min(n, len(before)) :])
        key = context, word
        if key not in self._known:
            self._known[key] = math.log(self._prob(context, word))
        return self._known[key]

    def log_likelihood(self, words: Sequence[str]) -> float:
        """Log-probability of a whole sequence, its end included."""
        whole = [*words, END]
        return sum(self.log_prob(whole[:at], word) for at, word in enumerate(whole))

    def likeliest(self) -> tuple[str, ...]:
        """The most probable sequence of one word or more: what somebody says who knows the language, and nothing else.

        Beginnings are tried by their probability, so that the first that ends is the most probable; after `MOST_TRIED` words the best that ended.
        """
        words = [*self.vocabulary, END]
        queue: list[tuple[float, tuple[str, ...], bool]] = [(0.0, (), False)]
        for _ in range(max(2, MOST_TRIED // len(words))):
            cost, before, ended = heapq.heappop(queue)
            if ended:
                return before
            for word in words:
                if before or word != END:
                    more = (before, True) if word == END else ((*before, word), False)
                    heapq.heappush(queue, (cost - self.log_prob(before, word), *more))
        return min(one for one in queue if one[2])[1]

    def _prob(self, context: tuple[str, ...], word: str) -> float:
        below = self._prob(context[1:], word) if context else 1 / (len(self.vocabulary) + 1)
        counts = self._after.get(context)
        if not counts:
            return below
        return (counts[word] + len(counts) * below) / (self._total[context] + len(counts))
