"""Run the phases of a profile: warm-up, plain steps, steps by part, one counted step, one step watched for waits."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from n2s.profiling.batch import n_windows
from n2s.profiling.clock import Clock
from n2s.profiling.memory import KeptForBackward, by_use, peak_bytes
from n2s.profiling.peak import synchronize
from n2s.profiling.waits import HostWaits


@dataclass
class Measured:
    """Measurements per step. Windows are of all processes; time, memory and operations are of this process.

    ``step_s``: time of a step as training runs it. ``parts``: seconds by part, measured with a wait for the device between
    parts. ``operations``: floating point operations by part. ``memory``: bytes by use. ``waits``: counts by place.
    """

    n_windows: float = 0.0
    step_s: float = 0.0
    parts_step_s: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    operations: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)


class Stopwatch(Callback):
    """Measure the steps of a fit, and stop it.

    Parameters
    ----------
    warmup
        Steps that are not measured: memory is allocated, kernels are chosen, networks are compiled.
    steps
        Steps that are measured as they are, and as many again by part. Two more steps count operations and list waits.
    clock
        The Trainer's profiler.
    """

    def __init__(self, warmup: int, steps: int, clock: Clock):
        self.warmup, self.steps, self.clock = warmup, steps, clock
        self.measured = Measured()
        self.done = False
        self._n, self._windows, self._start_s = 0, 0, 0.0
        self._waits: HostWaits | None = None
        self._open = ExitStack()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: callbacks have compiled their networks by now."""
        self.clock.watch(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """See Lightning: a step ends, and the next one begins with its data."""
        self._n, self._windows = self._n + 1, self._windows + n_windows(batch) * trainer.world_size
        device, found = pl_module.device, self.measured
        if self._n == self.warmup:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            self._begin(device)
        elif self._n == self.warmup + self.steps:
            found.step_s, found.n_windows = self._seconds(device), self._windows / self.steps
            found.memory = {"peak": peak_bytes(device)}
            self.clock.count(lambda: self._now(device))
            self._begin(device)
        elif self._n == self.warmup + 2 * self.steps:
            found.parts_step_s = self._seconds(device)
            found.parts = {part: spent / self.steps for part, spent in self.clock.count(None).items()}
            found.memory |= by_use(pl_module, trainer.optimizers, device)
            self._count_operations(pl_module)
        elif self._n == self.warmup + 2 * self.steps + 1:
            found.operations = self.clock.count(None)
            self._open.close()
            found.memory["kept for backward"] = self._kept.n_bytes
            self._waits = self._open.enter_context(HostWaits(device))
        elif self._n == self.warmup + 2 * self.steps + 2:
            self._open.close()
            found.waits = dict(self._waits.places) if self._waits else {}
            self.done = trainer.should_stop = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: waits at the end of an epoch are not part of a step."""
        if self._waits is not None:
            self._waits.forget()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """See Lightning."""
        self._open.close()

    def _count_operations(self, model: nn.Module) -> None:
        self._open.enter_context(torch.compiler.set_stance("force_eager"))  # compiled code hides its operations
        counter = self._open.enter_context(FlopCounterMode(display=False))
        self._kept = self._open.enter_context(KeptForBackward(model))
        self.clock.count(counter.get_total_flops)

    def _begin(self, device: torch.device) -> None:
        self._windows, self._start_s = 0, self._now(device)

    def _seconds(self, device: torch.device) -> float:
        return (self._now(device) - self._start_s) / self.steps

    @staticmethod
    def _now(device: torch.device) -> float:
        synchronize(device)
        return time.perf_counter()
