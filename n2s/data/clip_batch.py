"""What an fMRI model sees: the responses of one subject to some clips, and what they are to become."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError

INDICES = ("row", "group", "clip")


@dataclass
class ClipBatch:
    """Clips of one subject, for subjects have different voxels.

    ``brain (b, v)``, or ``(b, n, v)`` of n volumes, z-scored; ``target (b, *shape)`` of the target feature;
    ``spectrogram (b, f, t)`` where there is one; ``subject``, its number among the data's subjects; and of each clip
    ``row`` in the split's table, ``group`` (what must not be parted) and ``clip`` (the same sound has the same number).
    ``shares``: how many clips each process has of this batch; b alone, if it is not shared.
    """

    brain: Tensor
    target: Tensor
    spectrogram: Tensor | None
    subject: int
    row: Tensor
    group: Tensor
    clip: Tensor
    shares: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.shares = self.shares or [len(self)]

    def __len__(self) -> int:
        return len(self.brain)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a network is given."""
        return (self.brain,)

    def to(self, device: torch.device | str) -> "ClipBatch":
        """A copy on ``device``. What ``row``, ``group`` and ``clip`` index is in main memory, and so they stay there."""
        moved = [name for name, value in vars(self).items() if isinstance(value, Tensor) and name not in INDICES]
        return replace(self, **{name: getattr(self, name).to(device, non_blocking=True) for name in moved})


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
        Every batch is shared: this process takes every ``world_size``-th row of it.

    Raises
    ------
    UserError
        A batch has fewer rows than there are processes.
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
        smallest = min(
            (len(rows) - 1) % (batch_size or len(rows)) + 1 for rows in self._members
        )  # the last of a subject
        if smallest < world_size:
            raise UserError(
                f"a batch of {smallest} clips cannot be shared by {world_size} processes (data.batch_size is {batch_size}, over "
                "all processes). Take another batch size, or start fewer processes."
            )

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(1 if self.batch_size is None else -(-len(rows) // self.batch_size) for rows in self._members)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (rows for rows, _ in self.steps())

    def steps(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """Give the own rows of each batch, and how many each of the processes has that share it."""
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = []
        for rows in self._members:
            ordered = rng.permutation(rows) if self.shuffle else rows
            size = self.batch_size or len(rows)
            batches += [ordered[first : first + size] for first in range(0, len(rows), size)]
        for index in rng.permutation(len(batches)) if self.shuffle else range(len(batches)):
            parts = [batches[index][rank :: self.world_size] for rank in range(self.world_size)]
            yield parts[self.rank], [len(part) for part in parts]
