"""The record that a fit writes into its run's folder."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.model_helpers import is_overridden

from n2s.data.datamodule import NeuralDataModule
from n2s.data.front import FILE
from n2s.errors import UserError
from n2s.training.fold_runs import check_dealt, dealt
from n2s.training.run import Run
from n2s.training.trained_on import trained_mark


class RunRecord(Callback):
    """Keep the hashes of the data in ``run.json`` and the config in W&B. A fit without validation is recorded as such.

    The weights of such a run are those of its last epoch (`n2s.training.run.Run.weights`).

    Parameters
    ----------
    run
        The run, whose folder exists.
    config
        The complete config, as plain types; loggers get it as it is.
    """

    def __init__(self, run: Run, config: dict):
        self.run, self.config = run, config

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: the data are set up, and training has not begun."""
        data = trainer.datamodule
        validates = is_overridden("validation_step", pl_module) and (
            not isinstance(data, NeuralDataModule) or (data.validates and trainer.limit_val_batches > 0)
        )
        if not validates:
            _check_nothing_waits(trainer)
        check_dealt(self.run, data, self.config)
        if trainer.is_global_zero and isinstance(data, NeuralDataModule):
            more = dealt(data) | trained_mark(data) | ({} if validates else {"validates": False})
            self.run.update(data=data.data_hashes(), **more)
            keep_front(self.run, data)
        for logger in trainer.loggers:
            logger.log_hyperparams(self.config)


def keep_front(run: Run, data: object) -> None:
    """Keep what decoders of new recordings need of the training data beside the weights, if it is not there."""
    front = data.front() if isinstance(data, NeuralDataModule) else None
    if front is not None and not (run.folder / FILE).is_file():
        front.save(run.folder / FILE)


def _check_nothing_waits(trainer: Trainer) -> None:
    """Raise a UserError if a callback needs a validation score. A callback that saves the best epoch just does nothing."""
    for one in trainer.callbacks:
        monitor = getattr(one, "monitor", None) or ""
        if monitor.startswith("val/") and not isinstance(one, ModelCheckpoint):
            raise UserError(
                f"trainer.callbacks: {type(one).__name__} waits for {monitor}, but nothing is validated: there are no "
                "validation data (data.val_fraction is 0), or trainer.limit_val_batches is 0. Take it out of the recipe, or hold "
                "something out."
            )
