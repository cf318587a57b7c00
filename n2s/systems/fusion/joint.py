"""Joint contrastive training: one network for MEG, one for fMRI, one space of sounds or words."""

from collections.abc import Mapping

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from n2s.data.paired import PairedDataModule
from n2s.data.paired_batch import PairedBatch
from n2s.data.paired_rows import MODALITIES
from n2s.errors import UserError
from n2s.losses import ClipLoss
from n2s.models.bold_encoder import BoldEncoder
from n2s.options import check_options
from n2s.systems.fusion.joint_loss import JointTerms, dropped_modality, fused
from n2s.systems.fusion.joint_scores import JointScores, TestedPairs
from n2s.systems.fusion.late import late_results
from n2s.systems.fusion.left import leave_scores
from n2s.systems.fusion.likelihoods import likelihood_results
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.tested import fusion_results
from n2s.systems.processes import check_strategy
from n2s.systems.stages import StageRun
from n2s.systems.system import System

CHUNK = 256  # segments through a target encoder at once


class JointContrastive(System):
    """Train one network for MEG and one for fMRI. Each estimates the features of the segment that was heard; so does the sum of the estimates.

    The loss is CLIP(MEG, sound) + CLIP(fMRI, sound) + CLIP(both, sound) + ``between_weight`` * CLIP(MEG, fMRI), each a mean over the rows that
    have it. The estimate of both is the sum of the two estimates, so the score of both is the sum of the two scores; a missing modality adds 0.
    If ``data.modalities`` has one modality, only its network is trained.

    Validation ranks the true segment of each row among the segments of the split that its person heard: ``val/top10`` with both,
    ``val/meg_top10`` and ``val/fmri_top10`` with one. Several processes share each batch. Their step is the same as that of one process with
    the whole batch, as in `Contrastive`.

    Parameters
    ----------
    encoder
        Of MEG: ``(brain, positions, subject, mask, kind) -> (m, f, t)``.
    bold_encoder
        Of fMRI: ``(bold, subject) -> (v, f, t)``.
    target_encoder
        A network on the target's features, trained jointly (`n2s.models.DeepMel`); None for fixed features.
    loss
        Compares estimates with sounds. Estimates are not normalised: with that, the score of the sum would not be the sum of the scores.
    between
        Compares MEG and fMRI estimates of one person and segment with each other.
    between_weight
        Its weight, lambda; 0: MEG and fMRI are not compared with each other, only with sounds.
    dropout
        In training, the share of the rows with both that lose MEG or fMRI in CLIP(both, sound).
    likelihoods
        Also report encoding models of each person, whose likelihoods are added: `LikelihoodFusion`.
    alone
        ``{meg: run, fmri: run}``: finished runs of one modality each, whose late fusion is shown beside: an experiment (its newest run) or a
        folder. See `LateFusion`.
    optimizer
        Makes the optimizer from the parameters.
    scheduler
        Makes a schedule from the optimizer, which is stepped once an epoch; None for a constant rate.

    Examples
    --------
    >>> from n2s.models import BoldEncoder, BrainEncoder
    >>> from n2s.systems import JointContrastive
    >>> meg = BrainEncoder(2, 40, n_virtual=16, n_fourier=32, hidden=16, depth=2)
    >>> bold = BoldEncoder(n_fmri_subjects=2, n_components=20, n_volumes=6, n_outputs=40, n_times=100)
    >>> system = JointContrastive(meg, bold, between_weight=0.5)

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("fusion")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (PairedDataModule,)
    recipe = "configs/fusion.yaml"
    compiles = ("encoder", "bold_encoder", "target_encoder")
    instead = "it takes the MEG and the fMRI of one person together. Decode each by itself, with a run of --config meg_contrastive and one of fmri_semantic; or put both into studies, and run n2s test."

    def __init__(
        self,
        encoder: nn.Module,
        bold_encoder: BoldEncoder,
        target_encoder: nn.Module | None = None,
        loss: ClipLoss | None = None,
        between: ClipLoss | None = None,
        *,
        between_weight: float = 1.0,
        dropout: float = 0.2,
        likelihoods: bool = True,
        alone: dict[str, str] | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        check_options("model.", low=0, high=1, dropout=dropout)
        check_options("model.", low=0, between_weight=between_weight)
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        self.loss = loss if loss is not None else ClipLoss()
        self.between = between if between is not None else ClipLoss("both", "learned", symmetric=True)
        if self.loss.normalize != "target":
            raise UserError(
                f"model.loss normalises {self.loss.normalize}; expected target. The score of both modalities is the sum of their scores only "
                "if estimates are not normalised. model.between may have both."
            )
        if alone is not None and set(alone) != set(MODALITIES):
            raise UserError(
                f"model.alone names {', '.join(alone) or 'nothing'}; expected a run of meg and one of fmri."
            )
        self.likelihoods, self.alone = likelihoods, alone
        self.encoder, self.bold_encoder, self.target_encoder = encoder, bold_encoder, target_encoder
        self.between_weight, self.dropout = between_weight, dropout
        self.tested: TestedPairs | None = None

    @classmethod
    def shapes(cls, data: Mapping[str, int], options: Mapping) -> dict[str, int]:
        """See `System`. Both encoders give what they are compared with: the target, or what a target encoder makes of it."""
        target = options.get("target_encoder") or {}
        compared = (target.get("init_args") or {}).get("n_outputs") or data["n_features"]
        outputs = {"encoder.n_outputs": compared, "bold_encoder.n_outputs": compared}
        return dict(data) | outputs | {"target_encoder.n_inputs": data["n_features"]}

    def forward(self, batch: PairedBatch) -> tuple[Tensor, Tensor]:
        """The estimates of MEG (m, f, t) and of fMRI (v, f, t)."""
        one_vector = batch.target.shape[-1] == 1
        found = []
        for network, inputs in (
            (self.encoder, batch.meg.inputs),
            (self.bold_encoder, (batch.bold, batch.bold_subject)),
        ):
            if len(inputs[0]):
                estimate = network(*inputs).to(self.dtype)
                found.append(estimate.mean(-1, keepdim=True) if one_vector else estimate)
            else:
                found.append(None)
        shape = next((one.shape[1:] for one in found if one is not None), batch.target.shape[1:])
        empty = (self._nothing(network).expand(0, *shape) for network in (self.encoder, self.bold_encoder))
        meg, fmri = (nothing if one is None else one for one, nothing in zip(found, empty, strict=True))
        return meg, fmri

    def encode_target(self, target: Tensor) -> Tensor:
        """(k, f, t) features -> the candidates that estimates are compared with."""
        return target if self.target_encoder is None else self.target_encoder(target)

    def setup(self, stage: str) -> None:
        """See Lightning. Runs that are shown beside are looked for before anything is trained."""
        check_strategy(self)
        self._check_bins()
        self.runs = {name: self._run(name) for name in self.alone or ()}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """See Lightning. Temperatures of losses do not decay."""
        scales = [*self.loss.parameters(), *self.between.parameters()]
        networks = (self.encoder, self.bold_encoder, self.target_encoder)
        weights = [weight for network in networks if network is not None for weight in network.parameters()]
        groups = [{"params": weights}, *([{"params": scales, "weight_decay": 0.0}] if scales else [])]
        optimizer = self.optimizer(groups)
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    def training_step(self, batch: PairedBatch, batch_index: int) -> Tensor:
        """A process' part of the loss, scaled so that the mean over processes is the loss of the whole batch."""
        terms, n = self.terms(batch, shared=len(batch.shares) > 1), sum(batch.shares)
        for name, value in terms.items():
            shown = {"on_step": False, "on_epoch": True, "batch_size": n, "sync_dist": True}
            self.log(f"train/{name}", value.detach(), prog_bar=name == "loss", **shown)
        return terms["loss"]

    def terms(self, batch: PairedBatch, *, shared: bool = False) -> dict[str, Tensor]:
        """``loss`` and its parts: ``loss_meg``, ``loss_fmri``, ``loss_both``, ``loss_between``; those that no row of the batch has are left out."""
        meg, fmri = self(batch)
        of_batch = JointTerms(self, batch, self.encode_target(batch.target), shared=shared)
        has = of_batch.has
        used = dropped_modality(batch, self.dropout, self._draws(batch)) if self.training and self.dropout else None
        found = {
            "loss_meg": of_batch.with_sound(self.loss, meg, has["meg"]),
            "loss_fmri": of_batch.with_sound(self.loss, fmri, has["fmri"]),
            "loss_both": of_batch.with_sound(self.loss, fused(batch, meg, fmri, used), torch.ones_like(has["meg"])),
        }
        if self.between_weight:
            both = (batch.has(name)[at] for name, at in (("fmri", batch.meg_at), ("meg", batch.bold_at)))
            found["loss_between"] = of_batch.with_each_other(
                self.between, *(one[rows] for one, rows in zip((meg, fmri), both, strict=True))
            )
        found = {name: value for name, value in found.items() if value is not None}
        weight = {"loss_between": self.between_weight}
        total = sum(weight.get(name, 1.0) * value for name, value in found.items())
        # every parameter has a gradient in every process, also of a modality that no row has
        nothing = 0.0 * (meg.sum() + fmri.sum()) + sum(self._nothing(loss) for loss in (self.loss, self.between))
        return {"loss": total + nothing} | found

    def on_validation_epoch_start(self) -> None:
        """Encode the candidates once an epoch."""
        if self.trainer.world_size > 1:  # batch norm: the running statistics that a checkpoint keeps
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, 0)
        self._scores = JointScores(self, "val")

    def validation_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Loss among the batch; ranks among all segments of the split."""
        if len(batch):
            self._scores.add(batch, *self(batch), losses=self.terms(batch))

    def on_validation_epoch_end(self) -> None:
        """Log ``val/loss`` and its parts, ``val/top1``, ``val/top5``, ``val/top10`` of both, and ``val/meg_top1`` and so on."""
        self._scores.log_losses()
        self._scores.finish()
        del self._scores

    def on_test_epoch_start(self) -> None:
        """Encode the candidates."""
        self._scores = JointScores(self, "test", estimates=True)

    def test_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Score every row with every segment of the split."""
        if len(batch):
            self._scores.add(batch, *self(batch))

    def on_test_epoch_end(self) -> None:
        """Log ``test/top1`` and so on, and leave ``tested``."""
        self.tested = self._scores.finish()
        del self._scores

    def results(self, seed: int) -> Mapping[str, FusionResult]:
        """See `System`."""
        scores, between = self.tested, self.tested.across(self.data.pair_table("test"))
        weights = {"meg": 1.0, "fmri": 1.0, "between": self.between_weight, "dropout": self.dropout}
        found = fusion_results(self.data, "joint", scores.meg, scores.fmri, seed=seed, weights=weights, **between)
        if self.likelihoods:
            found |= {f"{name}, likelihoods": one for name, one in likelihood_results(self.data, seed).items()}
        if self.runs:
            late = late_results(self.data, self.runs["meg"], self.runs["fmri"], seed)
            found |= {f"{name}, late fusion": one for name, one in late.items()}
        return found

    def leave(self) -> None:
        """See `System`: a run of one modality leaves its scores of validation and test pairs for a late fusion."""
        leave_scores(self.data, self, {"meg": self.tested.meg, "fmri": self.tested.fmri})

    def predict_step(self, batch: PairedBatch, batch_index: int) -> Tensor:
        """The estimated features (b, f, t): the sum of what a row has."""
        return fused(batch, *self(batch)) if len(batch) else batch.target

    def encoded_segments(self, split: str) -> Tensor:
        """(k, f, t) encoded target of every unique segment of a split, in its order."""
        n = len(self.data.windows[split].first)
        parts = np.array_split(np.arange(n), max(1, -(-n // CHUNK)))
        return torch.cat([self.encode_target(self.data.segment_targets(split, one).to(self.device)) for one in parts])

    def _check_bins(self) -> None:
        """An encoder that knows when volumes are must know it as the data do."""
        if not isinstance(self.bold_encoder, BoldEncoder):
            return
        of_data, own = self.data.bold_options, self.bold_encoder
        n_slow = max(1, round(of_data.segment_s / of_data.bin_s))
        expected = {"bin_s": of_data.bin_s, "lag_s": of_data.lags_s[0], "n_slow": n_slow}
        other = [name for name, value in expected.items() if abs(getattr(own, name) - value) > 1e-6]
        if other:
            found = ", ".join(f"{name} {getattr(own, name):g}" for name in other)
            told = ", ".join(f"{name}: {expected[name]:g}" for name in other)
            raise UserError(
                f"model.bold_encoder has {found}; expected {told}, as data.bin_s, data.lags_s and data.segment_s are: a segment of "
                f"{of_data.segment_s:g} s is {n_slow} bins of {of_data.bin_s:g} s, the volumes from {of_data.lags_s[0]:g} s on. Set it so."
            )

    def _run(self, modality: str) -> StageRun:
        return StageRun.found(JointContrastive, self.alone[modality], self.experiment, key=f"model.alone.{modality}")

    def _draws(self, batch: PairedBatch) -> Tensor:
        """(b,) uniform: a function of the seed of the data, the step and the row, so that processes and continued runs agree."""
        drawn = np.random.default_rng([self.data.seed, self.trainer.global_step]).random(
            len(self.data.pairs[batch.split])
        )
        return torch.from_numpy(drawn[batch.row.numpy()])

    def _nothing(self, network: nn.Module) -> Tensor:
        """() zero that depends on all weights of a network."""
        start = torch.zeros((), dtype=self.dtype, device=self.device)
        return sum((0.0 * weight.sum() for weight in network.parameters()), start)
