"""The training data of a latent diffusion: the mel spectrogram of a clip as its autoencoder takes it, and the latents."""

import hashlib

import numpy as np
import torch

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import ClipFeature
from n2s.models.diffusion.latent_diffusion import SHRINK, LatentDiffusion
from n2s.models.diffusion.spectrogram import N_MELS, SFREQ, clip_mel, n_frames
from n2s.studies.study import Stimulus

_BATCH = 8  # clips encoded at once


class ClipMel(ClipFeature):
    """`n2s.models.diffusion.clip_mel` of a clip, ``(l, 64)``: normalised, and repeated up to a multiple of 32 frames.

    Parameters
    ----------
    duration_s
        Duration of every clip, s.
    """

    version = 2  # a clip that ends a little after its sound is filled with silence

    def __init__(self, *, duration_s: float) -> None:
        self.duration_s = duration_s

    @property
    def shape(self) -> tuple[int, ...]:
        """(l, 64)."""
        return n_frames(self.duration_s), N_MELS

    @property
    def n_features(self) -> int:
        """The product of the shape."""
        return int(np.prod(self.shape))

    def settings(self) -> dict:
        """The duration."""
        return {"duration_s": self.duration_s}

    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, l * 64)."""
        if duration_s != self.duration_s:
            raise UserError(
                f"{type(self).__name__} was made for clips of {self.duration_s:g} s; '{stimulus.id}' has clips of "
                f"{duration_s:g} s. Set the target's duration_s, and decode clips of one duration."
            )
        clips = [read_stimulus(stimulus, SFREQ, start, start + duration_s) for start in starts_s.tolist()]
        values = [self._of(torch.stack(clips[first : first + _BATCH])) for first in range(0, len(clips), _BATCH)]
        return torch.cat(values).numpy() if values else np.zeros((0, self.n_features), np.float32)

    def _of(self, wav: torch.Tensor) -> torch.Tensor:
        return clip_mel(wav, SFREQ, self.duration_s).flatten(1)


class Latents(ClipMel):
    """Mean and deviation of a clip's latents, ``(2, 8, l / 4, 16)``: the autoencoder's output for its `ClipMel`.

    Parameters
    ----------
    model
        The hash of its autoencoder's weights names the cache.
    duration_s
        Duration of every clip, s.
    """

    def __init__(self, model: LatentDiffusion, *, duration_s: float) -> None:
        super().__init__(duration_s=duration_s)
        self.model = model
        digest = hashlib.sha256(repr(model.vae.config.scaling_factor).encode())
        for name, value in model.vae.state_dict().items():
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        self._weights = digest.hexdigest()

    @property
    def shape(self) -> tuple[int, ...]:
        """(2, 8, l / 4, 16)."""
        frames, bands = super().shape
        return 2, self.model.vae.config.latent_channels, frames // SHRINK, bands // SHRINK

    def settings(self) -> dict:
        """The duration, and the autoencoder by the hash of its weights."""
        return super().settings() | {"autoencoder": self._weights}

    def _of(self, wav: torch.Tensor) -> torch.Tensor:
        mel = clip_mel(wav, SFREQ, self.duration_s).to(next(self.model.vae.parameters()).device)
        return torch.stack(self.model.encode(mel), 1).flatten(1).cpu()
