"""The progress of training: one line on a terminal, a line from time to time in a file."""

from collections.abc import Mapping

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.callbacks.progress.rich_progress import ProcessingSpeedColumn
from lightning.pytorch.trainer.states import TrainerFn
from rich.progress import BarColumn

from n2s.progress import Lines, on_terminal


def progress() -> Callback:
    """What says how far a command is, for the place that its output goes to."""
    return Bar() if on_terminal() else ProgressLines()


class Bar(RichProgressBar):
    """Lightning's bar on one line of stderr: epochs count from 1, and it ends before what the command says at its end."""

    def __init__(self) -> None:
        super().__init__(console_kwargs={"stderr": True})

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict:
        """See Lightning; without the name of the run, which is said before."""
        return {name: one for name, one in super().get_metrics(trainer, pl_module).items() if name != "v_num"}

    def configure_columns(self, trainer: Trainer) -> list:
        """See Lightning; narrow enough for a line with some metrics."""
        columns = [one for one in super().configure_columns(trainer) if not isinstance(one, ProcessingSpeedColumn)]
        for one in columns:
            if isinstance(one, BarColumn):
                one.bar_width = 16
        return columns

    def _get_train_description(self, current_epoch: int) -> str:
        last = self.trainer.max_epochs
        return f"epoch {current_epoch + 1}{f' of {last}' if last and last > 0 else ''}".ljust(
            len(self.validation_description)
        )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._stop_progress()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        super().on_validation_end(trainer, pl_module)
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._stop_progress()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        super().on_test_end(trainer, pl_module)
        self._stop_progress()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        super().on_predict_end(trainer, pl_module)
        self._stop_progress()


class ProgressLines(Callback):
    """A line after every tenth of the epochs, and after every half minute of a long one."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._per_epoch = int(trainer.num_training_batches) if trainer.num_training_batches < 1e9 else 0
        known = trainer.max_epochs and trainer.max_epochs > 0 and self._per_epoch
        self._first = trainer.current_epoch
        self._lines = Lines("training", None)
        self._lines.total = (trainer.max_epochs - self._first) * self._per_epoch if known else None
        self._lines.what = "training, batch"

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """See Lightning."""
        if trainer.is_global_zero:
            done = (trainer.current_epoch - self._first) * self._per_epoch + batch_idx + 1
            of = f" of {trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
            self._lines.at(done, f"; epoch {trainer.current_epoch + 1}{of}{_metrics(trainer.progress_bar_metrics)}")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._begin("testing, batch", trainer.num_test_batches)

    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """See Lightning."""
        self._next(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._begin("predicting, batch", trainer.num_predict_batches)

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """See Lightning."""
        self._next(trainer)

    def _begin(self, what: str, batches: list) -> None:
        total = sum(batches)
        self._scored, self._done = Lines(what, int(total) if total < 1e9 else None), 0

    def _next(self, trainer: Trainer) -> None:
        self._done += 1
        if trainer.is_global_zero:
            self._scored.at(self._done)


def _metrics(logged: Mapping[str, float]) -> str:
    found = [f"{name} {value:.4g}" for name, value in logged.items() if name != "v_num" and isinstance(value, float)]
    return "".join(f", {one}" for one in found)
