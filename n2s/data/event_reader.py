"""Reads windows at events as batches on the model's device, each alone or as an average of several."""

import numpy as np
import torch
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.event_averages import Averages
from n2s.data.loader import BatchLoader
from n2s.data.places import NOWHERE
from n2s.data.reader import WindowReader
from n2s.data.residency import finish
from n2s.data.sampler import Sampler
from n2s.data.windows import Windows

AT_ONCE = 512  # windows that are read at once: bounds the memory of averages


class NoTargets:
    """In place of `n2s.data.targets.Targets`: classes are no features of a sound."""

    values = np.zeros((1, 1), np.float16)


class EventReader:
    """Reads groups of windows of one split.

    Parameters
    ----------
    reader
        Reader of all recordings.
    split
        Its name.
    windows
        Its windows; ``start_s`` and ``onset`` are on the recordings' clocks.
    averages
        Which windows make a row of a batch.
    """

    def __init__(self, reader: WindowReader, split: str, windows: Windows, averages: Averages):
        self._of, self.split, self._windows, self.averages = reader, split, windows, averages
        self._recording = windows.of_interval("recording_index")
        self._source = self._recording if split == "train" else reader.held_out[self._recording]
        self._subject = windows.of_interval("subject_index")
        first = windows.brain_start(windows.start_s, reader.sfreq, np.arange(len(windows)))
        self._first = np.clip(first, 0, reader.last[self._recording]) if len(windows) else first

    def loader(self, sampler: Sampler) -> BatchLoader:
        """Batches in the sampler's order; its rows are groups."""
        return BatchLoader(sampler, self._read, self._assemble, ahead=self._of.ahead)

    def batch(self, rows: np.ndarray) -> Batch:
        """Some groups as one batch, as in the first epoch."""
        return self._assemble(self._read(rows, 0))

    def brain(self, windows: np.ndarray) -> Tensor:
        """(m, c, t) Some windows on the model's device, baseline and offset off, clamped; bad sensors are 0."""
        found = self._of.source.brain(self._source[windows], self._first[windows], self._of.shape.n_window)
        found = finish(
            found.to(self._of.device, non_blocking=True),
            n_baseline=self._of.shape.n_baseline,
            n_offset=self._of.shape.n_offset,
            clamp=self._of.clamp,
        )
        return found * self._of.mask[self._of.ids(self._recording[windows])][:, :, None]

    def _read(self, groups: np.ndarray, epoch: int) -> tuple:
        """The mean of the windows of each group, (b, c, t); groups of one are the windows. A sensor's mean is of windows that have it."""
        windows, which = self.averages.windows(groups, epoch)
        if len(windows) == len(groups):
            return groups, windows, self.brain(windows), None
        of, recording = self._of, self._recording[windows]
        n_channels, device = of.mask.shape[1], of.mask.device
        total = torch.zeros(len(groups), n_channels, of.shape.n_times, device=device)
        placed = torch.zeros(len(groups), n_channels, 4, device=device)  # how many windows have it, its place, its kind
        for at in range(0, len(windows), AT_ONCE):
            part = slice(at, at + AT_ONCE)
            index, mine = of.ids(recording[part]), of.ids(which[part])
            positions, kind = of.sensors(recording[part], index)
            good = of.mask[index].float()[:, :, None]
            placed.index_add_(0, mine, good * torch.cat([torch.ones_like(good), positions, kind[:, :, None]], 2))
            total.index_add_(0, mine, self.brain(windows[part]))
        n_good = placed[:, :, :1].clamp(min=1)
        first = windows[np.r_[True, which[1:] != which[:-1]]]
        return groups, first, total / n_good, torch.cat([placed[:, :, :1], placed[:, :, 1:] / n_good], 2)

    def _assemble(self, found: tuple) -> Batch:
        groups, windows, brain, placed = found
        of, recording = self._of, self._recording[windows]
        index = of.ids(recording)
        positions, kind = of.sensors(recording, index)
        mask = of.mask[index]
        if placed is not None and of.masks_differ:
            mask, kind = placed[:, :, 0] > 0, placed[:, :, 3].round().long()
            positions = torch.where(mask[:, :, None], placed[:, :, 1:3], NOWHERE)
        return Batch(
            brain=brain,
            target=of.ids(self.averages.label[groups]),
            subject=of.ids(self._subject[windows]),
            segment=of.ids(groups),
            row=torch.from_numpy(groups),
            group=torch.from_numpy(recording),
            split=self.split,
            positions=positions,
            mask=mask,
            kind=kind,
            recording=index,
            start=of.ids(self._windows.start_s[windows]),
        )
