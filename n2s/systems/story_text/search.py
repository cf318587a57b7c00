"""The beam search: words that a language model proposes, chosen by how well they explain the response."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.story_words.port import StoryLanguageModel
from n2s.features.story_words.rules import TextRules
from n2s.options import check_number
from n2s.systems.story_text.evidence import Evidence
from n2s.systems.story_text.proposals import Repetitions, nucleus
from n2s.systems.story_text.word_features import WordFeatures

LEAST_CONTEXT = 5  # words that the language model sees, however slowly they come


@dataclass(frozen=True)
class SearchOptions:
    """How texts are searched for (Tang et al. 2023, Nat. Neurosci. 26:858).

    Parameters
    ----------
    width
        Hypotheses that are kept.
    extensions
        Words that the best hypothesis may go on with; those that the language model finds less probable may go on with fewer.
    mass, ratio
        Of the nucleus: see `n2s.systems.story_text.proposals.nucleus`.
    language_s
        How much text the language model sees, s.
    """

    width: int = 200
    extensions: int = 5
    mass: float = 0.9
    ratio: float = 0.1
    language_s: float = 8.0

    def __post_init__(self) -> None:
        for name in ("width", "extensions"):
            check_number(f"model.{name}", getattr(self, name), low=1, whole=True)
        for name in ("mass", "ratio", "language_s"):
            check_number(f"model.{name}", getattr(self, name), above=0)
        for name in ("mass", "ratio"):
            if getattr(self, name) > 1:
                raise UserError(f"model.{name} is {getattr(self, name):g}; expected a share, at most 1.")


@dataclass
class Beam:
    """Hypotheses of several texts at once, those of a text together, the best first.

    Attributes
    ----------
    sequence
        (h,) The text that each is of.
    score
        (h,) float64 Log-likelihood above that of mean words.
    log_probability
        (h,) float64 Of the words, by the language model.
    recent
        (h, l) Numbers of the last words; -1 before the first.
    features
        (h, j) Rows of the last words in the table of `WordFeatures`; only words that were searched for.
    words, parents
        One array a place: the word of each hypothesis that was kept, and which one before it went on from.
    """

    sequence: np.ndarray
    score: np.ndarray
    log_probability: np.ndarray
    recent: np.ndarray
    features: np.ndarray
    words: list[np.ndarray] = field(default_factory=list)
    parents: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def empty(cls, n_sequences: int, length: int) -> "Beam":
        """One hypothesis without words for each text."""
        none = np.zeros(n_sequences)
        recent = np.full((n_sequences, length), -1, np.int64)
        return cls(np.arange(n_sequences), none, none.copy(), recent, np.zeros((n_sequences, 0), np.int64))

    def __len__(self) -> int:
        return len(self.sequence)

    def texts(self) -> list[np.ndarray]:
        """The words of the best hypothesis of each text: numbers."""
        place = np.unique(self.sequence, return_index=True)[1]
        found = []
        for words, parents in zip(reversed(self.words), reversed(self.parents), strict=True):
            found.append(words[place])
            place = parents[place]
        return list(np.stack(found[::-1], 1)) if found else [np.zeros(0, np.int64) for _ in place]

    def last(self, n: int) -> np.ndarray:
        """(h, n) Numbers of the last words of each hypothesis; -1 before the first."""
        found, place = np.full((len(self), n), -1, np.int64), np.arange(len(self))
        for back in range(min(n, len(self.words))):
            found[:, n - 1 - back] = self.words[-1 - back][place]
            place = self.parents[-1 - back][place]
        return found

    def plain(self) -> dict:
        """For a file, to go on from."""
        return {name: _tensors(value) for name, value in vars(self).items()}

    @classmethod
    def from_plain(cls, kept: dict) -> "Beam":
        """Of `plain`."""
        return cls(**{k: [one.numpy() for one in v] if isinstance(v, list) else v.numpy() for k, v in kept.items()})


class Search:
    """Searches texts whose words are at known times.

    Parameters
    ----------
    language
        The language model; it has learned.
    rules
        Of the language.
    options
        How.
    features
        Of words in context; None: the evidence needs none.
    """

    def __init__(
        self,
        language: StoryLanguageModel,
        rules: TextRules,
        options: SearchOptions,
        features: WordFeatures | None = None,
    ):
        self.language, self.options, self.features = language, options, features
        self.vocabulary = np.array(language.vocabulary)
        self._rules, self._repetitions = rules, Repetitions(language.vocabulary, rules)
        known = {word: number for number, word in enumerate(language.vocabulary)}
        self._starts = np.array([known[word] for word in rules.starts if word in known], np.int64)

    def again(self, options: SearchOptions) -> "Search":
        """A search in the same language with other options, without features of words."""
        return Search(self.language, self._rules, options)

    def restored(self, beam: Beam) -> Beam:
        """A beam of a file, with its words in the table of features of this search."""
        if self.features is None or not len(beam.words):
            return beam
        length, back = beam.features.shape[1], self.features.context_words
        words = beam.last(length + back)
        rows = [self.features.rows(words[:, at : at + back + 1]) for at in range(length)]
        return replace(beam, features=np.stack(rows, 1))

    def run(
        self,
        times_s: np.ndarray,
        evidence: Evidence,
        n_sequences: int = 1,
        *,
        beam: Beam | None = None,
        each: Callable[[Beam], None] = lambda beam: None,
    ) -> list[list[str]]:
        """The most likely texts.

        Parameters
        ----------
        times_s
            (n,) Of the words, rising.
        evidence
            What candidates are compared by.
        n_sequences
            Texts that are searched for at once.
        beam
            Where an interrupted search stood.
        each
            Called after each word.
        """
        contexts = context_lengths(times_s, self.options.language_s)
        least = 1 + (self.features.context_words if self.features is not None else 0)
        beam = beam or Beam.empty(n_sequences, max(contexts.max(initial=0), least))
        for place in range(len(beam.words), len(times_s)):
            beam = self._step(beam, place, int(contexts[place]), evidence)
            each(beam)
        return [self.vocabulary[text].tolist() for text in beam.texts()]

    def _step(self, beam: Beam, place: int, n_context: int, evidence: Evidence) -> Beam:
        parents, words, log_probability = self._candidates(beam, n_context)
        rows, history, found = np.zeros(len(words), np.int64), torch.zeros(len(beam), 0, 0), torch.zeros(len(words), 0)
        if self.features is not None:
            rows = self.features.rows(np.column_stack([beam.recent[parents], words]))
            history, found = self.features.of(beam.features), self.features.of(rows)
        given = (torch.from_numpy(one) for one in (parents, log_probability, beam.sequence))
        gain = evidence.gains(place, history, *given, found)  # type: ignore[call-arg]
        score = beam.score[parents] + _finite(gain.numpy())
        total = beam.log_probability[parents] + log_probability
        kept = self._kept(beam, parents, score)
        parents, words, rows = parents[kept], words[kept], rows[kept]
        recent = np.column_stack([beam.recent[parents][:, 1:], words])
        features = np.column_stack([beam.features[parents], rows])[:, -max(evidence.n_before, 1) :]
        if self.features is not None:
            features = self.features.compact(features)
        score = score[kept] - np.maximum.reduceat(score[kept], _starts(beam.sequence[parents]))[beam.sequence[parents]]
        return Beam(
            beam.sequence[parents],
            score,
            total[kept],
            recent,
            features,
            [*beam.words, words],
            [*beam.parents, parents],
        )

    def _candidates(self, beam: Beam, n_context: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n,) hypothesis, word and log-probability of each candidate: at least one for each hypothesis."""
        if not beam.words and len(self._starts):
            shape = len(beam), len(self._starts)
            parents = np.repeat(np.arange(len(beam)), shape[1])
            return parents, np.tile(self._starts, shape[0]), np.full(len(parents), -np.log(shape[1]))
        context = beam.recent[:, beam.recent.shape[1] - n_context :] if n_context else beam.recent[:, :0]
        same, which = np.unique(context, axis=0, return_inverse=True)
        given = [tuple(self.vocabulary[one[one >= 0]].tolist()) for one in same]
        log_probability = self.language.next_words(given).numpy().astype(np.float64)
        chosen = nucleus(log_probability, self.options.mass, self.options.ratio)
        fresh = self._repetitions.allowed(same)
        some = (chosen & fresh).any(1)
        # where all that is probable would repeat: the most probable word that would not, or of all
        rest = np.where(fresh | ~fresh.any(1, keepdims=True), log_probability, -np.inf).argmax(1)
        chosen &= fresh
        chosen[~some, rest[~some]] = True
        which = which.reshape(-1)
        parents, words = np.nonzero(chosen[which])
        return parents, words, log_probability[which[parents], words]

    def _kept(self, beam: Beam, parents: np.ndarray, score: np.ndarray) -> np.ndarray:
        """(m,) Candidates that are kept: those of each text together, the best first."""
        quota = quotas(beam.log_probability, beam.sequence, self.options.extensions)
        order = np.lexsort((-score, parents))
        own = parents[order]
        within = np.arange(len(order)) - np.searchsorted(own, own)
        order = order[within < quota[own]]
        order = order[np.lexsort((-score[order], beam.sequence[parents[order]]))]
        own = beam.sequence[parents[order]]
        return order[np.arange(len(order)) - np.searchsorted(own, own) < self.options.width]


