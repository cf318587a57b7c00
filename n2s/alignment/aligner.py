"""The port of every aligner."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

SFREQ = 16000  # Hz, of the audio that aligners take


class Aligner(ABC):
    """Places the words of a known text in a sound."""

    #: Check a word whose score is this far below the median of its sound. (Medians differ by language and voice.)
    doubtful_behind: float

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name in the results: the program and the model."""

    @abstractmethod
    def align(self, audio: np.ndarray, words: list[str]) -> pd.DataFrame | None:
        """Align one sound.

        Parameters
        ----------
        audio
            (n,) At `SFREQ`, full scale at 1.
        words
            The words, in order, without punctuation.

        Returns
        -------
        DataFrame or None
            A row a word: ``text``, ``onset``, ``duration`` (s) and ``score``, the mean over the word's frames of the
            log-likelihood of its sounds minus the log-likelihood of the best sound at each moment: 0 at best. None where the
            words do not fit into the sound.
        """
