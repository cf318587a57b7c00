"""The acoustic stage: from the brain to the sound of a clip as AudioMAE tokens, with three losses."""

from collections.abc import Mapping
from pathlib import Path

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn.functional import mse_loss

from n2s.data.batch import Batch
from n2s.data.clip_data import ClipData
from n2s.data.fmri import FMRIDataModule
from n2s.data.meg import MEGDataModule
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import GRID, AudioMAE
from n2s.models.brain_to_sound import BrainToSound, ToSound
from n2s.models.meg_to_sound import MEGToSound
from n2s.options import check_options
from n2s.systems.clips.acoustic_networks import ENCODER, SEMANTIC_RUN, blank, check_same_brain, fine_only_networks
from n2s.systems.clips.acoustic_target import check_target
from n2s.systems.clips.decoder import ClipDecoder, Decoded, target_moments
from n2s.systems.clips.meanings import Meanings
from n2s.systems.clips.semantic import Semantic, ridge_of
from n2s.systems.contrastive.task import Contrastive, encoder_of
from n2s.systems.processes import part_of_mean
from n2s.systems.stages import SUBJECTS, StageRun
from n2s.training.run import Run


class Acoustic(ClipDecoder):
    """Train a Transformer from brain features to AudioMAE tokens. The data decide the brain features.

    From fMRI: a token of voxels and a semantic token, with one network per subject. In training, the semantic vector is
    the true one with probability ``p_truth``, or else the ridge's out-of-fold prediction; afterwards it is the ridge's
    prediction. The checkpoint contains the ridge: a test needs no semantic run.

    From MEG and EEG: the output of a trained brain encoder at each time of a window. One network serves all subjects,
    because the encoder has a layer for each. The checkpoint contains the encoder: a test needs no contrastive run.

    The loss is the sum of the mean squared errors between decoded and true tokens, between the outputs of each block of
    AudioMAE's decoder for them, and between the spectrograms decoded from them.

    Parameters
    ----------
    decoder
        The Transformer.
    audiomae
        Its decoder makes spectrograms and is fine-tuned. Its dimension must equal the dimension of the target's tokens.
    semantic_run
        For fMRI: the folder of a run of `Semantic`, or an experiment (then its newest run).
    semantic
        For fMRI: use the semantic token. Without it (the fine-only ablation), the ridge only chooses the voxels.
    n_voxels
        For fMRI: number of voxels in the voxel token: those with the largest ridge weights.
    p_truth
        For fMRI: see above.
    fine_only_run
        For fMRI: a run of the ablation, or its experiment. A test also classifies its tokens, clip by clip, for comparison.
    encoder_run
        For MEG and EEG: the folder of a run of `Contrastive` with the same recordings and split, or an experiment (then its
        newest run).
    encoder_lr
        For MEG and EEG: the learning rate of the encoder; None freezes it.
    audiomae_checkpoint
        The published ``pretrained.pth``; without it AudioMAE's decoder starts untrained.
    audiomae_lr
        The learning rate of AudioMAE's decoder; None freezes it.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule, stepped once per epoch; none for a constant rate.

    References
    ----------
    Liu et al. 2024, Reverse the auditory processing pathway: coarse-to-fine audio reconstruction from fMRI, section 2. The
    paper does not specify the blocks of the perceptual loss or the axes of the means; here: all 16 blocks, all values.

    Examples
    --------
    >>> from n2s.models import AcousticDecoder, AudioMAE
    >>> from n2s.systems import Acoustic
    >>> decoder = AcousticDecoder(dim=32, depth=1, n_heads=4, hidden=32)
    >>> mae = AudioMAE(dim=32, depth=1, n_heads=4, decoder_dim=32, decoder_depth=1, decoder_heads=4)
    >>> system = Acoustic(decoder, mae, semantic=False)  # the fine-only ablation

    Its recipe fits and tests it, after that of the semantic stage; each says what to run first:

    >>> import n2s
    >>> n2s.fit("fmri_semantic"), n2s.test(n2s.fit("fmri_acoustic"))  # doctest: +SKIP
    """

    takes = (FMRIDataModule, MEGDataModule)
    recipe = "configs/fmri_acoustic.yaml (for MEG: meg_acoustic.yaml)"

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
        encoder_run: str = "meg_contrastive",
        encoder_lr: float | None = None,
        audiomae_checkpoint: str | None = None,
        audiomae_lr: float | None = 1e-6,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        check_options("model.", low=0, high=1, p_truth=p_truth)
        check_options("model.", low=1, whole=True, n_voxels=n_voxels)
        check_options("model.", above=0, encoder_lr=encoder_lr, audiomae_lr=audiomae_lr)
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        # in lists: copies are trained, one per subject
        self._templates = [decoder, audiomae]
        self.semantic_run, self.semantic, self.n_voxels, self.p_truth = semantic_run, semantic, n_voxels, p_truth
        self.fine_only_run, self.encoder_run, self.encoder_lr = fine_only_run, encoder_run, encoder_lr
        self.audiomae_checkpoint, self.audiomae_lr = audiomae_checkpoint, audiomae_lr
        self.encoder_settings: dict | None = None
        self._fine_only: list[ToSound] = []
        self._run: StageRun | None = None
        self._meanings: Meanings | None = None

    # -- networks ----------------------------------------------------------------------------------------------------

    @property
    def from_voxels(self) -> bool:
        """Whether the data are fMRI."""
        return isinstance(self.trainer.datamodule, FMRIDataModule)

    def setup(self, stage: str) -> None:
        """Find the earlier run and load AudioMAE for a fit, and freeze parts; for a test, load the ablation's networks."""
        if stage == "fit" and self.from_voxels and self._run is None:
            self._run = StageRun.found(Semantic, self.semantic_run, self.experiment, key="model.semantic_run")
        if stage == "fit" and not self.subjects and self.audiomae_checkpoint is not None:
            self._templates[1].load_upstream(self.audiomae_checkpoint)
        super().setup(stage)
        frozen = [part for part, rate in self.rates().items() if rate is None]
        for name, parameter in self.named_parameters():
            if any(part in name for part in frozen):
                parameter.requires_grad_(False)
        if stage == "fit" and not self.from_voxels:
            self.networks.train()  # a frozen encoder goes into evaluation mode
        if stage == "test" and self.from_voxels and self.fine_only_run is not None:
            if not self.semantic:
                raise UserError(
                    "model.fine_only_run: this run has no semantic token either, so there is no comparison."
                )
            run = StageRun.found(Acoustic, self.fine_only_run, self.experiment, key="model.fine_only_run")
            self._fine_only = fine_only_networks(run, self.trainer.datamodule)

    def build(self, data: ClipData, subject: int) -> ToSound:
        """See `ClipDecoder`."""
        if self.from_voxels and data.response.volumes == "stack":
            raise UserError("Acoustic needs one response per clip: set data.volumes to mean.")
        decoder, audiomae = self._templates
        check_target(data, decoder, audiomae, type(self).__name__)
        if self.from_voxels:
            ridge = ridge_of(self._run, data, subject)
            moments = ridge.strongest(self.n_voxels), *target_moments(data)
            return BrainToSound(ridge, *moments, decoder=decoder, audiomae=audiomae, semantic=self.semantic)
        run = StageRun.found(Contrastive, self.encoder_run, self.experiment, key="model.encoder_run")
        encoder, self.encoder_settings = encoder_of(run, Run(Path(self.trainer.default_root_dir).absolute()))
        mean, deviation = target_moments(data)
        return MEGToSound(
            encoder,
            self.encoder_settings["init_args"]["n_outputs"],
            -(-data.shape.n_times // (len(mean) // GRID[1])),
            mean=mean,
            deviation=deviation,
            decoder=decoder,
            audiomae=audiomae,
        )

    def blank(self, state: dict[str, Tensor]) -> ToSound:
        """See `ClipDecoder`."""
        decoder, audiomae = self._templates
        return blank(state, decoder=decoder, audiomae=audiomae, semantic=self.semantic, encoder=self.encoder_settings)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Store the subjects of the networks, and the semantic run or the encoder that they were trained with."""
        super().on_save_checkpoint(checkpoint)
        if self.from_voxels:
            checkpoint[SEMANTIC_RUN] = str(self._run.folder)
        else:
            checkpoint[ENCODER] = self.encoder_settings

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Resume a fit with its own semantic run. An encoder identifies subjects by their index."""
        known = checkpoint.get(SUBJECTS)
        if known is not None and (ENCODER in checkpoint) == self.from_voxels:
            kinds = ("voxels", "sensors") if ENCODER not in checkpoint else ("sensors", "voxels")
            raise UserError("the checkpoint decodes {}; the data have {}. Use the data of its fit.".format(*kinds))
        if not self.from_voxels and known is not None and known != self.data.brains:
            raise UserError(
                f"the checkpoint has the listeners {'; '.join(known)}; the data have {'; '.join(self.data.brains)}. "
                "Use the studies that it was trained with."
            )
        super().on_load_checkpoint(checkpoint)
        if self.from_voxels and self.trainer.training:
            given = checkpoint[SEMANTIC_RUN]
            self._run = StageRun.found(Semantic, given, self.experiment, key="model.semantic_run")

    def rebuild(self, state: Mapping[str, Tensor], entries: Mapping) -> None:
        """See `System`."""
        self.encoder_settings = entries.get(ENCODER)
        super().rebuild(state, entries)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Parts with their own learning rate are separate parameter groups."""
        left, groups = dict(self.named_parameters()), []
        for part, rate in self.rates().items():
            own = {name: left.pop(name) for name in list(left) if part in name}
            if rate is not None:
                groups.append({"params": [one for one in own.values() if one.requires_grad], "lr": rate})
        optimizer = self.optimizer([{"params": list(left.values())}, *groups])
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    def rates(self) -> dict[str, float | None]:
        """Learning rates by parts of parameter names; None: frozen."""
        encoder = {} if self.from_voxels else {".tokens.encoder.": self.encoder_lr}
        return {".audiomae.": self.audiomae_lr} | encoder

    # -- steps -------------------------------------------------------------------------------------------------------

    def on_fit_start(self) -> None:
        """Read the out-of-fold predictions."""
        if self.from_voxels and self.semantic:
            self._meanings = Meanings.of_run(self._run, self.trainer.datamodule, self.p_truth)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The three losses of equation 1."""
        semantic = None
        if self._meanings is not None:
            semantic = self._meanings.drawn(batch.row).to(batch.brain, non_blocking=True)
        loss, parts = self._losses(batch, semantic)
        parts = {name: part_of_mean(value, batch) for name, value in parts.items()}
        loss = part_of_mean(loss, batch)
        self._log("train", loss, parts, sum(batch.shares), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """The same."""
        self._log("val", *self._losses(batch, None), len(batch))

    def decode(self, batch: Batch) -> Decoded:
        """See `ClipDecoder`; the ceiling is the spectrogram of the true tokens."""
        network = self.network(batch)
        check_same_brain(network, self.data, batch.brain_index)
        tokens = network(*batch.inputs)
        fine_only = self._fine_only[batch.brain_index].to(self.device)(batch.brain) if self._fine_only else None
        best = network.spectrogram(batch.target)[0]
        return Decoded(batch.row, tokens, network.spectrogram(tokens)[0], best, fine_only)

    def answer(self, network: ToSound, *inputs: Tensor) -> Tensor:
        """See `ClipDecoder`."""
        return network(*inputs)

    def _losses(self, batch: Batch, semantic: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """``semantic (b, d)`` if the network uses it."""
        network = self.network(batch)
        tokens = network(*batch.inputs, *(() if semantic is None else (semantic,)))
        mel, blocks = network.spectrogram(tokens)
        best_mel, true_blocks = network.spectrogram(batch.target)
        parts = {
            "tokens": mse_loss(tokens, batch.target),
            # no gradient through the true tokens' blocks: they would move towards the decoded ones
            "blocks": sum(mse_loss(mine, true.detach()) for mine, true in zip(blocks, true_blocks, strict=True)),
            "mel_of_true": mse_loss(best_mel, batch.spectrogram),
            "mel": mse_loss(mel, batch.spectrogram),
        }
        return sum(parts.values()), parts

    def _log(self, split: str, loss: Tensor, parts: dict[str, Tensor], n: int, *, sync_dist: bool = False) -> None:
        values = {f"{split}/loss": loss} | {f"{split}/{name}": value.detach() for name, value in parts.items()}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=n, sync_dist=sync_dist)
