"""Many short texts as numbers: what the metrics of texts take."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np


class Texts(NamedTuple):
    """``ids (n, longest)`` numbers of words, -1 after the end of a text; ``length (n,)`` words."""

    ids: np.ndarray
    length: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> "Texts":
        """Some of the texts."""
        return Texts(self.ids[rows], self.length[rows])

    def renamed(self, names: np.ndarray) -> "Texts":
        """The same texts with the numbers ``names[id]``: stems for words."""
        if not len(names):
            return self
        return Texts(np.where(self.ids < 0, -1, names[self.ids]), self.length)


def numbered(texts: Sequence[Sequence[Hashable]], numbers: dict[Hashable, int]) -> Texts:
    """Texts of words; new words get the next numbers."""
    lengths = np.array([len(one) for one in texts], np.int64)
    ids = np.full((len(texts), lengths.max(initial=0)), -1, np.int64)
    for row, one in enumerate(texts):
        ids[row, : len(one)] = [numbers.setdefault(word, len(numbers)) for word in one]
    return Texts(ids, lengths)


def stretches(ids: np.ndarray, first: np.ndarray, last: np.ndarray) -> Texts:
    """The texts ``ids[first:last]`` of one long text; (w,) numbers, (n,) places."""
    lengths = np.maximum(np.asarray(last) - first, 0)
    inside = np.arange(lengths.max(initial=0)) < lengths[:, None]
    places = np.where(inside, np.asarray(first)[:, None] + np.arange(inside.shape[1]), 0)
    return Texts(np.where(inside, np.asarray(ids)[places], -1) if len(ids) else np.full(inside.shape, -1), lengths)


def stacked(parts: Sequence[Texts]) -> Texts:
    """Texts of several groups as one."""
    longest = max((one.ids.shape[1] for one in parts), default=0)
    ids = [np.pad(one.ids, ((0, 0), (0, longest - one.ids.shape[1])), constant_values=-1) for one in parts]
    return Texts(np.concatenate(ids), np.concatenate([one.length for one in parts]))
