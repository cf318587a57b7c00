"""A real recipe that trains in a second: 24 vectors, dropout, batch norm, Adam and a schedule."""

import os
import signal
import time
from pathlib import Path

import torch
import yaml
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError

N, N_IN, N_FEATURES, N_SUBJECTS = 24, 4, 5, 3


class TinyEncoder(nn.Module):
    def __init__(self, n_subjects: int, n_outputs: int, hidden: int = 8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_IN, hidden), nn.BatchNorm1d(hidden), nn.Dropout(0.5), nn.Linear(hidden, n_outputs)
        )
        self.subject = nn.Parameter(torch.randn(n_subjects, n_outputs))

    def forward(self, x, subject):
        return self.layers(x) + self.subject[subject]


class TinyTarget(nn.Module):
    def __init__(self, n_inputs: int, n_outputs: int = 2):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, y):
        return self.layer(y)


class TinyDecoder(LightningModule):
    """``TINY_KILL=epoch.batch`` kills the process in that training step; ``TINY_KILL=epoch.save`` while it is saved.

    ``TINY_PAUSE=epoch.batch`` or ``epoch.val`` waits there for a file ``go``.
    """

    def __init__(
        self,
        encoder: nn.Module,
        target_encoder: nn.Module | None = None,
        temperature: float = 1.0,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.encoder, self.target_encoder, self.temperature = encoder, target_encoder, temperature
        self.optimizer, self.scheduler = optimizer, scheduler

    @classmethod
    def shapes(cls, data, options):
        """The encoder gives what the target encoder gives, where there is one."""
        target = options.get("target_encoder")
        n_outputs = (target.get("init_args") or {}).get("n_outputs") if target else None
        return data | {
            "encoder.n_outputs": n_outputs or data["n_features"],
            "target_encoder.n_inputs": data["n_features"],
        }

    def loss(self, batch):
        x, subject, y = batch
        y = y if self.target_encoder is None else self.target_encoder(y)
        return ((self.encoder(x, subject) - y) ** 2).mean() / self.temperature

    def training_step(self, batch, batch_index):
        if os.environ.get("TINY_KILL") == f"{self.current_epoch}.{batch_index}":
            os.kill(os.getpid(), signal.SIGKILL)
        pause(f"{self.current_epoch}.{batch_index}")
        loss = self.loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def on_save_checkpoint(self, checkpoint):
        if os.environ.get("TINY_KILL") == f"{self.current_epoch}.save":
            checkpoint["deadly"] = Deadly()

    def validation_step(self, batch, batch_index):
        pause(f"{self.current_epoch}.val")
        self.log("val/loss", self.loss(batch), sync_dist=True)

    def test_step(self, batch, batch_index):
        self.log("test/loss", self.loss(batch), sync_dist=True)

    def configure_optimizers(self):
        optimizer = self.optimizer(self.parameters())
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])


def pause(where: str) -> None:
    """Leave a file ``paused`` and wait for a file ``go``, where ``TINY_PAUSE`` says so."""
    if os.environ.get("TINY_PAUSE") == where and not os.path.exists("go"):
        open("paused", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)


class Deadly:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)


class TinyData(NeuralDataModule):
    def __init__(self, root: str = "data", batch_size: int = 4, workers: int = 0):
        super().__init__()
        self.root, self.batch_size, self.workers = root, batch_size, workers
        self.n_subjects, self.n_features = N_SUBJECTS, N_FEATURES

    def setup(self, stage):
        pause("setup")
        if self.root == "nowhere":
            raise UserError("data.root nowhere: no such folder.")

    def prepare(self, shard=None):
        self.setup("prepare")

    def data_hashes(self):
        return {"vectors": "0123abcd"}

    def _loader(self, shuffle):
        generator = torch.Generator().manual_seed(1)
        data = TensorDataset(
            torch.randn(N, N_IN, generator=generator),
            torch.randint(N_SUBJECTS, (N,), generator=generator),
            torch.randn(N, N_FEATURES, generator=generator),
        )
        return DataLoader(data, self.batch_size, shuffle=shuffle, num_workers=self.workers)

    def train_dataloader(self):
        return self._loader(True)

    def val_dataloader(self):
        return self._loader(False)

    test_dataloader = val_dataloader


def recipe(*, epochs: int = 1, **changes) -> dict:
    """The recipe as a dict; ``changes`` replace whole groups (``trainer`` is merged)."""
    trainer = {
        "accelerator": "cpu",
        "max_epochs": epochs,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
    }
    scheduler = {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 1, "gamma": 0.7}}
    encoder = {"class_path": "tiny_recipe.TinyEncoder", "init_args": {"hidden": 6}}
    content = {
        "model": {"class_path": "tiny_recipe.TinyDecoder", "init_args": {"encoder": encoder, "scheduler": scheduler}},
        "data": {"class_path": "tiny_recipe.TinyData"},
    } | changes
    return content | {"trainer": trainer | changes.get("trainer", {})}


def write_recipe(path: Path, **kwargs) -> Path:
    """`recipe` as a YAML file."""
    path.write_text(yaml.safe_dump(recipe(**kwargs), sort_keys=False))
    return path


def shout(word: str, times: int = 1) -> None:
    """Print a word in capitals.

    Parameters
    ----------
    word
        What to print.
    times
        How often.
    """
    if word == "wrong":
        raise UserError("word 'wrong' cannot be shouted.")
    print(" ".join([word.upper()] * times))
