"""Where the arrays are during training: on the device, or in memory maps that are read ahead.

Both give the same windows and the same numbers: scaled, clamped to the range of float16, rounded to float16. A recording
with so much drift that float16 would lose its signal relative to its offset stays float32 (`Scaled.suited`).
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
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
LOSS = 5e-5  # of the signal's power within a window, that rounding to float16 may take on average
N_PROBES = 256  # windows to measure it: drifts are slow


@dataclass(frozen=True)
class Scaled:
    """A prepared recording with its scaler, as ``x * gain + bias``, kept in float16, or in float32 if it is ``wide``."""

    prepared: PreparedRecording
    gain: Tensor  # (c,)
    bias: Tensor  # (c,)
    wide: bool = False

    @classmethod
    def of(cls, prepared: PreparedRecording, scaler: Scaler, *, recentre: bool) -> "Scaled":
        """Join the two; with ``recentre`` the zero is the mean of the recording's first hundredth.

        This is for a recording with a scaler from other recordings, in windows with a baseline: the baseline removes any
        constant exactly, and float16 could not hold this recording's different offset together with its signal.
        """
        centre = np.asarray(prepared.brain[: 1 + len(prepared.brain) // 100].mean(0)) if recentre else scaler.centre
        gain = torch.from_numpy(1 / scaler.scale)
        return cls(prepared, gain, -torch.from_numpy(np.ascontiguousarray(centre)) * gain)

    def read(self, start: int, n: int) -> Tensor:
        """(n, c) scaled float32 of the samples from ``start``, fewer at the end."""
        return torch.addcmul(self.bias, self.brain[start : start + n], self.gain)

    def suited(self, starts: np.ndarray, n: int) -> "Scaled":
        """The same, ``wide`` if float16 would lose more than `LOSS` of the power of some good channel in its windows.

        The baseline, and any straight line in a window, is not signal: with an offset of 250 interquartile ranges, float16 has
        steps of 0.125 of them.

        Parameters
        ----------
        starts
            First sample of each window that is read.
        n
            Samples of a window.
        """
        lost, seen = torch.zeros(2, len(self.gain))
        starts = np.unique(starts)
        for start in starts[:: max(1, len(starts) // N_PROBES)].tolist():
            values = self.read(start, n)
            time = torch.arange(len(values)) - (len(values) - 1) / 2
            power = (values - values.mean(0) - torch.outer(time, time @ values / time.square().sum())).square().mean(0)
            changes = power > 1e-6  # otherwise it is flat, as in data that the system skipped
            half = values.clamp(-HALF_MAX, HALF_MAX).half().float()
            lost[changes] += ((half - values).square().mean(0) / power)[changes]
            seen += changes
        return replace(self, wide=bool((lost > LOSS * seen)[torch.tensor(self.prepared.meta["good"])].any()))

    def kept(self, start: int, n: int) -> Tensor:
        """(n, c) as `read`, so that it can be stored: in float16, or in float32 where that is needed."""
        values = self.read(start, n)
        return values if self.wide else values.clamp_(-HALF_MAX, HALF_MAX)

    def table(self) -> Tensor:
        """(t, c) all of it as float16 (float32 if `wide`), memory-mapped from the cache, where it is put once.

        Half the bytes of the prepared array (or as many), and nothing left to compute: cutting a window from it is a copy.
        """
        identity = hashlib.sha256(torch.stack([self.gain, self.bias]).numpy()).hexdigest()[:16]
        kind, dtype = ("<f4", torch.float32) if self.wide else ("<f2", torch.float16)
        path = cache_dir() / "scaled" / f"{self.prepared.key}-{identity}{kind[1:]}.npy"
        if not path.exists():
            with (
                disk_room(path, dtype.itemsize * self.brain.numel(), self.prepared.recording.name),
                written_whole(path) as temporary,
                open(temporary, "wb") as file,  # no memory map: on a full disk that ends the process without an error
            ):
                shape = tuple(self.brain.shape)
                write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
                for at in range(0, len(self.brain), CHUNK):
                    file.write(self.kept(at, CHUNK).to(dtype).contiguous().numpy())
        return _mapped(path)

    @cached_property
    def brain(self) -> Tensor:
        """The memory map. Never written to: copy-on-write, which torch asks for, keeps the file as it is."""
        return _mapped(self.prepared.folder / "brain.npy")


def for_windows(scaled: Scaled, train: np.ndarray, held_out: np.ndarray, n: int) -> tuple[Scaled, Scaled]:
    """The arrays for training windows, and the arrays for all others: training never depends on held-out data."""
    one = scaled.suited(train if len(train) else held_out, n)
    other = one if one.wide else scaled.suited(held_out, n)
    return one, other if other.wide else one


def _mapped(path: Path) -> Tensor:
    near_path = near(path)
    with reading(near_path, "a whole array", f"Delete it and {path}: the same command makes them again."):
        return torch.from_numpy(np.load(near_path, mmap_mode="c"))


class Residency(ABC):
    """Cuts windows out of scaled recordings and of stimulus features; the column of each sensor is that of `n2s.data.sensor_layout`."""

    @abstractmethod
    def brain(self, recording: np.ndarray, start: np.ndarray, n: int) -> Tensor:
        """(b,) recordings, (b,) first samples -> (b, n, c); sensors that a recording lacks are 0.

        float16, or float32 if one of the recordings is wide.
        """

    @abstractmethod
    def target(self, rows: np.ndarray) -> Tensor:
        """(b, t) rows of the feature table -> (b, t, f), of the table's kind."""


