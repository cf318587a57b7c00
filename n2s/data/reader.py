"""Reads windows as batches on the model's device, wherever the arrays are."""

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.loader import BatchLoader
from n2s.data.places import NOWHERE, placed_sensors
from n2s.data.positions import sensor_kinds
from n2s.data.residency import OnDevice, OnHost, Residency, Scaled, finish, on_device
from n2s.data.sampler import Sampler
from n2s.data.sensor_layout import SensorLayout
from n2s.data.targets import Targets
from n2s.data.windows import Windows, WindowShape


class WindowReader:
    """Brain windows and their targets. The cost of a batch does not depend on the number of recordings.

    Parameters
    ----------
    recordings
        In the order of the windows' ``recording_index``: sources of training windows and of all others.
    layout
        The column of each sensor.
    targets
        Targets of all windows.
    shape
        Shape of a window.
    residency
        "device" or "host".
    clamp
        Values beyond this are clipped.
    device
        Device of the model.
    """

    def __init__(
        self,
        recordings: list[tuple[Scaled, Scaled]],
        layout: SensorLayout,
        targets: Targets,
        shape: WindowShape,
        *,
        residency: str,
        clamp: float,
        device: torch.device,
    ):
        self.targets, self.shape, self.clamp, self.device = targets, shape, clamp, device
        self.ahead = residency == "host"
        others = [index for index, (one, other) in enumerate(recordings) if other is not one]
        items = [one for one, _ in recordings] + [recordings[index][1] for index in others]
        columns = [*layout.columns, *(layout.columns[index] for index in others)]
        n_channels = len(layout.names)
        self.source: Residency = (
            OnHost(items, columns, targets.values, pin=device.type == "cuda", n_channels=n_channels)
            if self.ahead
            else OnDevice(items, columns, targets.values, device, n_channels=n_channels)
        )
        self.held_out = np.arange(len(recordings))  # index of those of other windows
        self.held_out[others] = len(recordings) + np.arange(len(others))
        metas = [one.prepared.meta for one, _ in recordings]
        self.sfreq = np.array([meta["sfreq"] for meta in metas])
        self.last = np.array([meta["shape"][0] for meta in metas]) - shape.n_window
        positions = np.full((len(metas), n_channels, 2), NOWHERE, np.float32)
        mask, kind = np.zeros((len(metas), n_channels), bool), np.zeros((len(metas), n_channels), np.int64)
        for index, ((one, _), meta) in enumerate(zip(recordings, metas, strict=True)):
            own = layout.columns[index]
            positions[index, own] = meta["positions"]
            mask[index, own] = placed_sensors(meta, one.prepared.recording.name)
            kind[index, own] = sensor_kinds(meta["ch_names"])
        self._positions, self.mask, self._kind = (torch.from_numpy(x).to(device) for x in (positions, mask, kind))
        self.masks_differ = bool((mask != mask[:1]).any())
        layouts = np.concatenate([positions.reshape(len(metas), -1), kind], axis=1)
        self._layout = np.unique(layouts, axis=0, return_inverse=True)[1].reshape(-1)  # index for each recording

    def of(self, split: str, windows: Windows, *, seed: int) -> "SplitReader":
        """The reader of the windows of one split; ``seed``: for their jitter."""
        return SplitReader(self, split, windows, seed=seed)

    def sensors(self, recording: np.ndarray, index: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (b, c, 2) and kinds (b, c). If all have one layout it is one row of memory, which a model can detect."""
        if len(np.unique(self._layout[recording])) > 1:
            return self._positions[index], self._kind[index]
        one = int(recording[0])
        return tuple(table[one].expand(len(recording), *table.shape[1:]) for table in (self._positions, self._kind))

    def every_sensor(self) -> tuple[Tensor, Tensor, Tensor]:
        """Positions (c, 2), mask (c,) and kinds (c,) of sensors, each from the first recording in which it is good."""
        first, column = self.mask.int().argmax(0), torch.arange(self.mask.shape[1], device=self.device)
        return self._positions[first, column], self.mask.any(0), self._kind[first, column]

    def ids(self, values: np.ndarray) -> Tensor:
        """Move small arrays to the model's device."""
        return on_device(values, self.device)


class SplitReader:
    """Reads windows of one split, by their rows.

    Parameters
    ----------
    reader
        Reader of all recordings.
    split
        Its name.
    windows
        Its windows.
    seed
        Seed for their jitter.
    """

    def __init__(self, reader: WindowReader, split: str, windows: Windows, *, seed: int):
        self._of, self.split, self._windows, self._seed = reader, split, windows, seed
        self._recording = windows.of_interval("recording_index")
        self._source = self._recording if split == "train" else reader.held_out[self._recording]
        self._subject, self._stimulus = (windows.of_interval(f"{name}_index") for name in ("subject", "stimulus"))
        self._sentence, self._group = windows.sentence_heard, windows.of_interval("group_index")
        self._laid: tuple[int, np.ndarray, np.ndarray] | None = None  # epoch, and the positions of its windows

    def loader(self, sampler: Sampler) -> BatchLoader:
        """Batches in the sampler's order."""
        return BatchLoader(sampler, self._read, self._assemble, ahead=self._of.ahead)

    def batch(self, rows: np.ndarray, epoch: int = 0) -> Batch:
        """Some rows as one batch; ``epoch``: whose jitter a split with jitter has."""
        return self._assemble(self._read(rows, epoch))

    def _starts(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of all windows in this epoch: (n,) s in the stimulus, (n,) first brain sample."""
        epoch = epoch if self._windows.jitter_s else 0
        laid = self._laid
        if laid is None or laid[0] != epoch:
            start_s = self._windows.jittered(self._of.shape.window_s, [self._seed, epoch])
            first = self._windows.brain_start(start_s, self._of.sfreq, np.arange(len(self._windows)))
            self._laid = laid = epoch, start_s, np.clip(first, 0, self._of.last[self._recording])
        return laid[1:]

    def _read(self, rows: np.ndarray, epoch: int) -> tuple:
        """On the host: gather the arrays of a batch."""
        start_s, first = self._starts(epoch)
        brain = self._of.source.brain(self._source[rows], first[rows], self._of.shape.n_window)
        found = self._of.targets.rows(self.split, self._windows, start_s[rows], rows)
        return rows, start_s[rows], brain, self._of.source.target(found)

    def _assemble(self, found: tuple) -> Batch:
        """On the model's device."""
        (rows, start_s, brain, target), of = found, self._of
        index = of.ids(self._recording[rows])
        positions, kind = of.sensors(self._recording[rows], index)
        return Batch(
            brain=finish(
                brain.to(of.device, non_blocking=True),
                n_baseline=of.shape.n_baseline,
                n_offset=of.shape.n_offset,
                clamp=of.clamp,
            ),
            target=rearrange(target.to(of.device, non_blocking=True).float(), "b t f -> b f t"),
            subject=of.ids(self._subject[rows]),
            segment=of.ids(self._windows.segment[rows]),
            row=torch.from_numpy(rows),
            group=torch.from_numpy(self._group[rows]),
            split=self.split,
            positions=positions,
            mask=of.mask[index],
            kind=kind,
            recording=index,
            stimulus=of.ids(self._stimulus[rows]),
            start=of.ids(start_s),
            sentence=of.ids(self._sentence[rows]),
        )
