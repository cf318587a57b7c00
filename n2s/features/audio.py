"""Sound files as mono tensors at any sampling rate."""

from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
import torch
import torchaudio
from torch import Tensor

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.sound import BLOCK, broken, opened, sound
from n2s.studies.study import Stimulus

_FILTER_ZEROS = 64  # torchaudio's 6 lose 1.8 dB at 7 kHz and let 9 kHz through at -17 dB, for 16 kHz
_LARGEST_KERNEL = 10**8  # numbers in torchaudio's filters, one for each phase: 44101 Hz to 16 kHz would take 0.7e9
_LEAD = 20_000  # samples decoded before a stretch: frames of mp3 and opus need those before them
_BEYOND_S = 0.1  # that a stretch may reach beyond the end: rounded times, the padding of a codec
_SAID_S = 0.002  # of it that is filled with silence in silence: times rounded to milliseconds


def audio_duration_s(path: Path | str) -> float:
    """Length of a sound file in seconds: of its decoded samples, whatever its header says."""
    return sound(path).length_s


def audio_rate_hz(path: Path | str) -> int:
    """Sampling rate of a sound file, from its header."""
    return sound(path).rate_hz


def read_audio(path: Path | str, sfreq: int, start_s: float = 0.0, stop_s: float | None = None) -> Tensor:
    """Read a sound file (wav, flac, mp3, ogg, and whatever else libsndfile reads), mix it to one channel and resample it.

    Parameters
    ----------
    path
        The file.
    sfreq
        Sampling rate of the result in Hz; 16000 for speech models.
    start_s, stop_s
        The stretch to read, in seconds; by default all. Samples outside it do not influence the result: two stretches
        that share a border share no sample. Up to 0.1 s after the end of the file are silence, which is said.

    Returns
    -------
    Tensor
        (n,) float32, full scale at 1; channels are averaged. Never fewer samples than asked for.

    Raises
    ------
    UserError
        The file does not exist, is not a whole sound (`n2s.studies.readers.sound.sound`) or has no samples, the stretch is
        outside it, or samples are NaN or infinite.
    """
    path = Path(path)
    known = sound(path)
    native, duration_s = known.rate_hz, known.length_s
    stop = duration_s if stop_s is None else stop_s
    first, last = round(start_s * native), round(stop * native)
    if not (0 <= first < min(last, known.n_samples) and stop <= duration_s + _BEYOND_S):
        raise UserError(
            f"{path}: asked for {start_s:.3f} to {stop:.3f} s of audio that lasts {duration_s:.3f} s. "
            "Check that the events' stimulus_onset and duration are in seconds of this file."
        )
    beyond = max(last - known.n_samples, 0)
    with opened(path) as file:
        try:
            lead = first if not file.seekable() else min(first, _LEAD) if file.format in ("MP3", "OGG") else 0
            if first > lead:
                file.seek(first - lead)
            audio = torch.cat(list(_blocks(file, lead + last - beyond - first)))[lead:]
        except soundfile.SoundFileError as error:
            raise broken(path, error, start_s, duration_s) from error
    if len(audio) != last - beyond - first:
        raise UserError(
            f"{path}: {len(audio) / native:.3f} s could be read from {start_s:.3f} s on, not the {stop - start_s:.3f} s asked "
            f"for, though it lasts {duration_s:.3f} s. Write it anew: `ffmpeg -i IN OUT.flac`."
        )
    if beyond:
        audio = torch.nn.functional.pad(audio, (0, beyond))
        if beyond > _SAID_S * native:
            text = "a stretch that is heard ends after the end of this sound, at most 0.1 s: what is missing there is silence."
            tell("odd", f"{path} ({stop:.3f} of {duration_s:.3f} s)", text)
    return _resampled(audio, native, sfreq)


def mono_blocks(path: Path | str) -> Iterator[Tensor]:
    """A whole sound file, piece by piece, at its own rate: (n,) float32 samples, channels averaged.

    Raises
    ------
    UserError
        See `read_audio`.
    """
    path = Path(path)
    duration_s = sound(path).length_s
    with opened(path) as file:
        try:
            yield from _blocks(file, None)
        except soundfile.SoundFileError as error:
            raise broken(path, error, file.tell() / file.samplerate, duration_s) from error


def read_stimulus(stimulus: Stimulus, sfreq: int, start_s: float = 0.0, stop_s: float | None = None) -> Tensor:
    """`read_audio` of a stimulus; a `UserError` where it has none."""
    if stimulus.audio is None:
        raise UserError(
            f"stimulus '{stimulus.id}' has no audio to compute features from. Make the study's audio() name its file, "
            "or use the features that the study provides: n2s.features.Ready."
        )
    return read_audio(stimulus.audio, sfreq, start_s, stop_s)


def _blocks(file: soundfile.SoundFile, n_samples: int | None) -> Iterator[Tensor]:
    """Mono pieces of the rest of the file, each of ``n_samples`` or up to the end.

    ``SoundFile.blocks`` would add random memory where an mp3's header overstates the length.
    """
    left = float("inf") if n_samples is None else n_samples
    while left:
        block = file.read(int(min(BLOCK, left)), dtype="float32", always_2d=True)
        yield torch.from_numpy(block.mean(axis=1))
        left = left - len(block) if len(block) else 0


def _resampled(audio: Tensor, native: int, sfreq: int) -> Tensor:
    """To another rate, with a filter of one kind: torchaudio's, or SciPy's where rates have no large common divisor."""
    unit = gcd(native, sfreq)
    if (native // unit) * (sfreq // unit) <= _LARGEST_KERNEL:
        return torchaudio.functional.resample(audio, native, sfreq, lowpass_filter_width=_FILTER_ZEROS)
    up, down = sfreq // unit, native // unit
    half = _FILTER_ZEROS * max(up, down)
    taps = scipy.signal.firwin(2 * half + 1, 0.99 / max(up, down), window="hann").astype(np.float32)
    return torch.from_numpy(scipy.signal.resample_poly(audio.numpy(), up, down, window=taps))
