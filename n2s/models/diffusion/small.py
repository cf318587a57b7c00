"""AudioLDM 2 with random weights: a small one for a laptop, the published sizes to measure, and a fit of its autoencoder."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.diffusion.latent_diffusion import LatentDiffusion
from n2s.models.diffusion.loading import native_heads
from n2s.models.diffusion.placed import place_attention
from n2s.models.diffusion.spectrogram import MULTIPLE, N_MELS, SFREQ
from n2s.models.diffusion.vocoder import GriffinLim
from n2s.models.seeded import seeded

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

TEXT_DIM = 1024  # of FLAN-T5-large, the second context of `full`
SCHEDULE = {  # AudioLDM 2; "scaled_linear" of diffusers is "linear" of CompVis
    "num_train_timesteps": 1000,
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "steps_offset": 1,
    "set_alpha_to_one": False,
}
LATENT_SCALE = 0.4110932946205139  # of the published autoencoder


def small_audioldm2(
    seed: int = 0,
    *,
    condition_dim: int = 768,
    channels: tuple[int, int, int, int] = (8, 16, 16, 16),
    vocoder: nn.Module | None = None,
    variant: Literal["full", "speech"] = "full",
    prediction: Literal["epsilon", "v_prediction"] = "v_prediction",
    placed: bool = False,
) -> LatentDiffusion:
    """A stand-in that needs no download and runs on a laptop: the same parts with random weights, under a million.

    `fit_autoencoder` makes its autoencoder work; its UNet is to be trained as a published one is fine-tuned.

    Parameters
    ----------
    seed
        Seed for the weights. The state of torch's random numbers stays as it was.
    condition_dim
        Width of the tokens.
    channels
        Channels of the UNet's levels, multiples of 8. The default learns some minutes of speech in as many on one core (1,200
        steps of 8 clips of 1.5 s); (32, 48, 64, 64) takes three times as long for a step.
    vocoder
        By default `GriffinLim`.
    variant
        ``full`` has a second context, for text, ``speech`` has not.
    prediction
        What the UNet predicts. The published ones predict the noise. One that is small and new cannot copy noise well
        enough to learn anything else at the first steps, where all the rest is to be decided; of the velocity (Salimans
        and Ho 2022) it learns the sound there.
    placed
        Begin with cross-attention that looks where a token belongs (`n2s.models.diffusion.placed`). Without, the UNet
        learns only what its tokens have in common for a thousand steps and more.
    """
    with seeded(seed):
        heads = (1, 1, 1, 1)  # on a CPU, attention costs by the head
        unet = _unet(channels, heads, condition_dim, variant, layers=1, groups=4)
        vae = _vae((8, 16, 16), layers=1, groups=4, scale=1.0)
        if placed:
            place_attention(unet, condition_dim)
    return _joined(unet, vae, vocoder or GriffinLim(), prediction)


def random_audioldm2(variant: Literal["full", "speech"] = "full", seed: int = 0) -> LatentDiffusion:
    """The published sizes with random weights, to measure speed and memory without a download."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    channels = (128, 256, 384, 640)
    with seeded(seed):
        unet = _unet(channels, native_heads(channels), 768, variant, layers=2, groups=32)
        vae = _vae((128, 256, 512), layers=2, groups=32, scale=LATENT_SCALE)
        vocoder = SpeechT5HifiGan(
            SpeechT5HifiGanConfig(
                model_in_dim=N_MELS,
                sampling_rate=SFREQ,
                upsample_initial_channel=1024,
                upsample_rates=[5, 4, 2, 2, 2],
                upsample_kernel_sizes=[16, 16, 8, 4, 4],
                resblock_kernel_sizes=[3, 7, 11],
                resblock_dilation_sizes=[[1, 3, 5]] * 3,
                normalize_before=False,
            )
        )
    return _joined(unet, vae, vocoder, "epsilon")


