"""A small description of a clip's sound that needs no download and nothing fitted."""

import numpy as np

from n2s.features.feature import ClipFeature
from n2s.features.mel import Mel
from n2s.options import check_options
from n2s.studies.study import Stimulus


class MelStatistics(ClipFeature):
    """Mean, deviation and mean absolute change of each log-mel band over a clip: ``(3 * n_mels,)``.

    An offline stand-in for an embedding such as `n2s.features.CLAP`. It describes how loud, how varied and how fast a sound is
    in each band; it contains no meaning.

    Parameters
    ----------
    n_mels
        Bands, from 60 Hz to 7,600 Hz.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import MelStatistics, example_stimulus
    >>> MelStatistics(n_mels=20).extract(example_stimulus(), np.array([0.0, 1.0]), 1.0).shape
    (2, 60)
    """

    version = 2  # a clip that ends a little after its sound is filled with silence

    def __init__(self, *, n_mels: int = 20) -> None:
        check_options("MelStatistics: ", low=1, whole=True, n_mels=n_mels)
        self.n_mels = n_mels
        self._mel = Mel(n_mels=n_mels, hop=160, fmin=60.0, fmax=7600.0)

    @property
    def n_features(self) -> int:
        """Three numbers a band."""
        return 3 * self.n_mels

    def settings(self) -> dict:
        """Those of the spectrogram."""
        return self._mel.settings()

    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, 3 * n_mels)."""
        rows = []
        for start in starts_s.tolist():
            mel = self._mel.extract(stimulus, start, start + duration_s).values
            change = np.abs(np.diff(mel, axis=0)).mean(0)
            rows.append(np.concatenate([mel.mean(0), mel.std(0), change]))
        return np.stack(rows) if rows else np.zeros((0, self.n_features), np.float32)
