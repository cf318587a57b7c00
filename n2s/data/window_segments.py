"""Windows of MEG and EEG as segments that were heard: what the decoders of clips ask of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.batch import Batch
from n2s.data.clip_targets import feature_values, moments
from n2s.data.priority import SPLITS
from n2s.data.reader import SplitReader
from n2s.data.recordings import PreparedRecording
from n2s.data.segments import Segments
from n2s.data.targets import Targets
from n2s.data.windows import Windows, WindowShape
from n2s.errors import UserError
from n2s.features.audiomae_tokens import AudioMAETokens
from n2s.features.clip_spectrogram import ClipFbank
from n2s.features.feature import Feature
from n2s.studies.study import Recording, Stimulus

CHUNK = 64  # windows read at once


class WindowSegments:
    """A part of `MEGDataModule`, whose attributes it reads: `n2s.data.clip_data.ClipData`.

    Each window is a response to the segment that was heard in it. All listeners share one network, which has a layer for
    each of them.
    """

    subjects: list[str]
    target: Feature
    per_dimension: bool
    shape: WindowShape
    windows: dict[str, Windows]
    recordings: dict[str, PreparedRecording]
    stimuli: dict[str, Stimulus]
    targets: Targets

    #: See `n2s.data.clip_data.ClipData`.
    dealt = True

    def reader(self, split: str) -> SplitReader:
        """What reads the windows of a split."""
        raise NotImplementedError

    @property
    def brains(self) -> list[str]:
        """See `n2s.data.clip_data.ClipData`: one, with the names of all subjects."""
        return [", ".join(self.subjects)]

    @property
    def runs(self) -> dict[str, Recording]:
        """The recordings, by ``study/recording``."""
        return {key: item.recording for key, item in self.recordings.items()}

    @property
    def response(self) -> WindowShape:
        """See `n2s.data.clip_data.ClipData`."""
        return self.shape

    @cached_property
    def spectrogram(self) -> ClipFbank | None:
        """See `n2s.data.clip_data.ClipData`: beside AudioMAE's tokens what AudioMAE sees, otherwise none."""
        return ClipFbank(duration_s=self.target.duration_s) if isinstance(self.target, AudioMAETokens) else None

    def check_clips(self) -> None:
        """See `n2s.data.clip_data.ClipData`."""
        if not isinstance(self.target, AudioMAETokens):
            raise UserError(
                f"sound is decoded from AudioMAE tokens; data.target is {type(self.target).__name__}. Set "
                f"n2s.features.AudioMAETokens with duration_s {self.shape.duration_s:g} (data.window_s - data.offset_s)."
            )
        if not self.per_dimension:
            raise UserError("tokens are decoded by their own means and deviations: leave data.per_dimension true.")

    @cached_property
    def splits(self) -> dict[str, Segments]:
        """The table of each split, a row a window in their order."""
        heard = pd.concat([self.windows[split].intervals for split in SPLITS])
        names = heard.groupby("audio").stimulus.min()  # one sound may have several names: it is one group
        return {split: self._segments(split, names) for split in self.windows}

    def spectrograms(self, clip: np.ndarray) -> np.ndarray:
        """See `n2s.data.clip_data.ClipData`."""
        return self._spectrograms[clip].reshape(-1, *self.spectrogram.shape).astype(np.float32)

    def train_moments(self, name: Literal["target", "spectrogram"]) -> tuple[np.ndarray, np.ndarray]:
        """See `n2s.data.clip_data.ClipData`."""
        if name == "target":
            return self.targets.mean.astype(np.float32), self.targets.deviation.astype(np.float32)
        clip = self.splits["train"].table.clip_index
        return moments(self._spectrograms, np.bincount(clip, minlength=len(self._spectrograms)))

    def batch(self, split: str, rows: np.ndarray) -> Batch:
        """See `n2s.data.clip_data.ClipData`."""
        return self.clips(self.reader(split).batch(rows))

    def clips(self, batch: Batch) -> Batch:
        """See `n2s.data.clip_data.ClipData`."""
        clip, device = self.splits[batch.split].table.clip_index.to_numpy()[batch.row.numpy()], batch.brain.device
        return replace(
            batch,
            target=torch.from_numpy(self.targets(clip)).to(device, non_blocking=True),
            spectrogram=torch.from_numpy(self.spectrograms(clip)).to(device, non_blocking=True),
        )

    @cached_property
    def _spectrograms(self) -> np.ndarray:
        table = pd.concat([part.table for part in self.splits.values()])
        return feature_values(table, self.stimuli, self.spectrogram)

    def _segments(self, split: str, names: pd.Series) -> Segments:
        windows, found = self.windows[split], self.window_table(split)
        every = np.arange(len(windows))
        table = pd.DataFrame(
            {
                "subject": found.subject,
                "study": found.study,
                "stimulus": found.stimulus,
                "start_s": windows.paired_s(self.shape.shift_s),
                "duration_s": self.shape.duration_s,
                "group": pd.Series(windows.of_interval("audio")).map(names),
                "label": "",
                "key": [f"{name}@{time_s:.3f}" for name, time_s in zip(found.recording, found.start_s, strict=True)],
                "brain_index": 0,
                "group_index": windows.of_interval("group_index"),
                "clip_index": self.targets.rows(split, windows, windows.start_s, every)[:, 0],
                "place": every,
            }
        )
        heard = pd.DataFrame({"row": every, "recording": found.recording, "time_s": found.start_s + self.shape.shift_s})
        return Segments(table, _Windows(self, split, len(table)), heard)


@dataclass
class _Windows:
    """Iterates over a split's windows ``(n, c, t)``, some at once."""

    of: WindowSegments
    split: str
    n: int

    def __iter__(self) -> Iterator[np.ndarray]:
        for rows in np.array_split(np.arange(self.n), -(-self.n // CHUNK)):
            yield self.of.reader(self.split).batch(rows).brain.cpu().numpy()
