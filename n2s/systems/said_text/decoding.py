"""What a network's log-probabilities say: greedily, and as words with a language model that was learned from training transcripts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from n2s.metrics.edits import edit_distances
from n2s.models.ngrams import NGrams
from n2s.models.prefix_search import Lexicon, prefix_search
from n2s.systems.said_text.said import PHONES, Said
from n2s.systems.speech.system import greedy


@dataclass(frozen=True)
class Decoded:
    """``greedy``, ``phones``: names of phones without and with the language model; ``words``, empty where the model is one of phones."""

    greedy: tuple[str, ...]
    phones: tuple[str, ...]
    words: tuple[str, ...]


class Decoder:
    """Words, or phones, of log-probabilities.

    Parameters
    ----------
    train
        Training sentences, of which the language model is learned: each text counts as often as it was said.
    said
        Word -> its pronunciations in training.
    language
        ``words`` or ``phones``: of what the language model is.
    order
        Words (phones) in its longest n-gram.
    beam, bonus
        See `n2s.models.prefix_search.prefix_search`.
    """

    def __init__(
        self,
        train: Said,
        said: Mapping[str, list[tuple[int, ...]]],
        *,
        language: str,
        order: int,
        beam: int,
        bonus: float,
    ):
        self.of_words, self.beam, self.bonus, self.weight = language == "words", beam, bonus, 1.0
        rows = np.flatnonzero(train.known)
        if self.of_words:
            self._ways = said
            self.language = NGrams([train.words[row] for row in rows], order, vocabulary=said)
        else:
            self._ways = {name: [(i + 1,)] for i, name in enumerate(PHONES)}
            self.language = NGrams([named(train.phones[row]) for row in rows], order, vocabulary=PHONES)
        self.lexicon = Lexicon(self._ways)

    def __call__(self, log_probs: np.ndarray) -> Decoded:
        """(l, k + 1) -> what it says."""
        found = prefix_search(
            log_probs, self.lexicon, self.language, weight=self.weight, bonus=self.bonus, beam=self.beam
        ).words
        phones = tuple(one for word in found for one in named(self._ways[word][0]))
        (path,) = greedy(torch.from_numpy(log_probs)[None], torch.tensor([len(log_probs)]))
        return Decoded(named(path), phones, found if self.of_words else ())

    def choose(self, weights: Sequence[float], log_probs: Sequence[np.ndarray], said: Said) -> float:
        """Set the weight of the language model with the fewest errors on validation sentences; the first of ``weights`` if there are none."""
        rows = np.flatnonzero(said.known)
        edits = []
        for weight in weights if len(rows) else ():
            self.weight = weight
            found = [self(log_probs[row]) for row in rows]
            true = [said.words[row] if self.of_words else named(said.phones[row]) for row in rows]
            edits.append(edit_distances([one.words if self.of_words else one.phones for one in found], true).sum())
        self.weight = float(weights[int(np.argmin(edits))] if edits else weights[0])
        return self.weight


def named(classes: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    """Names of the phones of classes."""
    return tuple(PHONES[int(one) - 1] for one in classes)
