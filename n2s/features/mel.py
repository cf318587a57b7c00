"""The log-mel spectrogram of the sound."""

from functools import cached_property

import torch
import torchaudio
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus

_BLOCK = 8192  # frames transformed at once: an hour of audio in little memory


class Mel(FrameFeature):
    """Log10 of the power in mel bands, ``(l, n_mels)``; frame i is centred at sample ``i * hop``.

    The spectrogram is divided by the energy of its Hann window, so that a band holds the signal's power whatever
    ``n_fft`` is. Défossez 2023 has ``Mel(n_mels=120, standardize=True)``; one of those 120 bands lies between two
    frequencies of the transform and stays constant (torchaudio warns of it).

    Parameters
    ----------
    n_mels
        Bands, equally wide on the HTK mel scale.
    sfreq
        The audio is resampled to this rate, Hz.
    n_fft
        Samples in a transform's window; even.
    hop
        Samples from one frame to the next: frames come at ``sfreq / hop`` Hz.
    fmin, fmax
        Lowest and highest edge of the bands, Hz; by default up to ``sfreq / 2``.
    floor
        Added to the power before the logarithm.
    standardize
        First bring the audio to zero mean and unit variance. A frame then depends on the loudness of all of it: the
        feature is contextual, and each side of a split's border has its own.

    Examples
    --------
    >>> from n2s.features import Mel, example_stimulus
    >>> frames = Mel(n_mels=40).extract(example_stimulus())
    >>> frames.values.shape, frames.rate_hz  # 2 s
    ((251, 40), 125.0)
    """

    def __init__(
        self,
        n_mels: int = 40,
        *,
        sfreq: int = 16000,
        n_fft: int = 512,
        hop: int = 128,
        fmin: float = 0.0,
        fmax: float | None = None,
        floor: float = 1e-5,
        standardize: bool = False,
    ) -> None:
        check_options("Mel: ", low=1, whole=True, n_mels=n_mels, sfreq=sfreq, n_fft=n_fft, hop=hop)
        check_options("Mel: ", low=0, fmin=fmin, fmax=fmax)
        check_options("Mel: ", above=0, floor=floor)
        top = sfreq / 2 if fmax is None else fmax
        if n_fft % 2:
            raise UserError(f"Mel: n_fft is {n_fft}; expected an even number of samples.")
        if not 0 <= fmin < top <= sfreq / 2:
            raise UserError(
                f"Mel: bands from fmin={fmin} to fmax={top} Hz; expected 0 <= fmin < fmax <= {sfreq / 2} Hz, "
                f"half of sfreq={sfreq}."
            )
        self.n_mels, self.sfreq, self.n_fft, self.hop = n_mels, sfreq, n_fft, hop
        self.fmin, self.fmax, self.floor, self.standardize = fmin, top, floor, standardize
        self.contextual = standardize

    @property
    def n_features(self) -> int:
        """f: the number of bands."""
        return self.n_mels

    def settings(self) -> dict:
        """Every argument."""
        names = ("n_mels", "sfreq", "n_fft", "hop", "fmin", "fmax", "floor", "standardize")
        return {name: getattr(self, name) for name in names}

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute (l, n_mels) with l = 1 + samples // hop; both ends are mirrored for half a window."""
        audio = read_stimulus(stimulus, self.sfreq, start_s, stop_s)
        half = self.n_fft // 2
        if len(audio) <= half:
            raise UserError(
                f"stimulus '{stimulus.id}': {len(audio) / self.sfreq:.3f} s of audio are too short for a window of "
                f"{self.n_fft / self.sfreq:.3f} s. Leave it out, or lower n_fft={self.n_fft}."
            )
        if self.standardize:
            audio = (audio - audio.mean()) / (audio.std() + 1e-8)
        n_frames = 1 + len(audio) // self.hop
        padded = F.pad(audio[None], (half, half), mode="reflect")[0]
        mel = torch.empty(n_frames, self.n_mels)
        for first in range(0, n_frames, _BLOCK):
            last = min(first + _BLOCK, n_frames)
            mel[first:last] = self._transform(padded[first * self.hop : (last - 1) * self.hop + self.n_fft]).T
        return Frames(torch.log10(mel + self.floor).numpy(), self.sfreq / self.hop, start_s)

    @cached_property
    def _transform(self) -> torchaudio.transforms.MelSpectrogram:
        return torchaudio.transforms.MelSpectrogram(
            sample_rate=self.sfreq,
            n_fft=self.n_fft,
            hop_length=self.hop,
            f_min=self.fmin,
            f_max=self.fmax,
            n_mels=self.n_mels,
            normalized=True,
            center=False,
        )
