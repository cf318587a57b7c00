"""The fine stage: from voxels, and what the clip is about, to how it sounds."""

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from n2s.data.clip_batch import ClipBatch
from n2s.data.fmri import FMRIDataModule
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import AudioMAE
from n2s.models.brain_to_sound import BrainToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.systems.clips.acoustic import AcousticStage
from n2s.systems.clips.acoustic_stage import fine_only_networks
from n2s.systems.clips.decoder import Decoded, target_moments
from n2s.systems.clips.semantic import check_same_voxels
from n2s.systems.clips.semantic_stage import SEMANTIC_RUN, Meanings, SemanticRun


class FMRIAcoustic(AcousticStage):
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
        Folder of a run of `Semantic`, or of an experiment (then its newest run).
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
        super().__init__(
            decoder,
            audiomae,
            audiomae_checkpoint=audiomae_checkpoint,
            audiomae_lr=audiomae_lr,
            optimizer=optimizer,
            scheduler=scheduler,
        )
        self.save_hyperparameters()
        if not 0 <= p_truth <= 1 or n_voxels < 1:
            raise UserError(f"FMRIAcoustic: p_truth is {p_truth}, n_voxels {n_voxels}; expected 0 to 1, and 1 or more.")
        self.semantic_run, self.semantic, self.n_voxels, self.p_truth = semantic_run, semantic, n_voxels, p_truth
        self.fine_only_run = fine_only_run
        self._fine_only: list[BrainToSound] = []
        self._run: SemanticRun | None = None

    # -- networks ----------------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Find the semantic run of a fit; for a test, the ablation's networks."""
        if stage == "fit" and self._run is None:
            self._run = SemanticRun.found(self.semantic_run, self.experiment)
        super().setup(stage)
        if stage == "test" and self.fine_only_run is not None:
            if not self.semantic:
                raise UserError(
                    "model.fine_only_run: this run has no semantic token either; there is nothing to compare."
                )
            data, key = self.trainer.datamodule, "model.fine_only_run"
            self._fine_only = fine_only_networks(self.fine_only_run, self.experiment, data, key=key)

    def build(self, data: FMRIDataModule, subject: int) -> BrainToSound:
        """See `ClipDecoder`."""
        if data.response.volumes == "stack":
            raise UserError("FMRIAcoustic takes one response a clip: set data.volumes to mean.")
        self._check_target(data)
        ridge = self._run.ridge(data, subject)
        return self._network(ridge, ridge.strongest(self.n_voxels), *target_moments(data))

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
        self._run = SemanticRun.found(checkpoint[SEMANTIC_RUN], self.experiment) if self.trainer.training else None

    # -- steps -------------------------------------------------------------------------------------------------------

    def on_fit_start(self) -> None:
        """Read the out-of-fold predictions."""
        self._meanings = None
        if self.semantic:
            self._meanings = Meanings(*self._run.out_of_fold(self.trainer.datamodule), self.p_truth)

    def training_step(self, batch: ClipBatch, batch_index: int) -> Tensor:
        """The three losses of equation 1."""
        semantic = None
        if self._meanings is not None:
            semantic = self._meanings.drawn(batch.row).to(batch.brain, non_blocking=True)
        return self._train_losses(batch, semantic)

    def decode(self, batch: ClipBatch) -> Decoded:
        """See `ClipDecoder`; the ceiling is the spectrogram of the true tokens."""
        network = self.network(batch)
        check_same_voxels(network.ridge, self.trainer.datamodule, batch.subject)
        tokens = network(batch.brain)
        fine_only = self._fine_only[batch.subject].to(self.device)(batch.brain) if self._fine_only else None
        best = network.spectrogram(batch.target)[0]
        return Decoded(batch.row, tokens, network.spectrogram(tokens)[0], best, fine_only)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _network(self, ridge: FittedRidge, voxels: Tensor, mean: Tensor, deviation: Tensor) -> BrainToSound:
        decoder, audiomae = self._templates
        return BrainToSound(ridge, voxels, mean, deviation, decoder=decoder, audiomae=audiomae, semantic=self.semantic)
