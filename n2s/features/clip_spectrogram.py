"""The spectrogram of a clip: decoded sound is made from it, and scored by it."""

from abc import abstractmethod

import numpy as np
import torch

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.audiomae import DEVIATION, DURATION_S, MEAN, N_MELS, SFREQ, fbank, tiled
from n2s.features.feature import ClipFeature
from n2s.models.audiomae import N_FRAMES, n_patches
from n2s.options import check_options
from n2s.studies.study import Stimulus


class ClipSpectrogram(ClipFeature):
    """A clip feature of the shape ``(f, t)``: mel bands and frames, on a scale that `magnitude` undoes.

    Examples
    --------
    >>> from n2s.features import ClipFbank, ClipSpectrogram
    >>> isinstance(ClipFbank(duration_s=2.0), ClipSpectrogram)
    True
    """

    @abstractmethod
    def magnitude(self, values: np.ndarray) -> np.ndarray:
        """Values of this feature, of any shape -> mel magnitudes."""


class ClipFbank(ClipSpectrogram):
    """The filter bank that AudioMAE takes, ``(128, t)``: 10 ms a frame, normalised; short clips are repeated.

    It has the frames of the clip's patches (`n2s.models.audiomae.n_patches`): 416, 160, 224 for 4, 1.5, 2 s, slightly
    more than the clip.

    Parameters
    ----------
    duration_s
        Duration of every clip, s; at most 10.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import ClipFbank, example_stimulus
    >>> feature = ClipFbank(duration_s=1.5)
    >>> feature.extract(example_stimulus(), np.array([0.0, 0.5]), 1.5).reshape(2, *feature.shape).shape
    (2, 128, 160)
    """

    version = 2  # a clip that ends a little after its sound is filled with silence

    def __init__(self, *, duration_s: float) -> None:
        check_options("ClipFbank: ", above=0, duration_s=duration_s)
        if not 0.025 <= duration_s <= DURATION_S:
            raise UserError(f"ClipFbank: duration_s={duration_s}; expected 0.025 to {DURATION_S:g} s.")
        self.duration_s = duration_s

    @property
    def shape(self) -> tuple[int, int]:
        """(128, t)."""
        return N_MELS, min(2 * n_patches(self.duration_s), N_FRAMES)  # 16 frames a patch, 8 patches a time

    @property
    def n_features(self) -> int:
        """128 t."""
        return self.shape[0] * self.shape[1]

    def settings(self) -> dict:
        """The duration."""
        return {"duration_s": self.duration_s}

    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, 128 t)."""
        if duration_s != self.duration_s:
            raise UserError(
                f"ClipFbank was made for clips of {self.duration_s:g} s; '{stimulus.id}' has clips of {duration_s:g} s. "
                "Give it that duration_s."
            )
        clips = [read_stimulus(stimulus, SFREQ, start, start + duration_s) for start in starts_s.tolist()]
        mels = [fbank(tiled(clip, SFREQ), SFREQ)[: self.shape[1]].T.flatten() for clip in clips]
        return torch.stack(mels).numpy() if mels else np.zeros((0, self.n_features), np.float32)

    def magnitude(self, values: np.ndarray) -> np.ndarray:
        """Square root of the energies: Kaldi's are natural logarithms of power."""
        return np.exp(0.5 * (np.asarray(values, np.float64) * 2 * DEVIATION + MEAN))
