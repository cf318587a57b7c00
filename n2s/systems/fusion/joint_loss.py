"""The losses of joint training, each a mean over the rows that have it, over all processes that share a batch."""

from collections.abc import Mapping

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from n2s.data.paired_batch import PairedBatch
from n2s.losses import ClipLoss
from n2s.systems.processes import gathered


class JointTerms:
    """The terms of the loss of one batch.

    The rows of all processes are in the order of the processes' ranks. Processes differ in how many of their rows have a modality. A process
    without any adds nothing to that term, but takes part in all communication.

    Parameters
    ----------
    module
        Attached to a Trainer, whose strategy gathers.
    batch
        This process' rows.
    candidates
        (b, f, t) What the rows' estimates are compared with, of this process.
    shared
        Whether other processes have other rows of the same batch.
    """

    def __init__(self, module: LightningModule, batch: PairedBatch, candidates: Tensor, *, shared: bool):
        self.module, self.batch = module, batch
        self.shares = batch.shares if shared else [len(batch)]
        self.rank = module.global_rank if shared else 0
        facts = torch.stack([batch.segment, batch.has("meg").long(), batch.has("fmri").long()], 1)
        facts = gathered(module, facts, self.shares)
        self.segment, has = facts[:, 0], facts[:, 1:].bool().cpu()  # counts are needed in main memory
        self.has = {"meg": has[:, 0], "fmri": has[:, 1]}
        self.candidates = gathered(module, candidates, self.shares)

    def with_sound(self, loss: ClipLoss, estimate: Tensor, has: Tensor) -> Tensor | None:
        """The loss of estimates among all candidates.

        Parameters
        ----------
        loss
            Of one process that has all rows.
        estimate
            (e, f, t) Of those rows of this process that have one, in order.
        has
            (N,) bool, in main memory: which rows of all processes have one.

        Returns
        -------
        This process' part, scaled so that the mean over processes is the mean over all rows; None if no row has one.
        """
        return self._part(loss, estimate, has, self.candidates, torch.arange(len(has)))

    def with_each_other(self, loss: ClipLoss, meg: Tensor, fmri: Tensor) -> Tensor | None:
        """The loss of MEG estimates among fMRI estimates (e, f, t), both of the rows with both; see `with_sound`."""
        has = self.has["meg"] & self.has["fmri"]
        every = has.nonzero()[:, 0]
        if not len(every):
            return None
        return self._part(loss, meg, has, gathered(self.module, fmri, self._counts(has)), every)

    def _part(self, loss: ClipLoss, estimate: Tensor, has: Tensor, candidates: Tensor, rows: Tensor) -> Tensor | None:
        """``rows (k,)``: which row of all processes each candidate is of."""
        counts = self._counts(has)
        first, own = sum(counts[: self.rank]), counts[self.rank]
        if not sum(counts):
            return None
        true = torch.searchsorted(rows, has.nonzero()[:, 0])
        part = slice(first, first + own)
        if loss.symmetric:  # the other direction ranks all estimates
            estimate = gathered(self.module, estimate, counts)
        else:
            true, part = true[part], slice(None)
        if not own:  # all processes must go back through what they gathered
            return 0.0 * (estimate.sum() + candidates.sum())
        device = self.segment.device
        true, ids = true.to(device, non_blocking=True), self.segment[rows.to(device, non_blocking=True)]
        found = loss(estimate, candidates, target=true, estimate_ids=ids[true], candidate_ids=ids, rows=part)
        return found * (own * len(self.shares) / sum(counts))

    def _counts(self, has: Tensor) -> list[int]:
        return [int(part.sum()) for part in has.split(self.shares)]


def fused(batch: PairedBatch, meg: Tensor, fmri: Tensor, used: Mapping[str, Tensor] | None = None) -> Tensor:
    """``(m, f, t), (v, f, t) -> (b, f, t)``: the sum of the estimates that a row has.

    Parameters
    ----------
    batch
        Says which rows have what.
    meg, fmri
        The estimates.
    used
        By modality, (b,) bool: the rows whose estimate counts; by default all.
    """
    total = 0.0
    for name, estimate, at in (("meg", meg, batch.meg_at), ("fmri", fmri, batch.bold_at)):
        if used is not None:
            estimate = estimate * used[name][at][:, None, None].to(estimate.dtype)
        whole = torch.zeros(len(batch), *estimate.shape[1:], dtype=estimate.dtype, device=estimate.device)
        total = total + whole.index_copy(0, at, estimate)
    return total


def dropped_modality(batch: PairedBatch, share: float, draws: Tensor) -> dict[str, Tensor]:
    """By modality, (b,) bool: which rows keep it. Of the rows with both, ``share`` of them lose one, either as often.

    Parameters
    ----------
    batch
        The rows.
    share
        0 to 1.
    draws
        (b,) uniform in [0, 1), one a row.
    """
    both = batch.has("meg") & batch.has("fmri")
    draws = draws.to(both.device)
    return {"meg": ~(both & (draws < share / 2)), "fmri": ~(both & (draws >= share / 2) & (draws < share))}
