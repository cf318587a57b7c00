"""Trainings that a test compares for one and several processes: ``python trainings.py FOLDER 1 2 4``.

Each process leaves what it found in ``FOLDER/<processes>/<rank>.pt``. They are forks of one that has imported everything,
with the environment that torchrun sets.
"""

import multiprocessing
import os
import socket
import sys
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer
from tiny import TinyStudy
from tiny_fmri import LAG_S, TinyFMRI
from torch import nn

from n2s.data import FMRIDataModule, Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.batch import Batch
from n2s.data.loader import BatchLoader
from n2s.data.sampler import Sampler
from n2s.features import ClipFbank
from n2s.features.ready import Ready
from n2s.losses import ClipLoss
from n2s.models import BrainEncoder, DeepMel, MelMLP
from n2s.systems import Contrastive, Spectrogram
from n2s.training.results import WriteResults
from tests.run_folders import new_run

N, F, T = 11, 3, 4  # windows of the tables (no multiple of 2 or 4), features, samples

#: name: (loss, how candidates are gathered, precision)
TABLES = {
    "paper": (ClipLoss, {}, "all", "64-true"),
    "paper, float32": (ClipLoss, {}, "all", "32-true"),
    "symmetric": (ClipLoss, {"normalize": "both", "temperature": "learned", "symmetric": True}, "all", "64-true"),
    "process": (ClipLoss, {}, "process", "64-true"),
}


class CountedStudy(TinyStudy):
    """Four people; who reads which recording is kept in a file."""

    def load(self, recording):
        with open(self.root / "loaded.txt", "a") as file:
            file.write(f"{recording.name} {os.getpid()}\n")
        return super().load(recording)


class Tables(Contrastive):
    """The embeddings themselves are the weights: a step of 1 shows their gradients."""

    def __init__(self, loss: ClipLoss, negatives: str):
        super().__init__(nn.Identity(), loss, negatives=negatives, optimizer=lambda p: torch.optim.SGD(p, lr=1.0))
        generator = torch.Generator().manual_seed(1)
        self.estimates = nn.Parameter(torch.randn(N, F, T, generator=generator, dtype=torch.float64))
        self.candidates = nn.Parameter(torch.randn(N, F, T, generator=generator, dtype=torch.float64))

    def forward(self, batch):
        return self.estimates[batch.row]

    def encode_target(self, target):
        return self.candidates[target[:, 0, 0].long()]


class TableData(LightningDataModule):
    """One batch of all rows; 3 and 7 are of one segment."""

    def train_dataloader(self):
        trainer = self.trainer
        sampler = Sampler(
            N, batch_size=N, shuffle=True, seed=0, rank=trainer.global_rank, world_size=trainer.world_size
        )
        return BatchLoader(sampler, lambda rows, epoch: torch.from_numpy(rows), table_batch, ahead=False)


def table_batch(rows):
    nothing = torch.zeros(len(rows), 1)
    segment = torch.where(rows == 7, 3, rows)
    target = rows[:, None, None].double().expand(-1, F, T)
    return Batch(brain=nothing, target=target, subject=rows, segment=segment, row=rows, group=rows, split="train")


class SameDraws(Callback):
    """What each process draws for itself in a training step is the same: the dropped disc. Batch norm keeps still."""

    def __init__(self, *, batch_norm: bool):
        self.batch_norm = batch_norm
        self.subjects: list[list[int]] = []
        self.losses: list[dict] = []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        torch.manual_seed(trainer.global_step)
        self.subjects.append(sorted(set(batch.subject.tolist())))
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.train(self.batch_norm)

    def on_train_epoch_end(self, trainer, module):
        self.losses.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def options(**more) -> dict:
    return {
        "accelerator": "cpu",
        "devices": int(os.environ.get("LOCAL_WORLD_SIZE", 1)),
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    } | more


def tables() -> dict:
    """The embeddings' gradients, and the loss."""
    found = {}
    for name, (loss, settings, negatives, precision) in TABLES.items():
        module = Tables(loss(**settings), negatives)
        before = {key: value.clone() for key, value in module.state_dict().items()}
        trainer = Trainer(max_epochs=1, precision=precision, **options())
        trainer.fit(module, TableData())
        after = module.state_dict()
        found[name] = {key: before[key] - after[key] for key in before}
        found[name]["loss"] = trainer.callback_metrics["train/loss"]
    return found


