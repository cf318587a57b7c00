"""Contrastive decoding: find the stretch of audio that a brain window was recorded with."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from n2s.config_classes import object_of
from n2s.data.batch import Batch
from n2s.data.meg import MEGDataModule
from n2s.data.windows import Windows
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.losses import ClipLoss
from n2s.metrics.retrieval import ranks
from n2s.models.any_network import call, check_output
from n2s.models.brain_encoder import BrainEncoder
from n2s.options import check_options
from n2s.systems.contrastive.baselines import encoded
from n2s.systems.contrastive.decoder import ContrastiveDecoder
from n2s.systems.contrastive.left import leave_scores
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.sets import tested_sets
from n2s.systems.processes import check_strategy, gathered, part_of_mean
from n2s.systems.stages import StageRun
from n2s.systems.system import System
from n2s.training.run import Run

TOP = (1, 5, 10)
SAME = ("studies", "split", "preprocessing", "scaler", "clamp")  # data settings that a later stage has to share


ESTIMATE = "windows, n_outputs (set from the target) and samples, as many as brain has"


class Contrastive(System):
    """Train a brain encoder so that its output resembles the features of the heard segment most.

    Validation and test rank every window's true segment among all unique segments of the split that its subject heard:
    ``val/top10`` is the share among the first ten. A test leaves ``tested``: the windows (n,) and their scores (n, k).

    Several processes share each training batch and take the same step as one process with the whole batch. Exceptions are
    random draws of each process (dropout) and batch norm, which uses the statistics of a process' own part unless
    ``trainer.sync_batchnorm`` is set. Validation and test give the same scores for any number of processes.

    Parameters
    ----------
    encoder
        ``(brain, positions, subject, mask, kind) -> (b, f, t)``, or any network whose ``forward`` takes the brain and some of these
        (`n2s.models.any_network`). Its numbers of subjects and outputs come from the data.
    loss
        Compares estimates with candidates.
    target_encoder
        A network on the target's features, trained jointly (`n2s.models.DeepMel`); None for fixed features.
    context
        A network over the windows of a sentence (`n2s.models.SentenceContext`); needs ``data.together: sentences``.
    extra_negatives
        How many training segments to draw at random as further candidates of each step.
    negatives
        ``all``: the candidates of a step are the whole batch, gathered from all processes. ``process``: each process uses
        only its own part, as in the multi-GPU training of Défossez 2023.
    sentence_context
        Also report a test in which the scores of all windows of a sentence are pooled
        (`n2s.systems.contrastive.context`).
    average_listeners
        Also report a test in which the scores of all listeners of a segment are averaged.
    encoding_model
        Also report an encoding model of each listener, used as a decoder (`n2s.systems.contrastive.encoding_model`).
    linear_decoder
        Also report a linear decoder of each listener (`n2s.systems.contrastive.linear_decoder`): whether the network is worth it.
    optimizer
        Makes the optimizer from the parameters.
    scheduler
        Makes a schedule from the optimizer, which is stepped once an epoch; None for a constant rate.

    Examples
    --------
    >>> import torch
    >>> from n2s.data import Batch
    >>> from n2s.models import BrainEncoder
    >>> from n2s.systems import Contrastive
    >>> system = Contrastive(BrainEncoder(2, 40, n_virtual=16, n_fourier=32, hidden=16, depth=2))
    >>> zeros = torch.zeros(3, dtype=torch.long)
    >>> batch = Batch(
    ...     brain=torch.randn(3, 306, 100), target=torch.randn(3, 40, 100), positions=torch.rand(3, 306, 2),
    ...     subject=zeros, segment=torch.arange(3), row=torch.arange(3), group=zeros, split="train",
    ... )
    >>> system(batch).shape  # an estimate of the target
    torch.Size([3, 40, 100])

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("meg_contrastive")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (MEGDataModule,)
    recipe = "configs/meg_contrastive.yaml"
    compiles = ("encoder", "target_encoder")

    def __init__(
        self,
        encoder: nn.Module,
        loss: ClipLoss | None = None,
        target_encoder: nn.Module | None = None,
        context: nn.Module | None = None,
        *,
        extra_negatives: int = 0,
        negatives: Literal["all", "process"] = "all",
        sentence_context: bool = False,
        average_listeners: bool = False,
        encoding_model: bool = True,
        linear_decoder: bool = True,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
    ):
        check_options("model.", low=0, whole=True, extra_negatives=extra_negatives)
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        if negatives not in ("all", "process"):
            raise UserError(f"model.negatives is {negatives!r}; expected 'all' or 'process'.")
        self.encoder = encoder
        self.target_encoder = target_encoder
        self.context = context
        self.extra_negatives, self.negatives = extra_negatives, negatives
        self.sentence_context, self.average_listeners = sentence_context, average_listeners
        self.encoding_model, self.linear_decoder = encoding_model, linear_decoder
        self.loss = loss if loss is not None else ClipLoss()
        self.tested: tuple[Tensor, Tensor] | None = None

    @classmethod
    def shapes(cls, data: Mapping[str, int], options: Mapping) -> dict[str, int]:
        """See `System`. The encoder gives what it is compared with: the target, or what a target encoder makes of it."""
        target = options.get("target_encoder") or {}
        compared = (target.get("init_args") or {}).get("n_outputs") or data["n_features"]
        outputs = {"encoder.n_outputs": compared, "context.n_features": compared}
        return dict(data) | outputs | {"target_encoder.n_inputs": data["n_features"]}

    def forward(self, batch: Batch) -> Tensor:
        """A batch's estimate (b, f, t), or (b, f, 1) where the target is one vector per window."""
        estimate = call(self.encoder, *batch.inputs)
        if self.context is not None:
            estimate = self.context(estimate, batch.sentence)
        return estimate.mean(-1, keepdim=True) if batch.target.shape[-1] == 1 else estimate

    def encode_target(self, target: Tensor) -> Tensor:
        """(k, f, t) features -> the candidates that estimates are compared with."""
        return target if self.target_encoder is None else self.target_encoder(target)

    def setup(self, stage: str) -> None:
        """See Lightning."""
        check_strategy(self)

    def on_fit_start(self) -> None:
        """Refuse synchronised batch norm on the CPU."""
        if self.device.type == "cpu" and any(isinstance(part, nn.SyncBatchNorm) for part in self.modules()):
            raise UserError(
                "trainer.sync_batchnorm is true, and torch synchronises batch norm on GPUs only; this fit runs on the CPU. "
                "Set it to false: each process then normalises by its own part of the batch."
            )

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """A process' part of the loss, scaled so that the mean over processes is the loss of the whole batch."""
        loss, n = part_of_mean(self._loss(batch), batch), sum(batch.shares)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=n, sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Encode the candidates once an epoch."""
        if self.trainer.world_size > 1:  # batch norm: the running statistics that a checkpoint keeps
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, 0)
        self._start("val")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss among the batch; ranks among all segments of the split."""
        if not len(batch):
            return
        self._losses += torch.stack([self._loss(batch).detach().cpu() * len(batch), torch.tensor(float(len(batch)))])
        self._collect(batch)

    def on_validation_epoch_end(self) -> None:
        """Log ``val/loss``, ``val/top1``, ``val/top5``, ``val/top10``."""
        total, n = self.trainer.strategy.reduce(self._losses.to(self.device), reduce_op="sum")
        self.log("val/loss", total / n, prog_bar=True, sync_dist=True)
        self._finish("val")

    def on_test_epoch_start(self) -> None:
        """Encode the candidates."""
        self._start("test")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Score every window with every segment of the split."""
        if len(batch):
            self._collect(batch)

    def on_test_epoch_end(self) -> None:
        """Log ``test/top1`` and so on, and leave ``tested``: the windows and their scores (n, k)."""
        self.tested = self._finish("test")

    def decoder(self, trained: Trained) -> ContrastiveDecoder:
        """See `System`: sounds ranked over the time of a recording."""
        return ContrastiveDecoder(self, trained)

    def results(self, seed: int) -> Mapping[str, RetrievalResult]:
        """See `System`: the name of each test set -> its scores."""
        return tested_sets(self.data, self, seed)

    def leave(self) -> None:
        """See `System`: the scores of validation and test segments stay for a later fusion."""
        leave_scores(self.data, self)

    def predict_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The estimated features (b, f, t)."""
        return self(batch) if len(batch) else batch.target

    def encoded_segments(self, split: str, segments: np.ndarray | None = None) -> Tensor:
        """(k, f, t) encoded target of every unique segment of a split, in its order, or of some."""
        chosen = np.arange(len(self.data.windows[split].first)) if segments is None else segments
        return torch.cat(list(encoded(self.data, self, split, chosen)))

    def _loss(self, batch: Batch) -> Tensor:
        """The mean over this process' windows, among the candidates of all processes that share the batch."""
        estimate, candidate, segment = self(batch), self.encode_target(batch.target), batch.segment
        check_output("model.encoder", self.encoder, estimate, (len(batch), *candidate.shape[1:]), ESTIMATE)
        shared = len(batch.shares) > 1 and self.negatives == "all"
        shares, rank = (batch.shares, self.global_rank) if shared else ([len(batch)], 0)
        sizes = shares
        if self.training and self.extra_negatives:  # each process draws a part
            parts = [len(part) for part in np.array_split(np.arange(self.extra_negatives), len(shares))]
            sizes = [n + more for n, more in zip(shares, parts, strict=True)]
            if parts[rank]:
                more, drawn = self._more_segments(batch, parts[rank])
                candidate, segment = torch.cat([candidate, more]), torch.cat([segment, drawn])
        candidates, ids = gathered(self, candidate, sizes), gathered(self, segment, sizes)
        first = np.cumsum([0, *sizes])
        of_rank = [np.arange(start, start + n) for start, n in zip(first, shares, strict=False)]
        if self.loss.symmetric:  # the other direction ranks all estimates
            estimate, rows = gathered(self, estimate, shares), slice(sum(shares[:rank]), sum(shares[: rank + 1]))
        else:
            of_rank, rows = of_rank[rank : rank + 1], slice(None)
        target = torch.from_numpy(np.concatenate(of_rank)).to(ids.device, non_blocking=True)
        return self.loss(estimate, candidates, target=target, estimate_ids=ids[target], candidate_ids=ids, rows=rows)

    def _more_segments(self, batch: Batch, n: int) -> tuple[Tensor, Tensor]:
        """(n, f, t) encoded targets of random training segments, and (n,) their numbers."""
        data = self.data
        drawn = torch.randint(len(data.windows["train"].first), (n,))
        targets = data.segment_targets("train", drawn.numpy()).to(batch.target.device)
        return self.encode_target(targets), drawn.to(batch.segment.device)

    def _start(self, split: str) -> None:
        self._candidates = self.encoded_segments(split)
        self._rows: list[tuple[Tensor, Tensor]] = []
        self._losses = torch.zeros(2)  # the sum over windows, and the number of windows

    def _collect(self, batch: Batch) -> None:
        self._rows.append((batch.row, self.loss.scores(self(batch), self._candidates).float().cpu()))

    def _finish(self, split: str) -> tuple[Tensor, Tensor]:
        """All windows that any process scored, in order, and their scores."""
        nothing = torch.zeros(0, dtype=torch.long), torch.zeros(0, len(self._candidates))
        window, scores = (torch.cat(part) for part in zip(nothing, *self._rows, strict=True))
        if self.trainer.world_size > 1:
            shares = self.all_gather(torch.tensor(len(window), device=self.device)).tolist()
            window, scores = (gathered(self, part.to(self.device), shares).cpu() for part in (window, scores))
        order = window.argsort()
        window, scores = window[order], scores[order]
        rank = self._ranks(split, window, scores)
        for k in TOP:
            self.log(f"{split}/top{k}", (rank < k).float().mean(), prog_bar=k == 10, sync_dist=True)
            if split == "val":  # shown beside it in dashboards; the report of a test has more controls
                self.log(f"{split}/chance_top{k}", self._chance(split, k), sync_dist=True)
        del self._candidates, self._rows
        return window, scores

    def _chance(self, split: str, k: int) -> float:
        """Top-k accuracy of a guess, over all windows."""
        parts = [(len(rows), len(segments)) for rows, segments in _by_subject(self.data.windows[split])]
        return sum(n * min(1.0, k / n_segments) for n, n_segments in parts) / sum(n for n, _ in parts)

    def _ranks(self, split: str, window: Tensor, scores: Tensor) -> Tensor:
        """The rank of each window's segment among the segments that its subject heard."""
        windows, found = self.data.windows[split], []
        for rows, segments in _by_subject(windows):
            seen = torch.isin(window, torch.from_numpy(rows))
            true = np.searchsorted(segments, windows.segment[window[seen].numpy()])
            found.append(ranks(scores[seen][:, torch.from_numpy(segments)], torch.from_numpy(true)))
        return torch.cat(found)


def _by_subject(windows: Windows) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each subject, its windows and their segments, which are the candidates; both sorted."""
    subject = windows.of_interval("subject")
    rows = [np.flatnonzero(subject == name) for name in dict.fromkeys(subject)]
    return [(own, np.unique(windows.segment[own])) for own in rows]


def encoder_of(run: StageRun, own: Run) -> tuple[BrainEncoder, dict]:
    """The brain encoder that a run gives to a later stage, and its class and options in plain types.

    Raises
    ------
    UserError
        The later stage's run, ``own``, has other recordings, preparation or splits.
    """
    why = "Its encoder knows listeners by their place, and may have heard what is tested here."
    run.check_same_data(own, SAME, why)
    settings = run.checkpoint["hyper_parameters"]["encoder"]
    encoder = object_of(settings)
    encoder.load_state_dict(run.weights("encoder"))
    return encoder, settings
