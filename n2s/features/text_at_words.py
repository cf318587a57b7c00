"""Sentence embeddings at each word: what was said up to it."""

import numpy as np

from n2s.features.feature import ImpulseFeature
from n2s.features.rates import At, check_at, in_order, moments
from n2s.features.sentence import TextFeature
from n2s.options import check_options
from n2s.studies.study import Impulses, Stimulus


class TextAtWords(ImpulseFeature):
    """A text model's vector of each word with the words before it in its stretch, put at the word.

    With ``n_words: 1`` it is the vector of the word alone. Nothing is read across a border of a split, nor words that come.

    Parameters
    ----------
    text
        Such as `SentenceEmbedding`.
    n_words
        How many words a text has: the word itself, and those before it.
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import HashedBagOfWords, TextAtWords, example_stimulus
    >>> TextAtWords(HashedBagOfWords(16), n_words=3).extract(example_stimulus()).values.shape
    (4, 16)
    """

    contextual = True

    def __init__(self, text: TextFeature, *, n_words: int = 1, at: At = "middle") -> None:
        check_options("TextAtWords: ", low=1, whole=True, n_words=n_words)
        self.text, self.n_words, self.at = text, n_words, check_at(at, type(self).__name__)

    @property
    def n_features(self) -> int:
        """f: that of the text model."""
        return self.text.n_features

    def settings(self) -> dict:
        """The text model, the number of words, and where in the word."""
        model = {"class": type(self.text).__qualname__, "version": self.text.version, **self.text.settings()}
        return {"text": model, "n_words": self.n_words, "at": self.at}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, f), one for each word; equal texts are embedded once."""
        words = self.heard(stimulus, start_s, stop_s)
        said = words.text.tolist()
        texts = [" ".join(said[max(0, i + 1 - self.n_words) : i + 1]) for i in range(len(said))]
        unique = sorted(set(texts), key=lambda one: (len(one), one))  # of one length together: less padding
        if not unique:
            return Impulses(np.zeros((0, self.n_features), np.float32), np.zeros(0))
        place = {text: i for i, text in enumerate(unique)}
        return in_order(
            self.text.embed(unique)[[place[text] for text in texts]].astype(np.float32), moments(words, self.at)
        )

    def release(self) -> None:
        """Drop the text model."""
        self.text.release()