class OnDevice(Residency):
    """Everything on the accelerator, once, mostly as float16: a batch is one gather there.

    On a CPU the gather is a loop of slices, which is several times faster than indexing.
    """

    def __init__(
        self,
        recordings: list[Scaled],
        columns: list[np.ndarray],
        features: np.ndarray,
        device: torch.device,
        *,
        n_channels: int | None = None,
    ):
        n_channels = n_channels or n_columns(columns)
        self._wide = np.array([item.wide for item in recordings])
        self._first, self._brain = np.zeros(len(recordings), np.int64), {}
        places = [as_slice(own, device) for own in columns]
        for wide in np.unique(self._wide).tolist():
            chosen = np.flatnonzero(self._wide == wide)
            lengths = [recordings[index].prepared.meta["shape"][0] for index in chosen]
            self._first[chosen] = np.cumsum([0, *lengths[:-1]])
            dtype = torch.float32 if wide else torch.float16
            self._brain[wide] = table = torch.zeros(sum(lengths), n_channels, dtype=dtype, device=device)
            for index, length in zip(chosen, lengths, strict=True):
                for at in range(0, length, CHUNK):
                    rows, first = recordings[index].kept(at, CHUNK), self._first[index] + at
                    table[first : first + len(rows), places[index]] = rows.to(device, dtype)
        self._features = torch.from_numpy(features).to(device)

    def brain(self, recording: np.ndarray, start: np.ndarray, n: int) -> Tensor:
        """See `Residency`."""
        wide, first = self._wide[recording], self._first[recording] + start
        if wide.all() or not wide.any():
            return _windows(self._brain[bool(wide[0])], first, n)
        parts = [_windows(self._brain[kind], first[wide == kind], n).float() for kind in (False, True)]
        back = np.argsort(np.argsort(wide, kind="stable"), kind="stable")
        return torch.cat(parts)[on_device(back, parts[0].device)]

    def target(self, rows: np.ndarray) -> Tensor:
        """See `Residency`."""
        index = on_device(rows, self._features.device)
        return self._features[index.reshape(-1)].reshape(*rows.shape, -1)


class OnHost(Residency):
    """Slices of memory maps, copied into one (pinned) buffer."""

    def __init__(
        self,
        recordings: list[Scaled],
        columns: list[np.ndarray],
        features: np.ndarray,
        *,
        pin: bool,
        n_channels: int | None = None,
    ):
        self._tables = [item.table() for item in recordings]
        self._places = [as_slice(own, torch.device("cpu")) for own in columns]
        self._wide = np.array([item.wide for item in recordings])
        self._n_channels = n_channels or n_columns(columns)
        self._features = torch.from_numpy(features)
        self._pin = pin

    def brain(self, recording: np.ndarray, start: np.ndarray, n: int) -> Tensor:
        """See `Residency`."""
        out = self.buffer(len(start), n, torch.float32 if self._wide[recording].any() else torch.float16)
        for window, index, first in zip(out, recording.tolist(), start.tolist(), strict=True):
            rows = self._tables[index][first : first + n]
            if rows.shape[1] < self._n_channels:
                window.zero_()
            window[:, self._places[index]] = rows.to(out.dtype)
        return out

    def buffer(self, n_windows: int, n: int, dtype: torch.dtype) -> Tensor:
        """(b, n, c) to fill. torch reuses pinned memory, without the cost of fresh pages."""
        return torch.empty(n_windows, n, self._n_channels, dtype=dtype, pin_memory=self._pin)

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


def n_columns(columns: list[np.ndarray]) -> int:
    """Of windows of recordings whose sensors have these columns."""
    return 1 + max(int(own.max()) for own in columns)


def as_slice(columns: np.ndarray, device: torch.device) -> slice | Tensor:
    """Columns as an index; a slice, which is faster, where they are in order and without gaps."""
    if np.array_equal(columns, np.arange(columns[0], columns[0] + len(columns))):
        return slice(int(columns[0]), int(columns[-1]) + 1)
    return torch.from_numpy(columns).to(device)


def on_device(values: np.ndarray, device: torch.device) -> Tensor:
    """Copy small arrays; to a GPU from pinned memory, otherwise the host would wait for all earlier work."""
    found = torch.from_numpy(np.ascontiguousarray(values))
    return (found.pin_memory() if device.type == "cuda" else found).to(device, non_blocking=True)


def finish(brain: Tensor, *, n_baseline: int, n_offset: int, clamp: float) -> Tensor:
    """(b, n, c) -> (b, c, t) float32: minus its baseline, clamped, the offset cut off.

    On a CPU one window at a time, which stays in the cache of a core.
    """
    out = brain.new_empty(len(brain), brain.shape[1] - n_offset, brain.shape[2], dtype=torch.float32)
    for given, seen in zip(out, brain, strict=True) if brain.device.type == "cpu" else [(out, brain)]:
        given.copy_(seen[..., n_offset:, :])
        if n_baseline:
            given -= seen[..., :n_baseline, :].float().mean(-2, keepdim=True)
        given.clamp_(-clamp, clamp)
    return out.transpose(1, 2)
