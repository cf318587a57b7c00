"""The log-mel spectrogram that AudioLDM's autoencoder and vocoder take, and how many frames a clip has."""

import math
from functools import lru_cache

import torch
import torchaudio
from torch import Tensor
from torch.nn import functional as F

from n2s.errors import UserError

SFREQ, WINDOW, HOP, N_MELS = 16000, 1024, 160, 64
MARGIN = (WINDOW - HOP) // 2  # mirrored at both ends: as many frames as hops (HiFi-GAN)
FLOOR = 1e-5  # of a magnitude
MULTIPLE = 32  # frames: the autoencoder divides by 4, the UNet by 8
AMPLITUDE = 0.5  # highest absolute sample of a normalised waveform


def n_frames(duration_s: float) -> int:
    """Frames of 10 ms that a clip takes: the next multiple of 32 (416, 160, 224 for 4, 1.5, 2 s)."""
    if not duration_s > 0:
        raise UserError(f"n_frames: a duration of {duration_s} s; expected a positive one.")
    return MULTIPLE * math.ceil(round(SFREQ / HOP * duration_s, 6) / MULTIPLE)


def normalized(wav: Tensor) -> Tensor:
    """Zero mean and a peak of 0.5 over the last dimension; silence stays silent."""
    wav = wav - wav.mean(-1, keepdim=True)
    return AMPLITUDE * wav / (wav.abs().amax(-1, keepdim=True) + 1e-8)


def log_mel(wav: Tensor) -> Tensor:
    """Natural logarithm of mel magnitudes, ``(b, n) -> (b, n // 160, 64)``; n is a multiple of 160."""
    with torch.autocast(wav.device.type, enabled=False):
        magnitude = spectrum(F.pad(wav, (MARGIN, MARGIN), mode="reflect")).abs()
        return (magnitude @ mel_basis().to(wav)).clamp_min(FLOOR).log()


def clip_mel(wav: Tensor, sfreq: float, duration_s: float) -> Tensor:
    """The mel of a clip: normalised, repeated up to `n_frames` frames, ``(n,) -> (l, 64)`` or ``(b, n) -> (b, l, 64)``.

    Parameters
    ----------
    wav
        As long as ``duration_s`` says, to 10 ms; full scale at 1.
    sfreq
        Its sampling rate, Hz; it must be 16000.
    duration_s
        Duration of the clip, s.

    Raises
    ------
    UserError
        Another rate or length, or samples that are not finite.

    References
    ----------
    Liu et al. 2024, AudioLDM 2, IEEE/ACM TASLP, and its training code; the repetition: Liu et al. 2024, Reverse the
    auditory processing pathway.
    """
    if sfreq != SFREQ:
        raise UserError(
            f"clip_mel: audio at {sfreq:g} Hz; expected {SFREQ} Hz: read it with read_audio(path, {SFREQ})."
        )
    wav = torch.as_tensor(wav, dtype=torch.float32)
    if wav.ndim not in (1, 2) or not wav.numel() or abs(wav.shape[-1] - duration_s * SFREQ) > HOP:
        raise UserError(
            f"clip_mel: a waveform of {tuple(wav.shape)}; expected (n,) or (b, n) with n = {round(duration_s * SFREQ)}, "
            f"which is {duration_s:g} s at {SFREQ} Hz."
        )
    if not torch.isfinite(wav).all():
        raise UserError(
            "clip_mel: the waveform has NaN or infinite samples. Export the sound again as PCM wav or flac."
        )
    length = HOP * n_frames(duration_s)
    clips = normalized(wav).reshape(-1, wav.shape[-1])
    mel = log_mel(clips.repeat(1, -(-length // clips.shape[1]))[:, :length])
    return mel.reshape(*wav.shape[:-1], *mel.shape[1:])


@lru_cache(maxsize=1)
def mel_basis() -> Tensor:
    """(513, 64) triangles of equal area between 0 and 8000 Hz on Slaney's scale, as librosa's."""
    return torchaudio.functional.melscale_fbanks(
        WINDOW // 2 + 1, 0.0, SFREQ / 2, N_MELS, SFREQ, norm="slaney", mel_scale="slaney"
    )


def window(like: Tensor) -> Tensor:
    """(1024,) Hann."""
    return torch.hann_window(WINDOW, dtype=like.dtype, device=like.device)


def spectrum(padded: Tensor) -> Tensor:
    """``(b, 160 (l - 1) + 1024) -> (b, l, 513)`` complex."""
    return torch.fft.rfft(padded.unfold(-1, WINDOW, HOP) * window(padded))
