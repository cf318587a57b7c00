"""Whole stretches of brain and stimulus feature, for models without windows, such as a ridge."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from n2s.data.residency import Scaled

if TYPE_CHECKING:
    from n2s.data.meg import MEGDataModule


def stretches(data: "MEGDataModule", split: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Every interval of a split between bad spans, in order: brain ``(t, c)`` and target ``(t, f)``, float32, at the brain's rate.

    Recordings, gaps at the borders between splits, scalers and standardised targets are the same as for windows, and are
    fitted on training windows only; no baseline, no offset.

    Parameters
    ----------
    data
        After ``setup``; its target is a `FrameFeature`.
    split
        "train", "val" or "test".
    """
    for index, row in enumerate(data.windows[split].intervals.itertuples()):
        prepared = data.recordings[row.recording]
        sfreq = prepared.meta["sfreq"]
        scaled = Scaled.of(prepared, data.scalers[row.recording], recentre=False)
        last = min(int((row.onset + row.duration) * sfreq), prepared.meta["shape"][0])
        for first, stop in _good(round(row.onset * sfreq), last, prepared.meta["bad_spans"], sfreq):
            start_s = (
                row.stimulus_onset + first / sfreq - row.onset
            )  # the time of that sample, not the start of the interval
            frames = data.targets.frames(split, index, start_s, stop - first, sfreq)
            yield scaled.read(first, stop - first), torch.from_numpy(data.targets.values[frames]).float()


def _good(first: int, last: int, bad_spans: list[list[float]], sfreq: float) -> Iterator[tuple[int, int]]:
    """The samples of [first, last) between bad spans."""
    for onset, duration in sorted(bad_spans):
        start, stop = math.ceil(onset * sfreq), math.ceil((onset + duration) * sfreq)
        if stop > first and start < last and stop > start:
            if start > first:
                yield first, start
            first = stop
    if last > first:
        yield first, last
