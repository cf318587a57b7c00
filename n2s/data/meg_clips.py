"""Windows of MEG or EEG as the clips that were heard in them: what the decoders of sound take."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.clip_batch import ClipBatch
from n2s.data.clip_targets import feature_values, moments
from n2s.data.clip_volumes import Response
from n2s.data.meg import MEGDataModule
from n2s.errors import UserError
from n2s.features.audiomae_tokens import AudioMAETokens
from n2s.features.clip_spectrogram import ClipFbank

CHUNK = 64  # windows read at once


@dataclass
class MEGClipBatch(ClipBatch):
    """Clips, with windows of whoever heard them as ``brain (b, c, t)``.

    ``positions (b, c, 2)``, ``listener (b,)``, ``mask (b, c)`` and ``kind (b, c)`` are those of `n2s.data.Batch` (there the
    listener is its ``subject``); ``subject`` is 0, for everybody has one network.
    """

    positions: Tensor = None
    listener: Tensor = None
    mask: Tensor = None
    kind: Tensor = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """As `n2s.models.BrainEncoder` takes them."""
        return self.brain, self.positions, self.listener, self.mask, self.kind


@dataclass
class MEGClipRows:
    """One split; ``table`` and ``heard`` as `n2s.data.clip_split.ClipSplit` has them. ``brain`` gives the windows, in pieces."""

    table: pd.DataFrame
    heard: pd.DataFrame
    brain: "_Windows"

    def rows_of(self, subject_index: int) -> np.ndarray:
        """All: everybody has one network."""
        return np.arange(len(self.table))


class MEGClips:
    """A datamodule of MEG as `n2s.data.clip_data.ClipData`; each window is a response to one clip.

    Listeners share one network (it has a layer for each of them), so that there is one subject here, of all their names.

    Parameters
    ----------
    data
        Set up; its target is `n2s.features.AudioMAETokens` of what a window pairs with.

    Raises
    ------
    UserError
        Another target, or dimensions that are not standardised each on its own.
    """

    def __init__(self, data: MEGDataModule):
        if not isinstance(data.target, AudioMAETokens):
            raise UserError(
                f"sound is decoded from AudioMAE tokens; data.target is {type(data.target).__name__}. Set "
                f"n2s.features.AudioMAETokens with duration_s {data.shape.duration_s:g} (data.window_s - data.offset_s)."
            )
        if not data.per_dimension:
            raise UserError("tokens are decoded by their own means and deviations: leave data.per_dimension true.")
        self.of, self.target, self.studies, self.stimuli = data, data.target, data.studies, data.stimuli
        self.notes = data.notes
        self.spectrogram = ClipFbank(duration_s=data.target.duration_s)
        self.subjects = [", ".join(data.subjects)]
        self.runs = {key: item.recording for key, item in data.recordings.items()}
        self.response = Response(lag_s=data.shape.offset_s, window_s=data.shape.duration_s, volumes="mean")
        heard = pd.concat([windows.intervals for windows in data.windows.values()])
        self._sound_names = heard.groupby("audio").stimulus.min()  # one sound may have several names: it is one group
        self.splits = {split: self._rows(split) for split in data.windows}
        tables = [part.table for part in self.splits.values()]
        groups = {name: index for index, name in enumerate(pd.concat(tables).group.unique())}
        for table in tables:
            table["group_index"] = table.group.map(groups)

    def targets(self, clip: np.ndarray) -> np.ndarray:
        """See `n2s.data.clip_data.ClipData`; to the precision of float16 deviations."""
        kept = self.of.targets
        return (kept.values[clip] * kept.deviation + kept.mean).astype(np.float32).reshape(-1, *self.target.shape)

    def spectrograms(self, clip: np.ndarray) -> np.ndarray:
        """See `n2s.data.clip_data.ClipData`."""
        return self._spectrograms[clip].reshape(-1, *self.spectrogram.shape).astype(np.float32)

    def train_moments(self, name: Literal["target", "spectrogram"]) -> tuple[np.ndarray, np.ndarray]:
        """See `n2s.data.clip_data.ClipData`."""
        if name == "target":
            return self.of.targets.mean.astype(np.float32), self.of.targets.deviation.astype(np.float32)
        clip = self.splits["train"].table.clip_index
        return moments(self._spectrograms, np.bincount(clip, minlength=len(self._spectrograms)))

    def batch(self, split: str, rows: np.ndarray) -> MEGClipBatch:
        """See `n2s.data.clip_data.ClipData`."""
        loaders = {"train": self.of.train_dataloader, "val": self.of.val_dataloader, "test": self.of.test_dataloader}
        loader = loaders[split]()
        loader.sampler = _AsTheyAre(rows)
        (batch,) = loader
        return self.clips(split, batch)

    def clips(self, split: str, batch: Batch) -> MEGClipBatch:
        """A batch of windows of a split, with what was heard in them."""
        row = batch.window.cpu()
        table = self.splits[split].table.iloc[row.numpy()]
        clip, device = table.clip_index.to_numpy(), batch.brain.device
        return MEGClipBatch(
            brain=batch.brain,
            target=torch.from_numpy(self.targets(clip)).to(device, non_blocking=True),
            spectrogram=torch.from_numpy(self.spectrograms(clip)).to(device, non_blocking=True),
            subject=0,
            row=row,
            group=torch.tensor(table.group_index.to_numpy()),
            clip=torch.tensor(clip),
            shares=batch.shares,
            positions=batch.positions,
            listener=batch.subject,
            mask=batch.mask,
            kind=batch.kind,
        )

    @cached_property
    def _spectrograms(self) -> np.ndarray:
        table = pd.concat([part.table for part in self.splits.values()])
        return feature_values(table, self.stimuli, self.spectrogram)

    def _rows(self, split: str) -> MEGClipRows:
        windows, found = self.of.windows[split], self.of.window_table(split)
        every = np.arange(len(windows))
        table = pd.DataFrame(
            {
                "subject": found.subject,
                "study": found.study,
                "stimulus": found.stimulus,
                "start_s": found.stimulus_start_s,
                "duration_s": self.of.shape.duration_s,
                "group": pd.Series(windows.of_interval("audio")).map(self._sound_names),
                "label": "",
                "key": [f"{name}@{time_s:.3f}" for name, time_s in zip(found.recording, found.start_s, strict=True)],
                "subject_index": 0,
                "clip_index": self.of.targets.rows(split, windows, windows.start_s, every)[:, 0],
                "place": every,
            }
        )
        heard = pd.DataFrame({"row": every, "recording": found.recording, "time_s": found.start_s})
        return MEGClipRows(table, heard, _Windows(self, split, len(table)))


@dataclass
class _Windows:
    """Iterates over a split's windows ``(b, c, t)``, some at once."""

    of: MEGClips
    split: str
    n: int

    def __iter__(self) -> Iterator[np.ndarray]:
        for rows in np.array_split(np.arange(self.n), -(-self.n // CHUNK)):
            yield self.of.batch(self.split, rows).brain.cpu().numpy()


@dataclass
class _AsTheyAre:
    """For a loader: some rows as one batch."""

    rows: np.ndarray
    epoch: int = 0

    def steps(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """See `n2s.data.loader.WindowSampler`."""
        yield self.rows, [len(self.rows)]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (rows for rows, _ in self.steps())
