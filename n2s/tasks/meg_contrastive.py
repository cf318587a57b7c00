"""Contrastive decoding: find the stretch of audio that a brain window was recorded with."""

import numpy as np
import torch
import torch.distributed
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from n2s.data.batch import Batch
from n2s.losses import ClipLoss
from n2s.metrics.retrieval import ranks

TOP = (1, 5, 10)
CHUNK = 256  # candidates through a target encoder at once


class MEGContrastive(LightningModule):
    """Train a brain encoder so that its output is most like the features of what was heard.

    Validation and test rank every window's true segment among all unique segments of its study in the split:
    ``val/top10`` is the share among the first ten. A test leaves ``tested``: the windows (n,) and their scores (n, k).

    Parameters
    ----------
    encoder
        ``(brain, positions, subject, mask, kind) -> (b, f, t)``. Its subjects and outputs are set from the data.
    loss
        Compares estimates with candidates.
    target_encoder
        A network on the target's features, trained jointly (`n2s.models.DeepMel`); none for fixed features.
    context
        A network over the windows of a sentence (`n2s.models.SentenceContext`); needs ``data.together: sentences``.
    extra_negatives
        Further training segments among the candidates of each step, drawn anew.
    sentence_context
        Test also with the scores of all windows of a sentence pooled (`n2s.metrics.context`), reported apart.
    average_listeners
        Test also with the scores of everybody who heard a segment averaged, reported apart.
    optimizer
        Makes the optimizer from the parameters.
    scheduler
        Makes a schedule, stepped once an epoch, from the optimizer; none for a constant rate.
    """

    def __init__(
        self,
        encoder: nn.Module,
        loss: ClipLoss | None = None,
        target_encoder: nn.Module | None = None,
        context: nn.Module | None = None,
        *,
        extra_negatives: int = 0,
        sentence_context: bool = False,
        average_listeners: bool = False,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = encoder
        self.target_encoder = target_encoder
        self.context = context
        self.extra_negatives = extra_negatives
        self.sentence_context, self.average_listeners = sentence_context, average_listeners
        self.loss = loss if loss is not None else ClipLoss()
        self.optimizer, self.scheduler = optimizer, scheduler
        self.tested: tuple[Tensor, Tensor] | None = None

    def forward(self, batch: Batch) -> Tensor:
        """A batch's estimate (b, f, t), or (b, f, 1) where the target is one vector a window."""
        estimate = self.encoder(batch.brain, batch.positions, batch.subject, batch.mask, batch.kind)
        if self.context is not None:
            estimate = self.context(estimate, batch.sentence)
        return estimate.mean(-1, keepdim=True) if batch.target.shape[-1] == 1 else estimate

    def encode_target(self, target: Tensor) -> Tensor:
        """(k, f, t) features -> what estimates are compared with."""
        return target if self.target_encoder is None else self.target_encoder(target)

    def configure_optimizers(self):
        """See Lightning."""
        optimizer = self.optimizer(self.parameters())
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss over the candidates of the whole batch, on all processes."""
        loss = self._loss(batch)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Encode the candidates once an epoch."""
        self._start("val")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss among the batch; ranks among all segments of the split."""
        self.log("val/loss", self._loss(batch), prog_bar=True, batch_size=len(batch), sync_dist=True)
        self._collect(batch)

    def on_validation_epoch_end(self) -> None:
        """Log ``val/top1``, ``val/top5``, ``val/top10``."""
        self._finish("val")

    def on_test_epoch_start(self) -> None:
        """Encode the candidates."""
        self._start("test")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Score every window with every segment of the split."""
        self._collect(batch)

    def on_test_epoch_end(self) -> None:
        """Log ``test/top1`` and so on, and leave ``tested``: the windows and their scores (n, k)."""
        self.tested = self._finish("test")

    def predict_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The estimated features (b, f, t)."""
        return self(batch)

    def encoded_segments(self, split: str) -> Tensor:
        """(k, f, t) encoded target of every unique segment of a split, in its order."""
        targets = self.trainer.datamodule.segment_targets(split).to(self.device)
        return torch.cat([self.encode_target(chunk) for chunk in targets.split(CHUNK)])

    def _loss(self, batch: Batch) -> Tensor:
        estimate, candidate, segment = self(batch), self.encode_target(batch.target), batch.segment
        first, candidates, ids = 0, candidate, segment
        if self.trainer.world_size > 1:
            first = self.global_rank * len(candidate)
            candidates = self.all_gather(candidate, sync_grads=True).flatten(0, 1)
            ids = self.all_gather(segment).flatten()
        if self.training and self.extra_negatives:
            more, drawn = self._more_segments(batch)
            candidates, ids = torch.cat([candidates, more]), torch.cat([ids, drawn])
        target = torch.arange(first, first + len(candidate), device=candidate.device)
        return self.loss(estimate, candidates, target=target, estimate_ids=segment, candidate_ids=ids)

    def _more_segments(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(k, f, t) encoded targets of random training segments, and (k,) which they are."""
        data = self.trainer.datamodule
        drawn = torch.randint(len(data.windows["train"].first), (self.extra_negatives,))
        targets = data.segment_targets("train", drawn.numpy()).to(batch.target.device)
        return self.encode_target(targets), drawn.to(batch.segment.device)

    def _start(self, split: str) -> None:
        self._candidates = self.encoded_segments(split)
        self._rows: list[tuple[Tensor, Tensor]] = []

    def _collect(self, batch: Batch) -> None:
        self._rows.append((batch.window.cpu(), self.loss.scores(self(batch), self._candidates).float().cpu()))

    def _finish(self, split: str) -> tuple[Tensor, Tensor]:
        """The windows that were seen on any process, in their order, each once, and their scores."""
        window, scores = (torch.cat(part) for part in zip(*self._rows, strict=True))
        if self.trainer.world_size > 1:
            parts: list = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(parts, (window, scores))
            window, scores = (torch.cat(part) for part in zip(*parts, strict=True))
        ordered = torch.empty(int(window.max()) + 1, scores.shape[1])
        ordered[window] = scores
        window = window.unique()
        scores = ordered[window]
        rank = self._ranks(split, window, scores)
        for k in TOP:
            self.log(f"{split}/top{k}", (rank < k).float().mean(), prog_bar=k == 10, rank_zero_only=True)
        del self._candidates, self._rows
        return window, scores

    def _ranks(self, split: str, window: Tensor, scores: Tensor) -> Tensor:
        """Of each window's segment, among those of its study."""
        windows, found = self.trainer.datamodule.windows[split], []
        for rows, segments in windows.by_study().values():
            seen = torch.isin(window, torch.from_numpy(rows))
            true = np.searchsorted(segments, windows.segment[window[seen].numpy()])
            found.append(ranks(scores[seen][:, torch.from_numpy(segments)], torch.from_numpy(true)))
        return torch.cat(found)
