"""Reports to the other processes of a run where this one is."""

from lightning.pytorch import Callback, LightningModule, Trainer

from n2s.training.watch import Watch


class Whereabouts(Callback):
    """Tell a `Watch` which step comes next. All processes have the same steps, because the sampler gives each the same number.

    Parameters
    ----------
    watch
        The watch of this process.
    """

    def __init__(self, watch: Watch):
        self._watch = watch

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """See Lightning."""
        self._watch.at("setting up the model")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("beginning to train")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at(f"training, epoch {trainer.current_epoch}")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        """See Lightning."""
        self._watch.at(f"training, epoch {trainer.current_epoch}, batch {batch_idx}")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at(f"validation, epoch {trainer.current_epoch}")

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """See Lightning."""
        self._watch.at(f"validation, epoch {trainer.current_epoch}, batch {batch_idx}")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at(f"validation, epoch {trainer.current_epoch}, scores")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at(f"validation, epoch {trainer.current_epoch}, its end")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("test")

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """See Lightning."""
        self._watch.at(f"test, batch {batch_idx}")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("test, scores")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("test, what it leaves")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("prediction")

    def on_predict_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """See Lightning."""
        self._watch.at(f"prediction, batch {batch_idx}")

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("prediction, its results")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at(f"training, epoch {trainer.current_epoch}, its end")

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        self._watch.at("the end of training")
