"""Which rows make which batch: a function of (seed, epoch) alone, for one process or many."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from n2s.errors import UserError


class Batches(ABC):
    """Batches of rows, for one process or many.

    Parameters
    ----------
    rank, world_size
        Every batch is shared: this process takes every ``world_size``-th row of it.
    dealt
        Batches are not shared: every ``world_size``-th batch goes whole to this process. Results of a row then do
        not depend on the number of processes, to the bit. All processes get equally many batches, because each batch is a
        step in which they may communicate: a process with none left gets empty ones.
    """

    n_batches: int

    def __init__(self, rank: int, world_size: int, *, dealt: bool):
        self.rank, self.world_size, self.dealt, self.epoch = rank, world_size, dealt, 0

    @abstractmethod
    def batches(self) -> list[np.ndarray]:
        """The rows of each batch of this epoch, over all processes."""

    def shared(self, rows: np.ndarray) -> list[np.ndarray]:
        """A batch, shared among the processes."""
        return [rows[rank :: self.world_size] for rank in range(self.world_size)]

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n_batches // self.world_size) if self.dealt else self.n_batches

    def __iter__(self) -> Iterator[np.ndarray]:
        return (rows for rows, _ in self.steps())

    def steps(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """Give the own rows of each batch, and how many each of the processes has that share it."""
        batches = self.batches()
        if self.dealt:
            own = batches[self.rank :: self.world_size]
            for rows in [*own, *[batches[0][:0]] * (len(self) - len(own))]:
                yield rows, [len(rows)]
            return
        for rows in batches:
            parts = self.shared(rows)
            yield parts[self.rank], [len(part) for part in parts]


class Sampler(Batches):
    """Rows of a split, batch by batch.

    By default an epoch has every row once. Its batches are as large as ``batch_size`` at most, and as large as each other
    (within one): a small last batch would be another contrastive task. Without ``shuffle`` the order is one
    fixed permutation, because neighbours in time would be the hardest negatives.

    With ``apart`` each batch has rows of one subject (their voxels differ). Its rows are cut into batches one subject after
    another, so that the last of each may be smaller; without ``shuffle`` they stay in their own order.

    Parameters
    ----------
    n_rows
        To draw from, without replacement.
    batch_size
        Rows a batch, over all processes; None, with ``apart``: all of a subject.
    shuffle
        A new order each epoch.
    seed
        Of the order.
    rank, world_size, dealt
        See `Batches`.
    balance
        (n,) Number of each row's group (its study, its subject). An epoch then has equally many rows of each group, and the same
        total: rows of a small group occur several times, and some rows of a large group do not occur.
    together
        (n,) Rows of one number stand beside each other, in their order, mostly in one batch and, where a batch has enough
        numbers to share, in one process; those of -1 may stand anywhere.
    apart
        (n,) Number of each row's subject, see above; neither with ``balance`` nor with ``together``.

    Raises
    ------
    UserError
        A shared batch has fewer rows than there are processes.
    """

    def __init__(
        self,
        n_rows: int,
        *,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        dealt: bool = False,
        balance: np.ndarray | None = None,
        together: np.ndarray | None = None,
        apart: np.ndarray | None = None,
    ):
        self.n_rows, self.batch_size, self.shuffle, self.seed = n_rows, batch_size, shuffle, seed
        super().__init__(rank, world_size, dealt=dealt)
        self._balance, self._apart = (None if numbers is None else _members(numbers) for numbers in (balance, apart))
        self._together = together
        if self._apart is None:
            self.n_batches = -(-n_rows // batch_size)
            smallest = n_rows // self.n_batches
        else:
            sizes = [(len(rows), batch_size or len(rows)) for rows in self._apart]
            self.n_batches = sum(-(-n // size) for n, size in sizes)
            smallest = min((n - 1) % size + 1 for n, size in sizes)  # the last of a subject
        if smallest < world_size and not dealt:
            raise self._too_small(smallest)

    def batches(self) -> list[np.ndarray]:
        """See `Batches`."""
        rng = np.random.default_rng([self.seed, self.epoch if self.shuffle else 0])
        return np.array_split(self._gathered(rng), self.n_batches) if self._apart is None else self._by_subject(rng)

    def _by_subject(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Batches of one subject each."""
        batches = []
        for rows in self._apart:
            ordered = rng.permutation(rows) if self.shuffle else rows
            size = self.batch_size or len(rows)
            batches += [ordered[first : first + size] for first in range(0, len(rows), size)]
        order = rng.permutation(len(batches)) if self.shuffle else range(len(batches))
        return [batches[index] for index in order]

    def shared(self, rows: np.ndarray) -> list[np.ndarray]:
        """See `Batches`."""
        if self._together is None:
            return super().shared(rows)
        borders = np.arange(1, self.world_size) * len(rows) // self.world_size
        number = self._together[rows]
        free = np.flatnonzero((number[1:] != number[:-1]) | (number[1:] == -1)) + 1
        if len(free):
            moved = free[np.abs(free[:, None] - borders).argmin(0)]
            if (np.diff(moved) > 0).all():
                borders = moved
        return np.split(rows, borders)

    def _gathered(self, rng: np.random.Generator) -> np.ndarray:
        """An epoch's rows, those that stand together beside each other."""
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
        """An epoch's rows."""
        if not self._balance:
            return rng.permutation(self.n_rows)
        share, rest = divmod(self.n_rows, len(self._balance))
        drawn = []
        for index, members in enumerate(self._balance):
            wanted = share + (index < rest)
            rounds = -(-wanted // len(members))  # whole rounds: no row twice before all were drawn once
            drawn.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[:wanted])
        return rng.permutation(np.concatenate(drawn))

    def _too_small(self, smallest: int) -> UserError:
        if self._apart is None:
            return UserError(
                f"batches of {smallest} windows cannot be shared by {self.world_size} processes (data.batch_size is "
                f"{self.batch_size}, over all processes; there are {self.n_rows} windows). Raise it, or start fewer processes."
            )
        return UserError(
            f"a batch of {smallest} clips cannot be shared by {self.world_size} processes (data.batch_size is "
            f"{self.batch_size}, over all processes). Take another batch size, or start fewer processes."
        )


def _members(numbers: np.ndarray) -> list[np.ndarray]:
    """The rows of each number."""
    return [np.flatnonzero(numbers == one) for one in np.unique(numbers)]
