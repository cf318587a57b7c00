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
    numbers: dict[Hashable, int] = {}
    return padded_edit_distances(*_padded(found, numbers), *_padded(true, numbers))


def padded_edit_distances(found: np.ndarray, n_found: np.ndarray, true: np.ndarray, n_true: np.ndarray) -> np.ndarray:
    """(n,) Levenshtein distances of sequences of numbers, all at once (Wagner & Fischer 1974, a row of the table of all pairs at a time).

    Parameters
    ----------
    found, true
        (n, longest) Symbols as numbers; what comes after the end of a sequence does not count.
    n_found, n_true
        (n,) Lengths.
    """
    longest = max(found.shape[1], true.shape[1])
    kind = np.int16 if longest < 2**14 else np.int32  # half the memory is twice as fast
    places = np.arange(true.shape[1] + 1, dtype=kind)
    row = np.tile(places, (len(found), 1))
    distances = np.take_along_axis(row, n_true[:, None], 1)[:, 0] * (n_found == 0)
    for i in range(found.shape[1]):
        above = row + kind(1)
        np.minimum(above[:, 1:], row[:, :-1] + (true != found[:, i : i + 1]), out=above[:, 1:])
        above -= places
        row = np.minimum.accumulate(above, axis=1, out=above)  # insertions, from left to right
        row += places
        ends = n_found == i + 1
        distances[ends] = np.take_along_axis(row, n_true[:, None], 1)[ends, 0]
    return distances.astype(np.int64)


def _padded(sequences: list[Sequence[Hashable]], numbers: dict[Hashable, int]) -> tuple[np.ndarray, np.ndarray]:
    """(n, longest) symbols as numbers, and (n,) lengths."""
    lengths = np.array([len(one) for one in sequences], np.int64)
    padded = np.full((len(sequences), lengths.max(initial=0)), -1, np.int64)
    for row, one in enumerate(sequences):
        padded[row, : len(one)] = [numbers.setdefault(symbol, len(numbers)) for symbol in one]
    return padded, lengths
