"""The latents that a diffusion learns from, computed once a clip, and its loss on them."""

import pandas as pd
import torch
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.clip_data import ClipData
from n2s.data.clip_targets import feature_values
from n2s.features.latents import Latents
from n2s.models.diffusion import denoising_loss
from n2s.models.sound_maker import SoundMaker


class ClipLatents:
    """Mean and deviation of the latents of all training and validation clips, from the cache where they are there.

    Parameters
    ----------
    maker
        Whose autoencoder makes them, and whose UNet learns from them.
    data
        Whose clips.
    """

    def __init__(self, maker: SoundMaker, data: ClipData):
        self.maker, self.data = maker, data
        latents = Latents(maker.diffusion, duration_s=maker.duration_s)
        table = pd.concat([data.splits[name].table for name in ("train", "val")])
        values = feature_values(table, data.stimuli, latents, half=True)
        self.values = torch.from_numpy(values.reshape(-1, *latents.shape))  # (k, 2, 8, l / 4, 16) by number of the clip

    def loss(self, batch: Batch, tokens: Tensor, *, dropout: float, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of the noise, given the tokens ``(b, n_patch, d)``; see `n2s.models.diffusion.denoising_loss`."""
        clip = self.data.splits[batch.split].table.clip_index.to_numpy()[batch.row.numpy()]
        mean, deviation = placed(self.values[torch.from_numpy(clip)], batch).unbind(1)
        device = "cpu" if generator is not None else mean.device
        noise = torch.randn(mean.shape, generator=generator, device=device).to(mean)
        return denoising_loss(
            self.maker.diffusion,
            mean + deviation * noise,
            self.maker.conditions(tokens),
            dropout=dropout,
            generator=generator,
        )


def placed(values: Tensor, batch: Batch) -> Tensor:
    """On the batch's device, without that the host waits for it."""
    return values.to(batch.brain, non_blocking=True)
