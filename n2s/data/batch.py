"""What a model sees: a handful of tensors."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass
class Batch:
    """One batch of windows.

    ``brain (b, c, t)``, ``positions (b, c, 2)`` in [0, 1], ``mask (b, c)`` True where a channel is real and good,
    ``kind (b, c)`` of sensor (`n2s.data.positions.sensor_kinds`), ``subject (b,)`` (-1: unseen), ``target (b, f, t)`` ((b, f, 1) for one vector a window), and ids: ``recording``,
    ``stimulus`` (b,) indices, ``start`` (b,) s in the stimulus, ``segment`` (b,): two windows of one stimulus instant
    have one segment, whoever heard it; ``sentence`` (b,): windows of one sentence of one recording, -1: of none; ``window``
    (b,) index in the split's table. ``shares``: how many windows each process has of this batch; b alone, if it is not
    shared. In validation, test and prediction b may be 0: where other processes have a batch more.
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
    shares: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.shares = self.shares or [len(self)]

    def __len__(self) -> int:
        return len(self.brain)

    def emptied(self) -> "Batch":
        """Without windows, in its shape."""
        tensors = {name: value[:0] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors, shares=[0])

    def to(self, device: torch.device | str) -> "Batch":
        """A copy on ``device``."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: value.to(device, non_blocking=True) for name, value in tensors.items()})
