"""What is written into a run's folder while it is trained."""

from lightning.pytorch import Callback, LightningModule, Trainer

from n2s.data.datamodule import NeuralDataModule
from n2s.runs.run import Run


class RunRecord(Callback):
    """Keep the data's hashes in ``run.json`` and the config in W&B.

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
        if trainer.is_global_zero and isinstance(trainer.datamodule, NeuralDataModule):
            self.run.update(data=trainer.datamodule.data_hashes())
        for logger in trainer.loggers:
            logger.log_hyperparams(self.config)
