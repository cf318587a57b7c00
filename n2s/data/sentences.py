"""The sentence of each window."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.windows import Windows
from n2s.studies.study import Stimulus


def sentence_numbers(windows: Windows, stimuli: Mapping[str, Stimulus], duration_s: float) -> np.ndarray:
    """(n,) Number of the sentence in the middle of each window, the same for all subjects; -1: none.

    Parameters
    ----------
    windows
        Windows of one split.
    stimuli
        By the id in the windows' intervals.
    duration_s
        Duration of a window's audio, s.
    """
    stimulus, audio = windows.of_interval("stimulus"), windows.of_interval("audio")
    known: dict[tuple[str, int], int] = {}
    numbers = np.full(len(windows), -1)
    for name in np.unique(stimulus):
        rows = np.flatnonzero(stimulus == name)
        spoken = _spoken(stimuli[name].words, windows.start_s[rows] + duration_s / 2)
        for row, number in zip(rows, spoken, strict=True):
            if number >= 0:
                numbers[row] = known.setdefault((audio[row], number), len(known))
    return numbers


def _spoken(words: pd.DataFrame, at_s: np.ndarray) -> np.ndarray:
    """(n,) Number of the sentence of the last word that began before each moment; -1: none."""
    if words.empty:
        return np.full(len(at_s), -1)
    sentence = words.sequence.to_numpy()
    number = np.cumsum(np.r_[True, sentence[1:] != sentence[:-1]]) - 1
    last = np.searchsorted(words.onset.to_numpy(), at_s, side="right") - 1
    return np.where((last >= 0) & (sentence[last] != ""), number[last], -1)
