"""The speed of training, logged beside the losses."""

import time
import warnings
from contextlib import ExitStack

from lightning.fabric.utilities.throughput import get_available_flops
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import PassThroughProfiler
from torch.utils.flop_counter import FlopCounterMode

from n2s.profiling.batch import n_windows
from n2s.profiling.clock import DATA, TRANSFER, Clock
from n2s.profiling.memory import peak_bytes
from n2s.profiling.peak import compute_dtype

PREFIX = "throughput/"  # these differ from run to run: comparisons of two runs ignore them


class Throughput(Callback):
    """Log once an epoch, without validation. Nothing waits for the device, and the training's numbers stay the same.

    - ``throughput/windows_per_s``: windows or clips, of all processes
    - ``throughput/data_wait``: share of the time in which the host made or fetched batches
    - ``throughput/gflops_per_s`` of this process, and ``throughput/utilisation``, its share of the peak of a known GPU.
      The operations of the first step are counted and used for all steps, unless a network is compiled. On a CPU
      they are not counted: the counter changes the order of some sums, and a continued run would not end with the same
      bits. ``n2s profile`` counts them everywhere
    - ``throughput/peak_gb``: peak memory of the GPU, or of the process on a CPU
    """

    def __init__(self) -> None:
        self._clock: Clock | None = None
        self._counter: FlopCounterMode | None = None
        self._counting = ExitStack()
        self._operations_per_window, self._peak = 0.0, None
        self._begin()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """See Lightning."""
        if isinstance(trainer.profiler, PassThroughProfiler):  # Lightning reports to its profiler what it does
            trainer.profiler = self._clock = Clock(time.perf_counter)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        if pl_module.device.type == "cuda":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # no share is logged for an unknown GPU
                self._peak = get_available_flops(pl_module.device, compute_dtype(trainer.precision))
        if self._peak and not any(module._compiled_call_impl is not None for module in pl_module.modules()):
            self._counter = FlopCounterMode(display=False)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._begin()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        """See Lightning."""
        if self._counter is not None:
            self._counting.enter_context(self._counter)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """See Lightning."""
        n = n_windows(batch)
        self._n_windows += n
        if self._counter is not None:
            self._counting.close()
            self._operations_per_window, self._counter = self._counter.get_total_flops() / max(n, 1), None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """See Lightning."""
        self._counting.close()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._pause_s = time.perf_counter()
        if self._clock is not None:
            self._clock.now = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._since_s += time.perf_counter() - self._pause_s
        if self._clock is not None:
            self._clock.now = time.perf_counter

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        spent_s = time.perf_counter() - self._since_s
        rate = self._n_windows / spent_s
        found = {"windows_per_s": rate * trainer.world_size, "peak_gb": peak_bytes(pl_module.device) / 1e9}
        if self._clock is not None:
            waited = self._clock.count(time.perf_counter)
            found["data_wait"] = (waited.get(DATA, 0.0) + waited.get(TRANSFER, 0.0)) / spent_s
        if self._operations_per_window and self._peak:
            found["gflops_per_s"] = rate * self._operations_per_window / 1e9
            found["utilisation"] = rate * self._operations_per_window / self._peak
        values = {f"{PREFIX}{name}": value for name, value in found.items()}
        pl_module.log_dict(values, on_step=False, on_epoch=True, rank_zero_only=True)

    def _begin(self) -> None:
        self._n_windows, self._since_s = 0, time.perf_counter()
