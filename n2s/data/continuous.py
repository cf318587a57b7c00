"""Whole stretches of brain and stimulus feature, for models without windows, such as a ridge."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from n2s.data.residency import Scaled
from n2s.data.targets import Targets

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
    targets = data.targets
    if data.shape.shift_s:  # those of windows lie between the samples of the stimulus' clock
        unshifted = replace(data.shape, offset_s=0.0)
        targets = Targets(data.target, data.stimuli, data.windows, unshifted, per_dimension=data.per_dimension)
    for index, row in enumerate(data.windows[split].intervals.itertuples()):
        prepared = data.recordings[row.recording]
        sfreq = prepared.meta["sfreq"]
        scaled = Scaled.of(prepared, data.scalers[row.recording], recentre=False)
        # inside the interval: before it another stretch of the recording may end
        begin = max(math.ceil(row.onset * sfreq - 1e-6), 0)
        last = min(math.floor((row.onset + row.duration) * sfreq + 1e-6), prepared.meta["shape"][0])
        for first, stop in _good(begin, last, prepared.meta["bad_spans"], sfreq):
            # the time of that sample, not the start of the interval
            start_s = row.stimulus_onset + first / sfreq - row.onset
            target = targets.values[targets.frames(split, index, start_s, stop - first, sfreq)].astype(np.float32)
            if targets is not data.targets:  # standardised as those of windows
                target = (target * targets.deviation + targets.mean - data.targets.mean) / data.targets.deviation
            yield scaled.read(first, stop - first), torch.from_numpy(target)


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
