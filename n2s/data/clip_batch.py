"""What an fMRI model sees: the responses of one subject to some clips, and what they are to become."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass
class ClipBatch:
    """Clips of one subject, for subjects have different voxels.

    ``brain (b, v)``, or ``(b, n, v)`` of n volumes, z-scored; ``target (b, *shape)`` of the target feature;
    ``spectrogram (b, f, t)`` where there is one; ``subject``, its number among the data's subjects; and of each clip
    ``row`` in the split's table, ``group`` (what must not be parted) and ``clip`` (the same sound has the same number).
    """

    brain: Tensor
    target: Tensor
    spectrogram: Tensor | None
    subject: int
    row: Tensor
    group: Tensor
    clip: Tensor

    def __len__(self) -> int:
        return len(self.brain)

    def to(self, device: torch.device | str) -> "ClipBatch":
        """A copy on ``device``."""
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


class SubjectSampler:
    """Rows of one subject a batch; the order is a function of (seed, epoch).

    Parameters
    ----------
    subject
        (n,) Of each row.
    batch_size
        Rows a batch, over all processes; None: all of a subject.
    shuffle
        Rows and batches in a new order each epoch, else in their own.
    seed
        Of the order.
    rank, world_size
        This process takes every ``world_size``-th row of each batch.
    """

    def __init__(
        self,
        subject: np.ndarray,
        *,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ):
        self._members = [np.flatnonzero(subject == one) for one in np.unique(subject)]
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.rank, self.world_size, self.epoch = rank, world_size, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(1 if self.batch_size is None else -(-len(rows) // self.batch_size) for rows in self._members)

    def __iter__(self) -> Iterator[np.ndarray]:
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = []
        for rows in self._members:
            ordered = rng.permutation(rows) if self.shuffle else rows
            size = self.batch_size or len(rows)
            batches += [ordered[first : first + size] for first in range(0, len(rows), size)]
        for index in rng.permutation(len(batches)) if self.shuffle else range(len(batches)):
            yield batches[index][self.rank :: self.world_size]
