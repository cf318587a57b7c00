"""Iterates over batches in the order of a sampler, and reads ahead if that helps."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from n2s.data.batch import Batch
from n2s.data.sampler import Sampler


class BatchLoader:
    """Batches of a split. Lightning takes it like a DataLoader, without workers.

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

    def __init__(self, sampler: Sampler, read: Callable, assemble: Callable[..., Batch], *, ahead: bool):
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
    """The rows of a batch. For an empty batch any row, for its shape, so that no other code needs to handle empty batches."""
    return rows if len(rows) else np.zeros(1, dtype=np.int64)
