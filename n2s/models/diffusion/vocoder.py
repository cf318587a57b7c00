"""From a log-mel spectrogram to sound: a vocoder network or Griffin-Lim, the right length, and no clipping."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.models.diffusion.spectrogram import HOP, MARGIN, SFREQ, WINDOW, mel_basis, spectrum, window

CEILING = 0.99  # highest absolute sample: a little below full scale, so that a resampler's overshoot fits
_EMPTY = 1e-3  # of the summed squared windows: below it there is no sample to divide by


class GriffinLim(nn.Module):
    """Sound from a mel spectrogram without a trained vocoder: ``(b, l, 64) -> (b, 160 l)``.

    Magnitudes are the least-squares solution for the mel filters, without negative ones; phases are found by Griffin and
    Lim's iteration with momentum, from one fixed random start, so that a clip does not depend on its batch. It needs no
    weights, and it sounds like it: metallic, but intelligible if the spectrogram is.

    Parameters
    ----------
    n_iterations
        Iterations of the search for phases.
    momentum
        0 is the original algorithm.

    References
    ----------
    Griffin and Lim 1984, IEEE TASSP. Perraudin, Balazs, Søndergaard 2013, WASPAA (momentum).
    """

    def __init__(self, n_iterations: int = 60, momentum: float = 0.99) -> None:
        super().__init__()
        self.n_iterations, self.momentum = n_iterations, momentum
        self.register_buffer("inverse", torch.linalg.pinv(mel_basis().double()).float(), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """``(b, l, 64) -> (b, 160 l)``."""
        magnitude = (mel.float().exp() @ self.inverse).clamp_min(0)
        start = torch.rand(magnitude.shape[1:], generator=torch.Generator().manual_seed(0)).to(magnitude)
        phase = torch.polar(torch.ones_like(start), 2 * torch.pi * start)
        before = torch.zeros_like(magnitude, dtype=phase.dtype)
        for _ in range(self.n_iterations):
            found = spectrum(_overlapped(magnitude * phase))
            phase = found - self.momentum / (1 + self.momentum) * before
            phase = phase / phase.abs().clamp_min(1e-12)
            before = found
        return _overlapped(magnitude * phase)[:, MARGIN:-MARGIN]


def to_sound(vocoder: nn.Module, mel: Tensor, n_samples: int | None = None) -> tuple[Tensor, Tensor]:
    """Sound of a mel spectrogram, 16 kHz, that does not clip.

    Parameters
    ----------
    vocoder
        ``(b, l, 64) -> (b, 160 l or a little more)``.
    mel
        (b, l, 64)
    n_samples
        Samples to keep; by default 160 a frame.

    Returns
    -------
    wav
        (b, n_samples) float32, within -0.99 and 0.99.
    gain
        (b,) The factor that keeps a clip from clipping: 1 for most. For the record of the run.

    Raises
    ------
    UserError
        More samples are requested than the frames hold, or the vocoder gives too few.
    """
    longest = HOP * mel.shape[1]
    wanted = longest if n_samples is None else n_samples
    if not 0 < wanted <= longest:
        raise UserError(
            f"to_sound: {wanted} samples are wanted of {mel.shape[1]} frames, which are {longest} samples "
            f"({longest / SFREQ:g} s at {SFREQ} Hz)."
        )
    with torch.autocast(mel.device.type, enabled=False):
        wav = vocoder(mel.float()).float()
    if wav.shape[1] < wanted:
        raise UserError(
            f"to_sound: the vocoder makes {wav.shape[1]} samples of {mel.shape[1]} frames; expected {HOP} a frame, as one "
            "for 16 kHz and a hop of 160 does."
        )
    return limited(wav[:, :wanted])


def limited(wav: Tensor) -> tuple[Tensor, Tensor]:
    """Scale each row that exceeds 0.99 down to it, ``(b, n) -> (b, n), (b,)``: the sound and its gain."""
    peak = wav.abs().amax(1)
    gain = torch.where(peak > CEILING, CEILING / peak, torch.ones_like(peak))
    return wav * gain[:, None], gain


def _overlapped(frequencies: Tensor) -> Tensor:
    """Least-squares signal of a spectrogram, ``(b, l, 513) -> (b, 160 (l - 1) + 1024)``."""
    hann = window(frequencies.real)
    n = frequencies.shape[1]
    frames = torch.fft.irfft(frequencies, WINDOW) * hann
    weights = hann.square().expand(1, n, WINDOW)
    summed, weight = (_summed(part) for part in (frames, weights))
    return torch.where(weight > _EMPTY, summed / weight.clamp_min(_EMPTY), 0.0)


def _summed(frames: Tensor) -> Tensor:
    """``(b, l, 1024) -> (b, 160 (l - 1) + 1024)``: each frame 160 samples after the one before."""
    length = HOP * (frames.shape[1] - 1) + WINDOW
    return F.fold(frames.mT, (1, length), (1, WINDOW), stride=(1, HOP))[:, 0, 0]
