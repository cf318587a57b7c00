"""What a network's log-probabilities say: greedily, and as words with a language model that was learned from training transcripts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from n2s.metrics.edits import edit_distances
from n2s.models.ngrams import NGrams
from n2s.models.prefix_search import Lexicon, prefix_search
from n2s.systems.said_text.said import PHONES, Said
from n2s.systems.speech.system import ctc, greedy


@dataclass(frozen=True)
class Decoded:
    """``greedy``, ``phones``: names of phones without and with the language model; ``words``, empty where the model is one of phones.

    Of a word with several pronunciations, ``phones`` has the one that the brain makes likeliest: what was truly said decides nothing.
    """

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
        phones = named(self._pronounced(found, log_probs))
        (path,) = greedy(torch.from_numpy(log_probs)[None], torch.tensor([len(log_probs)]))
        return Decoded(named(path), phones, found if self.of_words else ())

    @property
    def vocabulary(self) -> set[str]:
        """Words (phones) that can be found."""
        return set(self._ways)

    def likeliest(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Words and phones of the language model's most probable text; of a model of phones there are no words."""
        found = tuple(word for word in self.language.likeliest() if word in self._ways)
        return found if self.of_words else (), named([one for word in found for one in self._ways[word][0]])

    def _pronounced(self, words: Sequence[str], log_probs: np.ndarray) -> list[int]:
        """Classes of the phones of words, each word said in the way that CTC finds likeliest: one word after the other, the others as usual."""
        chosen = [self._ways[word][0] for word in words]
        for at, word in enumerate(words):
            ways = [[*chosen[:at], way, *chosen[at + 1 :]] for way in self._ways[word]]
            if len(ways) > 1:
                chosen = ways[int(np.argmin(_loss(log_probs, ways)))]
        return [one for way in chosen for one in way]

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


def _loss(log_probs: np.ndarray, said: Sequence[Sequence[tuple[int, ...]]]) -> np.ndarray:
    """(n,) CTC's loss of n sequences of words, each as phones, in one window; infinite where steps do not suffice."""
    phones = [torch.tensor([one for word in own for one in word]) for own in said]
    lengths = torch.tensor([len(one) for one in phones])
    steps = torch.full((len(phones),), len(log_probs))
    values = torch.from_numpy(np.array(log_probs, np.float32)).expand(len(phones), *log_probs.shape)
    return ctc(values, steps, torch.nn.utils.rnn.pad_sequence(phones, batch_first=True), lengths).numpy()


def named(classes: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    """Names of the phones of classes."""
    return tuple(PHONES[int(one) - 1] for one in classes)
