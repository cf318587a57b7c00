"""Where windows start: on a grid of the stimulus, or at its words."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.options import check_number


class Placement(ABC):
    """Where windows start in an interval. Starts are on the stimulus' clock, so that all subjects share them."""

    @abstractmethod
    def starts(self, start_s: float, stop_s: float, window_s: float, words: pd.DataFrame) -> np.ndarray:
        """(n,) starts of the windows that lie inside [start_s, stop_s]; ``words``: those of the stimulus (`Stimulus.words`)."""

    def check(self, option: str, window_s: float) -> None:  # noqa: B027  (most have nothing to check)
        """Raise a `UserError` if this placement and the length of a window contradict each other."""

    #: Maximum shift of a training window, s, so that each epoch sees other cuts of the same audio.
    jitter_s: float = 0.0

    #: Whether there are no windows in a stimulus without words.
    needs_words: bool = False


class Grid(Placement):
    """One window every ``step_s`` of the stimulus.

    Parameters
    ----------
    step_s
        0.5 s in Défossez 2023's training; as long as the window for windows that do not overlap.
    jitter
        In training, shift each window by a random part of a step, a new one each epoch, the same for all subjects.

    Examples
    --------
    >>> from n2s.data import Grid
    >>> Grid(step_s=1.0).starts(0.0, 5.0, 3.0, words=None).tolist()  # windows of 3 s in 5 s of sound
    [0.0, 1.0, 2.0]
    """

    def __init__(self, step_s: float = 0.5, *, jitter: bool = False):
        check_number("Grid: step_s", step_s, above=0)
        self.step_s = step_s
        self.jitter_s = step_s if jitter else 0.0

    def starts(self, start_s: float, stop_s: float, window_s: float, words: pd.DataFrame) -> np.ndarray:
        """See `Placement`."""
        first = np.ceil(start_s / self.step_s - 1e-6)
        last = np.floor((stop_s - window_s) / self.step_s + 1e-6)
        return np.arange(first, last + 1) * self.step_s + 0.0  # not -0.0


class WordOnsets(Placement):
    """One window per word, starting ``before_s`` before its onset (Défossez 2023's test windows: 0.5 s).

    Examples
    --------
    >>> import pandas as pd
    >>> from n2s.data import WordOnsets
    >>> words = pd.DataFrame({"text": ["the", "cat", "sat"], "onset": [0.2, 0.7, 1.1]})
    >>> WordOnsets(before_s=0.5).starts(0.0, 10.0, 3.0, words).round(1).tolist()
    [0.2, 0.6]
    """

    needs_words = True

    def __init__(self, before_s: float = 0.5):
        check_number("WordOnsets: before_s", before_s)
        self.before_s = before_s

    def check(self, option: str, window_s: float) -> None:
        """See `Placement`."""
        if self.before_s >= window_s:
            raise UserError(
                f"{option}: WordOnsets starts windows {self.before_s:g} s before a word, and they last {window_s:g} s "
                "(data.window_s): no word is in its window. Lower before_s or lengthen the window."
            )

    def starts(self, start_s: float, stop_s: float, window_s: float, words: pd.DataFrame) -> np.ndarray:
        """See `Placement`."""
        starts = np.unique(words.onset.to_numpy()) - self.before_s
        return starts[(starts >= start_s - 1e-6) & (starts + window_s <= stop_s + 1e-6)]
