"""The identity of a sound: a hash of all its samples, and marks along it that cuts and copies share.

There are two kinds of marks, each a hash and a place. *Samples*: short runs of samples, chosen by their content, so that
a file that was cut out of another has the same runs, at one offset. *Peaks*: three neighbouring peaks of the spectrogram,
with their frequencies and the times between them. They survive encoding, resampling, a change of level and mixing down
(landmarks: Wang 2003, An industrial-strength audio search algorithm).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import gcd
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal

from n2s.features.audio import audio_rate_hz, mono_blocks
from n2s.studies.study import Frames

RUN = 64  # samples in one hash: 1.5 ms at 44.1 kHz
RUNS_HZ = 40  # about as many are kept each second
PEAKS_SFREQ = 8000  # what every codec keeps
FRAME, HOP = 512, 128  # 64 ms, every 16 ms
LOW, HIGH = 12, 244  # bins of 15.6 Hz: 190 to 3800 Hz
NEAR_FRAMES, NEAR_BINS = 8, 10  # a peak is the largest this far around it: about 22 a second of speech
FLOOR_DB = 30  # of a peak below the loudest within a second
FAN = 5  # the next peaks, two of which make a mark with the first
_CHUNK = 2**12  # frames at once
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads bits


@dataclass(frozen=True)
class Marks:
    """``hash (n,)`` uint64 and ``at (n,)`` int64 of each mark, ``step_s`` a unit of ``at``."""

    hash: np.ndarray
    at: np.ndarray
    step_s: float


@dataclass(frozen=True)
class Fingerprint:
    """The identity of one sound: ``sha256`` of its decoded samples, its duration, and its marks."""

    sha256: str
    duration_s: float
    samples: Marks
    peaks: Marks


def audio_fingerprint(path: Path) -> Fingerprint:
    """Make it from a sound file, read once, piece by piece. One channel and several equal channels give the same.

    Raises
    ------
    UserError
        The file is not a sound.
    """
    rate_hz = audio_rate_hz(path)
    unit = gcd(rate_hz, PEAKS_SFREQ)
    digest, runs, slow, n = hashlib.sha256(str(rate_hz).encode()), _Runs(rate_hz), [], 0
    for samples in _even_blocks(path, rate_hz // unit):
        digest.update(samples.tobytes())
        runs.add(samples)
        slow.append(scipy.signal.resample_poly(samples, PEAKS_SFREQ // unit, rate_hz // unit))
        n += len(samples)
    return Fingerprint(digest.hexdigest(), n / rate_hz, runs.marks(), peak_marks(np.concatenate(slow)))


def frames_fingerprint(ready: Frames) -> Fingerprint:
    """Make it from features that replace audio: each frame is a mark."""
    values = np.ascontiguousarray(ready.values, dtype=np.float32) + np.float32(0)
    digest = hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()
    rate = str(float(ready.rate_hz)).encode()
    marks = np.array([_first_8(rate + row.tobytes()) for row in values], np.uint64)
    none = Marks(np.zeros(0, np.uint64), np.zeros(0, np.int64), HOP / PEAKS_SFREQ)
    return Fingerprint(digest, ready.stop_s, Marks(marks, np.arange(len(marks)), 1 / ready.rate_hz), none)


def peak_marks(audio: np.ndarray) -> Marks:
    """Marks of the spectrogram's peaks; audio (n,) at `PEAKS_SFREQ`."""
    frame, band = _peaks(audio)
    found, at = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for one, two in combinations(range(1, FAN + 1), 2):
        first = np.arange(max(len(frame) - two, 0))
        lags = frame[first + one] - frame[first], frame[first + two] - frame[first]
        kept = lags[1] < 2 * PEAKS_SFREQ // HOP  # two seconds: no mark across a long pause
        parts = [band[first], band[first + one], band[first + two], *lags]
        code = np.zeros(kept.sum(), np.uint64)
        for part in parts:  # of two bins and two frames, for another place of the frames moves peaks by one
            code = (code << np.uint64(8)) | (part[kept] // 2).astype(np.uint64)
        found.append(code)
        at.append(frame[first[kept]])
    return Marks(np.concatenate(found), np.concatenate(at), HOP / PEAKS_SFREQ)


def _peaks(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) frames and bins of the spectrogram's peaks, by time."""
    n_frames = max((len(audio) - FRAME) // HOP + 1, 0)
    if not n_frames:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME)[::HOP]
    window = np.hanning(FRAME).astype(np.float32)
    around = round(PEAKS_SFREQ / HOP)  # a second
    found = []
    for start in range(0, n_frames, _CHUNK):
        first, last = max(start - around, 0), min(start + _CHUNK + around, n_frames)
        spectrum = scipy.fft.rfft(frames[first:last] * window, axis=1)[:, LOW:HIGH]
        level = 10 * np.log10(spectrum.real**2 + spectrum.imag**2 + 1e-12)
        largest = scipy.ndimage.maximum_filter1d(level, 2 * NEAR_FRAMES + 1, axis=0)
        largest = scipy.ndimage.maximum_filter1d(largest, 2 * NEAR_BINS + 1, axis=1)
        loudest = scipy.ndimage.maximum_filter1d(level.max(1), 2 * around + 1)
        tells = (level == largest) & (level > np.maximum(loudest - FLOOR_DB, -90)[:, None])  # -90 dB: digital silence
        frame, band = np.nonzero(tells[start - first : start - first + _CHUNK])
        found.append(np.stack([frame + start, band]))
    frame, band = np.concatenate(found, axis=1)
    return frame, band


class _Runs:
    """Collects the marks of runs of samples, over consecutive blocks."""

    def __init__(self, rate_hz: int):
        self.rate_hz = rate_hz
        self.one_in = np.uint64(2 ** max(int(np.log2(rate_hz / RUNS_HZ)), 0))
        self.seed = np.uint64(_first_8(str(rate_hz).encode()))  # of another rate: another sound
        self.left, self.n, self.found = np.zeros(0, np.float32), 0, []

    def add(self, samples: np.ndarray) -> None:
        """The next samples."""
        joined = np.concatenate([self.left, samples])
        if len(joined) >= RUN:
            values = _run_hashes(joined) ^ self.seed
            at = np.flatnonzero(((values * _ODD) >> np.uint64(40)) % self.one_in == 0)
            runs = np.lib.stride_tricks.sliding_window_view(joined, RUN)[at]
            at = at[np.ptp(runs, axis=1) > 0]  # silence is everywhere the same
            self.found.append((values[at], at + self.n))
            self.n += len(values)
            joined = joined[len(values) :]
        self.left = joined

    def marks(self) -> Marks:
        """The marks of everything that was added."""
        hashes = np.concatenate([np.zeros(0, np.uint64), *(values for values, _ in self.found)])
        at = np.concatenate([np.zeros(0, np.int64), *(places for _, places in self.found)])
        return Marks(hashes, at, 1 / self.rate_hz)


def _run_hashes(samples: np.ndarray) -> np.ndarray:
    """(n - RUN + 1,) A hash of each run of `RUN` samples, by doubling."""
    values, length = samples.view(np.uint32).astype(np.uint64), 1
    values = (values ^ (values >> np.uint64(15))) * _ODD
    while length < RUN:
        power = np.uint64(pow(int(_ODD), length, 2**64) | 1)
        values = values[:-length] * power + (values[length:] ^ (values[length:] >> np.uint64(29)))
        length *= 2
    return values


def _even_blocks(path: Path, unit: int) -> Iterator[np.ndarray]:
    """The file's blocks, each a multiple of ``unit`` samples long but the last; without negative zeros."""
    left = np.zeros(0, np.float32)
    for block in mono_blocks(path):
        left = np.concatenate([left, block.numpy() + np.float32(0)])
        n = len(left) // unit * unit
        if n:
            yield left[:n]
            left = left[n:]
    if len(left):
        yield left


def _first_8(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
