"""A network that says the class of an event from a window of the brain: phones, words, commands, speech against silence."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from n2s.data.batch import Batch
from n2s.data.event_data import EventDataModule
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.metrics.classification import SCORES, confusion
from n2s.models.any_network import call, check_output
from n2s.models.augment import Augment
from n2s.models.event_network import check_channels
from n2s.options import check_choice, check_number, check_options
from n2s.systems.event_classes.decoder import NetworkOnEvents
from n2s.systems.event_classes.loss import (
    WEIGHTS,
    Weights,
    class_weights,
    log_probabilities,
    predicted_classes,
    prior_power,
    weighted_losses,
)
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.submission import hand_in
from n2s.systems.event_classes.tested import Logits, event_result, test_sets
from n2s.systems.processes import check_strategy, gathered
from n2s.systems.sensor_columns import keep_columns, lay_as_trained
from n2s.systems.system import System

LOGGED = ("f1_macro", "balanced_accuracy")


class EventClassifier(System):
    """Train a network to say the class of each window.

    Each epoch logs ``val/loss``, ``val/f1_macro`` and ``val/balanced_accuracy`` over all validation samples. A test scores single windows;
    averages of several (``data.test_averages``) are test sets of their own. Several processes take the same steps as one, and the same
    scores come out, apart from batch norm and random draws, which are a process' own.

    Parameters
    ----------
    network
        ``(brain, positions, subject, mask) -> logits (b, k)``, or any network whose ``forward`` takes the brain and some of these. Its number of channels is that of the data; ``n_classes``, ``n_times`` and
        ``n_subjects`` are set from the data.
    augment
        Changes training windows at random; None: they stay as they are.
    weights
        How much a sample counts in the loss: ``none`` (all the same), ``inverse`` of how many training samples its class has, or
        ``inverse_sqrt``, of the root of that number.
    label_smoothing
        Share of each label that is given to all classes alike.
    min_run_s
        Stretches that are said to be speech and are shorter than this are dropped (`n2s.data.Frames` alone). LibriBrain 2025: 0.4.
    n_permutations
        Of the labels, for the null of a test.
    top_k
        Score, too, how often the true class is among so many of the likeliest, mean over classes; 0: not. PNPL competition 2026: 10.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule that is stepped once an epoch; None for a constant rate.

    Examples
    --------
    >>> import torch
    >>> from n2s.data import Batch
    >>> from n2s.models import MEGConformer
    >>> from n2s.systems import EventClassifier
    >>> system = EventClassifier(MEGConformer(20, 50, 3, dim=16, depth=1, n_heads=2, ffn_dim=16, kernel_size=7))
    >>> zeros = torch.zeros(4, dtype=torch.long)
    >>> batch = Batch(
    ...     brain=torch.randn(4, 20, 50), target=zeros, subject=zeros, segment=zeros, row=zeros, group=zeros, split="train"
    ... )
    >>> system(batch).shape  # logits of 3 classes
    torch.Size([4, 3])

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("phones")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EventDataModule,)
    recipe = "configs/phones.yaml"
    compiles = ("network",)

    def __init__(
        self,
        network: nn.Module,
        augment: Augment | None = None,
        *,
        weights: Weights = "none",
        label_smoothing: float = 0.0,
        min_run_s: float = 0.0,
        n_permutations: int = 1000,
        top_k: int = 0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        check_options("model.", low=0, below=1, label_smoothing=label_smoothing)
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        check_choice("model.weights", weights, WEIGHTS)
        check_number("model.min_run_s", min_run_s, low=0)
        check_number("model.n_permutations", n_permutations, low=1, whole=True)
        check_number("model.top_k", top_k, low=0, whole=True)
        self.network, self.augment, self.weights, self.top_k = network, augment, weights, top_k
        self.label_smoothing, self.min_run_s, self.n_permutations = label_smoothing, min_run_s, n_permutations
        self.tested: list[Logits] = []

    def forward(self, batch: Batch) -> Tensor:
        """(b, k) logits of a batch."""
        return self._logits(batch.brain, batch)

    def setup(self, stage: str) -> None:
        """Check that network and data fit, and weigh the classes."""
        check_strategy(self)
        data = self.data
        if stage == "fit":  # a checkpoint lays the sensors of a test
            check_channels(self.network, len(data.ch_names), data.layout.n_layouts)
        check_top_k(self.top_k, data.class_names)
        if self.min_run_s and self.n_logits != 1:
            raise UserError(
                "model.min_run_s is of frames of speech (data.windows: n2s.data.Frames). Leave it out here."
            )
        counts = np.bincount(data.averages("train").label, minlength=len(data.class_names))
        found = torch.from_numpy(class_weights(counts, self.weights)).float()
        self.register_buffer("class_weight", found.to(self.device), persistent=False)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep which sensor each channel is."""
        keep_columns(checkpoint, self.data)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Lay the sensors of the data as those of the fit."""
        lay_as_trained(checkpoint, self.data, self.network)

    @property
    def n_logits(self) -> int:
        """Of the network."""
        return self.data.n_classes

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """A process' part of the loss, scaled so that the mean over processes is the loss of the whole batch."""
        brain = batch.brain if self.augment is None else self.augment(batch.brain)
        total, weight = weighted_losses(
            self._logits(brain, batch), batch.target, self.class_weight, self.label_smoothing
        )
        n_processes = len(batch.shares)
        if n_processes > 1:
            weight = self.all_gather(weight.detach()).sum()
        loss = total * n_processes / weight
        n = sum(batch.shares)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=n, sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Nothing is validated yet."""
        if self.trainer.world_size > 1:  # batch norm: the running statistics that a checkpoint keeps
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, 0)
        self._parts: dict[int, list[Logits]] = {}
        self._losses = torch.zeros(2)  # sums of weighted losses and of weights

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Logits of samples, and their loss."""
        if not len(batch):
            return
        logits = self(batch)
        parts = weighted_losses(logits, batch.target, self.class_weight, self.label_smoothing)
        self._losses += torch.stack(parts).detach().float().cpu()
        self._collect(batch, logits)

    def on_validation_epoch_end(self) -> None:
        """Log ``val/loss``, ``val/f1_macro`` and ``val/balanced_accuracy``."""
        total, weight = self.trainer.strategy.reduce(self._losses.to(self.device), reduce_op="sum")
        self.log("val/loss", total / weight, sync_dist=True)
        self._log("val", self._finished(0), self.data.averages("val").label)

    def on_test_epoch_start(self) -> None:
        """Nothing is tested yet."""
        self._parts = {}

    def test_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Logits of windows, or of averages."""
        if len(batch):
            self._collect(batch, self(batch), dataloader_idx)

    def on_test_epoch_end(self) -> None:
        """Log ``test/f1_macro`` and ``test/balanced_accuracy`` of single windows, and leave ``tested``."""
        self.tested = [self._finished(number) for number in range(1 + len(self.data.test_averages))]
        self._log("test", self.tested[0], self.data.averages("test", 1).label)

    def on_predict_epoch_start(self) -> None:
        """Nothing is predicted yet."""
        self._parts = {}

    def predict_step(self, batch: Batch, batch_index: int) -> Tensor:
        """(b, k) logits."""
        logits = self(batch)
        if len(batch):
            self._collect(batch, logits)
        return logits

    def on_predict_epoch_end(self) -> None:
        """Leave ``tested``."""
        self.tested = [self._finished(0)]

    def results(self, seed: int) -> Mapping[str, EventResult]:
        """See `System`: ``test`` of single windows, and ``test, averages of k``."""
        sets = test_sets(self.data)
        return {sets[k]: self._result(found, k, seed) for k, found in zip(sets, self.tested, strict=True)}

    def predicted(self, folder: Path, seed: int) -> EventResult | None:
        """See `System`: the probabilities of each class, for each test window. Of a holdout the file that is handed in, and no scores."""
        if self.data.holdout is not None:
            row, logits = (part.numpy() for part in self.tested[0])
            hand_in(self.data, row, np.exp(log_probabilities(logits)), folder, min_run_s=self.min_run_s)
            return None
        return self._result(self.tested[0], 1, seed)

    def decoder(self, trained: Trained) -> NetworkOnEvents:
        """See `System`."""
        return NetworkOnEvents(trained, self.network.eval())

    def _result(self, found: Logits, k: int, seed: int) -> EventResult:
        options = {name: getattr(self, name) for name in ("weights", "min_run_s", "n_permutations", "top_k")}
        power = prior_power(self.weights, self.data.balance)
        return event_result(self.data, found, k, seed=seed, prior_power=power, **options)

    def _logits(self, brain: Tensor, batch: Batch) -> Tensor:
        logits = call(self.network, brain, batch.positions, batch.subject, batch.mask)
        if self._trainer is not None:  # by itself a network has as many classes as it says
            shape = (len(brain), self.n_logits)
            check_output("model.network", self.network, logits, shape, "windows, and a number a class")
        return logits

    def _collect(self, batch: Batch, logits: Tensor, number: int = 0) -> None:
        self._parts.setdefault(number, []).append(Logits(batch.row, logits.detach().float().cpu()))

    def _finished(self, number: int) -> Logits:
        """The logits of all samples that any process has seen, in order."""
        nothing = Logits(torch.zeros(0, dtype=torch.long), torch.zeros(0, self.n_logits))
        row, logits = (torch.cat(part) for part in zip(nothing, *self._parts.pop(number, []), strict=True))
        if self.trainer.world_size > 1:
            shares = self.all_gather(torch.tensor(len(row), device=self.device)).tolist()
            row, logits = (gathered(self, part.to(self.device), shares).cpu() for part in (row, logits))
        order = row.argsort()
        return Logits(row[order], logits[order])

    def _log(self, split: str, found: Logits, label: np.ndarray) -> None:
        guessed, k = predicted_classes(found.logits.numpy()), len(self.data.class_names)
        table = confusion(label[found.row.numpy()], guessed, k)
        for name in LOGGED:
            self.log(f"{split}/{name}", float(SCORES[name](table)), prog_bar=name == LOGGED[0], sync_dist=True)


def check_top_k(top_k: int, names: Sequence[str]) -> None:
    """A UserError if so many of the likeliest classes are all of them."""
    if top_k >= len(names):
        raise UserError(
            f"model.top_k is {top_k}, of {len(names)} classes: every class is found. Set it lower, or to 0."
        )
