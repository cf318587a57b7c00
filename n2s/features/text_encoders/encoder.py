"""The port of text encoders: stretches of a text become vectors, and, by contextual ones, a vector for each token."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

SEGMENT_WORDS = 50  # about 20 s of speech: the texts that inverse document frequencies count


class Tokens(NamedTuple):
    """Tokens of n texts.

    Attributes
    ----------
    vectors
        (n, t, f) Each of length 1; 0 where there is none.
    weight
        (n, t) How rare they are in the training stories (inverse document frequency); 0 where there is none.
    there
        (n, t) Where there is one.
    """

    vectors: torch.Tensor
    weight: torch.Tensor
    there: torch.Tensor


class TextEncoder(ABC):
    """What decoded and true text are compared by.

    Attributes
    ----------
    contextual
        Whether the vector of a word depends on its neighbours. Only then it has tokens, and only then there is a BERTScore.
    """

    contextual: bool = False

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is, for tables and pages: ``PPMI word vectors of the training stories``, or a model's id."""

    @abstractmethod
    def learn(self, stories: Sequence[Sequence[str]]) -> None:
        """Learn from the words of the training stories: word vectors, or how rare tokens are. The same stories give the same numbers."""

    @abstractmethod
    def spans(self, words: Sequence[str], first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """(n,) places -> (n, f) float32 vectors of ``words[first:last]``, of length 1; 0 for a stretch of which nothing is known."""

    @abstractmethod
    def settings(self) -> dict:
        """Everything that changes numbers, as plain JSON types."""

    def read(self, words: Sequence[str], first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, Tokens]:
        """`spans`, and the tokens of each stretch; of contextual encoders alone."""
        raise NotImplementedError(f"{type(self).__name__} has no vectors of tokens in context.")

    def words(self, words: Sequence[str]) -> np.ndarray:
        """(n,) words -> (n, f) vectors of each alone."""
        places = np.arange(len(words))
        return self.spans(words, places, places + 1)

    def release(self) -> None:  # noqa: B027 (most hold nothing large)
        """Drop what is large and can be made again."""


def segments(stories: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Stories in pieces of `SEGMENT_WORDS` words, the last of each what is left."""
    return [story[first : first + SEGMENT_WORDS] for story in stories for first in range(0, len(story), SEGMENT_WORDS)]
