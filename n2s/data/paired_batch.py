"""A batch of pairs: responses of people to segments of sound, in MEG, in fMRI, or in both."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from n2s.data.batch import Batch


@dataclass(kw_only=True)
class PairedBatch:
    """b rows, each of one person and one segment. ``m`` of them have MEG, ``v`` of them have fMRI, in the order of the rows.

    Parameters
    ----------
    meg
        The m windows of MEG, as every network of sensors takes them (`Batch.inputs`): ``brain (m, c, t)`` and so on. m may be 0.
    meg_at
        ``(m,)`` the row of each.
    bold
        ``(v, n, p)`` n moments after the segment's start, p components of the person's voxels. v may be 0.
    bold_subject
        ``(v,)`` number among the data's ``fmri_subjects``; -1: not in training.
    bold_at
        ``(v,)`` the row of each.
    target
        ``(b, f, t)`` features of each row's segment, standardised; t is 1 for one vector a segment.
    segment
        ``(b,)`` rows with one number are one stretch of one sound, whoever heard it.
    row
        ``(b,)`` in the split's table of pairs, in main memory.
    split
        Whose rows these are.
    shares
        How many rows each process has of this batch; ``[b]`` if it is not shared.

    Examples
    --------
    >>> import torch
    >>> from n2s.data import Batch, PairedBatch
    >>> one, two = torch.arange(1), torch.arange(2)
    >>> brain, target = torch.zeros(1, 306, 500), torch.zeros(2, 40, 500)
    >>> meg = Batch(brain=brain, target=target[:1], subject=one, segment=one, row=one, group=one, split="train")
    >>> bold = {"bold": torch.zeros(2, 5, 128), "bold_subject": two, "bold_at": two}
    >>> batch = PairedBatch(meg=meg, meg_at=one, **bold, target=target, segment=two, row=two, split="train")
    >>> batch.has("meg").tolist(), batch.has("fmri").tolist()
    ([True, False], [True, True])
    """

    meg: Batch
    meg_at: Tensor
    bold: Tensor
    bold_subject: Tensor
    bold_at: Tensor
    target: Tensor
    segment: Tensor
    row: Tensor
    split: str
    shares: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = self.shares or [len(self)]

    def __len__(self) -> int:
        return len(self.segment)

    def has(self, modality: str) -> Tensor:
        """``(b,)`` bool: which rows have ``meg``, or ``fmri``."""
        found = torch.zeros(len(self), dtype=torch.bool, device=self.segment.device)
        found[self.meg_at if modality == "meg" else self.bold_at] = True
        return found

    def emptied(self) -> "PairedBatch":
        """Without rows, in its shapes."""
        tensors = {name: value[:0] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors, meg=self.meg.emptied(), shares=[0])

    def to(self, device: torch.device | str) -> "PairedBatch":
        """A copy on ``device``; ``row`` stays in main memory."""
        moved = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, Tensor) and name != "row"
        }
        return replace(self, **moved, meg=self.meg.to(device))
