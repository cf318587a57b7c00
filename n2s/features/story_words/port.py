"""The port of a language model that proposes the words of a story, and describes each in its context."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

#: The words before a word, oldest first, and for `StoryLanguageModel.states` the word itself as the last.
Context = tuple[str, ...]


class StoryLanguageModel(ABC):
    """Words in, their features and the words that may follow out. It learns from training transcripts alone.

    Words are in the spelling of `n2s.features.story_words.spelling.plain_words`.

    Attributes
    ----------
    context_words
        Words before a word that its features see (5 in Tang et al. 2023).
    vocabulary
        Words that may be decoded, sorted; known after `learn` or `load`.
    language
        Of the stories; known after `learn` or `load`.
    shared
        Whether features mean the same in every language: those of a word are near those of its translations.
    """

    context_words: int
    vocabulary: tuple[str, ...] = ()
    language: str = ""
    shared: bool = False

    @property
    @abstractmethod
    def n_features(self) -> int:
        """F."""

    @abstractmethod
    def learn(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:
        """Learn from the words of training stories, each a list in its order.

        Raises
        ------
        UserError
            There are too few words.
        """

    def learn_features(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:
        """As `learn`, where nothing but `states` is asked for; most learn all at once."""
        self.learn(stories, language=language, seed=seed)

    @abstractmethod
    def states(self, contexts: Sequence[Context]) -> Tensor:
        """(n, f) float32, on the CPU: the last word of each context, after the words before it.

        Of a longer context than ``context_words + 1`` the end is read. A context has at least one word.
        """

    def states_after(self, contexts: Sequence[Context], which: Tensor, words: Tensor) -> Tensor:
        """(n, f) as `states`: of many words after the same contexts, which a model may read once.

        Parameters
        ----------
        contexts
            The words before; () at a beginning.
        which
            (n,) The context of each word.
        words
            (n,) Numbers of words of ``vocabulary``.
        """
        pairs = zip(which.tolist(), words.tolist(), strict=True)
        return self.states([(*contexts[context], self.vocabulary[word]) for context, word in pairs])

    @abstractmethod
    def next_words(self, contexts: Sequence[Context]) -> Tensor:
        """(n, v) float32, on the CPU: log-probability of each word of ``vocabulary`` after a context; ``()``: at a beginning."""

    @abstractmethod
    def state(self) -> dict:
        """What was learned: tensors, strings, numbers, and dicts and lists of them."""

    @abstractmethod
    def load(self, state: dict) -> None:
        """Take what another model of the same settings had learned."""

    @abstractmethod
    def settings(self) -> dict:
        """Everything that changes numbers, in plain types of JSON."""

    @abstractmethod
    def told(self) -> str:
        """What it is, for a page: "a transformer of 2 layers, trained on 9 stories (13,200 words)"."""

    def check_language(self, language: str) -> None:  # noqa: B027 (most learn any language)
        """Raise a UserError if stories of a language cannot be learned from: before the first fit."""

    def release(self) -> None:  # noqa: B027 (most have nothing to drop)
        """Drop networks that can be loaded again."""
