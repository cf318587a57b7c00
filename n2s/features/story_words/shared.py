"""Words of several languages in one space: what a model of the brain learns of one language holds for the words of another."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.aligned_words import KNOWN, AlignedWords
from n2s.features.story_words.port import Context, StoryLanguageModel
from n2s.features.story_words.spelling import plain_stories
from n2s.features.story_words.trained import TrainedStoryWords
from n2s.options import check_options


class SharedStoryWords(StoryLanguageModel):
    """Vectors of words that lie near those of their translations; the words themselves are proposed by a language model of one language.

    Features of a word, in this order: its vector, the sum of the vectors of the words before it over ``context_words``, and 1, so that the
    number of words has a column of its own. Vectors are without their mean over the words of the training transcripts: the mean word of
    every language is at 0. A word without a vector is the mean word.

    Parameters
    ----------
    words
        The vectors, of two languages or more.
    proposals
        Learns from the training transcripts which words may follow.
    context_words
        Words before a word whose vectors are a second block of features; 0: there is none. (In an hour of simulated fMRI a block of two words
        predicts no better: volumes sum over words.)

    Examples
    --------
    >>> from n2s.features import AlignedWords, SharedStoryWords, TrainedStoryWords
    >>> model = SharedStoryWords(AlignedWords(["en", "es"], n_features=10), TrainedStoryWords(epochs=1))
    >>> model.n_features  # the vector of a word, and 1
    11
    """

    shared = True

    def __init__(
        self, words: AlignedWords | None = None, proposals: StoryLanguageModel | None = None, *, context_words: int = 0
    ) -> None:
        check_options("SharedStoryWords: ", low=0, whole=True, context_words=context_words)
        self.words = words if words is not None else AlignedWords()
        self.proposals = proposals if proposals is not None else TrainedStoryWords()
        self.context_words, self._known = context_words, 0.0

    def __deepcopy__(self, memo: dict) -> "SharedStoryWords":
        """Vectors are not learned from stories: copies share them."""
        made = copy.copy(self)
        made.proposals = copy.deepcopy(self.proposals, memo)
        return made

    @property
    def n_features(self) -> int:
        """F."""
        return self.words.n_features * (2 if self.context_words else 1) + 1

    def learn(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:
        """See `StoryLanguageModel`; `learn_features` raises what this does of vectors."""
        self.learn_features(stories, language=language, seed=seed)
        self.proposals.learn(stories, language=language, seed=seed)
        self._begin()

    def learn_features(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:
        """See `StoryLanguageModel`: the mean of the vectors, and no proposals.

        Raises
        ------
        UserError
            There are no vectors of the language, or of fewer than half of the words.
        """
        said = [
            word for story in plain_stories(stories, language, f"training transcripts ({language})") for word in story
        ]
        vectors = self.words.vectors_of(said, language)
        known = vectors.any(1)
        self._known = float(known.mean()) if len(known) else 0.0
        if self._known < KNOWN:
            raise UserError(
                f"SharedStoryWords: {100 * self._known:.0f}% of the words of the training transcripts ({language}) have a vector; expected {100 * KNOWN:.0f}% "
                "or more. Give AlignedWords text of the stories' kind (files)."
            )
        self._middle = torch.from_numpy(vectors[known].mean(0, dtype=np.float64).astype(np.float32))
        self.vocabulary, self.language = (), language

    def check_language(self, language: str) -> None:
        """See `StoryLanguageModel`: there are vectors of some languages."""
        self.words.check_language(language)

    def _begin(self) -> None:
        self.vocabulary, self.language = self.proposals.vocabulary, self.proposals.language
        self._vectors = self._centred(self.vocabulary)

    def _centred(self, words: Sequence[str]) -> Tensor:
        """(n, d) of words of the language."""
        found = torch.from_numpy(self.words.vectors_of(words, self.language))
        return torch.where(found.any(1, keepdim=True), found - self._middle, 0.0)

    def states(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`."""
        return self._joined(self._centred([one[-1] for one in contexts]), self._before([one[:-1] for one in contexts]))

    def states_after(self, contexts: Sequence[Context], which: Tensor, words: Tensor) -> Tensor:
        """See `StoryLanguageModel`."""
        return self._joined(self._vectors[words], self._before(contexts)[which])

    def _before(self, contexts: Sequence[Context]) -> Tensor:
        """(n, d) of the words before; (n, 0) without context."""
        n = self.context_words
        if not n:
            return torch.zeros(len(contexts), 0)
        texts = [one[-n:] for one in contexts]
        place = torch.tensor([i for i, one in enumerate(texts) for _ in one], dtype=torch.long)
        found = torch.zeros(len(texts), self.words.n_features)
        return found.index_add_(0, place, self._centred([word for one in texts for word in one]) / n)

    def _joined(self, own: Tensor, before: Tensor) -> Tensor:
        return torch.cat([own, before, torch.ones(len(own), 1)], 1)

    def next_words(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`."""
        return self.proposals.next_words(contexts)

    def state(self) -> dict:
        """See `StoryLanguageModel`."""
        # after `learn_features` alone there are none
        proposals = {"proposals": self.proposals.state()} if self.vocabulary else {}
        return {"middle": self._middle, "known": self._known, "language": self.language} | proposals

    def load(self, state: dict) -> None:
        """See `StoryLanguageModel`."""
        self._middle, self._known = state["middle"], float(state["known"])
        if "proposals" in state:
            self.proposals.load(state["proposals"])
            self._begin()
        else:
            self.vocabulary, self.language = (), state["language"]

    def settings(self) -> dict:
        """See `StoryLanguageModel`."""
        own = {"words": self.words.settings(), "proposals": self.proposals.settings()}
        return {"kind": "shared", "context_words": self.context_words} | own

    def told(self) -> str:
        """See `StoryLanguageModel`."""
        space = f"word vectors of {', '.join(self.words.languages)} in one space of {self.words.n_features} dimensions"
        known = f" ({100 * self._known:.0f}% of the words of the training transcripts have one)" if self._known else ""
        return f"{space}{known}; words are proposed by {self.proposals.told()}"

    def release(self) -> None:
        """See `StoryLanguageModel`."""
        self.proposals.release()
