"""Joint trainings that a test compares for one and several processes: ``TRAININGS="paper meg" python joint_trainings.py FOLDER 1 2``.

See `trainings`.
"""

import os
import sys
from pathlib import Path

import numpy as np
import torch
import trainings
from lightning.pytorch import Trainer
from tiny_pairs import tiny_pairs

from n2s.data.loader import BatchLoader
from n2s.losses import ClipLoss
from n2s.models import BoldEncoder, BrainEncoder, DeepMel
from n2s.systems import JointContrastive

LACKS = [("02", "story0"), ("02", "story1"), ("02", "story5")]

LOSSES = {"paper": ClipLoss, "symmetric": lambda: ClipLoss(temperature="learned", symmetric=True)}


class Dealt:
    """Batches whose shares are given: in the second, one process has no row with fMRI, in the third no row of any process has it."""

    def __init__(self, table, rank: int, world_size: int):
        both, alone = (np.flatnonzero(found) for found in (table.fmri >= 0, table.fmri < 0))
        mixed = np.concatenate([both[:7], alone[:4]])
        self.whole = [
            np.random.default_rng(0).permutation(mixed),
            np.concatenate([both[8:14], alone[5:9]]),
            alone[9:16],
        ]
        self.rank, self.world_size, self.epoch = rank, world_size, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.whole)

    def steps(self):
        for rows in self.whole:
            parts = np.split(rows, [6]) if self.world_size == 2 else [rows]
            yield parts[self.rank], [len(part) for part in parts]

    def __iter__(self):
        return (rows for rows, _ in self.steps())


def model(loss, **more) -> JointContrastive:
    torch.manual_seed(3)
    encoder = BrainEncoder(2, 5, n_virtual=6, n_fourier=18, hidden=8, depth=2)
    bold = BoldEncoder(2, 8, 11, 5, 245, n_slow=5, bin_s=1.0, lag_s=2.0, hidden=6, depth=1, dropout=0.0)
    return JointContrastive(
        encoder, bold, DeepMel(4, 5, 6, 2), loss, dropout=0.5, likelihoods=False,
        optimizer=lambda p: torch.optim.SGD(p, lr=0.03), **more,
    )  # fmt: skip


def fitted(folder: Path, name: str, loss, *, dealt: bool, **options) -> dict:
    """The weights after some steps, and what was logged."""
    data = tiny_pairs(folder / "study", scanner={"lacks": LACKS}, train_windows=None, batch_size=13, **options)
    module, draws = model(loss), trainings.SameDraws(batch_norm=False)
    draws.on_train_batch_start = _still
    trainer = Trainer(max_epochs=1, callbacks=[draws], **trainings.options())
    if dealt:
        data.train_dataloader = lambda: BatchLoader(
            Dealt(data.pairs["train"], trainer.global_rank, trainer.world_size),
            lambda rows, epoch: (rows, epoch),
            lambda found: data.batch("train", *found),
            ahead=False,
        )
    trainer.fit(module, data)
    trained = {name: value.clone() for name, value in module.state_dict().items()}
    logged = dict(draws.losses[0])
    weights = folder / f"{name}.pt"
    if trainer.world_size == 1:
        torch.save(trained, weights)
    tested = model(loss)
    tested.load_state_dict(torch.load(weights))
    data.test_dataloader = lambda: data._loader("test", 5, shuffle=False)  # an uneven deal
    trainer = Trainer(**trainings.options())
    trainer.test(tested, data, verbose=False)
    return {"trained": trained, "logged": logged, "tested": vars(tested.tested)}


def _still(trainer, module, batch, batch_idx) -> None:
    """The dropped disc is that of the step; batch norm keeps still."""
    torch.manual_seed(trainer.global_step)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm1d):
            part.eval()


def joint(folder: Path, n: int, rank: int, port: int) -> None:
    """All of them, as one of n processes."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n, "GROUP_RANK": 0}
    if n > 1:
        names |= {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in names.items()}
    os.environ["N2S_CACHE"] = str(folder / "cache")
    options = {name: {"loss": make(), "dealt": True} for name, make in LOSSES.items()}
    options["usual"] = {"loss": ClipLoss(), "dealt": False}
    options["meg"] = {"loss": ClipLoss(), "dealt": False, "modalities": ["meg"]}
    found = {name: fitted(folder, name, **options[name]) for name in os.environ["TRAININGS"].split()}
    place = folder / str(n)
    place.mkdir(parents=True, exist_ok=True)
    torch.save(found, place / f"{rank}.pt")
    if n > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    trainings.trainings = joint
    trainings.main(Path(sys.argv[1]), list(map(int, sys.argv[2:])))
