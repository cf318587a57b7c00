"""What the acoustic stages share: from the brain to AudioMAE's tokens, by three losses."""

from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.nn.functional import mse_loss

from n2s.data.batch import Batch
from n2s.data.clip_batch import ClipBatch
from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import AudioMAE
from n2s.systems.clips.decoder import ClipDecoder, Decoded
from n2s.systems.processes import part_of_mean


class AcousticStage(ClipDecoder):
    """Train networks of the kind of `n2s.models.brain_to_sound.ToSound`.

    The loss is the sum of the mean squared errors of the tokens, of what each block of AudioMAE's decoder makes of them,
    and of the spectrograms decoded from them and from the true tokens.

    Parameters
    ----------
    decoder
        The Transformer.
    audiomae
        Its decoder makes spectrograms, and is tuned. Its dimension is that of the target's tokens.
    audiomae_checkpoint
        The published ``pretrained.pth``; without it AudioMAE's decoder starts untrained.
    audiomae_lr
        The learning rate of AudioMAE's decoder; None freezes it.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule, stepped once an epoch; none for a constant rate.
    """

    def __init__(
        self,
        decoder: AcousticDecoder,
        audiomae: AudioMAE,
        *,
        audiomae_checkpoint: str | None,
        audiomae_lr: float | None,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
    ):
        super().__init__()
        # in lists: what is trained are copies, a subject each
        self._templates = [decoder, audiomae]
        self.audiomae_checkpoint, self.audiomae_lr = audiomae_checkpoint, audiomae_lr
        self.optimizer, self.scheduler = optimizer, scheduler

    def setup(self, stage: str) -> None:
        """Load AudioMAE for a fit; freeze what has no learning rate."""
        if stage == "fit" and not self.subjects and self.audiomae_checkpoint is not None:
            self._templates[1].load_upstream(self.audiomae_checkpoint)
        super().setup(stage)
        frozen = [part for part, rate in self.rates().items() if rate is None]
        for name, parameter in self.named_parameters():
            if any(part in name for part in frozen):
                parameter.requires_grad_(False)

    def configure_optimizers(self):
        """Parts that have a learning rate of their own are groups of their own."""
        left, groups = dict(self.named_parameters()), []
        for part, rate in self.rates().items():
            own = {name: left.pop(name) for name in list(left) if part in name}
            if rate is not None:
                groups.append({"params": [one for one in own.values() if one.requires_grad], "lr": rate})
        optimizer = self.optimizer([{"params": list(left.values())}, *groups])
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    def rates(self) -> dict[str, float | None]:
        """Learning rates by what the names of the parameters hold; None: they are frozen."""
        return {".audiomae.": self.audiomae_lr}

    def training_step(self, batch: ClipBatch | Batch, batch_index: int) -> Tensor:
        """The three losses."""
        return self._train_losses(self.clips(batch), None)

    def validation_step(self, batch: ClipBatch | Batch, batch_index: int) -> None:
        """The same."""
        self._log("val", *self._losses(self.clips(batch), None), len(batch))

    def decode(self, batch: ClipBatch) -> Decoded:
        """See `ClipDecoder`; the ceiling is the spectrogram of the true tokens."""
        network = self.network(batch)
        tokens = network(*batch.inputs)
        return Decoded(batch.row, tokens, network.spectrogram(tokens)[0], network.spectrogram(batch.target)[0])

    # -- how ---------------------------------------------------------------------------------------------------------

    def _train_losses(self, batch: ClipBatch, semantic: Tensor | None) -> Tensor:
        """The loss of a step, logged; see `_losses`."""
        loss, parts = self._losses(batch, semantic)
        parts = {name: part_of_mean(value, batch) for name, value in parts.items()}
        loss = part_of_mean(loss, batch)
        self._log("train", loss, parts, sum(batch.shares), sync_dist=True)
        return loss

    def _losses(self, batch: ClipBatch, semantic: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """``semantic (b, d)`` where the network is to be given it."""
        network = self.network(batch)
        tokens = network(*batch.inputs, *(() if semantic is None else (semantic,)))
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

    def _check_target(self, data: ClipData) -> None:
        name, shape, (decoder, audiomae) = type(self).__name__, data.target.shape, self._templates
        if len(shape) != 2:
            raise UserError(f"{name} decodes tokens (n_patch, dim); data.target has the shape {shape}.")
        widths = {
            "model.decoder.dim": decoder.queries.shape[1],
            "model.audiomae.dim": audiomae.decoder_embed.in_features,
        }
        wrong = [f"{key} is {width}" for key, width in widths.items() if width != shape[1]]
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