def data_of(folder: Path, **more) -> MEGDataModule:
    return MEGDataModule(
        {"t": CountedStudy(folder / "study", n_subjects=4, story_s=12.0)},
        Ready(4),
        preprocessing=Preprocessing(sfreq=50, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        window_s=1.0,
        offset_s=0.1,
        baseline_s=0.0,
        batch_size=15,
        n_jobs=1,
        **more,
    )


def model(**more) -> Contrastive:
    torch.manual_seed(3)
    encoder = BrainEncoder(4, 5, n_virtual=6, n_fourier=18, hidden=8, depth=4)
    return Contrastive(
        encoder, target_encoder=DeepMel(4, 5, 6, 2), optimizer=lambda p: torch.optim.SGD(p, lr=1.0), **more
    )


def whole(folder: Path) -> dict:
    """Two epochs of a whole model, and what validation told; then a test of the weights that one process trained."""
    data, module, draws = data_of(folder), model(), SameDraws(batch_norm=False)
    trainer = Trainer(max_epochs=2, callbacks=[draws], **options())
    trainer.fit(module, data)
    trained = {name: value.clone() for name, value in module.state_dict().items()}

    place = folder / str(trainer.world_size) / "run"
    data.test_dataloader = lambda: data._loader("test", batch_size=10, shuffle=False)  # 5 batches: an uneven deal
    trainer = Trainer(callbacks=[WriteResults(new_run(place))], **options())
    tested, weights = model(), folder / "weights.pt"
    if trainer.world_size == 1:
        torch.save(trained, weights)
    tested.load_state_dict(torch.load(weights))
    trainer.test(tested, data, verbose=False)
    return {"trained": trained, "epochs": draws.losses, "subjects": draws.subjects, "tested": tested.tested}


def own_statistics(folder: Path) -> dict:
    """After an epoch in which each process normalised by its own part of the batch: the weights, and what was logged."""
    module, draws = model(), SameDraws(batch_norm=True)
    Trainer(max_epochs=1, callbacks=[draws], **options()).fit(module, data_of(folder))
    return {"state": module.state_dict(), "epoch": draws.losses[0]}


def further_negatives(folder: Path) -> dict:
    """The loss of one step with drawn candidates, and what it is made of."""
    seen = []

    class Watched(ClipLoss):
        def forward(self, estimate, candidate, target=None, estimate_ids=None, candidate_ids=None, *, rows=slice(None)):
            value = super().forward(estimate, candidate, target, estimate_ids, candidate_ids, rows=rows)
            parts = [estimate, candidate, target, estimate_ids, candidate_ids]
            seen.append([value.detach(), *(part.detach() for part in parts)])
            return value

    module = model(loss=Watched(), extra_negatives=7)
    trainer = Trainer(max_steps=1, limit_val_batches=0, callbacks=[SameDraws(batch_norm=False)], **options())
    trainer.fit(module, data_of(folder))
    return {"loss": trainer.callback_metrics["train/loss"], "seen": seen[0]}


def decoder_of_clips() -> Spectrogram:
    torch.manual_seed(3)
    return Spectrogram(lambda *sizes: MelMLP(*sizes, hidden=[16]), optimizer=lambda p: torch.optim.SGD(p, lr=5.0))


def clips(folder: Path) -> dict:
    """Four epochs of a decoder of clips, and what it then decodes with the weights that one process trained."""
    study = TinyFMRI(str(folder / "sounds"), n_subjects=1)
    data = FMRIDataModule({"t": study}, ClipFbank(duration_s=1.0), lag_s=LAG_S, val_fraction=0.2, batch_size=13)
    module = decoder_of_clips()
    trainer = Trainer(max_epochs=4, **options())
    trainer.fit(module, data)
    trained, weights = module.state_dict(), folder / "clips.pt"
    epoch = {name: float(value) for name, value in trainer.callback_metrics.items()}
    if trainer.world_size == 1:
        torch.save(trained, weights)
    trained = {name: value.clone() for name, value in trained.items()}
    module.load_state_dict(torch.load(weights))
    trainer = Trainer(**options())
    trainer.test(module, data, verbose=False)
    return {"trained": trained, "epoch": epoch, "tested": module.tested.feature}


def trainings(folder: Path, n: int, rank: int, port: int) -> None:
    """All of them, as one of n processes."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n, "GROUP_RANK": 0}
    if n > 1:
        names |= {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in names.items()}
    os.environ["N2S_CACHE"] = str(folder / "cache" / str(n))
    found = {"tables": tables(), "whole": whole(folder), "further": further_negatives(folder)}
    found |= {"own statistics": own_statistics(folder), "clips": clips(folder)}
    place = folder / str(n)
    place.mkdir(parents=True, exist_ok=True)
    torch.save(found, place / f"{rank}.pt")
    if n > 1:
        torch.distributed.destroy_process_group()


def main(folder: Path, numbers: list[int]) -> None:
    """As many processes as each number says. One comes first: all test its weights."""
    for n in numbers:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        forks = [
            multiprocessing.get_context("fork").Process(target=trainings, args=(folder, n, rank, port))
            for rank in range(n)
        ]
        for fork in forks:
            fork.start()
        for fork in forks:
            fork.join()
        if any(fork.exitcode for fork in forks):
            sys.exit(f"{n} processes ended with {[fork.exitcode for fork in forks]}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), list(map(int, sys.argv[2:])))
