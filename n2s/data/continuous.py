"""Whole stretches of brain and stimulus feature, for models that know no windows, such as a ridge."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from n2s.data.residency import Scaled

if TYPE_CHECKING:
    from n2s.data.meg import MEGDataModule


def stretches(data: "MEGDataModule", split: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Every interval of a split, in order: brain ``(t, c)`` and target ``(t, f)``, float32, at the brain's rate.

    The same recordings, gaps at the borders between splits, scalers and standardised targets as the windows have, and
    fitted on training windows alone; no baseline, no offset.

    Parameters
    ----------
    data
        After ``setup``; its target is a `FrameFeature`.
    split
        "train", "val" or "test".
    """
    intervals = data.windows[split].intervals
    for index, row in enumerate(intervals.itertuples()):
        prepared = data.recordings[row.recording]
        sfreq = prepared.meta["sfreq"]
        first = round(row.onset * sfreq)
        n = min(int(row.duration * sfreq), prepared.meta["shape"][0] - first)
        brain = Scaled.of(prepared, data.scalers[row.recording], recentre=False).read(first, n)
        frames = data.targets.frames(split, index, row.stimulus_onset, n, sfreq)
        yield brain, torch.from_numpy(data.targets.values[frames]).float()
