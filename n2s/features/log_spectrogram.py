"""The spectrogram that networks of speech are trained on: Millet & King 2021 with OpenSeq2Seq."""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus

_BLOCK = 8192  # frames transformed at once: an hour of audio in little memory


class LogSpectrogram(FrameFeature):
    """Decibels of the power at each frequency, ``(l, n_bins)``, brought to mean 0 and deviation 1 over the whole clip.

    Frame i is centred at sample ``i * hop``. With the default, 161 frequencies of 50 Hz come every 10 ms, and the last, at
    8 kHz, is left out: the 160 dimensions of Millet & King 2021 (librosa's stft, squared, 20 ms, 320 samples). The rest
    is what their toolkit does (OpenSeq2Seq): a Hann window, the clip's peak brought to 1, decibels, one mean and one
    deviation for all frequencies of a clip. A frame thus depends on the whole clip: the feature is contextual.

    Parameters
    ----------
    n_bins
        Frequencies to keep, from 0 Hz.
    sfreq
        The audio is resampled to this rate, Hz.
    window_s, hop_s
        Length of a window, and time from one frame to the next.
    floor
        Least power. The toolkit's is 1e-30: digital silence is then 200 dB below the noise of 16 bits (1e-8), and
        alone decides the deviation.

    Examples
    --------
    >>> from n2s.features import LogSpectrogram, example_stimulus
    >>> LogSpectrogram().extract(example_stimulus()).values.shape  # a frame each 10 ms
    (201, 160)
    """

    contextual = True

    def __init__(
        self, n_bins: int = 160, *, sfreq: int = 16000, window_s: float = 0.02, hop_s: float = 0.01, floor: float = 1e-8
    ) -> None:
        check_options("LogSpectrogram: ", low=1, whole=True, n_bins=n_bins, sfreq=sfreq)
        check_options("LogSpectrogram: ", above=0, window_s=window_s, hop_s=hop_s, floor=floor)
        self.n_fft, self.hop = round(window_s * sfreq), round(hop_s * sfreq)
        if self.n_fft < 2 or self.hop < 1 or floor <= 0 or not 1 <= n_bins <= self.n_fft // 2 + 1:
            raise UserError(
                f"LogSpectrogram: n_bins={n_bins}, sfreq={sfreq}, window_s={window_s}, hop_s={hop_s}, floor={floor}; expected "
                f"positive numbers, and n_bins of at most {self.n_fft // 2 + 1}, half of window_s * sfreq plus 1."
            )
        self.n_bins, self.sfreq, self.window_s, self.hop_s, self.floor = n_bins, sfreq, window_s, hop_s, floor

    @property
    def n_features(self) -> int:
        """f: the number of frequencies."""
        return self.n_bins

    def settings(self) -> dict:
        """Every argument."""
        return {name: getattr(self, name) for name in ("n_bins", "sfreq", "window_s", "hop_s", "floor")}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute (l, n_bins) with l = 1 + samples // hop; both ends are mirrored for half a window."""
        values = self.of_audio(read_stimulus(stimulus, self.sfreq, start_s, stop_s), f"stimulus '{stimulus.id}'")
        return Frames(values.numpy(), self.sfreq / self.hop, start_s)

    @torch.inference_mode()
    def of_audio(self, audio: Tensor, where: str = "the sound") -> Tensor:
        """(n,) samples -> (l, n_bins); zeros where the clip never changes, as silence does.

        Raises
        ------
        UserError
            The clip, ``where`` in the message, is shorter than half a window.
        """
        half = self.n_fft // 2
        if len(audio) <= half:
            raise UserError(
                f"{where}: {len(audio) / self.sfreq:.3f} s of audio are too short for a window of {self.window_s} s. Leave it out."
            )
        audio = audio / (audio.abs().max() + 1e-5)  # the toolkit's
        n_frames = 1 + len(audio) // self.hop
        padded = F.pad(audio[None], (half, half), mode="reflect")[0]
        decibels = torch.empty(n_frames, self.n_bins)
        for first in range(0, n_frames, _BLOCK):
            last = min(first + _BLOCK, n_frames)
            frames = padded[first * self.hop : (last - 1) * self.hop + self.n_fft].unfold(0, self.n_fft, self.hop)
            power = torch.fft.rfft(frames * self._window)[:, : self.n_bins].abs().square()
            decibels[first:last] = 10 * torch.log10(power.clamp(min=self.floor))
        centred = decibels - decibels.mean()
        deviation = centred.square().mean().sqrt()
        return centred / deviation if deviation > 1e-3 else torch.zeros_like(centred)

    @cached_property
    def _window(self) -> Tensor:
        return torch.hann_window(self.n_fft, periodic=False)  # numpy's hanning, as the toolkit takes it
