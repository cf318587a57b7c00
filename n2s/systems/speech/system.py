"""What the networks of speech share: CTC, a schedule by steps, and what they keep for later."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from n2s.data.corpus import CorpusDataModule
from n2s.data.corpus_batch import SpeechBatch
from n2s.data.corpus_text import BLANK, Symbols
from n2s.errors import UserError
from n2s.models.speech_net import SpeechNet
from n2s.options import check_number
from n2s.systems.processes import check_strategy, part_of_mean
from n2s.systems.system import System

#: Key of a checkpoint: what the classes mean, without the blank.
SYMBOLS = "n2s_symbols"


class SpeechSystem(System):
    """Train a `SpeechNet` with CTC (Graves 2006): the mean over clips of -log p(target), not divided by its length.

    That is the toolkit's loss, to which the paper's rate belongs. Several processes share each batch and take the step of one with
    the whole batch, apart from batch norm, whose statistics are those of a process' own part. On a CPU it is the same to the bit each time; CUDA's
    is not, and is left to the CPU where ``trainer.deterministic`` is set.

    Parameters
    ----------
    network
        Spectrogram -> log-probabilities. Its numbers of classes and inputs come from the data.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule that is stepped once a **step**; None for a constant rate.
    max_steps
        Stop after so many steps, in the middle of an epoch if need be; None: only ``trainer.max_epochs`` counts. It stands in for
        ``trainer.max_steps``, with which Lightning (2.6) counts an epoch twice where a fit is continued.

    Raises
    ------
    UserError
        When a fit begins: ``trainer.max_steps`` is set, or the schedule ends before the training.
    """

    takes = (CorpusDataModule,)
    compiles = ()
    instead = "it hears sounds, and no brain. n2s.load(...).model takes sounds; brain scores compare its layers with a brain (--config brain_scores)."

    #: What of a clip is learned (``data.target``).
    learns: ClassVar[str]

    def __init__(
        self,
        network: SpeechNet,
        *,
        max_steps: int | None = None,
        optimizer: OptimizerCallable = torch.optim.SGD,
        scheduler: LRSchedulerCallable | None = None,
    ):
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        check_number("model.max_steps", max_steps, low=1, whole=True)
        self.network, self.max_steps = network, max_steps

    @abstractmethod
    def decoded(self, log_probs: Tensor, lengths: Tensor) -> list:
        """What the network says of each clip, from ``(b, l, k)`` log-probabilities and ``(b,)`` frames."""

    @abstractmethod
    def errors(self, rows: np.ndarray, found: list, split: str) -> dict[str, tuple[float, float]]:
        """Score -> number of errors, and of what could be wrong, in clips of a split."""

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """See Lightning."""
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        schedule = self.scheduler(optimizer)
        lasts = getattr(schedule, "total_iters", None)
        if lasts is not None and lasts < (self.max_steps or 0):
            raise UserError(
                f"model.scheduler ends after {lasts} steps, the training after {self.max_steps} (model.max_steps): nothing would be learned in "
                f"between. Set --model.scheduler.init_args.total_iters {self.max_steps}, too."
            )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def setup(self, stage: str) -> None:
        """See Lightning."""
        check_strategy(self)
        if self.data.target != self.learns:
            raise UserError(
                f"{type(self).__name__} learns the {self.learns} of clips; data.target is {self.data.target}. Set it to {self.learns}."
            )

    @property
    def symbols(self) -> Symbols:
        """What the classes mean."""
        return self.data.symbols

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep what the classes mean."""
        checkpoint[SYMBOLS] = list(self.symbols.names)

    def forward(self, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
        """Log-probabilities (b, l, k) of a batch, and (b,) their frames, in main memory."""
        return self.network(batch.spectrogram, batch.lengths), SpeechNet.n_frames(batch.lengths)

    def training_step(self, batch: SpeechBatch, batch_index: int) -> Tensor:
        """A process' part of the loss, scaled so that the mean over processes is the loss of the whole batch."""
        log_probs, lengths = self(batch)
        loss = part_of_mean(ctc(log_probs, lengths, batch.target, batch.target_lengths).mean(), batch)
        n = sum(batch.shares)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=n, sync_dist=True)
        return loss

    def on_fit_start(self) -> None:
        """Refuse what a continued fit would not repeat."""
        if self.trainer.max_steps != -1:
            raise UserError(f"trainer.max_steps is {self.trainer.max_steps}; set model.max_steps in its place.")

    def on_train_batch_end(self, outputs: object, batch: SpeechBatch, batch_index: int) -> None:
        """Stop after the last step."""
        if self.max_steps is not None and self.trainer.global_step >= self.max_steps:
            self.trainer.should_stop = True

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self._loss = torch.zeros(2, dtype=torch.float64)
        self._counts: dict[str, np.ndarray] = {name: np.zeros(2) for name in self.errors(np.zeros(0, int), [], "val")}

    def validation_step(self, batch: SpeechBatch, batch_index: int) -> None:
        """Loss and errors of a batch."""
        if not len(batch):
            return
        log_probs, lengths = self(batch)
        loss = ctc(log_probs, lengths, batch.target, batch.target_lengths).sum().cpu().double()
        self._loss += torch.stack([loss, torch.tensor(float(len(batch)), dtype=torch.float64)])
        for name, counted in self.errors(batch.row.numpy(), self.decoded(log_probs, lengths), batch.split).items():
            self._counts[name] += counted

    def on_validation_epoch_end(self) -> None:
        """Log ``val/loss`` and the error rates."""
        for name, counted in {"loss": self._loss.numpy(), **self._counts}.items():
            both = torch.tensor(counted, dtype=torch.float32, device=self.device)
            total, n = self.trainer.strategy.reduce(both, reduce_op="sum")
            self.log(f"val/{name}", total / n.clamp(min=1), prog_bar=True, sync_dist=True)

    def on_test_epoch_start(self) -> None:
        """An untrained network beside the trained one: its random weights are those of the run's seed."""
        self._untrained = SpeechNet.seeded(torch.initial_seed() % 2**31, **self.network.shape).to(self.device).eval()
        self._rows: list[Tensor] = []
        self._said: dict[str, list] = {"model": [], "untrained": []}

    def test_step(self, batch: SpeechBatch, batch_index: int) -> None:
        """What both networks say."""
        if not len(batch):
            return
        lengths = SpeechNet.n_frames(batch.lengths)
        for name, network in {"model": self.network, "untrained": self._untrained}.items():
            self._said[name] += self.decoded(network(batch.spectrogram, batch.lengths), lengths)
        self._rows.append(batch.row)

    def on_test_epoch_end(self) -> None:
        """Bring together what several processes have."""
        if self.trainer.world_size > 1:
            parts: list = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(parts, (self._rows, self._said))
            self._rows = [row for rows, _ in parts for row in rows]
            self._said = {name: [one for _, said in parts for one in said[name]] for name in self._said}

    def tested(self) -> tuple[np.ndarray, dict[str, list]]:
        """The rows of the test split in order, and what each network says of them."""
        rows = torch.cat(self._rows).numpy()
        order = np.argsort(rows)
        return rows[order], {name: [said[place] for place in order] for name, said in self._said.items()}