def fit_autoencoder(
    model: LatentDiffusion,
    mels: Tensor,
    *,
    n_steps: int = 600,
    batch: int = 4,
    n_frames: int = 96,
    lr: float = 3e-3,
    kl_weight: float = 1e-4,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[float]:
    """Fit a small autoencoder to mels: mean absolute error and a little Kullback-Leibler divergence, no adversary.

    Afterwards the scale of its latents is set, so that they have unit variance on these mels. For stand-ins: a published
    autoencoder is left as it is.

    Parameters
    ----------
    model
        Its autoencoder is trained in place, and frozen again.
    mels
        (n, l, 64) of `clip_mel`, training clips only.
    n_steps, batch, n_frames, lr
        Settings of AdamW, on random stretches of ``n_frames`` frames; the rate falls to zero along a cosine.
    kl_weight
        Weight of the divergence of the latents from a standard normal, per latent number.
    seed
        Seed for the stretches and the latents.
    progress
        Called after each step with the steps done, all steps, and the mean absolute error.

    Returns
    -------
    list of float
        Mean absolute error of each step, in natural logarithms of magnitude.

    Raises
    ------
    UserError
        Mels of another shape, or an error that is not finite.
    """
    if mels.ndim != 3 or mels.shape[2] != N_MELS or not len(mels) or mels.shape[1] < n_frames or n_frames % MULTIPLE:
        raise UserError(
            f"fit_autoencoder: mels of {tuple(mels.shape)} in stretches of {n_frames} frames; expected (n, l, {N_MELS}) "
            f"with l at least n_frames, which is a multiple of {MULTIPLE}."
        )
    vae = model.vae.requires_grad_(True).train()
    device = next(vae.parameters()).device
    nn.init.constant_(vae.decoder.conv_out.bias, mels.mean().item())  # a few units away from 0: not to be learned
    optimizer = torch.optim.AdamW(vae.parameters(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    generator = torch.Generator().manual_seed(seed)
    errors = []
    try:
        for step in range(1, n_steps + 1):
            clips = torch.randint(len(mels), (batch,), generator=generator).tolist()
            starts = torch.randint(mels.shape[1] - n_frames + 1, (batch,), generator=generator).tolist()
            pairs = zip(clips, starts, strict=True)
            mel = torch.stack([mels[clip, start : start + n_frames] for clip, start in pairs])[:, None].to(device)
            posterior = vae.encode(mel).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator).to(device)
            error = (vae.decode(posterior.mean + posterior.std * noise).sample - mel).abs().mean()
            divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
            optimizer.zero_grad()
            (error + kl_weight * divergence).backward()
            nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            errors.append(error.item())
            if not torch.isfinite(error):
                raise UserError(f"fit_autoencoder: NaN at step {step} of {n_steps}. Lower lr={lr}, or check the mels.")
            if progress is not None:
                progress(step, n_steps, errors[-1])
    finally:
        vae.requires_grad_(False).eval()
    _set_scale(model, mels)
    return errors


@torch.no_grad()
def _set_scale(model: LatentDiffusion, mels: Tensor) -> None:
    """One over the standard deviation of the latents of up to 64 mels, into the autoencoder's config."""
    device = next(model.vae.parameters()).device
    length = mels.shape[1] // MULTIPLE * MULTIPLE
    chosen = mels[:: -(-len(mels) // 64), :length]
    means = [model.vae.encode(part[:, None].to(device)).latent_dist.mean.cpu() for part in chosen.split(8)]
    model.vae.register_to_config(scaling_factor=1 / torch.cat(means).std().item())


def _unet(
    channels: tuple[int, ...],
    heads: tuple[int, ...],
    condition_dim: int,
    variant: str,
    *,
    layers: int,
    groups: int,
) -> nn.Module:
    from diffusers import AudioLDM2UNet2DConditionModel

    if variant not in ("full", "speech"):
        raise UserError(f"variant '{variant}'; expected 'full' or 'speech'.")
    contexts = [None, condition_dim, TEXT_DIM] if variant == "full" else [None, condition_dim]
    return AudioLDM2UNet2DConditionModel(
        sample_size=256,
        in_channels=8,
        out_channels=8,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
        up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
        block_out_channels=channels,
        layers_per_block=layers,
        norm_num_groups=groups,
        attention_head_dim=heads,
        cross_attention_dim=[contexts] * 4,
    )


def _vae(channels: tuple[int, ...], *, layers: int, groups: int, scale: float) -> "AutoencoderKL":
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=channels,
        layers_per_block=layers,
        latent_channels=8,
        norm_num_groups=groups,
        scaling_factor=scale,
    )


def _joined(unet: nn.Module, vae: "AutoencoderKL", vocoder: nn.Module, prediction: str) -> LatentDiffusion:
    from diffusers import DDIMScheduler

    return LatentDiffusion(unet, vae, vocoder, DDIMScheduler(**SCHEDULE, prediction_type=prediction)).eval()
