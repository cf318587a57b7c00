"""What an aligner is."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

SFREQ = 16000  # Hz, of the audio that aligners take


class Aligner(ABC):
    """Places the words of a known text in a sound."""

    #: A word whose score lies so far below the median of its sound is worth hearing. (Medians differ by language and voice.)
    doubtful_behind: float

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called beside its results: the program and the model."""

    @abstractmethod
    def align(self, audio: np.ndarray, words: list[str]) -> pd.DataFrame | None:
        """Align one sound.

        Parameters
        ----------
        audio
            (n,) At `SFREQ`, full scale at 1.
        words
            What is said, in order, without punctuation.

        Returns
        -------
        DataFrame or None
            A row a word: ``text``, ``onset``, ``duration`` (s) and ``score``, the mean over the word's frames of the
            log-likelihood of its sounds less that of the likeliest sound at each moment: 0 at best. None where the
            words do not fit into the sound.
        """
