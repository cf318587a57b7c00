"""Features of words in context, each computed once."""

import numpy as np
import torch
from torch import Tensor

from n2s.features.story_words.port import StoryLanguageModel

MOST_BYTES = 2**29  # of the table, before what no hypothesis needs is dropped


class WordFeatures:
    """A table of the features of words in their contexts, by the last words of a hypothesis.

    Parameters
    ----------
    language
        The language model.
    dtype, device
        Of the features.
    """

    def __init__(
        self,
        language: StoryLanguageModel,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        most_bytes: int = MOST_BYTES,
    ):
        self.language, self.context_words = language, language.context_words
        self._vocabulary = np.array(language.vocabulary)
        self._rows: dict[bytes, int] = {}
        self._table = torch.zeros(1024, language.n_features, dtype=dtype, device=device)
        self._most = max(1024, most_bytes // (language.n_features * self._table.element_size()))

    def rows(self, words: np.ndarray) -> np.ndarray:
        """(n, l) numbers of words, the last that of which features are asked, -1 before the first -> (n,) rows of the table."""
        own = np.ascontiguousarray(words[:, -1 - self.context_words :].astype(np.int32))
        keys, which = np.unique(own.view(np.dtype((np.void, own.dtype.itemsize * own.shape[1]))), return_inverse=True)
        names = [key.tobytes() for key in keys]
        new = [name for name in names if name not in self._rows]
        if new:
            numbers = np.frombuffer(b"".join(new), np.int32).reshape(len(new), -1)
            contexts, context = np.unique(numbers[:, :-1], axis=0, return_inverse=True)
            texts = [self._text(one) for one in contexts]
            first = len(self._rows)
            self._grow(first + len(new))
            self._table[first : first + len(new)] = self.language.states_after(
                texts, torch.from_numpy(context.reshape(-1)), torch.from_numpy(numbers[:, -1].astype(np.int64))
            ).to(self._table)
            self._rows |= {name: first + number for number, name in enumerate(new)}
        return np.array([self._rows[name] for name in names], np.int64)[which.reshape(-1)]

    def of(self, rows: np.ndarray) -> Tensor:
        """(...) rows -> (..., f)."""
        return self._table[torch.from_numpy(rows)]

    def compact(self, used: np.ndarray) -> np.ndarray:
        """If the table is full, drop all rows but some, and give the new numbers of these; else the same numbers."""
        if len(self._rows) <= self._most:
            return used
        kept, which = np.unique(used, return_inverse=True)
        place = {int(row): number for number, row in enumerate(kept)}
        self._rows = {name: place[row] for name, row in self._rows.items() if row in place}
        self._table[: len(kept)] = self._table[torch.from_numpy(kept)].clone()
        return which.reshape(used.shape)

    def _text(self, numbers: np.ndarray) -> tuple[str, ...]:
        return tuple(self._vocabulary[numbers[numbers >= 0]].tolist())

    def _grow(self, n: int) -> None:
        if n > len(self._table):
            more = self._table.new_zeros(max(n, 2 * len(self._table)) - len(self._table), self._table.shape[1])
            self._table = torch.cat([self._table, more])
