"""What a model sees: a handful of tensors, the same for every brain."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

HOST = ("row", "group")  # ids of tables in main memory: they stay there


@dataclass(kw_only=True)
class Batch:
    """Responses to some segments, and what they are compared with.

    Parameters
    ----------
    brain
        ``(b, c, t)`` of sensors (MEG, EEG); of BOLD ``(b, v)``, or ``(b, n, v)`` of n volumes, z-scored.
    target
        Of the target feature: ``(b, f, t)``, or ``(b, f, 1)`` for one standardised vector a window; for a decoder of
        clips ``(b, *shape)`` in the feature's own units; of events ``(b,)`` int64, the class.
    subject
        ``(b,)`` number among the data's subjects; -1: not in training.
    positions, mask, kind
        Of sensors: ``(b, c, 2)`` in [0, 1]; ``(b, c)`` True where a sensor is real and good; ``(b, c)`` of
        `n2s.data.positions.sensor_kinds`. None for voxels.
    spectrogram
        ``(b, f, t)`` of the clips, where the data give one.
    segment
        ``(b,)`` segments with one number are one stretch of one sound, whoever heard it.
    recording, stimulus, start
        ``(b,)`` indices of the recording and the stimulus, and s in the stimulus. None for BOLD: the split's table has
        them by ``row``.
    sentence
        ``(b,)`` windows of one sentence of one recording have one number; -1: no sentence. None for BOLD.
    row
        ``(b,)`` in the split's table, in main memory.
    group
        ``(b,)`` number of what a split or a fold keeps together, in main memory.
    split
        Whose rows these are.
    brain_index
        Number among the data's ``brains`` (each has one network): all rows are from the same one.
    shares
        How many rows each process has of this batch; ``[b]`` if it is not shared. In validation, test and prediction b
        may be 0, where other processes have one batch more.

    Examples
    --------
    >>> import torch
    >>> from n2s.data import Batch
    >>> two = torch.arange(2)
    >>> brain, target = torch.zeros(2, 306, 360), torch.zeros(2, 40, 360)
    >>> batch = Batch(brain=brain, target=target, subject=two, segment=two, row=two, group=two, split="train")
    >>> len(batch), batch.to("cpu").brain.shape
    (2, torch.Size([2, 306, 360]))
    """

    brain: Tensor
    target: Tensor
    subject: Tensor
    segment: Tensor
    row: Tensor
    group: Tensor
    split: str
    positions: Tensor | None = None
    mask: Tensor | None = None
    kind: Tensor | None = None
    spectrogram: Tensor | None = None
    recording: Tensor | None = None
    stimulus: Tensor | None = None
    start: Tensor | None = None
    sentence: Tensor | None = None
    brain_index: int = 0
    shares: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = self.shares or [len(self)]

    def __len__(self) -> int:
        return len(self.brain)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a network takes: the brain; for sensors as `n2s.models.BrainEncoder` takes them."""
        if self.positions is None:
            return (self.brain,)
        return self.brain, self.positions, self.subject, self.mask, self.kind

    def emptied(self) -> "Batch":
        """Without rows, in its shape."""
        return replace(self, **{name: value[:0] for name, value in self._tensors().items()}, shares=[0])

    def to(self, device: torch.device | str) -> "Batch":
        """A copy on ``device``; ``row`` and ``group`` stay in main memory."""
        moved = {name: value for name, value in self._tensors().items() if name not in HOST}
        return replace(self, **{name: value.to(device, non_blocking=True) for name, value in moved.items()})

    def _tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