def ctc(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """(b,) -log p(target), CTC's loss of each clip.

    Parameters
    ----------
    log_probs
        (b, l, k)
    lengths
        (b,) Frames of each clip.
    targets
        (b, s) Classes.
    target_lengths
        (b,)
    """
    if torch.are_deterministic_algorithms_enabled() or log_probs.device.type == "mps":  # Apple's has no CTC
        log_probs = log_probs.cpu()
    return torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1).float(),
        targets.to(log_probs.device),
        lengths,
        target_lengths,
        BLANK,
        reduction="none",
    )


def greedy(log_probs: Tensor, lengths: Tensor) -> list[list[int]]:
    """The classes of the most probable path of each clip: equal neighbours joined, then blanks left out."""
    best = log_probs.argmax(-1).cpu()
    paths: Sequence[Tensor] = [row[:n] for row, n in zip(best, lengths.tolist(), strict=True)]
    return [[one for one in torch.unique_consecutive(path).tolist() if one != BLANK] for path in paths]


def single(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """(b, k) log-probability that CTC writes one class and nothing else, in main memory; -inf for the blank.

    A path is blanks, then the class for at least one frame, then blanks. With cumulated log-probabilities of blank (B) and class
    (C) it is exp(B_i + C_j - C_i + B_n - B_j), and their sum over i < j is a cumulative sum of C - B.
    """
    log_probs = log_probs.cpu().double()
    blank = log_probs[..., BLANK].cumsum(1)
    ratio = torch.nn.functional.pad(
        log_probs.cumsum(1) - blank[..., None], (0, 0, 1, 0)
    )  # (b, l + 1, k): C - B, from 0
    begun = torch.logcumsumexp(-ratio[:, :-1], dim=1)
    ended = ratio[:, 1:] + begun
    late = torch.arange(ended.shape[1]) >= lengths[:, None]
    total = ended.masked_fill(late[..., None], -torch.inf).logsumexp(1)
    whole = blank.gather(1, lengths[:, None] - 1)
    found = total + whole
    found[:, BLANK] = -torch.inf
    return found
