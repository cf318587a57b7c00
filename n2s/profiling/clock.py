"""Measure each part of a training step, through Lightning's profiler interface and the calls of networks."""

import re
from collections.abc import Callable
from typing import Any

from lightning.pytorch.profilers import Profiler
from torch import nn

DATA, TRANSFER, FORWARD, BACKWARD, OPTIMIZER = "data wait", "transfer", "forward", "backward", "optimizer"
PARTS = {  # by the last part of the name of Lightning's action
    "train_dataloader_next": DATA,
    "batch_to_device": TRANSFER,
    "transfer_batch_to_device": TRANSFER,
    "training_step": FORWARD,
    "backward": BACKWARD,
    "optimizer_step": OPTIMIZER,
    "optimizer_zero_grad": OPTIMIZER,
    "configure_gradient_clipping": OPTIMIZER,
}
LEVELS = 2  # depth of networks measured separately: a network that the step calls, and the networks that it calls


class Clock(Profiler):
    """Measure by part a quantity that only grows, such as time. A part inside another one is counted once.

    ``spent`` has the amount of each part: those of `PARTS`, and ``forward: NAME`` for each network of `watch`.

    Parameters
    ----------
    now
        Reads the quantity: seconds, or operations. None: nothing is counted for now.
    """

    def __init__(self, now: Callable[[], float] | None = None):
        super().__init__()
        self.now = now
        self.spent: dict[str, float] = {}
        self._open: list[tuple[str, float]] = []  # part, and when it was last the innermost one

    def count(self, now: Callable[[], float] | None) -> dict[str, float]:
        """Return the counts so far, and count another quantity from now on."""
        found, self.spent, self._open, self.now = self.spent, {}, [], now
        return found

    def start(self, action_name: str) -> None:
        """See Lightning."""
        part = PARTS.get(action_name.rpartition(".")[2])
        if part is not None:
            self.enter(part)

    def stop(self, action_name: str) -> None:
        """See Lightning."""
        part = PARTS.get(action_name.rpartition(".")[2])
        if part is not None:
            self.leave(part)

    def enter(self, part: str) -> None:
        """A part begins, perhaps inside another."""
        if self.now is not None:
            now = self.now()
            self._charge(now)
            self._open.append((part, now))

    def leave(self, part: str) -> None:
        """The innermost part ends."""
        if self.now is not None and self._open and self._open[-1][0] == part:
            now = self.now()
            self._charge(now)
            self._open.pop()
            if self._open:
                self._open[-1] = (self._open[-1][0], now)

    def _charge(self, now: float) -> None:
        if self._open:
            part, since = self._open[-1]
            self.spent[part] = self.spent.get(part, 0) + now - since

    def watch(self, model: nn.Module) -> None:
        """Measure a model's networks separately, except networks inside a compiled one."""
        compiled: list[str] = []
        for path, module in model.named_modules():
            if not path or any(path.startswith(f"{root}.") for root in compiled):
                continue
            name = re.sub(r"\.\d+", ".*", path)  # layers of one list, networks of several subjects
            if module._compiled_call_impl is not None:  # hooks would be compiled too
                compiled.append(path)
                module._compiled_call_impl = self._timed(name, module._compiled_call_impl)
            else:
                module.register_forward_pre_hook(lambda _, given, name=name: self._enter_network(name))
                module.register_forward_hook(lambda _, given, result, name=name: self._leave_network(name))

    def _enter_network(self, name: str) -> None:
        if self.now is not None and self._inside(FORWARD) < LEVELS:
            self.enter(f"{FORWARD}: {name}")

    def _leave_network(self, name: str) -> None:
        self.leave(f"{FORWARD}: {name}")

    def _inside(self, part: str) -> int:
        return sum(one.startswith(f"{part}: ") for one, _ in self._open)

    def _timed(self, name: str, call: Callable) -> Callable:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._enter_network(name)
            try:
                return call(*args, **kwargs)
            finally:
                self._leave_network(name)

        return timed
