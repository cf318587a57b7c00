"""The acoustic stage of MEG and EEG: from windows to how they sounded."""

from pathlib import Path

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from n2s.data.meg import MEGDataModule
from n2s.data.meg_clips import MEGClips
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import GRID, AudioMAE
from n2s.models.meg_to_sound import MEGToSound
from n2s.systems.clips.acoustic import AcousticStage
from n2s.systems.clips.acoustic_stage import ENCODER, object_of
from n2s.systems.clips.decoder import SUBJECTS, target_moments
from n2s.systems.contrastive.encoder_stage import EncoderRun
from n2s.training.run import Run


class MEGAcoustic(AcousticStage):
    """Train the Transformer of `FMRIAcoustic` on what a brain encoder of `Contrastive` says, to give AudioMAE tokens.

    One network for all listeners, for the encoder has a layer for each. The losses are those of `FMRIAcoustic`. The encoder
    goes into the checkpoint: a test needs no contrastive run.

    Parameters
    ----------
    decoder
        The Transformer.
    audiomae
        Its decoder makes spectrograms, and is tuned. Its dimension is that of the target's tokens.
    encoder_run
        Folder of a run of `Contrastive`, or of an experiment (then its newest run), of the same recordings and split.
    encoder_lr
        The learning rate of the encoder; None freezes it.
    audiomae_checkpoint
        The published ``pretrained.pth``; without it AudioMAE's decoder starts untrained.
    audiomae_lr
        The learning rate of AudioMAE's decoder; None freezes it.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule, stepped once an epoch; none for a constant rate.
    """

    takes = (MEGDataModule,)

    def __init__(
        self,
        decoder: AcousticDecoder,
        audiomae: AudioMAE,
        *,
        encoder_run: str = "meg_contrastive",
        encoder_lr: float | None = None,
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
        self.encoder_run, self.encoder_lr = encoder_run, encoder_lr
        self.encoder_settings: dict = {}

    def build(self, data: MEGClips, subject: int) -> MEGToSound:
        """See `ClipDecoder`."""
        self._check_target(data)
        run = EncoderRun.found(self.encoder_run, Run(Path(self.trainer.default_root_dir).absolute()))
        self.encoder_settings = run.settings
        mean, deviation = target_moments(data)
        decoder, audiomae = self._templates
        return MEGToSound(
            run.encoder(),
            run.settings["init_args"]["n_outputs"],
            -(-data.of.shape.n_times // (len(mean) // GRID[1])),
            mean=mean,
            deviation=deviation,
            decoder=decoder,
            audiomae=audiomae,
        )

    def blank(self, state: dict[str, Tensor]) -> MEGToSound:
        """See `ClipDecoder`."""
        decoder, audiomae = self._templates
        return MEGToSound.blank(object_of(self.encoder_settings), state, decoder=decoder, audiomae=audiomae)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """The listeners, and what the encoder is."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[ENCODER] = self.encoder_settings

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """The listeners have to be those of the fit: the encoder knows them by their place."""
        known = checkpoint.get(SUBJECTS)
        if known is not None and known != self.data.subjects:
            raise UserError(
                f"the checkpoint is of the listeners {'; '.join(known)}; the data have {'; '.join(self.data.subjects)}. "
                "Give the studies that it was trained with."
            )
        self.encoder_settings = checkpoint.get(ENCODER, {})
        super().on_load_checkpoint(checkpoint)

    def setup(self, stage: str) -> None:
        """Put a frozen encoder into evaluation mode."""
        super().setup(stage)
        if stage == "fit":
            self.networks.train()

    def rates(self) -> dict[str, float | None]:
        """See `AcousticStage`."""
        return super().rates() | {".tokens.encoder.": self.encoder_lr}
