"""What a model sees: a handful of tensors."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass
class Batch:
    """One batch of windows.

    ``brain (b, c, t)``, ``positions (b, c, 2)`` in [0, 1], ``mask (b, c)`` True where a channel is real and good,
    ``kind (b, c)`` of sensor (`n2s.data.positions.sensor_kinds`), ``subject (b,)`` (-1: unseen), ``target (b, f, t)`` ((b, f, 1) for one vector a window), and ids: ``recording``,
    ``stimulus`` (b,) indices, ``start`` (b,) s in the stimulus, ``segment`` (b,): two windows of one stimulus instant
    have one segment, whoever heard it; ``sentence`` (b,): windows of one sentence of one recording, -1: of none; ``window``
    (b,) index in the split's table.
    """

    brain: Tensor
    positions: Tensor
    mask: Tensor
    kind: Tensor
    subject: Tensor
    target: Tensor
    recording: Tensor
    stimulus: Tensor
    start: Tensor
    segment: Tensor
    sentence: Tensor
    window: Tensor

    def __len__(self) -> int:
        return len(self.brain)

    def to(self, device: torch.device | str) -> "Batch":
        """A copy on ``device``."""
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})
