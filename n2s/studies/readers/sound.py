"""A sound file as it is: opened or refused by name, decoded once, its true length and what is odd about its samples."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from n2s.errors import UserError
from n2s.paths import cache_dir, written_whole
from n2s.studies.readers.mpeg import mpeg_frames
from n2s.studies.readers.ogg import ogg_problem
from n2s.studies.readers.riff import declared_bytes
from n2s.studies.readers.sound_sums import Sums
from n2s.studies.readers.unreadable import why_unreadable

_VERSION = 1  # increase when `Sound`, or what is refused, changes
SLACK_S = 0.05  # a codec's padding; a header that is rounded
STRAY_S = 1.0  # of sound that the bytes after the last chunk would be: more of them are no junk
BLOCK = 2**20  # samples: a long stereo file is read piece by piece, never held whole
OPEN = 2**62  # frames: libsndfile's number for a length that the header leaves open
RATES_HZ = 50, 400_000  # the converters of the fastest sound cards reach 384 kHz
KEPT_S = 0.05  # decoding that took longer is kept in the cache
AGAIN = "Copy it again from its source; if it is meant to be so, write it anew: `ffmpeg -i IN OUT.flac`."


@dataclass(frozen=True)
class Sound:
    """What decoding a sound file once tells. Samples are those of one channel (frames); full scale is 1.

    Attributes
    ----------
    rate_hz, n_channels, n_samples
        As decoded; a header may differ.
    container
        ``WAV/PCM_16``.
    streamed
        Whether its header leaves the length open.
    stray_s
        How long the bytes after its last chunk would sound, s.
    peak
        Largest magnitude in any channel.
    clipped
        The share of samples that lie at that peak, in the channel that has it.
    low, high, mean, power
        Of the mean of all channels; the power is without the mean.
    channel_power
        Of each channel.
    zeros
        The share of samples that are exactly 0 in the mean of all channels.
    first, last
        The first and last sample that are not.
    """

    rate_hz: int
    n_channels: int
    n_samples: int
    container: str
    streamed: bool
    stray_s: float
    peak: float
    clipped: float
    low: float
    high: float
    mean: float
    power: float
    channel_power: tuple[float, ...]
    zeros: float
    first: int
    last: int

    @property
    def length_s(self) -> float:
        """Its length in seconds."""
        return self.n_samples / self.rate_hz


def opened(path: Path | str) -> soundfile.SoundFile:
    """Open a sound file.

    Raises
    ------
    UserError
        There is none, libsndfile cannot read it, it has no samples, or its header gives no usable rate or length.
    """
    path = Path(path)
    reason = why_unreadable(path)
    if reason:
        raise UserError(reason)
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(
            f"{path}: cannot be read as audio ({_reason(error)}). Expected wav, flac, mp3 or ogg; "
            "convert it with `ffmpeg -i IN OUT.flac`."
        ) from error
    problem = None
    if file.frames == 0:
        problem = f"an audio file without a single sample{_after(path)}. {AGAIN}"
    elif file.frames >= OPEN:
        problem = (
            "its header does not say how long it is (a stream, or several joined), and libsndfile cannot find its end. "
            "Write it anew: `ffmpeg -i IN OUT.flac`."
        )
    elif not RATES_HZ[0] <= file.samplerate <= RATES_HZ[1]:
        problem = f"its header says {file.samplerate} Hz; expected a sampling rate such as 16000 or 44100. {AGAIN}"
    if problem:
        file.close()
        raise UserError(f"{path}: {problem}")
    return file


_heard: dict[tuple, Sound] = {}


def sound(path: Path | str) -> Sound:
    """Decode a sound file once; the answer is kept, in the cache too if it took long, by the file's place, size and time.

    Raises
    ------
    UserError
        See `opened`; or it is damaged, cut off, holds more or less than its header says, or has samples that are NaN
        or infinite.
    """
    path = Path(path)
    try:
        about = path.stat()
    except OSError:
        raise UserError(why_unreadable(path)) from None
    key = (_VERSION, str(path.resolve()), about.st_size, about.st_mtime_ns, soundfile.__libsndfile_version__)
    if key in _heard:
        return _heard[key]
    kept = cache_dir() / "sounds" / f"about-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.json"
    found = _read(kept)
    if found is None:
        start = time.monotonic()
        found = _decoded(path)
        if time.monotonic() - start > KEPT_S:
            with written_whole(kept) as temporary:
                temporary.write_text(json.dumps(asdict(found)))
    _heard[key] = found
    return found


def broken(path: Path, error: Exception, at_s: float, of_s: float) -> UserError:
    """What a user reads where decoding stops with an error."""
    return UserError(
        f"{path}: broken after {at_s:.3f} s of the {of_s:.3f} s that its header says ({_reason(error)}). {AGAIN}"
    )


def _read(kept: Path) -> Sound | None:
    if not kept.is_file():
        return None
    try:
        told = json.loads(kept.read_text())
        return Sound(**told | {"channel_power": tuple(told["channel_power"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # made again: a process of another version, a disk that was full


def _decoded(path: Path) -> Sound:
    with opened(path) as file:
        header, rate_hz = file.frames, file.samplerate
        streamed, stray_s = _check_container(path, file)
        sums = Sums(file.channels)
        for block in _blocks(path, file):
            sums.add(block)
        n = sums.n
        if sums.bad:
            raise UserError(
                f"{path}: {sums.bad} of {n} samples are NaN or infinite. Export it again as PCM wav or flac."
            )
        if n < header - SLACK_S * rate_hz and not _estimated(path, file):
            raise _unequal(path, "it was cut off, or is damaged", header / rate_hz, n / rate_hz)
        if not n:
            raise UserError(f"{path}: an audio file without a single sample. {AGAIN}")
        return Sound(rate_hz, file.channels, n, f"{file.format}/{file.subtype}", streamed, stray_s, **sums.summary())


def _blocks(path: Path, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """(n, channels) float32 pieces; those of a flac are compared with the checksum in its header."""
    bits, told = _flac_checksum(path)
    digest = hashlib.md5(usedforsecurity=False)
    n = 0
    while True:
        try:
            block = file.read(BLOCK, dtype="int32" if bits else "float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise broken(path, error, n / file.samplerate, file.frames / file.samplerate) from error
        if not len(block):
            break
        n += len(block)
        if bits:
            whole = (block >> (32 - bits)).astype("<i4")
            digest.update(whole.view(np.uint8).reshape(-1, 4)[:, : -(-bits // 8)].tobytes())
            block = block.astype(np.float32) / np.float32(2**31)
        yield block
    if bits and digest.digest() != told:
        raise UserError(
            f"{path}: its samples ({n / file.samplerate:.3f} s) are not those that were written: their checksum (MD5) is "
            f"not that of its header. {AGAIN}"
        )


def _flac_checksum(path: Path) -> tuple[int, bytes]:
    """Bits of a sample and MD5 of all, from the header of a flac (RFC 9639, 8.2); 0 where there is none."""
    with open(path, "rb") as file:
        head = file.read(42)
    if head[:4] != b"fLaC" or len(head) < 42 or not any(head[26:]):
        return 0, b""
    return ((head[20] & 1) << 4 | head[21] >> 4) + 1, head[26:]


def _check_container(path: Path, file: soundfile.SoundFile) -> tuple[bool, float]:
    """Compare what the container says with what it holds: whether the length is left open, and how long stray bytes would be."""
    rate_hz, header_s = file.samplerate, file.frames / file.samplerate
    if file.format == "MP3":
        mpeg = mpeg_frames(path)
        if mpeg is None or mpeg.rate_hz != rate_hz:
            raise UserError(f"{path}: no regular frames of an mp3 follow each other in it. {AGAIN}")
        found_s = mpeg.found * mpeg.samples / rate_hz
        told_s = header_s if mpeg.declared is None else mpeg.declared * mpeg.samples / rate_hz
        if mpeg.declared is not None and mpeg.found < mpeg.declared - 1:
            raise _unequal(path, "its download or copy stopped early, or it is damaged", told_s, found_s)
        if found_s > told_s + 4 * mpeg.samples / rate_hz:
            raise _unequal(path, "libsndfile would leave out the rest", told_s, found_s)
        if mpeg.skipped > 3 * max(mpeg.longest, 1):
            raise UserError(
                f"{path}: damaged: {mpeg.skipped} bytes between its {mpeg.found} frames are no frames of an mp3, so that what "
                f"follows them would be heard too early. {AGAIN}"
            )
    elif file.format == "OGG":
        problem = ogg_problem(path)
        if problem:
            raise UserError(f"{path}: {problem}; {header_s:.3f} s of it can be read. {AGAIN}")
    else:
        told = declared_bytes(path)
        if told is not None and told.declared is None:
            return True, 0.0
        if told is not None and told.held:
            seconds = header_s / told.held
            if told.declared - told.held > SLACK_S / seconds:
                raise _unequal(path, "it was cut off", told.declared * seconds, told.held * seconds)
            if told.stray * seconds > STRAY_S:
                raise _unequal(path, "bytes after its end may be sound, too", header_s, header_s + told.stray * seconds)
            return False, told.stray * seconds
    return False, 0.0


def _estimated(path: Path, file: soundfile.SoundFile) -> bool:
    """Whether the length in the header of an mp3 is only an estimate: all its frames were decoded."""
    mpeg = mpeg_frames(path) if file.format == "MP3" else None
    return mpeg is not None and mpeg.declared is None


def _unequal(path: Path, what: str, header_s: float, found_s: float) -> UserError:
    return UserError(f"{path}: its header says {header_s:.3f} s, but it holds {found_s:.3f} s: {what}. {AGAIN}")


def _after(path: Path) -> str:
    told = declared_bytes(path)
    return f" by its header, though {told.stray} bytes follow" if told is not None and told.stray else ""


def _reason(error: Exception) -> str:
    told = str(getattr(error, "error_string", "") or error).removeprefix("Error : ").strip().rstrip(".")
    return {"System error": "the system could not read it", "": "no reason given"}.get(told, told)
