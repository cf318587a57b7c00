"""Clips of a test to listen to, beside what networks say of them."""

from collections.abc import Callable

import numpy as np

from n2s.data.corpus import CorpusDataModule
from n2s.metrics.result import Listening, Sound

_N = 5  # clips on a page


def listened(data: CorpusDataModule, split: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some clips at equal distances among the given rows, so that none is hand-picked.

    Returns
    -------
    sounds
        (n,) float32 samples of one clip after the other.
    places
        (m, 2) For each: its place in ``rows``, and its number of samples.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(_N, len(rows))).round().astype(int))
    found = [data.sound(split, int(rows[place])).numpy() for place in chosen]
    return np.concatenate(found), np.array([[place, len(one)] for place, one in zip(chosen, found, strict=True)])


def listening(
    title: str, note: str, sounds: np.ndarray, places: np.ndarray, rate: int, told: Callable[[int], dict[str, str]]
) -> Listening:
    """The clips, and below each what ``told`` says of it: ``{"said": ..., "written": ...}``, the first beside the sound."""
    groups = {}
    for (place, n), stop in zip(places.tolist(), np.cumsum(places[:, 1]).tolist(), strict=True):
        (first, text), *others = told(place).items()
        heard = Sound(first, sounds[stop - n : stop], rate, text=text, true=True)
        groups[f"Clip {place + 1}"] = [heard, *(Sound(label, None, rate, text=said) for label, said in others)]
    return Listening(title, note, groups, ("text", "", ""))
