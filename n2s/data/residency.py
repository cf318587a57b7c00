"""Where the arrays live while a model trains: on its device, or in memory maps read ahead of it.

Both give the same windows, the same numbers: scaled, clamped to what float16 holds, rounded to float16.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import write_array_header_1_0
from torch import Tensor

from n2s.data.near import near
from n2s.data.recordings import PreparedRecording
from n2s.data.scaler import Scaler
from n2s.errors import reading
from n2s.paths import cache_dir, disk_room, written_whole

HALF_MAX = 60000.0  # just below the largest float16
CHUNK = 8192  # samples scaled at once: bounds memory


@dataclass(frozen=True)
class Scaled:
    """A prepared recording with its scaler, as ``x * gain + bias``."""

    prepared: PreparedRecording
    gain: Tensor  # (c,)
    bias: Tensor  # (c,)

    @classmethod
    def of(cls, prepared: PreparedRecording, scaler: Scaler, *, recentre: bool) -> "Scaled":
        """Join the two; with ``recentre`` the zero is the mean of the recording's first hundredth.

        That is for a recording whose scaler comes from others, in windows with a baseline: the baseline removes any
        constant exactly, and float16 could not hold the other offset of this recording beside its signal.
        """
        centre = np.asarray(prepared.brain[: 1 + len(prepared.brain) // 100].mean(0)) if recentre else scaler.centre
        gain = torch.from_numpy(1 / scaler.scale)
        return cls(prepared, gain, -torch.from_numpy(np.ascontiguousarray(centre)) * gain)

    def read(self, start: int, n: int) -> Tensor:
        """(n, c) scaled float32 of the samples from ``start``, fewer at the end."""
        return torch.addcmul(self.bias, self.brain[start : start + n], self.gain).clamp_(-HALF_MAX, HALF_MAX)

    def half(self) -> Tensor:
        """(t, c) all of it as float16, memory-mapped from the cache, where it is put once.

        Half the bytes of the prepared array, and nothing left to compute: cutting a window from it is a copy.
        """
        identity = hashlib.sha256(torch.stack([self.gain, self.bias]).numpy()).hexdigest()[:16]
        path = cache_dir() / "scaled" / f"{self.prepared.key}-{identity}.npy"
        if not path.exists():
            with (
                disk_room(path, 2 * self.brain.numel(), self.prepared.recording.name),
                written_whole(path) as temporary,
                open(temporary, "wb") as file,  # no memory map: on a full disk that ends the process without an error
            ):
                shape = tuple(self.brain.shape)
                write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": shape})
                for at in range(0, len(self.brain), CHUNK):
                    file.write(self.read(at, CHUNK).half().contiguous().numpy())
        return _mapped(path)

    @cached_property
    def brain(self) -> Tensor:
        """The memory map. Never written to: copy-on-write, which torch asks for, keeps the file as it is."""
        return _mapped(self.prepared.folder / "brain.npy")


def _mapped(path: Path) -> Tensor:
    near_path = near(path)
    with reading(near_path, "a whole array", f"Delete it and {path}: the same command makes them again."):
        return torch.from_numpy(np.load(near_path, mmap_mode="c"))


class Residency(ABC):
    """Cuts windows out of scaled recordings and of stimulus features."""

    @abstractmethod
    def brain(self, recording: np.ndarray, start: np.ndarray, n: int) -> Tensor:
        """(b,) recordings, (b,) first samples -> (b, n, c) float16; channels that a recording lacks are 0."""

    @abstractmethod
    def target(self, rows: np.ndarray) -> Tensor:
        """(b, t) rows of the feature table -> (b, t, f) float16."""


class OnDevice(Residency):
    """Everything on the accelerator, once, as float16: a batch is one gather there.

    On a CPU the gather is a loop of slices, which is several times faster than indexing.
    """

    def __init__(self, recordings: list[Scaled], features: np.ndarray, device: torch.device):
        lengths = [item.prepared.meta["shape"][0] for item in recordings]
        n_channels = max(item.prepared.meta["shape"][1] for item in recordings)
        self._first = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        self._brain = torch.zeros(sum(lengths), n_channels, dtype=torch.float16, device=device)
        for item, first, length in zip(recordings, self._first, lengths, strict=True):
            for at in range(0, length, CHUNK):
                rows = item.read(at, CHUNK)
                self._brain[first + at : first + at + len(rows), : rows.shape[1]] = rows.to(device)
        self._features = torch.from_numpy(features).to(device)

    def brain(self, recording: np.ndarray, start: np.ndarray, n: int) -> Tensor:
        """See `Residency`."""
        return _windows(self._brain, self._first[recording] + start, n)

    def target(self, rows: np.ndarray) -> Tensor:
        """See `Residency`."""
        index = on_device(rows, self._features.device)
        return self._features[index.reshape(-1)].reshape(*rows.shape, -1)


class OnHost(Residency):
    """Slices of memory maps of float16, copied into one (pinned) buffer."""

    def __init__(self, recordings: list[Scaled], features: np.ndarray, *, pin: bool):
        self._tables = [item.half() for item in recordings]
        self._n_channels = max(table.shape[1] for table in self._tables)
        self._features = torch.from_numpy(features)
        self._pin = pin

    def brain(self, recording: np.ndarray, start: np.ndarray, n: int) -> Tensor:
        """See `Residency`."""
        out = self.buffer(len(start), n)
        for window, index, first in zip(out, recording.tolist(), start.tolist(), strict=True):
            rows = self._tables[index][first : first + n]
            if rows.shape[1] == self._n_channels:
                window.copy_(rows)
            else:
                window[:, : rows.shape[1]] = rows
                window[:, rows.shape[1] :] = 0
        return out

    def buffer(self, n_windows: int, n: int) -> Tensor:
        """(b, n, c) float16 to fill. torch gives pinned memory out again, without the cost of fresh pages."""
        return torch.empty(n_windows, n, self._n_channels, dtype=torch.float16, pin_memory=self._pin)

    def target(self, rows: np.ndarray) -> Tensor:
        """See `Residency`."""
        found = self._features[torch.from_numpy(rows.reshape(-1))].reshape(*rows.shape, -1)
        return found.pin_memory() if self._pin else found


def _windows(table: Tensor, start: np.ndarray, n: int) -> Tensor:
    if table.device.type == "cpu":
        out = torch.empty(len(start), n, table.shape[1], dtype=table.dtype)
        for row, first in enumerate(start.tolist()):
            out[row] = table[first : first + n]
        return out
    first = on_device(start, table.device)
    return table[first[:, None] + torch.arange(n, device=table.device)]


def on_device(values: np.ndarray, device: torch.device) -> Tensor:
    """A copy of small arrays; on a GPU from pinned memory, or the host would wait until all before is done."""
    found = torch.from_numpy(np.ascontiguousarray(values))
    return (found.pin_memory() if device.type == "cuda" else found).to(device, non_blocking=True)


def finish(brain: Tensor, *, n_baseline: int, n_offset: int, clamp: float) -> Tensor:
    """(b, n, c) float16 -> (b, c, t) float32: less its baseline, clamped, the offset cut off.

    On a CPU one window at a time, which stays in the cache of a core.
    """
    out = brain.new_empty(len(brain), brain.shape[1] - n_offset, brain.shape[2], dtype=torch.float32)
    for given, seen in zip(out, brain, strict=True) if brain.device.type == "cpu" else [(out, brain)]:
        given.copy_(seen[..., n_offset:, :])
        if n_baseline:
            given -= seen[..., :n_baseline, :].float().mean(-2, keepdim=True)
        given.clamp_(-clamp, clamp)
    return out.transpose(1, 2)
