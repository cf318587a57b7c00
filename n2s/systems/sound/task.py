"""The last stage: from decoded tokens to sound, by a latent diffusion that they condition."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from n2s.data.batch import Batch
from n2s.data.clip_data import ClipData
from n2s.data.clip_targets import feature_values
from n2s.data.fmri import FMRIDataModule
from n2s.data.meg import MEGDataModule
from n2s.decoding.decoder import Decoder
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.features.latents import ClipMel
from n2s.models.brain_to_sound import ToSound
from n2s.models.diffusion import RunningAverage, choose_trained, parameter_groups
from n2s.models.diffusion.finetuning import Mode
from n2s.models.sound_generator import SoundGenerator
from n2s.models.sound_maker import SoundMaker
from n2s.options import check_options
from n2s.systems.clips.acoustic import Acoustic
from n2s.systems.clips.acoustic_networks import assembled, check_same_brain, given, networks_of
from n2s.systems.clips.decoder import ClipDecoder, Decoded, target_moments
from n2s.systems.clips.meanings import Meanings
from n2s.systems.clips.semantic import Semantic
from n2s.systems.processes import part_of_mean
from n2s.systems.sound.decoder import sounds_decoder
from n2s.systems.sound.latents import ClipLatents, placed
from n2s.systems.sound.options import SoundOptions
from n2s.systems.sound.predict import predict_sounds
from n2s.systems.sound.result import SoundResult
from n2s.systems.sound.scoring import chosen_networks
from n2s.systems.sound.tokens import check_tokens, decoded_once
from n2s.systems.stages import StageRun

STAGES, MAKER = "n2s_stages", "n2s_maker"  # keys in a checkpoint


class BrainAudio(ClipDecoder):
    """Train the UNet of a latent diffusion to make sound from the tokens that an acoustic run decodes.

    There is one UNet for all subjects of the run: name one subject in ``data.subjects`` for a UNet of its own, as in the
    paper. In training the acoustic decoders get the ridge's out-of-fold predictions, afterwards the ridge's predictions.
    The checkpoint contains them: ``n2s predict`` needs no earlier run. Latents are computed once for each unique clip and kept in the cache.

    Parameters
    ----------
    generator
        The latent diffusion to start from.
    acoustic_run
        Folder of an acoustic run, or of an experiment (then its newest run).
    mode
        Which weights of the UNet learn; see `n2s.models.diffusion.choose_trained`.
    lora_rank
        Of the adapters of the mode ``lora``.
    unet_lr, decoder_lr
        Learning rates of the UNet and of the acoustic decoders; None freezes the decoders, whose tokens are then decoded
        once.
    p_truth
        Probability that a training clip is conditioned on its true tokens. 0 for a published UNet, which was trained on
        such tokens; an untrained one must learn how they sound.
    p_true_meaning
        Probability that the acoustic decoder gets a training clip's true meaning: `Acoustic`'s ``p_truth`` in this stage.
    match_variance
        Stretch decoded tokens to the variance of true ones over training clips: a regression from few or noisy data
        shrinks them toward the mean, and a UNet then hardly uses them.
    dropout
        Probability that a training clip loses its condition.
    average
        Decay of the running average of trained weights, used by validation and ``n2s predict``; None: no average.
    sounds
        Options of ``n2s predict``.
    optimizer
        Makes the optimizer; the rates are those above.
    scheduler
        Makes a schedule, stepped once per epoch; none for constant rates.

    References
    ----------
    Liu et al. 2024, Reverse the auditory processing pathway: coarse-to-fine audio reconstruction from fMRI, section 2.
    The paper does not say whether both parts learn together: here they do, the decoder at its earlier learning rate.

    Examples
    --------
    >>> from n2s.models.sound_generator import SmallAudioLDM2
    >>> from n2s.systems import BrainAudio
    >>> system = BrainAudio(SmallAudioLDM2(), mode="lora", lora_rank=4)

    Its recipe fits it, after those of the semantic and the acoustic stage; each says what to run first. ``n2s predict`` makes the sounds:

    >>> import n2s
    >>> n2s.fit("fmri_semantic"), n2s.fit("fmri_acoustic"), n2s.fit("fmri_audio")  # doctest: +SKIP
    """

    makes_sounds = True

    takes = (FMRIDataModule, MEGDataModule)
    compiles = ("maker.diffusion.unet",)

    def __init__(
        self,
        generator: SoundGenerator,
        *,
        acoustic_run: str = "fmri_acoustic",
        mode: Mode = "full",
        lora_rank: int = 8,
        unet_lr: float = 1e-4,
        decoder_lr: float | None = 1e-6,
        p_truth: float = 0.0,
        p_true_meaning: float = 0.0,
        match_variance: bool = False,
        dropout: float = 0.1,
        average: float | None = 0.999,
        sounds: SoundOptions = SoundOptions(),  # noqa: B008 (frozen)
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        check_options(
            "model.", low=0, high=1, p_truth=p_truth, p_true_meaning=p_true_meaning, dropout=dropout, average=average
        )
        check_options("model.", low=1, whole=True, lora_rank=lora_rank)
        check_options("model.", above=0, unet_lr=unet_lr, decoder_lr=decoder_lr)
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        if decoder_lr is None and (mode == "none" or p_true_meaning):
            what = "nothing would learn" if mode == "none" else "tokens are then decoded once, without p_true_meaning"
            raise UserError(f"BrainAudio: decoder_lr is null and mode '{mode}': {what}. Set decoder_lr.")
        self.generator, self.acoustic_run, self.mode, self.lora_rank = generator, acoustic_run, mode, lora_rank
        self.unet_lr, self.decoder_lr, self.p_truth, self.dropout = unet_lr, decoder_lr, p_truth, dropout
        self.p_true_meaning, self.match_variance = p_true_meaning, match_variance
        self.decay, self.sounds = average, sounds
        self.stages: dict = {}
        self.average: RunningAverage | None = None
        self._averaged = ExitStack()
        self._latents: ClipLatents | None = None

    def decoder(self, trained: Trained) -> Decoder:
        """See `System`: with the averaged weights, as ``n2s predict`` uses them."""
        if self.average is not None:
            self._put_averages()
        return sounds_decoder(self, trained)

    def answer(self, network: ToSound, *inputs: Tensor) -> Tensor:
        """See `ClipDecoder`: the tokens."""
        return network(*inputs)

    def rebuild(self, state: Mapping[str, Tensor], entries: Mapping) -> None:
        """See `System`."""
        if MAKER not in entries:
            raise UserError(
                "the run makes sounds, and is of a version that did not keep how long they are: fit it again to decode new recordings. `n2s predict` works "
                "with it as before."
            )
        self.stages = entries[STAGES]
        self._make(**entries[MAKER])
        super().rebuild(state, entries)
        self._freeze()
        if self.decay is not None:
            self.average = RunningAverage(self._learning(), self.decay)

    def as_published(self) -> list[str]:
        """See `System`."""
        return [f"maker.{name}" for name in self.maker.frozen_names()]

    # -- networks ----------------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Load the generator and, for a fit, the acoustic networks."""
        data = self.data
        if not hasattr(self, "maker"):
            check_tokens(data)
            if stage == "fit":
                run = StageRun.found(Acoustic, self.acoustic_run, self.experiment, key="model.acoustic_run")
                self.stages, self._built = given(run), networks_of(run, data)
            n_bands, duration_s = data.spectrogram.shape[0], data.target.duration_s
            self._make(condition_dim=data.target.shape[1], n_bands=n_bands, duration_s=duration_s)
        super().setup(stage)
        if stage == "fit":
            self._freeze()
        if self.decay is not None and self.average is None and self.subjects:
            self.average = RunningAverage(self._learning(), self.decay)

    def _make(self, *, condition_dim: int, n_bands: int, duration_s: float) -> None:
        self.maker_of = {"condition_dim": condition_dim, "n_bands": n_bands, "duration_s": duration_s}
        self.maker = SoundMaker(self.generator, **self.maker_of)
        self._unet = choose_trained(self.maker.diffusion, self.mode, rank=self.lora_rank)

    def build(self, data: ClipData, subject: int) -> ToSound:
        """See `ClipDecoder`."""
        return self._built[subject]

    def blank(self, state: dict[str, Tensor]) -> ToSound:
        """See `ClipDecoder`."""
        return assembled(self.stages, state)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Store the subjects and the earlier stages; leave out weights that can be loaded as published."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[STAGES], checkpoint[MAKER] = self.stages, self.maker_of
        for name in self.maker.frozen_names():
            del checkpoint["state_dict"][f"maker.{name}"]

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Build the networks for the checkpoint's weights."""
        if STAGES not in checkpoint:
            raise UserError("the checkpoint is not of BrainAudio: it names no earlier stages. Use one of its own runs.")
        self.stages = checkpoint[STAGES]
        super().on_load_checkpoint(checkpoint)
        self._freeze()
        if self.decay is not None:
            self.average = RunningAverage(self._learning(), self.decay).to(self.device)
        own = self.maker.state_dict()
        checkpoint["state_dict"] |= {f"maker.{name}": own[name] for name in self.maker.frozen_names()}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The UNet and the acoustic decoders, each at its own rate."""
        groups = [] if self.mode == "none" else [("unet", self._unet, self.unet_lr)]
        if self.decoder_lr is not None:
            groups.append(("decoder", self._decoders(), self.decoder_lr))
        optimizer = self.optimizer(parameter_groups(*groups))
        return optimizer if self.scheduler is None else ([optimizer], [self.scheduler(optimizer)])

    # -- training ----------------------------------------------------------------------------------------------------

    def on_fit_start(self) -> None:
        """Fit the autoencoder if needed; encode all clips once; read the out-of-fold predictions."""
        data = self.data
        if not self.maker.ready:
            table, feature = data.splits["train"].table, ClipMel(duration_s=self.maker.duration_s)
            clips = table.clip_index.unique()
            mels = feature_values(table, data.stimuli, feature, half=False)[clips].reshape(-1, *feature.shape)
            self.maker.prepare(data.spectrograms(clips), torch.from_numpy(mels), target_moments(data))
        self._latents = ClipLatents(self.maker, data)
        self._meanings = None
        if self.stages["semantic"]:
            earlier = self.stages["semantic_run"]
            run = StageRun.found(Semantic, earlier, self.experiment, key="the acoustic run's semantic_run")
            self._meanings = Meanings.of_run(run, data, self.p_true_meaning)
        self._once = self._decoded_once(data) if self.decoder_lr is None else None
        if self.match_variance:
            self.networks.eval()  # the noise of dropout would be stretched too
            if not self.maker.matched:
                self.maker.match(self._decoded_once(data) if self._once is None else self._once, target_moments(data))

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Mean squared error of the noise."""
        if self._once is None:
            tokens = self._tokens(batch, None if self._meanings is None else self._meanings.drawn(batch.row))
        else:
            tokens = placed(self._once[batch.row], batch)
        told = torch.rand(len(batch), 1, 1) < self.p_truth
        told = told.to(self.device, non_blocking=True)
        tokens = torch.where(told, batch.target, self.maker.stretched(tokens))
        loss = self._latents.loss(batch, tokens, dropout=self.dropout)
        loss, n = part_of_mean(loss, batch), sum(batch.shares)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=n, sync_dist=True)
        return loss

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: torch.optim.Optimizer,
        optimizer_closure: Callable[[], Tensor] | None = None,
    ) -> None:
        """See Lightning; update the average after the step."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.average is not None:
            self.average.update()

    def on_validation_epoch_start(self) -> None:
        """Swap the averages in for the weights."""
        if self._latents is None:  # not in a fit
            self._latents = ClipLatents(self.maker, self.data)
        self._put_averages()

    def on_validation_epoch_end(self) -> None:
        """Swap the weights back before a checkpoint is written."""
        self._averaged.close()

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """The same error from decoded and from true tokens, with the same steps and noise each time."""
        decoded = self.maker.stretched(self.network(batch)(*batch.inputs))
        for name, tokens in (("loss", decoded), ("loss_of_true", batch.target)):
            generator = torch.Generator().manual_seed(batch_index)
            loss = self._latents.loss(batch, tokens, dropout=0.0, generator=generator)
            self.log(f"val/{name}", loss, batch_size=len(batch))

    # -- sound -------------------------------------------------------------------------------------------------------

    def decode(self, batch: Batch) -> Decoded:
        """See `ClipDecoder`: the tokens, and the spectrogram of AudioMAE's decoder."""
        network = self.network(batch)
        check_same_brain(network, self.data, batch.brain_index)
        tokens = network(*batch.inputs)
        return Decoded(batch.row, tokens, network.spectrogram(tokens)[0], network.spectrogram(batch.target)[0])

    def on_predict_start(self) -> None:
        """Load the networks that score, so that a wrong name is reported at once; use the averaged weights."""
        self._scoring, self._predicted = chosen_networks(self.sounds), []
        self._put_averages()

    def on_predict_batch_end(self, outputs: Decoded, batch: object, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Store the decoded outputs."""
        self._predicted.append(outputs.cpu())

    def predicted(self, folder: Path, seed: int) -> SoundResult:
        """See `n2s.systems.system.System`: the sounds of each method and their scores."""
        return predict_sounds(self, Decoded.joined(self._predicted), self._scoring, folder, seed)

    def on_predict_end(self) -> None:
        """And back."""
        self._averaged.close()

    def _decoders(self) -> list[nn.Parameter]:
        return [
            value
            for network in self.networks
            for part in (network.tokens, network.decoder)
            for value in part.parameters()
        ]

    def _learning(self) -> list[nn.Parameter]:
        return self._unet + (self._decoders() if self.decoder_lr is not None else [])

    def _freeze(self) -> None:
        """AudioMAE's decoder is not part of the loss; the acoustic decoders are only if they have a rate."""
        self.networks.requires_grad_(False)
        if self.decoder_lr is not None:
            for value in self._decoders():
                value.requires_grad_(True)

    def _put_averages(self) -> None:
        if self.average is not None:
            self._averaged.enter_context(self.average.in_place())

    def _tokens(self, batch: Batch, meaning: Tensor | None) -> Tensor:
        return self.network(batch)(*batch.inputs, *(() if meaning is None else (placed(meaning, batch),)))

    def _decoded_once(self, data: ClipData) -> Tensor:
        self.networks.eval()
        networks = [self.networks[self.subjects.index(name)] for name in data.brains]
        return decoded_once(networks, data, None if self._meanings is None else self._meanings.predicted, self.device)
