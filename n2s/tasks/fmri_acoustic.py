"""The fine stage: from voxels, and what the clip is about, to how it sounds."""

from pathlib import Path

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.nn.functional import mse_loss

from n2s.data.clip_batch import ClipBatch
from n2s.data.fmri import FMRIDataModule
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import AudioMAE
from n2s.models.brain_to_sound import BrainToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.tasks.acoustic_stage import fine_only_networks
from n2s.tasks.clip_decoder import ClipDecoder, Decoded
from n2s.tasks.fmri_semantic import check_same_voxels
from n2s.tasks.processes import part_of_mean
from n2s.tasks.semantic_stage import SEMANTIC_RUN, SemanticRun


class FMRIAcoustic(ClipDecoder):
    """Train a Transformer that turns a semantic token and a token of voxels into AudioMAE tokens, one network a subject.

    In training the semantic vector is the true one with the probability ``p_truth``, else the ridge's out-of-fold
    prediction; afterwards it is the ridge's. The loss is the sum of the mean squared errors of the tokens, of what each
    block of AudioMAE's decoder makes of them, and of the spectrograms decoded from them and from the true tokens. The
    ridge goes into the checkpoint: a test needs no semantic run.

    Parameters
    ----------
    decoder
        The Transformer.
    audiomae
        Its decoder makes spectrograms, and is tuned. Its dimension is that of the target's tokens.
    semantic_run
        Folder of a run of `FMRISemantic`, or of an experiment (then its newest run).
    semantic
        Give the semantic token; without it: the fine-only ablation, in which the ridge only chooses the voxels.
    n_voxels
        Given as a token: those that the ridge weighs most.
    p_truth
        See above.
    fine_only_run
        A run of the ablation, or its experiment: a test also classifies its tokens, clip by clip beside one's own.
    audiomae_checkpoint
        The published ``pretrained.pth``; without it AudioMAE's decoder starts untrained.
    audiomae_lr
        The learning rate of AudioMAE's decoder; None freezes it.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule, stepped once an epoch; none for a constant rate.

    References
    ----------
    Liu et al. 2024, Reverse the auditory processing pathway: coarse-to-fine audio reconstruction from fMRI, section 2.
    Which blocks the perceptual loss takes, and of what the means are, is not said there: all 16, and of all values.
    """

    def __init__(
        self,
        decoder: AcousticDecoder,
        audiomae: AudioMAE,
        *,
        semantic_run: str = "fmri_semantic",
        semantic: bool = True,
        n_voxels: int = 768,
        p_truth: float = 0.25,
        fine_only_run: str | None = None,
        audiomae_checkpoint: str | None = None,
        audiomae_lr: float | None = 1e-6,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        super().__init__()
        self.save_hyperparameters()
        if not 0 <= p_truth <= 1 or n_voxels < 1:
            raise UserError(f"FMRIAcoustic: p_truth is {p_truth}, n_voxels {n_voxels}; expected 0 to 1, and 1 or more.")
        # in lists: what is trained are copies, a subject each
        self._templates = [decoder, audiomae]
        self.semantic_run, self.semantic, self.n_voxels, self.p_truth = semantic_run, semantic, n_voxels, p_truth
        self.audiomae_checkpoint, self.audiomae_lr = audiomae_checkpoint, audiomae_lr
        self.optimizer, self.scheduler, self.fine_only_run = optimizer, scheduler, fine_only_run
        self._fine_only: list[BrainToSound] = []
        self._run: SemanticRun | None = None

    # -- networks ----------------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Find the semantic run of a fit; for a test, the ablation's networks."""
        if stage == "fit" and self._run is None:
            self._run = SemanticRun.found(self.semantic_run, self._experiments)
            if self.audiomae_checkpoint is not None:
                self._templates[1].load_upstream(self.audiomae_checkpoint)
        super().setup(stage)
        if self.audiomae_lr is None:
            for network in self.networks:
                network.audiomae.requires_grad_(False)
        if stage == "test" and self.fine_only_run is not None:
            if not self.semantic:
                raise UserError(
                    "model.fine_only_run: this run has no semantic token either; there is nothing to compare."
                )
            data, key = self.trainer.datamodule, "model.fine_only_run"
            self._fine_only = fine_only_networks(self.fine_only_run, self._experiments, data, key=key)

    def build(self, data: FMRIDataModule, subject: int) -> BrainToSound:
        """See `ClipDecoder`."""
        if data.response.volumes == "stack":
            raise UserError("FMRIAcoustic takes one response a clip: set data.volumes to mean.")
        self._check_target(data)
        ridge = self._run.ridge(data, subject)
        moments = [torch.from_numpy(value).reshape(data.target.shape) for value in data.train_moments("target")]
        return self._network(ridge, ridge.strongest(self.n_voxels), *moments)

    def blank(self, state: dict[str, Tensor]) -> BrainToSound:
        """See `ClipDecoder`."""
        ridge = FittedRidge()
        ridge.intercept = state["ridge.intercept"]  # its length is that of a semantic vector
        return self._network(ridge, state["voxels"], state["mean"], state["deviation"])

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Whose networks they are, and which semantic run they were trained after."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[SEMANTIC_RUN] = str(self._run.folder)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """A fit goes on with the semantic run that it began with."""
        super().on_load_checkpoint(checkpoint)
        self._run = SemanticRun.found(checkpoint[SEMANTIC_RUN], self._experiments) if self.trainer.training else None

    def configure_optimizers(self):
        """AudioMAE's decoder has a learning rate of its own."""
        own = [parameter for name, parameter in self.named_parameters() if ".audiomae." not in name]
        tuned = [parameter for name, parameter in self.named_parameters() if ".audiomae." in name]
        groups = [{"params": own}]
        if self.audiomae_lr is not None:
            groups.append({"params": [one for one in tuned if one.requires_grad], "lr": self.audiomae_lr})
        optimizer = self.optimizer(groups)
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    # -- steps -------------------------------------------------------------------------------------------------------

    def on_fit_start(self) -> None:
        """Read the out-of-fold predictions."""
        self._predicted, self._true = self._run.out_of_fold(self.trainer.datamodule) if self.semantic else (None, None)

    def training_step(self, batch: ClipBatch, batch_index: int) -> Tensor:
        """The three losses of equation 1."""
        semantic = None
        if self.semantic:
            rows = batch.row
            told = torch.rand(len(batch), 1) < self.p_truth
            semantic = torch.where(told, self._true[rows], self._predicted[rows]).to(batch.brain, non_blocking=True)
        loss, parts = self._losses(batch, semantic)
        parts = {name: part_of_mean(value, batch) for name, value in parts.items()}
        loss = part_of_mean(loss, batch)
        self._log("train", loss, parts, sum(batch.shares), sync_dist=True)
        return loss

    def validation_step(self, batch: ClipBatch, batch_index: int) -> None:
        """The same, with the ridge's predictions."""
        self._log("val", *self._losses(batch, None), len(batch))

    def decode(self, batch: ClipBatch) -> Decoded:
        """See `ClipDecoder`; the ceiling is the spectrogram of the true tokens."""
        network = self.network(batch)
        check_same_voxels(network.ridge, self.trainer.datamodule, batch.subject)
        tokens = network(batch.brain)
        fine_only = self._fine_only[batch.subject].to(self.device)(batch.brain) if self._fine_only else None
        best = network.spectrogram(batch.target)[0]
        return Decoded(batch.row, tokens, network.spectrogram(tokens)[0], best, fine_only)

    @property
    def _experiments(self) -> Path:
        """The folder that holds this run's experiment."""
        return Path(self.trainer.default_root_dir).absolute().parent.parent

    # -- how ---------------------------------------------------------------------------------------------------------

    def _losses(self, batch: ClipBatch, semantic: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        network = self.network(batch)
        tokens = network(batch.brain, semantic)
        mel, blocks = network.spectrogram(tokens)
        best_mel, true_blocks = network.spectrogram(batch.target)
        parts = {
            "tokens": mse_loss(tokens, batch.target),
            # not back through the true tokens' blocks: they would come to meet the decoded ones
            "blocks": sum(mse_loss(mine, true.detach()) for mine, true in zip(blocks, true_blocks, strict=True)),
            "mel_of_true": mse_loss(best_mel, batch.spectrogram),
            "mel": mse_loss(mel, batch.spectrogram),
        }
        return sum(parts.values()), parts

    def _log(self, split: str, loss: Tensor, parts: dict[str, Tensor], n: int, *, sync_dist: bool = False) -> None:
        values = {f"{split}/loss": loss} | {f"{split}/{name}": value.detach() for name, value in parts.items()}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=n, sync_dist=sync_dist)

    def _network(self, ridge: FittedRidge, voxels: Tensor, mean: Tensor, deviation: Tensor) -> BrainToSound:
        decoder, audiomae = self._templates
        return BrainToSound(ridge, voxels, mean, deviation, decoder=decoder, audiomae=audiomae, semantic=self.semantic)

    def _check_target(self, data: FMRIDataModule) -> None:
        shape, (decoder, audiomae) = data.target.shape, self._templates
        if len(shape) != 2:
            raise UserError(f"FMRIAcoustic decodes tokens (n_patch, dim); data.target has the shape {shape}.")
        widths = {
            "model.decoder.dim": decoder.queries.shape[1],
            "model.audiomae.dim": audiomae.decoder_embed.in_features,
        }
        wrong = [f"{name} is {width}" for name, width in widths.items() if width != shape[1]]
        if wrong:
            raise UserError(
                f"data.target has tokens of {shape[1]} numbers, but {' and '.join(wrong)}. Make them equal."
            )
        expected = (128, 2 * shape[0])
        if data.spectrogram is None or tuple(data.spectrogram.shape) != expected:
            found = None if data.spectrogram is None else tuple(data.spectrogram.shape)
            raise UserError(
                f"data.spectrogram has the shape {found}; the losses of {shape[0]} patches need {expected}: set it to "
                "n2s.features.ClipFbank with the target's duration_s."
            )
