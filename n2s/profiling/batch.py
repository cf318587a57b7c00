"""The number of windows or clips in any batch."""

from torch import Tensor


def n_windows(batch: object) -> int:
    """The length of a `n2s.data.Batch`; for tuples and dicts of tensors, the length of the first."""
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        return n_windows(batch[0])
    return len(batch) if isinstance(batch, Tensor) or hasattr(batch, "__len__") else 1
