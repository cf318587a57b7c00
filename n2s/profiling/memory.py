"""How much memory a model uses while it trains, and for what."""

import gc
import sys
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class KeptForBackward:
    """A context that counts the bytes kept for the backward pass: each tensor once, without parameters."""

    def __init__(self, model: nn.Module):
        self._known = set(_storages([*model.parameters(), *model.buffers()]))
        self._kept: dict[int, int] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor)

    @property
    def n_bytes(self) -> int:
        """All bytes kept."""
        return sum(self._kept.values())

    def __enter__(self) -> "KeptForBackward":
        self._hooks.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._hooks.__exit__(*raised)

    def _pack(self, tensor: Tensor) -> Tensor:
        self._kept |= {key: size for key, size in _storages([tensor]).items() if key not in self._known}
        return tensor


def by_use(model: nn.Module, optimizers: Iterable[torch.optim.Optimizer], device: torch.device) -> dict[str, int]:
    """Bytes on the device between two steps: parameters, buffers, optimizer state, and all other tensors ("data").

    Gradients are freed between steps; inside a step they take as much as the trainable parameters ("gradients").
    Memory-mapped files count as data on a CPU.
    """
    state = [value for one in optimizers for kept in one.state.values() for value in kept.values()]
    parts = {
        "parameters": _storages(model.parameters()),
        "buffers": _storages(model.buffers()),
        "optimizer state": _storages(value for value in state if isinstance(value, Tensor)),
    }
    known = set().union(*parts.values())
    every = (one for one in gc.get_objects() if type(one) is Tensor and one.device.type == device.type)
    learn = [parameter for parameter in model.parameters() if parameter.requires_grad]
    sizes = {name: sum(found.values()) for name, found in parts.items()}
    return sizes | {
        "gradients": sum(parameter.nbytes for parameter in learn),
        "data": sum(size for key, size in _storages(every).items() if key not in known),
    }


def peak_bytes(device: torch.device) -> int:
    """Peak memory in bytes: torch's on a GPU, else main memory of the process (0: unknown, on Windows).

    Reading it does not wait for the device.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0  # unknown
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Bytes by address: views of one storage count once."""
    found = {}
    for tensor in tensors:
        if tensor.layout == torch.strided and not tensor.is_meta and type(tensor) in (Tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
    found.pop(0, None)
    return found
