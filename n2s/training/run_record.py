"""What is written into a run's folder while it is trained."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.model_helpers import is_overridden

from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError
from n2s.training.run import Run


class RunRecord(Callback):
    """Keep the data's hashes in ``run.json`` and the config in W&B; say there, too, where nothing is validated.

    Then the run's weights are those of its last epoch (`n2s.training.run.Run.weights`).

    Parameters
    ----------
    run
        The run, whose folder exists.
    config
        The complete config, as plain types: loggers get it nested as it is.
    """

    def __init__(self, run: Run, config: dict):
        self.run, self.config = run, config

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning: data are set up, nothing is trained."""
        data = trainer.datamodule
        validates = is_overridden("validation_step", pl_module) and (
            not isinstance(data, NeuralDataModule) or (data.validates and trainer.limit_val_batches > 0)
        )
        if not validates:
            _check_nothing_waits(trainer)
        if trainer.is_global_zero and isinstance(data, NeuralDataModule):
            self.run.update(data=data.data_hashes(), **({} if validates else {"validates": False}))
        for logger in trainer.loggers:
            logger.log_hyperparams(self.config)


def _check_nothing_waits(trainer: Trainer) -> None:
    """Raise a UserError where a callback needs a score of validation. One that saves the best epoch has nothing to do."""
    for one in trainer.callbacks:
        monitor = getattr(one, "monitor", None) or ""
        if monitor.startswith("val/") and not isinstance(one, ModelCheckpoint):
            raise UserError(
                f"trainer.callbacks: {type(one).__name__} waits for {monitor}, but nothing is validated: there are no "
                "validation data (data.val_fraction is 0), or trainer.limit_val_batches is 0. Take it out of the recipe, or hold "
                "something out."
            )
