"""Randomness as a function of the place in the training, so that a continued run is the uninterrupted one."""

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class StepSeed(Callback):
    """Seed torch from (seed, epoch) before an epoch and from (seed, epoch, batch, process) before a training step.

    Dropout, dropped sensors and shuffling then depend on nothing that happened before: no random state has to be
    saved, and a run continued at the end of an epoch gives the same bits as one that was never stopped. An epoch's
    seed is the same on every process, so that shuffles agree; a step's is not, so that dropout differs.

    Parameters
    ----------
    seed
        Not negative.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self._first_epoch = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        _seed(self.seed, trainer.current_epoch)
        if self._first_epoch:
            # Lightning (2.6, FitLoop.setup_data) makes the first epoch's iterator before it has told the sampler the
            # epoch, and later ones after: a continued run would shuffle otherwise than the uninterrupted one.
            iter(trainer.fit_loop._data_fetcher)
            self._first_epoch = False

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        """See Lightning."""
        # + 1: numpy pads an entropy with zeros, so that [seed, epoch, 0, 0] would be [seed, epoch]
        _seed(self.seed, trainer.current_epoch, batch_idx + 1, trainer.global_rank)


def _seed(*entropy: int) -> None:
    torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1))
