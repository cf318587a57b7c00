"""Everything between tokens and a waveform, as one module: latent diffusion, linear map, vocoder."""

import numpy as np
import torch
from torch import Tensor, nn

from n2s.models.audiomae import n_patches
from n2s.models.diffusion import LatentDiffusion, Sampler, sample
from n2s.models.diffusion.spectrogram import N_MELS, SFREQ
from n2s.models.mel_map import MelMap
from n2s.models.sound_generator import SoundGenerator


class SoundMaker(nn.Module):
    """A generator's latent diffusion, and a `MelMap` from AudioMAE's spectrogram to its mel.

    Parameters
    ----------
    generator
        Where the latent diffusion comes from.
    condition_dim
        Width of the tokens.
    n_bands
        Bands of AudioMAE's spectrogram.
    duration_s
        Duration of every clip, s.
    """

    ready: Tensor
    matched: Tensor

    def __init__(self, generator: SoundGenerator, condition_dim: int, *, n_bands: int, duration_s: float) -> None:
        super().__init__()
        self.generator, self.duration_s = generator, duration_s
        self.diffusion: LatentDiffusion = generator.load(condition_dim)
        self.mel_map = MelMap(n_bands, N_MELS)
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))
        shape = (n_patches(duration_s), condition_dim)
        self.register_buffer("token_mean", torch.zeros(shape))
        self.register_buffer("token_deviation", torch.ones(shape))
        self.register_buffer("matched", torch.zeros((), dtype=torch.bool))
        self.register_buffer("gain", torch.ones(shape))
        self.register_buffer("offset", torch.zeros(shape))

    def prepare(self, spectrograms: np.ndarray, mels: Tensor, moments: tuple[Tensor, Tensor]) -> None:
        """Fit to training clips all that must be fitted before the UNet learns.

        Parameters
        ----------
        spectrograms, mels
            ``(n, f, t)`` and ``(n, t, 64)`` of the same clips.
        moments
            Mean and deviation of each token over clips, (n_patch, d) each.
        """
        self.generator.fit(self.diffusion, mels)
        self.mel_map.fit(spectrograms, mels)
        if not self.generator.published:
            self.token_mean.copy_(moments[0])
            self.token_deviation.copy_(moments[1])
        self.ready.fill_(True)

    def match(self, decoded: Tensor, moments: tuple[Tensor, Tensor]) -> None:
        """Choose how `stretched` brings decoded tokens to the variance of true ones.

        Parameters
        ----------
        decoded
            (n, n_patch, d) Tokens of training clips, n >= 2.
        moments
            Mean and deviation of each true token over training clips, (n_patch, d) each.
        """
        mean, deviation = (value.to(self.gain) for value in moments)
        spread = decoded.float().std(0).to(self.gain)
        self.gain.copy_(torch.where(spread > 1e-9, deviation / spread, 1.0))
        self.offset.copy_(mean - self.gain * decoded.float().mean(0).to(self.gain))
        self.matched.fill_(True)

    def stretched(self, tokens: Tensor) -> Tensor:
        """Decoded tokens as a UNet that learnt from true ones is to be given them, ``(b, n_patch, d) -> (b, n_patch, d)``.

        A regression shrinks what it cannot tell toward the mean; `match` undoes the shrinking, else nothing is changed.
        """
        return tokens * self.gain + self.offset

    def conditions(self, tokens: Tensor) -> Tensor:
        """What the UNet is given, ``(b, n_patch, d) -> (b, n_patch, d)``.

        A published UNet knows AudioMAE's tokens as they are. For one that starts from nothing each number is scaled over
        clips: most of a token's power is the same in every clip, which tells nothing.
        """
        return (tokens - self.token_mean) / self.token_deviation

    @torch.no_grad()
    def from_tokens(
        self, tokens: Tensor, clips: list[str], *, sampler: Sampler | None = None, seed: int = 0
    ) -> tuple[Tensor, Tensor]:
        """``(b, n_patch, d) -> (b, n), (b,)``: sampled sound at 16 kHz and its gains; see `n2s.models.diffusion.sample`."""
        conditions = self.conditions(tokens.to(self.ready.device))
        latents = sample(self.diffusion, conditions, clips, sampler=sampler, seed=seed)
        return self.from_mel(self.diffusion.decode(latents))

    @torch.no_grad()
    def from_spectrogram(self, spectrogram: Tensor) -> tuple[Tensor, Tensor]:
        """``(b, f, t) -> (b, n), (b,)``: nothing is sampled."""
        return self.from_mel(self.mel_map(spectrogram.to(self.ready.device)))

    def from_mel(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """``(b, t, 64) -> (b, n), (b,)`` on the CPU."""
        wav, gain = self.diffusion.sound(mel, round(self.duration_s * SFREQ))
        return wav.cpu(), gain.cpu()

    def frozen_names(self) -> list[str]:
        """Entries of the state dict that can be loaded again as they were published."""
        if not self.generator.published:
            return []
        parts = self.diffusion.state_dict(keep_vars=True)
        return [f"diffusion.{name}" for name, value in parts.items() if not value.requires_grad]

    def get_extra_state(self) -> dict:
        """The scale of the latents, which is no weight of the autoencoder."""
        return {"scaling_factor": float(self.diffusion.vae.config.scaling_factor)}

    def set_extra_state(self, state: dict) -> None:
        """See `get_extra_state`."""
        self.diffusion.vae.register_to_config(scaling_factor=state["scaling_factor"])
