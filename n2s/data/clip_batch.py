"""What an fMRI model sees: the responses of one subject to some clips, and what they are to become."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor


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
    rank, world_size, dealt
        As `n2s.data.loader.WindowSampler` has them; but of a small batch a process may get nothing.
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
        dealt: bool = False,
    ):
        self._members = [np.flatnonzero(subject == one) for one in np.unique(subject)]
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.rank, self.world_size, self.dealt, self.epoch = rank, world_size, dealt, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(range(sum(-(-len(rows) // self._size(rows)) for rows in self._members))[self._own])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (rows for rows, _ in self.steps())

    def steps(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """As `n2s.data.loader.WindowSampler` has it."""
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = []
        for rows in self._members:
            ordered = rng.permutation(rows) if self.shuffle else rows
            size = self._size(rows)
            batches += [ordered[first : first + size] for first in range(0, len(rows), size)]
        order = rng.permutation(len(batches)) if self.shuffle else np.arange(len(batches))
        for index in order[self._own]:
            rows = batches[index]
            parts = [rows] if self.dealt else [rows[rank :: self.world_size] for rank in range(self.world_size)]
            yield parts[0 if self.dealt else self.rank], [len(part) for part in parts]

    def _size(self, rows: np.ndarray) -> int:
        return self.batch_size or len(rows)

    @property
    def _own(self) -> slice:
        return slice(self.rank, None, self.world_size) if self.dealt else slice(None)
