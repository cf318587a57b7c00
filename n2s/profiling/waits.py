"""Find the places where the host waits for the accelerator in a step: each may leave the accelerator idle."""

import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# methods of a tensor that give its values to the host
READS = ("item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "__array__")
# operations whose output size depends on values: the host must know it
SIZED = ("nonzero", "_unique", "_unique2", "unique_dim", "unique_consecutive", "masked_select", "equal")
TORCH, OPTIMIZERS = (str(Path(torch.__file__).parent / part) for part in ("", "optim"))


class HostWaits:
    """A context that counts where the host asks the device for values: ``places`` has the count by ``file:line``.

    On a GPU, CUDA reports these waits, including copies from pageable memory. On a CPU nothing waits: reads of tensors
    that would wait on a GPU are counted. Reads by an optimizer are ignored: it keeps its step count in main memory.

    Parameters
    ----------
    device
        The model's device.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.places: Counter[str] = Counter()
        self._stack = ExitStack()
        self._warnings: list[warnings.WarningMessage] = []

    def __enter__(self) -> "HostWaits":
        if self.device.type == "cuda":
            self._warnings = self._stack.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("always")
            self._stack.callback(torch.cuda.set_sync_debug_mode, torch.cuda.get_sync_debug_mode())
            torch.cuda.set_sync_debug_mode("warn")
        else:
            self._stack.enter_context(_Reads(self.places))
            self._stack.enter_context(_Sized(self.places))
        return self

    def forget(self) -> None:
        """Delete the counts so far."""
        self.places.clear()
        self._warnings.clear()

    def __exit__(self, *raised: object) -> None:
        self._stack.close()
        found = [one for one in self._warnings if "synchronizing CUDA operation" in str(one.message)]
        self.places.update(_place(one.filename, one.lineno) for one in found)


class _Reads(TorchFunctionMode):
    def __init__(self, places: Counter[str]):
        super().__init__()
        self.places = places

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if getattr(function, "__name__", None) in READS:
            _count(self.places)
        return function(*args, **(kwargs or {}))


class _Sized(TorchDispatchMode):
    def __init__(self, places: Counter[str]):
        super().__init__()
        self.places = places

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = function.overloadpacket.__name__
        by_mask = name.startswith("index") and any(
            isinstance(one, torch.Tensor) and one.dtype == torch.bool
            for given in args[1:]
            if isinstance(given, list | tuple)
            for one in given
        )
        if by_mask or name in SIZED:
            _count(self.places)
        return function(*args, **(kwargs or {}))


def _count(places: Counter[str]) -> None:
    """Count the innermost line outside torch."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and (frame.f_code.co_filename == __file__ or frame.f_code.co_filename.startswith(TORCH)):
        if frame.f_code.co_filename.startswith(OPTIMIZERS):
            return
        frame = frame.f_back
    if frame is not None:
        places[_place(frame.f_code.co_filename, frame.f_lineno)] += 1


def _place(file: str, line: int) -> str:
    """The path, starting at its package."""
    parts = Path(file).parts
    start = max((i + 1 for i, part in enumerate(parts) if part == "site-packages"), default=len(parts) - 3)
    return f"{'/'.join(parts[max(start, 0) :])}:{line}"
