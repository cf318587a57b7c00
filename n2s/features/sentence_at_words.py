"""The vector of a whole sentence, put at each of its words."""

import numpy as np

from n2s.features.rates import At, check_at, in_order, moments
from n2s.features.sentence import TextFeature
from n2s.features.text_at_words import TextAtWords
from n2s.studies.study import Impulses, Stimulus


class SentenceAtWords(TextAtWords):
    """A text model's vector of the sentence that a word is in (LaBSE), at the word; words of no sentence are sentences of their own.

    Words that come in the sentence are read, too: it tells what is said, not what was understood at the time. A sentence that a border of
    a split cuts is two: nothing is read across it. For the words up to now: `n2s.features.TextAtWords`.

    Parameters
    ----------
    text
        Such as `SentenceEmbedding`.
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import HashedBagOfWords, SentenceAtWords, example_stimulus
    >>> found = SentenceAtWords(HashedBagOfWords(16)).extract(example_stimulus())
    >>> found.values.shape, bool((found.values[0] == found.values[3]).all())  # words of one sentence
    ((4, 16), True)
    """

    version = 2  # a sentence that is said again is read by itself each time

    def __init__(self, text: TextFeature, *, at: At = "middle") -> None:
        super().__init__(text)
        self.at = check_at(at, type(self).__name__)

    def settings(self) -> dict:
        """The text model, and where in the word."""
        return {key: value for key, value in super().settings().items() if key != "n_words"}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, f), one for each word; equal sentences are embedded once."""
        words = self.heard(stimulus, start_s, stop_s)
        if not len(words):
            return Impulses(np.zeros((0, self.n_features), np.float32), np.zeros(0))
        sentence = _sentences(words.sequence.to_numpy())
        texts = words.text.groupby(sentence).agg(" ".join)
        unique = sorted(set(texts), key=lambda one: (len(one), one))
        place = {text: i for i, text in enumerate(unique)}
        rows = [place[texts[one]] for one in sentence]
        return in_order(self.text.embed(unique)[rows].astype(np.float32), moments(words, self.at))


def _sentences(sequence: np.ndarray) -> np.ndarray:
    """(n,) The number of each word's sentence: a run of words of one sequence; a word without one is a sentence of its own.

    A sequence is the id of a text: a sentence that is said again has the same one, and is read by itself each time.
    """
    known = np.flatnonzero(sequence != "")
    begins = np.ones(len(sequence), bool)
    begins[known[1:]] = sequence[known[1:]] != sequence[known[:-1]]
    found = np.arange(len(sequence))
    found[known] = known[begins[known]][np.cumsum(begins[known]) - 1]
    return found
