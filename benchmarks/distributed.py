"""Compare 1, 2 and 4 processes on one recipe: the first step, a whole fit, a test of the same weights.

    python benchmarks/distributed.py --processes 1 2 4 --epochs 10

On CPUs, with gloo. The first step has the same weights and the same batch, without dropout: loss and gradient should equal
those of one process; a remaining difference comes from batch norm over a process' part of the batch. The fits are real
fits of the demo's recipe; each is tested with the processes that trained it, and the weights of the first fit with all.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.features import Mel
from n2s.losses import ClipLoss
from n2s.models import BrainEncoder, DeepMel
from n2s.studies import SimulatedMEG
from n2s.systems import Contrastive

RECIPE = Path(__file__).parents[1] / "configs" / "meg_contrastive.yaml"
CLIP = {"normalize": "both", "temperature": "learned", "symmetric": True}
#: name: (loss, negatives, whether batch norm uses its running statistics)
STEPS = {
    "paper's loss": ({}, "all", True),
    "CLIP's loss": (CLIP, "all", True),
    "negatives of each process": ({}, "process", True),
    "batch norm of each process": ({}, "all", False),
}


class FirstStep(Callback):
    """Keep the gradient that the optimizer would get."""

    def __init__(self, *, still: bool):
        self.still = still

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: object, batch_idx: int) -> None:
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.train(not self.still)

    def on_before_optimizer_step(self, trainer: Trainer, module: LightningModule, optimizer: object) -> None:
        self.gradient = torch.cat([value.grad.flatten() for value in module.parameters() if value.grad is not None])


def first_steps(place: Path) -> None:
    """Work as one of several processes: compute the loss and gradient of each of `STEPS`."""
    found = {}
    data = MEGDataModule(
        {"simulated": SimulatedMEG(noise_level=0.9)},
        Mel(n_mels=40, n_fft=512, hop=320),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0, picks=["meg"]),
        baseline_s=0.0,
        train_windows=Grid(3.0, jitter=True),
        test_windows=Grid(3.0),
    )
    for name, (loss, negatives, still) in STEPS.items():
        torch.manual_seed(0)
        encoder = BrainEncoder(4, 32, n_virtual=48, n_fourier=512, hidden=64, depth=4, dropout=0.0)
        target = DeepMel(40, 32, 64, 2)
        module = Contrastive(encoder, ClipLoss(**loss), target, negatives=negatives)
        step = FirstStep(still=still)
        trainer = Trainer(
            max_steps=1, accelerator="cpu", devices=int(os.environ.get("LOCAL_WORLD_SIZE", 1)), callbacks=[step],
            limit_val_batches=0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(module, data)
        found[name] = {"loss": trainer.callback_metrics["train/loss"], "gradient": step.gradient}
    if trainer.is_global_zero:
        torch.save(found, place)
    if trainer.world_size > 1:
        torch.distributed.destroy_process_group()


def launch(n: int, words: list[str]) -> None:
    """Run Python with the arguments ``words``, in one process or under torchrun."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)] if n > 1 else []
    done = subprocess.run([sys.executable, *torchrun, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{n} processes, {' '.join(words)} failed:\n{done.stderr[-3000:]}")


def n2s(n: int, verb: str, name: str, folder: Path, *more: str) -> Path:
    """Run a real command with n processes; return its run."""
    shared = ["--config", str(RECIPE), "--runs_dir", str(folder), "--experiment", name]
    launch(
        n, ["-m", "n2s", verb, *shared, "--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu", *more]
    )
    (run,) = (folder / name).iterdir()
    return run


def last(run: Path, column: str) -> float:
    """The last value in a run's metrics.csv."""
    with open(run / "metrics.csv", newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row.get(column)][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--processes", type=int, nargs="*", default=[1, 2, 4], help="Each number is compared with the first."
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        first_steps(options.worker)
        return
    os.environ |= {"WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(
            f"{'first step':28} processes   {'loss':>10} {'|gradient|':>11}   largest difference, relative", flush=True
        )
        found = {}
        for n in options.processes:
            launch(n, [__file__, "--worker", str(folder / f"{n}.pt")])
            found[n] = torch.load(folder / f"{n}.pt", weights_only=True)
        for step in STEPS:
            one = found[options.processes[0]][step]
            for n in options.processes:
                mine = found[n][step]
                away = float((mine["gradient"] - one["gradient"]).abs().max() / one["gradient"].abs().max())
                print(
                    f"{step:28} {n:9}   {mine['loss']:10.6f} {mine['gradient'].norm():11.6f}   {away:.1e}", flush=True
                )
        print(
            f"\n{'fit':28} processes   windows/s   val/loss  val/top10   test top-1, top-10 (%)   same weights: scores, "
            "largest difference", flush=True,
        )  # fmt: skip
        epochs = ["--trainer.max_epochs", str(options.epochs), "--model.scheduler.init_args.T_max", str(options.epochs)]
        reference = None
        for n in options.processes:
            run = n2s(n, "fit", f"fit_{n}", folder, *epochs)
            n2s(n, "test", f"fit_{n}", folder, *epochs)
            summary = json.loads((run / "metrics.json").read_text())["test"]["model"]
            first = n2s(n, "test", f"fit_{options.processes[0]}", folder, *epochs)
            scores = np.load(first / "test" / "test" / "arrays.npz")["similarity"]
            reference = scores if reference is None else reference
            print(
                f"{f'{options.epochs} epochs':28} {n:9}   {last(run, 'throughput/windows_per_s'):9.0f} "
                f"{last(run, 'val/loss'):10.4f} {last(run, 'val/top10'):10.4f}   {100 * summary['top1']['mean']:9.1f}, "
                f"{100 * summary['top10']['mean']:.1f}   {np.abs(scores - reference).max():30.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
