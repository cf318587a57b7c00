"""Sums over the samples of a file, block by block."""

import numpy as np


class Sums:
    """What the blocks of one file add up to; `summary` gives fields of `n2s.studies.readers.sound.Sound`."""

    def __init__(self, n_channels: int):
        self.n, self.bad, self.zeros, self.first, self.last = 0, 0, 0, -1, -1
        self.low, self.high, self.sum, self.square = np.inf, -np.inf, 0.0, 0.0
        self.channels = np.zeros((2, n_channels))
        self.peaks: list[tuple[float, int]] = []

    def add(self, block: np.ndarray) -> None:
        """The next (n, channels) samples."""
        top = float(np.abs(block).max())
        if not np.isfinite(top):
            self.bad += int((~np.isfinite(block)).any(axis=1).sum())
            self.n += len(block)
            return
        mono = sum(block[:, channel] for channel in range(1, block.shape[1])) + block[:, 0]
        mono = mono / np.float32(block.shape[1]) if block.shape[1] > 1 else mono
        heard = np.flatnonzero(mono)
        if len(heard):
            self.first = self.n + int(heard[0]) if self.first < 0 else self.first
            self.last = self.n + int(heard[-1])
        self.zeros += len(mono) - len(heard)
        self.low, self.high = min(self.low, float(mono.min())), max(self.high, float(mono.max()))
        self.sum += float(mono.sum(dtype=np.float64))
        self.square += float(np.dot(mono, mono))
        self.channels[0] += block.sum(axis=0, dtype=np.float64)
        self.channels[1] += np.einsum("nc,nc->c", block, block)
        self.peaks.append((top, int((np.abs(block) == top).sum(axis=0).max()) if top else 0))
        self.n += len(block)

    def summary(self) -> dict:
        """The fields of `Sound` that samples tell."""
        peak = max((one for one, _ in self.peaks), default=0.0)
        mean, of_channels = self.sum / self.n, self.channels / self.n
        return {
            "peak": peak,
            "clipped": sum(count for one, count in self.peaks if one == peak) / self.n,
            "low": self.low,
            "high": self.high,
            "mean": mean,
            "power": max(self.square / self.n - mean**2, 0.0),
            "channel_power": tuple(float(one) for one in np.maximum(of_channels[1] - of_channels[0] ** 2, 0.0)),
            "zeros": self.zeros / self.n,
            "first": self.first,
            "last": self.last,
        }
