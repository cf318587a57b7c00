"""The parts of a training step, and what each takes: Lightning's own profiler interface, and the calls of networks."""

import re
from collections.abc import Callable

from lightning.pytorch.profilers import Profiler
from torch import nn

DATA, TRANSFER, FORWARD, BACKWARD, OPTIMIZER = "data wait", "transfer", "forward", "backward", "optimizer"
PARTS = {  # how Lightning's actions end
    "train_dataloader_next": DATA,
    "batch_to_device": TRANSFER,
    "transfer_batch_to_device": TRANSFER,
    "training_step": FORWARD,
    "backward": BACKWARD,
    "optimizer_step": OPTIMIZER,
    "optimizer_zero_grad": OPTIMIZER,
    "configure_gradient_clipping": OPTIMIZER,
}
LEVELS = 2  # of networks that are told apart: a network that the step calls, and what this one calls


class Clock(Profiler):
    """What each part of a step takes of something that only grows, as time does; a part within another counts once.

    ``spent`` holds it by part: those of `PARTS`, and in the forward pass ``forward: NAME`` for each network of `watch`.

    Parameters
    ----------
    now
        Reads what is counted: seconds, or operations. None: nothing is counted for now.
    """

    def __init__(self, now: Callable[[], float] | None = None):
        super().__init__()
        self.now = now
        self.spent: dict[str, float] = {}
        self._open: list[tuple[str, float]] = []  # part, and when it was last the innermost one

    def count(self, now: Callable[[], float] | None) -> dict[str, float]:
        """Count something else from now on; gives what was counted so far."""
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
        """A part begins, maybe within another."""
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
        """Tell the calls of a model's networks apart, as far as they are not parts of a compiled one."""
        compiled: list[str] = []
        for path, module in model.named_modules():
            if not path or any(path.startswith(f"{root}.") for root in compiled):
                continue
            name = re.sub(r"\.\d+", ".*", path)  # layers of one list, networks of several subjects
            if module._compiled_call_impl is not None:  # hooks would be compiled with it
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
        def timed(*args, **kwargs):
            self._enter_network(name)
            try:
                return call(*args, **kwargs)
            finally:
                self._leave_network(name)

        return timed
