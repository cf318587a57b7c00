"""How many words and phones are heard: the control beside every feature of words."""

from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.features.feature import ImpulseFeature
from n2s.studies.study import Impulses, Stimulus

At = Literal["middle", "onset", "end"]


def moments(rows: pd.DataFrame, at: At) -> np.ndarray:
    """(n,) The time of each word or phone, s: its middle (as the Huth lab has it, `HuthLab/deep-fMRI-dataset`), onset or end."""
    share = {"onset": 0.0, "middle": 0.5, "end": 1.0}
    return (rows.onset + share[at] * rows.duration).to_numpy(np.float64)


def check_at(at: str, feature: str) -> At:
    """The option ``at`` as given; a `UserError` if it names no moment."""
    if at not in ("middle", "onset", "end"):
        raise UserError(
            f"{feature}: at='{at}'; expected middle, onset or end: the moment of a word that its value is put at."
        )
    return at


class WordRate(ImpulseFeature):
    """A 1 at each word, ``(n, 1)``.

    Whatever is resampled from words carries their rate, so this is the control beside embeddings and layers of language models.

    Parameters
    ----------
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import WordRate, example_stimulus
    >>> found = WordRate(at="onset").extract(example_stimulus())
    >>> found.times_s.tolist(), found.values.ravel().tolist()
    ([0.1, 0.45, 0.8, 1.05], [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, at: At = "middle") -> None:
        self.at = check_at(at, type(self).__name__)

    @property
    def n_features(self) -> int:
        """f: 1."""
        return 1

    def settings(self) -> dict:
        """Where in the word."""
        return {"at": self.at}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """Ones, (n, 1)."""
        rows = self.heard(stimulus, start_s, stop_s)
        return in_order(np.ones((len(rows), 1), np.float32), moments(rows, self.at))


class PhoneRate(WordRate):
    """A 1 at each phone, ``(n, 1)``; silences that an aligner writes as phones should not be among them.

    Parameters
    ----------
    at
        Where in the phone: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import PhoneRate, example_stimulus
    >>> PhoneRate().extract(example_stimulus()).values.shape
    (11, 1)
    """

    table = "phones"
    version = 2  # TIMIT's pauses are none


def in_order(values: np.ndarray, times_s: np.ndarray) -> Impulses:
    """Impulses in order of time: words that overlap may have their middles in another order than their onsets."""
    order = np.argsort(times_s, kind="stable")
    return Impulses(values[order], times_s[order])
