"""Sound files as mono tensors at any sampling rate."""

from collections.abc import Iterator
from pathlib import Path

import soundfile
import torch
import torchaudio
from torch import Tensor

from n2s.errors import UserError
from n2s.studies.study import Stimulus

_BLOCK = 2**20  # samples: a long stereo file is mixed down piece by piece, never held whole
_FILTER_ZEROS = 64  # torchaudio's 6 lose 1.8 dB at 7 kHz and let 9 kHz through at -17 dB, for 16 kHz
_HEADER_SLACK_S = 0.1  # headers of mp3 files overstate the length by up to about 50 ms


def audio_duration_s(path: Path | str) -> float:
    """Length of a sound file in seconds, from its header. The header of an mp3 may overstate it by about 50 ms."""
    with _opened(Path(path)) as file:
        return file.frames / file.samplerate


def audio_rate_hz(path: Path | str) -> int:
    """Sampling rate of a sound file, from its header."""
    with _opened(Path(path)) as file:
        return file.samplerate


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
        that share a border share no sample.

    Returns
    -------
    Tensor
        (n,) float32, full scale at 1; channels are averaged.

    Raises
    ------
    UserError
        The file does not exist, is not a sound or has no samples, the stretch is outside it, or samples are NaN or
        infinite.
    """
    path = Path(path)
    with _opened(path) as file:
        native, duration_s = file.samplerate, file.frames / file.samplerate
        stop = duration_s if stop_s is None else stop_s
        first, last = round(start_s * native), round(stop * native)
        if not (0 <= first < min(last, file.frames) and stop <= duration_s + _HEADER_SLACK_S):
            raise UserError(
                f"{path}: asked for {start_s:.3f} to {stop:.3f} s of audio that lasts {duration_s:.3f} s. "
                "Check that the events' stimulus_onset and duration are in seconds of this file."
            )
        try:
            file.seek(first)
            audio = torch.cat(list(_blocks(file, last - first)))
        except soundfile.SoundFileError as error:
            raise _broken(path, error) from error
    if not len(audio):
        raise UserError(f"{path}: no samples between {start_s:.3f} and {stop:.3f} s, though its header says so.")
    bad = int((~torch.isfinite(audio)).sum())
    if bad:
        raise UserError(
            f"{path}: {bad} of {len(audio)} samples are NaN or infinite. Export it again as PCM wav or flac."
        )
    return torchaudio.functional.resample(audio, native, sfreq, lowpass_filter_width=_FILTER_ZEROS)


def mono_blocks(path: Path | str) -> Iterator[Tensor]:
    """A whole sound file, piece by piece, at its own rate: (n,) float32 samples, channels averaged.

    Raises
    ------
    UserError
        See `read_audio`.
    """
    path = Path(path)
    with _opened(path) as file:
        try:
            yield from _blocks(file, None)
        except soundfile.SoundFileError as error:
            raise _broken(path, error) from error


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
        block = file.read(int(min(_BLOCK, left)), dtype="float32", always_2d=True)
        yield torch.from_numpy(block.mean(axis=1))
        left = left - len(block) if len(block) else 0


def _broken(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: broken in the middle ({error}). Copy it again from its source.")


def _opened(path: Path) -> soundfile.SoundFile:
    if not path.is_file():
        raise UserError(f"no audio file at {path}. Check the study's folder and the name in its events.")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        raise UserError(
            f"{path}: cannot be read as audio ({error}). Expected wav, flac, mp3 or ogg; "
            "convert it with `ffmpeg -i IN OUT.flac`."
        ) from error
    if file.frames == 0:
        file.close()
        raise UserError(f"{path}: an audio file without a single sample. Copy it again from its source.")
    return file
