"""``best.ckpt`` and ``last.ckpt``: written whole or not at all, read only if whole, without running code from them."""

import os
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from n2s.errors import UserError
from n2s.paths import written_whole
from n2s.training.signals import StopSignals

AGREE_EVERY = 5  # steps after which several processes ask each other; each time, all of them wait
TRAINED = ("state_dict", "optimizer_states", "lr_schedulers", "loops")  # what training is continued from


class LastCheckpoint(ModelCheckpoint):
    """``last.ckpt``, from which a run continues: written after every epoch, and inside an epoch by the clock or a signal.

    Inside an epoch it is written only between two optimizer steps: not while gradients
    are accumulated, and not when a validation comes next.

    Parameters
    ----------
    folder
        The run's folder.
    minutes
        Also write inside an epoch, every so many minutes; None: only at its end.
    signals
        The signals that ask to save and stop.
    """

    def __init__(self, folder: Path, *, minutes: float | None = None, signals: StopSignals | None = None):
        super().__init__(
            folder, "last", save_on_train_epoch_end=True, enable_version_counter=False, auto_insert_metric_name=False
        )
        self._path, self._minutes, self._signals = Path(folder) / "last.ckpt", minutes, signals or StopSignals()
        self._saved = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning; from here on, training checks for signals."""
        super().on_train_start(trainer, pl_module)
        self._saved = time.monotonic()
        self._signals.heed()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: the epoch before is saved."""
        if trainer.fit_loop.epoch_progress.current.processed and self._any(trainer, self._signals.received is not None):
            self._signals.stop(f"after epoch {trainer.current_epoch - 1}, which is saved in {self._path}")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """See Lightning."""
        if not pl_module.automatic_optimization:
            if self._signals.received is not None and trainer.world_size == 1:
                self._signals.stop(f"in epoch {trainer.current_epoch}, inside which this model cannot be saved")
            return
        if not _between_steps(trainer, batch_idx):
            return
        if trainer.world_size > 1 and (batch_idx + 1) % AGREE_EVERY:
            return
        stop = self._any(trainer, self._signals.received is not None)
        if stop or (self._minutes and self._any(trainer, time.monotonic() - self._saved >= 60 * self._minutes)):
            trainer.save_checkpoint(self._path, weights_only=False)  # the whole state, not weights alone
            self._saved = time.monotonic()
        if stop:
            self._signals.stop(
                f"in epoch {trainer.current_epoch}, after batch {batch_idx + 1} of {trainer.num_training_batches}, which "
                f"is saved in {self._path}"
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        super().on_train_epoch_end(trainer, pl_module)
        self._saved = time.monotonic()

    @staticmethod
    def _any(trainer: Trainer, mine: bool) -> bool:
        """Whether it is true on any process; all processes must call this."""
        return mine if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(mine, all=False)


class BestCheckpoint(ModelCheckpoint):
    """``best.ckpt``: the epoch with the lowest ``val/loss``. For recipes that name no checkpoint of their own."""

    def __init__(self, folder: Path):
        super().__init__(folder, "best", monitor="val/loss", enable_version_counter=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning; without validation no epoch is the best."""
        if sum(trainer.num_val_batches):
            super().on_train_epoch_end(trainer, pl_module)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name on the same disk, then renames it: a kill never leaves half a file.

    Lightning's own writer uses the system's temporary folder, and copies if that is on another disk.

    Parameters
    ----------
    training
        Whether a checkpoint must contain everything that training needs to continue, not only weights.
    """

    def __init__(self, *, training: bool = False):
        super().__init__()
        self._expected = TRAINED if training else TRAINED[:1]

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """See Lightning."""
        if storage_options is not None:
            raise TypeError("AtomicCheckpointIO takes no storage_options.")
        with written_whole(Path(path)) as temporary, open(temporary, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Load a checkpoint that is whole, by its own checksums, and has the expected content.

        Raises
        ------
        UserError
            It is damaged, it is not from n2s, or it contains more than weights and plain values.
        """
        path = Path(path)
        if weights_only is False:
            raise UserError(
                f"--weights_only false: n2s never loads a file in a way that runs code from it; this holds for {path} too."
            )
        _check_whole(path)
        try:
            found = torch.load(path, map_location=map_location, weights_only=True)
        except pickle.UnpicklingError:
            raise UserError(
                f"{path} holds more than weights and plain values, and loading it could run code, which n2s never does. "
                "If you trust where it comes from, load it yourself and save its state_dict and what else is plain."
            ) from None
        except (RuntimeError, EOFError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise _damaged(path, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}") from None
        lacking = [key for key in self._expected if key not in found] if isinstance(found, dict) else ["any key"]
        if lacking:
            holds = ", ".join(map(str, list(found)[:4])) if isinstance(found, dict) else f"a {type(found).__name__}"
            raise UserError(
                f"{path} is not a checkpoint {'to go on training from' if len(self._expected) > 1 else 'of n2s'}: it holds "
                f"{holds or 'nothing'}, and lacks {', '.join(lacking)}. Name one that n2s fit has written."
            )
        return found


def _between_steps(trainer: Trainer, batch_idx: int) -> bool:
    """Whether after this batch no gradients are pending, and neither a validation nor the end of the epoch comes next."""
    epoch_loop = trainer.fit_loop.epoch_loop
    ready = epoch_loop.total_batch_idx if trainer.check_val_every_n_epoch is None else batch_idx
    validates = bool(trainer.val_check_batch) and (ready + 1) % trainer.val_check_batch == 0
    waits = (batch_idx + 1) % trainer.accumulate_grad_batches != 0
    return not (epoch_loop.batch_progress.is_last_batch or validates or waits)


def _check_whole(path: Path) -> None:
    """Read every byte and compare checksums: torch itself would read a flipped bit as a weight."""
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint.")
    if not path.stat().st_size:
        raise _damaged(path, "it is empty")
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, EOFError, RuntimeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from None
    if broken is not None:
        raise _damaged(path, f"the checksum of {broken} does not match its contents")


def _damaged(path: Path, why: str) -> UserError:
    others = [name for name in ("best.ckpt", "last.ckpt") if name != path.name and (path.parent / name).is_file()]
    beside = f" To start a new run from {others[0]} beside it: --ckpt_path {path.parent / others[0]}." if others else ""
    return UserError(
        f"{path} is damaged or no checkpoint: {why}. Restore it from a copy.{beside} To begin again: n2s fit ... --fresh."
    )
