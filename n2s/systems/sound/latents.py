"""The latents that a diffusion learns from, computed once per clip, and the loss on them."""

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
    """Mean and deviation of the latents of all training and validation clips, from the cache if they are in it.

    Parameters
    ----------
    maker
        Its autoencoder makes the latents, and its UNet learns from them.
    data
        The data of the clips.
    """

    def __init__(self, maker: SoundMaker, data: ClipData):
        self.maker = maker
        latents = Latents(maker.diffusion, duration_s=maker.duration_s)
        tables = {name: data.splits[name].table for name in ("train", "val")}
        # number of the clip, by row of a split's table
        self.clip = {name: torch.from_numpy(table.clip_index.to_numpy()) for name, table in tables.items()}
        values = feature_values(pd.concat(list(tables.values())), data.stimuli, latents, half=True)
        self.values = torch.from_numpy(values.reshape(-1, *latents.shape))  # (k, 2, 8, l / 4, 16) by clip index

    def loss(self, batch: Batch, tokens: Tensor, *, dropout: float, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of the noise, given the tokens ``(b, n_patch, d)``; see `n2s.models.diffusion.denoising_loss`."""
        mean, deviation = placed(self.values[self.clip[batch.split][batch.row]], batch).unbind(1)
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
    """The values on the batch's device; the host does not wait for the copy."""
    return values.to(batch.brain, non_blocking=True)
