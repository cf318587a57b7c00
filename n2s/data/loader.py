"""Batches in an order that is a function of (seed, epoch) alone, for one process or many."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from n2s.data.batch import Batch


class WindowSampler:
    """Which windows make which batch.

    Parameters
    ----------
    n_windows
        To draw from, without replacement.
    batch_size
        Windows a batch, over all processes.
    shuffle
        A new order each epoch, else always the same fixed permutation (neighbours in time would be the hardest negatives).
    drop_last
        Leave out the batch that is not full: a contrastive loss depends on the number of candidates.
    seed
        Of the order.
    rank, world_size
        This process takes every ``world_size``-th window of each batch.
    groups
        (n,) Number of each window's group (its study, its subject). An epoch then has as many windows of each group,
        and as many in all: those of a small group several times, those of a large one not all.
    together
        (n,) Windows of one number stand beside each other, in their order, and mostly in one batch and process; those
        of -1 may stand anywhere.
    """

    def __init__(
        self,
        n_windows: int,
        *,
        batch_size: int,
        shuffle: bool,
        drop_last: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        groups: np.ndarray | None = None,
        together: np.ndarray | None = None,
    ):
        self._members = [] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
        self._together = together
        self.n_windows, self.batch_size, self.shuffle = n_windows, min(batch_size, n_windows), shuffle
        self.drop_last, self.seed, self.rank, self.world_size = drop_last, seed, rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(self.n_windows, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[np.ndarray]:
        order = self._gathered(np.random.default_rng([self.seed, self.epoch if self.shuffle else 0]))
        for batch in range(len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            if self._together is None:
                yield rows[self.rank :: self.world_size]
            else:
                yield rows[self.rank * len(rows) // self.world_size : (self.rank + 1) * len(rows) // self.world_size]

    def _gathered(self, rng: np.random.Generator) -> np.ndarray:
        order = self._order(rng)
        if self._together is None:
            return order
        number = self._together[order]
        alone = np.flatnonzero(number == -1)
        number = np.where(number == -1, 0, number)
        number[alone] = number.max() + 1 + np.arange(len(alone))
        _, place, row = np.unique(number, return_index=True, return_inverse=True)
        return order[np.lexsort((order, place[row]))]

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        if not self._members:
            return rng.permutation(self.n_windows)
        share, rest = divmod(self.n_windows, len(self._members))
        drawn = []
        for index, members in enumerate(self._members):
            wanted = share + (index < rest)
            rounds = -(-wanted // len(members))  # whole rounds: no window twice before all were drawn once
            drawn.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[:wanted])
        return rng.permutation(np.concatenate(drawn))


class WindowLoader:
    """Iterates over batches. Lightning takes it like a DataLoader, without workers.

    Parameters
    ----------
    sampler
        Gives the rows of each batch; its epoch decides the jitter too.
    read
        (rows, epoch) -> what the host must do for a batch (slicing, scaling); runs one batch ahead in a thread if ``ahead``.
    assemble
        What `read` gave -> `Batch` on the model's device.
    ahead
        Whether to read ahead.
    """

    batch_sampler = None  # Lightning asks for it, and sets the epoch of `sampler`

    def __init__(self, sampler: WindowSampler, read: Callable, assemble: Callable[..., Batch], *, ahead: bool):
        self.sampler, self._read, self._assemble, self._ahead = sampler, read, assemble, ahead

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.sampler.epoch
        if not self._ahead:
            for rows in self.sampler:
                yield self._assemble(self._read(rows, epoch))
            return
        with ThreadPoolExecutor(1, thread_name_prefix="n2s-read") as pool:
            waiting = None
            for rows in self.sampler:
                following = pool.submit(self._read, rows, epoch)
                if waiting is not None:
                    yield self._assemble(waiting.result())
                waiting = following
            if waiting is not None:
                yield self._assemble(waiting.result())
