"""How many edits turn one sequence into another, for many pairs at once."""

from collections.abc import Hashable, Sequence

import numpy as np

_CHUNK = 256  # pairs at once: the longest of a chunk decides its work


def edit_distances(found: Sequence[Sequence[Hashable]], true: Sequence[Sequence[Hashable]]) -> np.ndarray:
    """(n,) Levenshtein distances: the least number of insertions, deletions and substitutions of symbols.

    Parameters
    ----------
    found, true
        n pairs: strings for edits of characters, lists of words for edits of words.

    Raises
    ------
    ValueError
        They are not equally many.
    """
    if len(found) != len(true):
        raise ValueError(f"{len(found)} sequences cannot be compared with {len(true)}.")
    order = np.argsort([max(len(one), len(other)) for one, other in zip(found, true, strict=True)], kind="stable")
    distances = np.zeros(len(found), np.int64)
    for first in range(0, len(order), _CHUNK):
        rows = order[first : first + _CHUNK]
        distances[rows] = _chunk([found[row] for row in rows], [true[row] for row in rows])
    return distances


def _chunk(found: list[Sequence[Hashable]], true: list[Sequence[Hashable]]) -> np.ndarray:
    """Wagner & Fischer 1974, a row of the table of all pairs at a time."""
    numbers: dict[Hashable, int] = {}
    one, n_one = _padded(found, numbers, -1)
    other, n_other = _padded(true, numbers, -2)
    places = np.arange(other.shape[1] + 1)
    row = np.tile(places, (len(found), 1))
    distances = np.take_along_axis(row, n_other[:, None], 1)[:, 0] * (n_one == 0)
    for i in range(one.shape[1]):
        above = row + 1
        above[:, 1:] = np.minimum(above[:, 1:], row[:, :-1] + (other != one[:, i : i + 1]))
        row = np.minimum.accumulate(above - places, axis=1) + places  # insertions, from left to right
        ends = n_one == i + 1
        distances[ends] = np.take_along_axis(row, n_other[:, None], 1)[ends, 0]
    return distances


def _padded(
    sequences: list[Sequence[Hashable]], numbers: dict[Hashable, int], filler: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, longest) symbols as numbers, and (n,) lengths."""
    lengths = np.array([len(one) for one in sequences], np.int64)
    padded = np.full((len(sequences), lengths.max(initial=0)), filler, np.int64)
    for row, one in enumerate(sequences):
        padded[row, : len(one)] = [numbers.setdefault(symbol, len(numbers)) for symbol in one]
    return padded, lengths
