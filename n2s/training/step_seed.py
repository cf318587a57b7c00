"""Randomness as a function of the training step, so that a continued run equals an uninterrupted one."""

import numpy as np
import torch
from lightning.fabric.utilities.data import _set_sampler_epoch
from lightning.pytorch import Callback, LightningModule, Trainer


class StepSeed(Callback):
    """Seed torch from (seed, epoch) before an epoch and from (seed, epoch, batch, process) before a training step.

    Dropout, dropped sensors and shuffling then do not depend on earlier steps: no random state has to be
    saved, and a continued run gives the same bits as one that was never stopped. The seed of an epoch is the same on every
    process, so that shuffles agree; the seed of a step differs, so that dropout differs. A run that continues inside an epoch
    starts the order of that epoch again, and skips the batches that it has seen.

    Parameters
    ----------
    seed
        The seed, 0 or more.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self._first_epoch = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning, which does not call the start of an epoch when it continues inside one."""
        loop = trainer.fit_loop
        if not loop.restarted_mid_epoch:
            return
        self._first_epoch = False
        seen = loop.epoch_loop.batch_progress
        if seen.is_last_batch:
            return  # as in a checkpoint from a validation
        for loader in loop._combined_loader.flattened:
            _set_sampler_epoch(loader, trainer.current_epoch)
        _seed(self.seed, trainer.current_epoch)
        iter(loop._data_fetcher)
        for _ in range(seen.current.processed):
            next(loop._data_fetcher.iterator)  # not of the fetcher itself: Lightning counts these batches on its own

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See Lightning."""
        _seed(self.seed, trainer.current_epoch)
        if self._first_epoch:
            # Lightning (2.6, FitLoop.setup_data) makes the first epoch's iterator before it has told the sampler the
            # epoch, and later ones after: a continued run would shuffle differently from an uninterrupted one.
            iter(trainer.fit_loop._data_fetcher)
            self._first_epoch = False

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        """See Lightning."""
        # + 1: numpy pads an entropy with zeros, so that [seed, epoch, 0, 0] would be [seed, epoch]
        _seed(self.seed, trainer.current_epoch, batch_idx + 1, trainer.global_rank)


def _seed(*entropy: int) -> None:
    torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1))
