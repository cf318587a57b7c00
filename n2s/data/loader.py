"""Batches in an order that is a function of (seed, epoch) alone, for one process or many."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from n2s.data.batch import Batch
from n2s.errors import UserError


class WindowSampler:
    """Which windows make which batch.

    An epoch has every window once. Its batches are as large as ``batch_size`` at most, and as large as each other (within
    one): a last batch of a few windows would be another contrastive task.

    Parameters
    ----------
    n_windows
        To draw from, without replacement.
    batch_size
        Windows a batch, over all processes.
    shuffle
        A new order each epoch, else always the same fixed permutation (neighbours in time would be the hardest negatives).
    seed
        Of the order.
    rank, world_size
        Every batch is shared: this process takes every ``world_size``-th window of it.
    dealt
        Batches are not shared but dealt whole, every ``world_size``-th to this process: what is computed of a window does
        not depend on how many processes there are, to the bit. All processes get equally many batches, for each batch is a
        step in which they may meet: those that have nothing left get empty ones.
    groups
        (n,) Number of each window's group (its study, its subject). An epoch then has as many windows of each group,
        and as many in all: those of a small group several times, those of a large one not all.
    together
        (n,) Windows of one number stand beside each other, in their order, mostly in one batch and, where a batch has
        enough numbers to share, in one process; those of -1 may stand anywhere.

    Raises
    ------
    UserError
        A shared batch is too small for so many processes.
    """

    def __init__(
        self,
        n_windows: int,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        dealt: bool = False,
        groups: np.ndarray | None = None,
        together: np.ndarray | None = None,
    ):
        self._members = [] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
        self._together = together
        self.n_windows, self.n_batches, self.shuffle, self.seed = n_windows, -(-n_windows // batch_size), shuffle, seed
        self.rank, self.world_size, self.dealt = rank, world_size, dealt
        self.epoch = 0
        smallest = n_windows // self.n_batches
        if smallest < world_size and not dealt:
            raise UserError(
                f"batches of {smallest} windows cannot be shared by {world_size} processes (data.batch_size is {batch_size}, "
                f"over all processes; there are {n_windows} windows). Raise it, or start fewer processes."
            )

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n_batches // self.world_size) if self.dealt else self.n_batches

    def __iter__(self) -> Iterator[np.ndarray]:
        return (rows for rows, _ in self.steps())

    def steps(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """Give the own rows of each batch, and how many each of the processes has that share it."""
        order = self._gathered(np.random.default_rng([self.seed, self.epoch if self.shuffle else 0]))
        batches = np.array_split(order, self.n_batches)
        if self.dealt:
            own = batches[self.rank :: self.world_size]
            for rows in [*own, *[order[:0]] * (len(self) - len(own))]:
                yield rows, [len(rows)]
            return
        for rows in batches:
            parts = self._parts(rows)
            yield parts[self.rank], [len(part) for part in parts]

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """A batch, shared among the processes."""
        if self._together is None:
            return [rows[rank :: self.world_size] for rank in range(self.world_size)]
        borders = np.arange(1, self.world_size) * len(rows) // self.world_size
        number = self._together[rows]
        free = np.flatnonzero((number[1:] != number[:-1]) | (number[1:] == -1)) + 1
        if len(free):
            moved = free[np.abs(free[:, None] - borders).argmin(0)]
            if (np.diff(moved) > 0).all():
                borders = moved
        return np.split(rows, borders)

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
            for rows, shares in self.sampler.steps():
                yield self._batch(self._read(_some(rows), epoch), shares)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="n2s-read") as pool:
            waiting = None
            for rows, shares in self.sampler.steps():
                following = pool.submit(self._read, _some(rows), epoch), shares
                if waiting is not None:
                    yield self._batch(waiting[0].result(), waiting[1])
                waiting = following
            if waiting is not None:
                yield self._batch(waiting[0].result(), waiting[1])

    def _batch(self, found: object, shares: list[int]) -> Batch:
        batch = replace(self._assemble(found), shares=shares)
        return batch if any(shares) else batch.emptied()


def _some(rows: np.ndarray) -> np.ndarray:
    """The rows of a batch; of an empty one any row, whose shape it has, so that nothing else needs to know of such."""
    return rows if len(rows) else np.zeros(1, dtype=np.int64)
