"""The spectrogram that AudioMAE takes: Kaldi's filter bank, with AudioMAE's padding and normalisation."""

import numpy as np
import torch
import torchaudio
from torch import Tensor

from n2s.errors import UserError

SFREQ, DURATION_S, N_FRAMES, N_MELS = 16000, 10.0, 1024, 128
MEAN, DEVIATION = -4.2677393, 4.5689974  # of AudioSet (AudioMAE)


def fbank(wav: Tensor | np.ndarray, sfreq: float) -> Tensor:
    """Waveform ``(n,)`` -> ``(1024, 128)`` float32: 10 ms a frame, log mel energies of 25 ms Hann windows, normalised.

    Frames after the end are zeros *before* the normalisation, as upstream, and become 0.467. Audio
    longer than 10.24 s is cut. The waveform is not repeated: see `tiled`.

    Raises
    ------
    UserError
        The waveform has more than one dimension, is shorter than a frame, or has values that are not finite.
    """
    wav = torch.as_tensor(wav, dtype=torch.float32)
    if wav.ndim != 1 or len(wav) < 0.025 * sfreq or not torch.isfinite(wav).all():
        raise UserError(
            f"fbank: the waveform is {tuple(wav.shape)} at {sfreq:g} Hz; expected one channel, 25 ms or more, all finite."
        )
    if sfreq != SFREQ:
        wav = torchaudio.functional.resample(wav, round(sfreq), SFREQ)
    frames = torchaudio.compliance.kaldi.fbank(
        (wav - wav.mean())[None],
        htk_compat=True,
        sample_frequency=SFREQ,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=N_MELS,
        dither=0.0,
        frame_shift=10.0,
    )[:N_FRAMES]
    padded = torch.nn.functional.pad(frames, (0, 0, 0, N_FRAMES - len(frames)))
    return (padded - MEAN) / (2 * DEVIATION)


def tiled(wav: Tensor | np.ndarray, sfreq: float, *, duration_s: float = DURATION_S) -> Tensor:
    """A clip ``(n,)`` repeated until it is ``duration_s`` long, and cut there: the input for a clip shorter than 10 s."""
    wav = torch.as_tensor(wav, dtype=torch.float32)
    n = round(duration_s * sfreq)
    if wav.ndim != 1 or not len(wav):
        raise UserError(f"tiled: the waveform is {tuple(wav.shape)}; expected one channel, not empty.")
    return wav.repeat(-(-n // len(wav)))[:n]
