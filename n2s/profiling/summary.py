"""A profile as text and as JSON: the cost of a step, and what to change."""

from dataclasses import asdict, dataclass

from n2s.profiling.clock import BACKWARD, DATA, FORWARD, OPTIMIZER, TRANSFER
from n2s.profiling.stopwatch import Measured

REST = "Lightning, callbacks"
SMALL = 0.005  # shares of a step below this are not printed
MUCH_WAIT, MUCH_OPTIMIZER, LITTLE_MEMORY, LITTLE_USE = 0.1, 0.1, 0.5, 0.4  # when the advice begins


@dataclass(frozen=True)
class Setting:
    """What was profiled: the classes, the Trainer's precision, the device and its memory (bytes, 0: unknown).

    ``residency`` is the data module's, if it has one; ``compiled`` lists the compiled networks; ``fused``: whether the
    optimizer is fused; ``peak`` is the peak of operations per second, from ``peak_source``.
    """

    model: str
    data: str
    unit: str
    device: str
    memory: int
    precision: str
    residency: str | None
    compiled: list[str]
    fused: bool
    threads: int
    peak: float
    peak_source: str


@dataclass(frozen=True)
class Profile:
    """The measurements and their setting."""

    setting: Setting
    measured: Measured
    steps: int
    warmup: int
    largest_batch: int | None = None

    @property
    def windows_per_s(self) -> float:
        """Windows or clips per second in training."""
        return self.measured.n_windows / self.measured.step_s

    @property
    def operations(self) -> float:
        """Floating point operations per step."""
        return sum(self.measured.operations.values())

    @property
    def utilisation(self) -> float:
        """Operations per second, as a fraction of the peak."""
        return self.operations / self.measured.step_s / self.setting.peak

    def rows(self) -> list[tuple[str, float]]:
        """The parts of a step in order, with their seconds; the rest comes last."""
        parts = self.measured.parts
        forward = [part for part in parts if part.startswith(f"{FORWARD}: ")]
        names = [DATA, TRANSFER, *forward, FORWARD, BACKWARD, OPTIMIZER]
        found = [(name, parts.get(name, 0.0)) for name in names]
        return [*found, (REST, max(self.measured.parts_step_s - sum(parts.values()), 0.0))]

    def plain(self) -> dict:
        """Everything, for JSON: seconds, bytes, operations."""
        return {
            "setting": asdict(self.setting),
            "steps": self.steps,
            "warmup": self.warmup,
            "windows_per_step": self.measured.n_windows,
            "windows_per_s": self.windows_per_s,
            "step_s": self.measured.step_s,
            "parts_step_s": self.measured.parts_step_s,
            "parts_s": dict(self.rows()),
            "data_wait_share": self.measured.parts.get(DATA, 0.0) / self.measured.parts_step_s,
            "operations": self.operations,
            "operations_of_parts": self.measured.operations,
            "utilisation": self.utilisation,
            "memory": self.measured.memory,
            "host_waits": self.measured.waits,
            "largest_batch": self.largest_batch,
            "advice": self.advice(),
        }

    def advice(self) -> list[str]:
        """What would make training faster, judging by these numbers."""
        setting, found, gpu = self.setting, [], self.setting.device != "cpu"
        share = {name: spent / self.measured.parts_step_s for name, spent in self.rows()}
        if share[DATA] > MUCH_WAIT:
            remedy = (
                "set data.residency to device" if setting.residency == "host" else "read less a step, or larger steps"
            )
            found.append(f"{share[DATA]:.0%} of a step waits for data: {remedy}.")
        if share[OPTIMIZER] > MUCH_OPTIMIZER and not setting.fused:
            found.append(
                f"the optimizer takes {share[OPTIMIZER]:.0%}: --model.optimizer.fused true, or larger batches."
            )
        if share[REST] > MUCH_WAIT:
            found.append(f"{share[REST]:.0%} is neither model nor data: larger batches.")
        if self.measured.waits:
            found.append("the host waits for the device in each step: see the places above.")
        if gpu and setting.precision.startswith("32"):
            found.append("float32: --trainer.precision bf16-mixed uses the tensor cores.")
        if gpu and not setting.compiled and self.utilisation < LITTLE_USE:
            found.append("nothing is compiled: --trainer.callbacks+ n2s.training.Compile.")
        if gpu and setting.memory and self.measured.memory["peak"] < LITTLE_MEMORY * setting.memory:
            free = 1 - self.measured.memory["peak"] / setting.memory
            found.append(
                f"{free:.0%} of the GPU's memory is free: a larger data.batch_size (--largest_batch finds it)."
            )
        return found

    def __str__(self) -> str:
        """The summary that is printed."""
        setting, measured, unit = self.setting, self.measured, self.setting.unit
        lines = [
            f"{setting.model} on {setting.data}: {setting.device}, {setting.precision}"
            + (f", {setting.threads} threads" if setting.device == "cpu" else "")
            + (f", residency {setting.residency}" if setting.residency else "")
            + (f", compiled: {', '.join(setting.compiled)}" if setting.compiled else ""),
            f"{self.windows_per_s:.1f} {unit}/s: {1e3 * measured.step_s:.1f} ms for a step of {measured.n_windows:g} "
            f"{unit} (mean of {self.steps} steps after {self.warmup})",
            "",
            f"{'where a step goes':48}{'ms':>9}{'share':>8}{'GFLOP/s':>10}",
        ]
        for name, spent in self.rows():
            share = spent / measured.parts_step_s
            shown = f"{FORWARD}: the rest" if name == FORWARD else name
            if share >= SMALL or not name.startswith(FORWARD):
                rate = measured.operations.get(name, 0.0) / spent / 1e9 if spent else 0.0
                lines.append(f"{shown:48}{1e3 * spent:9.2f}{share:8.1%}" + (f"{rate:10.1f}" if rate else ""))
        if self.largest_batch is not None:
            lines += ["", f"largest batch that fits: {self.largest_batch}"]
        sizes = [f"{name} {_size(value)}" for name, value in measured.memory.items() if name != "peak"]
        places = [f"{place} ({times} x)" for place, times in measured.waits.items()]
        lines += [
            "",
            f"arithmetic: {self.operations / 1e9:.1f} GFLOP a step, {self.operations / measured.step_s / 1e9:.1f} GFLOP/s: "
            f"{self.utilisation:.1%} of {setting.peak / 1e9:.0f} ({setting.peak_source})",
            f"memory: {', '.join(sizes)}; peak {_size(measured.memory['peak'])}"
            + (" of the whole process" if setting.device == "cpu" else ""),
            f"host {'waits' if setting.device != 'cpu' else 'reads, which would wait on a GPU'}: "
            + (f"{sum(measured.waits.values())} a step" if places else "none"),
            *(f"    {place}" for place in places),
        ]
        if advice := self.advice():
            lines += ["to change:", *(f"    {line}" for line in advice)]
        return "\n".join(lines)


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"
