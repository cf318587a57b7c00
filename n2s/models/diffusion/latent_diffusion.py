"""A generator of sound from AudioMAE tokens: UNet, autoencoder, vocoder and noise schedule, as one module."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.diffusion.spectrogram import HOP, MULTIPLE, N_MELS, SFREQ
from n2s.models.diffusion.vocoder import to_sound

if TYPE_CHECKING:
    from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler

SHRINK = 4  # frames of the mel per frame of the latents
FRAMES_PER_TOKEN = 2  # 16 frames a column of 8 tokens


class LatentDiffusion(nn.Module):
    """AudioLDM 2 without its text encoders and its language model: the tokens that they would predict are given.

    Autoencoder and vocoder are frozen. Shapes: tokens ``(b, n_patch, d)``, mel ``(b, l, 64)`` with ``l = 2 n_patch``,
    latents ``(b, 8, l / 4, 16)``.

    Parameters
    ----------
    unet
        Predicts the noise in the latents, or the velocity: what the scheduler's ``prediction_type`` says.
    vae
        Between mel and latents; ``scaling_factor`` of its config brings the latents to unit variance.
    vocoder
        ``(b, l, 64) -> (b, 160 l or a little more)``.
    scheduler
        Holds the noise schedule; any of diffusers', of which only the config and ``add_noise`` are used.

    Raises
    ------
    UserError
        The parts do not fit together: channels and size of the latents, the vocoder's bands, rate and hop, what the UNet
        predicts, its contexts.

    References
    ----------
    Liu et al. 2024, AudioLDM 2: learning holistic audio generation with self-supervised pretraining, IEEE/ACM TASLP.
    """

    def __init__(
        self,
        unet: "AudioLDM2UNet2DConditionModel",
        vae: "AutoencoderKL",
        vocoder: nn.Module,
        scheduler: "DDIMScheduler",
    ) -> None:
        super().__init__()
        _check_parts(unet, vae, vocoder, scheduler)
        self.unet = unet
        self.vae = vae.eval().requires_grad_(False)
        self.vocoder = vocoder.eval().requires_grad_(False)
        self.scheduler = scheduler
        self.condition_dim, self.second_dim = context_widths(unet)

    def predict(self, latents: Tensor, timesteps: Tensor, conditions: Tensor) -> Tensor:
        """The UNet's noise, or velocity: ``(b, 8, l / 4, 16), (b,) or (), (b, n_patch, d) -> (b, 8, l / 4, 16)``.

        A second context of the UNet (the text of AudioLDM 2) is one token of zeros: only biases are added.
        """
        second = None
        if self.second_dim is not None:
            second = conditions.new_zeros(len(conditions), 1, self.second_dim)
        return self.unet(
            latents, timesteps, encoder_hidden_states=conditions, encoder_hidden_states_1=second, return_dict=False
        )[0]

    def check_conditions(self, conditions: Tensor, n_latent_frames: int | None = None) -> None:
        """Raise a `UserError` if tokens do not have the width of the UNet's context or do not cover the clip exactly."""
        if conditions.ndim != 3 or conditions.shape[2] != self.condition_dim:
            raise UserError(
                f"the conditions are {tuple(conditions.shape)}; expected (b, n_patch, {self.condition_dim}), the width of "
                "the UNet's context. Take tokens of that width, or the UNet that was made for these."
            )
        n_patch = conditions.shape[1]
        if n_latent_frames is not None and n_patch * FRAMES_PER_TOKEN != n_latent_frames * SHRINK:
            raise UserError(
                f"the conditions have {n_patch} tokens, but the latents cover {n_latent_frames * SHRINK} frames; expected "
                f"{n_latent_frames * SHRINK // FRAMES_PER_TOKEN} tokens. Make both from clips of one duration."
            )
        if n_patch == 0 or n_patch * FRAMES_PER_TOKEN % MULTIPLE:
            raise UserError(
                f"the conditions have {n_patch} tokens; expected a multiple of {MULTIPLE // FRAMES_PER_TOKEN}: 208, 80 "
                "and 112 for 4, 1.5 and 2 s (AudioMAETokens with the duration_s of the clips)."
            )

    @torch.no_grad()
    def encode(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents, ``(b, l, 64) -> (b, 8, l / 4, 16)`` twice, in float32.

        Both are what a cache keeps; ``mean + std * noise`` is what the UNet trains on.
        """
        if mel.ndim != 3 or mel.shape[2] != N_MELS or mel.shape[1] == 0 or mel.shape[1] % MULTIPLE:
            raise UserError(
                f"encode: a mel of {tuple(mel.shape)}; expected (b, l, {N_MELS}) with l a multiple of {MULTIPLE} frames "
                "(clip_mel makes it)."
            )
        with torch.autocast(mel.device.type, enabled=False):
            posterior = self.vae.encode(mel.float()[:, None]).latent_dist
        scale = self.vae.config.scaling_factor
        return posterior.mean * scale, posterior.std * scale

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """``(b, 8, l / 4, 16) -> (b, l, 64)``: the mel, in float32."""
        with torch.autocast(latents.device.type, enabled=False):
            return self.vae.decode(latents.float() / self.vae.config.scaling_factor).sample[:, 0]

    @torch.no_grad()
    def sound(self, mel: Tensor, n_samples: int | None = None) -> tuple[Tensor, Tensor]:
        """``(b, l, 64) -> (b, n_samples), (b,)``: 16 kHz, and the gains of `to_sound`."""
        return to_sound(self.vocoder, mel, n_samples)


def context_widths(unet: "AudioLDM2UNet2DConditionModel") -> tuple[int, int | None]:
    """Width of the UNet's first context, and of its second or None.

    Raises
    ------
    UserError
        The levels of the UNet do not share them.
    """
    levels = unet.config.cross_attention_dim
    levels = [levels] if isinstance(levels, int) else levels
    firsts, seconds = set(), set()
    for level in levels:
        widths = [level] if isinstance(level, int) else list(level)
        firsts.update(width for width in widths[:2] if width is not None)  # diffusers: of up to four, two for each
        seconds.update(width for width in widths[2:] if width is not None)
    if len(firsts) != 1 or len(seconds) > 1:
        raise UserError(
            f"the UNet's cross_attention_dim is {unet.config.cross_attention_dim}; expected one width for the tokens and "
            "at most one for a second context, the same at each level: [null, 768, 1024] or [null, 768]."
        )
    return firsts.pop(), next(iter(seconds), None)


def _check_parts(
    unet: "AudioLDM2UNet2DConditionModel",
    vae: "AutoencoderKL",
    vocoder: nn.Module,
    scheduler: "DDIMScheduler",
) -> None:
    kind = scheduler.config.prediction_type
    if kind not in ("epsilon", "v_prediction"):
        raise UserError(
            f"the scheduler's prediction_type is '{kind}'; expected 'epsilon', which AudioLDM 2 was trained for, or "
            "'v_prediction'."
        )
    if unet.config.in_channels != vae.config.latent_channels:
        raise UserError(
            f"the UNet takes latents of {unet.config.in_channels} channels, the autoencoder makes "
            f"{vae.config.latent_channels}: they are not of one model. Load both from one folder."
        )
    shrink = 2 ** (len(vae.config.block_out_channels) - 1)
    if vae.config.in_channels != 1 or shrink != SHRINK:
        raise UserError(
            f"the autoencoder takes {vae.config.in_channels} channels and divides by {shrink}; expected 1 and {SHRINK}, "
            "as AudioLDM 2's does."
        )
    sizes = getattr(vocoder, "config", None)  # of a SpeechT5HifiGan
    if sizes is None:
        return
    hop = math.prod(sizes.upsample_rates)
    if (sizes.model_in_dim, sizes.sampling_rate, hop) != (N_MELS, SFREQ, HOP):
        raise UserError(
            f"the vocoder takes {sizes.model_in_dim} bands, makes {hop} samples a frame, at {sizes.sampling_rate} Hz; "
            f"expected {N_MELS}, {HOP} and {SFREQ}, as AudioLDM 2's. GriffinLim needs no weights (griffin_lim=True)."
        )