def context_lengths(times_s: np.ndarray, language_s: float) -> np.ndarray:
    """(n,) How many words before each the language model sees: those of the last seconds, 5 at least if there are as many."""
    times_s = np.asarray(times_s, float)
    before = np.arange(len(times_s)) - np.searchsorted(times_s, times_s - language_s - 1e-9)
    return np.minimum(np.maximum(before, LEAST_CONTEXT), np.arange(len(times_s)))


def quotas(log_probability: np.ndarray, sequence: np.ndarray, extensions: int) -> np.ndarray:
    """(h,) How many words each hypothesis may go on with, by its rank in probability among those of its text; equal ones share the mean rank."""
    from scipy.stats import rankdata

    found = np.empty(len(sequence), np.int64)
    for one in np.unique(sequence):
        own = sequence == one
        found[own] = np.ceil(extensions * rankdata(log_probability[own]) / own.sum() - 1e-9)
    return found


def _finite(gain: np.ndarray) -> np.ndarray:
    return np.nan_to_num(gain, nan=-np.inf, posinf=np.finfo(float).max, neginf=-np.finfo(float).max).clip(
        -np.finfo(float).max
    )


def _starts(sequence: np.ndarray) -> np.ndarray:
    return np.unique(sequence, return_index=True)[1]


def _tensors(value: Sequence[np.ndarray] | np.ndarray) -> list[Tensor] | Tensor:
    if isinstance(value, list):
        return [torch.from_numpy(one) for one in value]
    return torch.from_numpy(np.ascontiguousarray(value))
