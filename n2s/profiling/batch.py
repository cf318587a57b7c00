"""How many windows or clips a batch has, whatever it is."""

from torch import Tensor


def n_windows(batch: object) -> int:
    """Of `n2s.data.Batch` and `ClipBatch` their length; of tuples and dicts of tensors that of the first tensor."""
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        return n_windows(batch[0])
    return len(batch) if isinstance(batch, Tensor) or hasattr(batch, "__len__") else 1
