"""Envelopes: a band of a signal, rectified at its own rate, then smoothed and brought to a lower rate, piece by piece."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from mne.filter import create_filter
from scipy.signal import oaconvolve

from n2s.data.filtering import Resampler, mirrored
from n2s.features.audio import audio_rate_hz, mono_blocks
from n2s.studies.readers.sound import sound

Read = Callable[[int, int], np.ndarray]
FINER = 8  # envelopes of sound files come at this many times the brain's rate, at least, before they are read at its samples


class Rectified:
    """The magnitude of a band of some signals, of one stretch: MNE's zero-phase FIR filter, mirrored at the ends.

    Parameters
    ----------
    read
        (first, last) -> (d, last - first), inside the stretch.
    stretch
        Its first sample, and the one after its last.
    sfreq
        Rate, Hz.
    low_hz, high_hz
        The band; None for no edge.
    notch_hz
        Frequencies that are stopped before, each 2 Hz wide.
    """

    def __init__(
        self,
        read: Read,
        stretch: tuple[int, int],
        sfreq: float,
        low_hz: float | None,
        high_hz: float | None,
        notch_hz: Iterable[float] = (),
    ):
        self.read, self.stretch = read, stretch
        self.edges = [(low_hz, high_hz, {})] if low_hz or high_hz else []
        narrow = {"l_trans_bandwidth": 0.9, "h_trans_bandwidth": 0.9}
        self.edges += [(hz + 1, hz - 1, narrow) for hz in notch_hz if hz + 2 < sfreq / 2]
        self.sfreq = sfreq

    @cached_property
    def kernel(self) -> np.ndarray:
        """All filters as one."""
        found = np.ones(1)
        for low, high, more in self.edges:
            found = np.convolve(found, create_filter(None, self.sfreq, low, high, **more, verbose="error"))
        return found

    def __call__(self, first: int, last: int) -> np.ndarray:
        """(d, last - first), inside the stretch."""
        half = len(self.kernel) // 2
        block = mirrored(self.read, first - half, last + half, *self.stretch, half)
        if len(self.kernel) > 1:
            block = oaconvolve(block, self.kernel[None], mode="valid", axes=1)
        return np.abs(block)


def smoothed(sfreq: float, up: int, down: int, smooth_hz: float | None) -> Resampler:
    """What takes a rectified signal to the new rate, without what changes faster than ``smooth_hz``."""
    lowest_hz = min(sfreq, sfreq * up / down) / 2
    slow = smooth_hz is not None and 1.25 * smooth_hz < lowest_hz  # else the change of rate says what is left
    return Resampler([create_filter(None, sfreq, None, smooth_hz, verbose="error")] if slow else [], up, down)


class SoundEnvelope:
    """The envelope of a sound file in some bands, which is never held whole.

    Parameters
    ----------
    path
        The file.
    bands
        (low, high) Hz of each; None for no edge.
    smooth_hz
        What changes faster is left out.
    sfreq
        The brain's rate: the envelope comes at eight times that, or more.
    """

    def __init__(self, path: Path, bands: list[tuple[float, float | None]], smooth_hz: float, sfreq: float):
        native = audio_rate_hz(path)
        down = max(int(native // (FINER * sfreq)), 1)
        self.rate_hz, n = native / down, sound(path).n_samples
        self.values = np.zeros((len(bands), -(-n // down)), np.float32)
        for i, (low, high) in enumerate(bands):
            if low >= 0.45 * native:
                continue  # a telephone's sound has nothing there
            high = None if high is None or high >= 0.45 * native else high
            magnitude = Rectified(_Streamed(mono_blocks(path)), (0, n), native, low, high)
            for first, block in smoothed(native, 1, down, smooth_hz)(magnitude, 0, n):
                self.values[i, first : first + block.shape[1]] = np.maximum(block[0], 0)

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """(n, d) At some moments of the file, s; 0 outside it."""
        grid = np.arange(self.values.shape[1]) / self.rate_hz
        found = np.stack([np.interp(times_s, grid, one, left=0.0, right=0.0) for one in self.values], axis=1)
        return found.astype(np.float32)


class _Streamed:
    """Blocks of a file as a reader of pieces whose starts never go back."""

    def __init__(self, blocks: Iterator):
        self._blocks, self._start, self._kept = iter(blocks), 0, np.zeros(0, np.float32)

    def __call__(self, first: int, last: int) -> np.ndarray:
        parts = [self._kept[max(first - self._start, 0) :]]
        self._start, stop = max(first, self._start), self._start + len(self._kept)
        while stop < last:
            block = next(self._blocks).numpy()
            parts.append(block[max(self._start - stop, 0) :])
            stop += len(block)
        self._kept = np.concatenate(parts)
        return self._kept[None, first - self._start : last - self._start].astype(np.float64)
