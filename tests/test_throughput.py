"""What every fit logs of its speed: against sleeps of known length."""

import time

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader, Dataset

from n2s.training.throughput import Throughput

N, BATCH, READ_S, STEP_S, VALIDATION_S = 24, 4, 0.01, 0.04, 1.0


class Slow(Dataset):
    """Each of its vectors takes a while to read."""

    def __len__(self):
        return N

    def __getitem__(self, row):
        time.sleep(READ_S)
        return torch.ones(3)


class Model(LightningModule):
    """Each step takes a while, and validation longer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.logged = []

    def training_step(self, batch, index):
        time.sleep(STEP_S)
        return self.layer(batch).square().mean()

    def validation_step(self, batch, index):
        time.sleep(VALIDATION_S / 6)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

    def on_train_epoch_start(self):
        self.logged.append(dict(self.trainer.callback_metrics))


def test_windows_and_waits_are_those_of_training_alone():
    model, options = Model(), {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(accelerator="cpu", max_epochs=2, callbacks=[Throughput()], enable_model_summary=False, **options)
    data = DataLoader(Slow(), BATCH)
    trainer.fit(model, data, data)
    expected_s = N * READ_S + N / BATCH * STEP_S
    for found in (model.logged[1], trainer.callback_metrics):
        rate = float(found["throughput/windows_per_s"])
        assert N / (expected_s + VALIDATION_S) < rate <= N / expected_s  # validation has no part in it
        waited = float(found["throughput/data_wait"])
        assert waited >= N * READ_S * rate / N  # what was slept in reading, in parts of the epoch
        assert waited < 1 - (N / BATCH * STEP_S) * rate / N  # and not what was slept in steps
        assert float(found["throughput/peak_gb"]) > 0.05
        assert "throughput/utilisation" not in found  # of a CPU no peak is known


def test_the_users_own_profiler_stays():
    trainer = Trainer(accelerator="cpu", max_epochs=1, callbacks=[Throughput()], profiler="simple", logger=False,
                      enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0)  # fmt: skip
    trainer.fit(Model(), DataLoader(Slow(), BATCH))
    assert "throughput/data_wait" not in trainer.callback_metrics
    assert trainer.callback_metrics["throughput/windows_per_s"] > 0
    assert "train_dataloader_next" in trainer.profiler.summary()
