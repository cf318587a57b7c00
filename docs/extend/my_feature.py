"""A feature: how loud the sound is, 50 times a second."""

import numpy as np

from n2s.features import FrameFeature
from n2s.features.audio import read_stimulus
from n2s.studies import Frames, Stimulus


class Loudness(FrameFeature):
    """Root mean square in decibels, ``(l, 1)``.

    Parameters
    ----------
    rate_hz
        Frames a second.
    """

    def __init__(self, *, rate_hz: int = 50) -> None:
        self.rate_hz = rate_hz

    @property
    def n_features(self) -> int:
        """f: 1."""
        return 1

    def settings(self) -> dict:
        """Whatever changes the numbers: the key of the cache."""
        return {"rate_hz": self.rate_hz}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """From this stretch of the sound only."""
        audio = read_stimulus(stimulus, 16_000, start_s, stop_s).numpy()
        hop = 16_000 // self.rate_hz
        power = (audio[: len(audio) // hop * hop].reshape(-1, hop) ** 2).mean(1)
        decibels = 10 * np.log10(power + 1e-6)
        return Frames(decibels[:, None].astype(np.float32), self.rate_hz, start_s)
