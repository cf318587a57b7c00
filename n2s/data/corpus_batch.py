"""What a network of speech sees: spectrograms of clips, padded to a common length, and what is said in them."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from n2s.data.sampler import Batches
from n2s.errors import UserError


@dataclass(kw_only=True)
class SpeechBatch:
    """Some clips of a corpus.

    Parameters
    ----------
    spectrogram
        (b, l, f); zeros after the end of a clip.
    lengths
        (b,) Frames of each clip. It and all that follows stay in main memory.
    target
        (b, s) Classes to write, 1 and more; 0 after the end of a target.
    target_lengths
        (b,)
    row
        (b,) In the split's table.
    split
        Whose rows these are.
    shares
        How many clips each process has of this batch; ``[b]`` if it is not shared.
    """

    spectrogram: Tensor
    lengths: Tensor
    target: Tensor
    target_lengths: Tensor
    row: Tensor
    split: str
    shares: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = self.shares or [len(self)]

    def __len__(self) -> int:
        return len(self.spectrogram)

    def emptied(self) -> "SpeechBatch":
        """Without clips."""
        tensors = {name: value[:0] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors, shares=[0])

    def to(self, device: torch.device | str) -> "SpeechBatch":
        """A copy whose spectrogram is on ``device``."""
        return replace(self, spectrogram=self.spectrogram.to(device, non_blocking=True))


class LengthSampler(Batches):
    """Batches of clips of about one length, so that little is padding: a function of (seed, epoch) alone.

    An epoch has every clip once. Clips in random order are cut into stretches of ``pool`` batches, sorted by length in each,
    and cut into batches, whose order is random.

    Parameters
    ----------
    lengths
        (n,) Frames of each clip.
    batch_size
        Clips a batch, over all processes.
    shuffle
        A new order each epoch; else by length.
    seed
        Of the order.
    rank, world_size, dealt
        See `Batches`.
    pool
        Batches that are sorted together.

    Raises
    ------
    UserError
        A shared batch has fewer clips than there are processes.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        dealt: bool = False,
        pool: int = 16,
    ):
        self.lengths, self.batch_size, self.shuffle, self.seed = np.asarray(lengths), batch_size, shuffle, seed
        super().__init__(rank, world_size, dealt=dealt)
        self.pool = pool
        self.n_batches = -(-len(self.lengths) // batch_size)
        smallest = len(self.lengths) // self.n_batches
        if smallest < world_size and not dealt:
            raise UserError(
                f"batches of {smallest} clips cannot be shared by {world_size} processes (data.batch_size is {batch_size}, "
                f"over all processes; there are {len(self.lengths)} clips). Raise it, or start fewer processes."
            )

    def batches(self) -> list[np.ndarray]:
        """See `Batches`."""
        if not self.shuffle:
            return np.array_split(np.argsort(self.lengths, kind="stable"), self.n_batches)
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self.lengths))
        size = self.pool * self.batch_size
        pools = (order[first : first + size] for first in range(0, len(order), size))
        sorted_by_length = np.concatenate([rows[np.argsort(self.lengths[rows], kind="stable")] for rows in pools])
        batches = np.array_split(sorted_by_length, self.n_batches)
        return [batches[index] for index in rng.permutation(self.n_batches)]
