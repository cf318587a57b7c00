"""The baselines: a network directly from voxels to the spectrogram."""

from collections.abc import Callable

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from n2s.data.batch import Batch
from n2s.data.fmri import FMRIDataModule
from n2s.errors import UserError
from n2s.features.clip_spectrogram import ClipSpectrogram
from n2s.systems.clips.decoder import ClipDecoder, Decoded, target_moments
from n2s.systems.clips.semantic import check_same_voxels
from n2s.systems.processes import part_of_mean


class Spectrogram(ClipDecoder):
    """Train one network per subject on the mean squared error of the z-scored spectrogram, ``data.target``.

    The linear baseline is `Semantic` with a spectrogram as the target.

    Parameters
    ----------
    network
        Made from the numbers of voxels, mel bands and frames: `n2s.models.MelMLP`, `MelBiLSTM`, `MelTransformer`.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule, stepped once per epoch; none for a constant rate.

    Examples
    --------
    >>> from functools import partial
    >>> from n2s.models import MelMLP
    >>> from n2s.systems import Spectrogram
    >>> system = Spectrogram(partial(MelMLP, hidden=(32,)))  # one network a person, of the sizes of the data

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("fmri_mel")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    def __init__(
        self,
        network: Callable[[int, int, int], nn.Module],
        *,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        self.make = network

    def build(self, data: FMRIDataModule, subject: int) -> "MelNetwork":
        """See `ClipDecoder`."""
        if not isinstance(data.target, ClipSpectrogram):
            raise UserError(
                f"Spectrogram decodes spectrograms; data.target is {type(data.target).__name__}. Set n2s.features.ClipFbank."
            )
        scale = data.scales[subject]
        voxels = torch.from_numpy(scale.mean), torch.from_numpy(scale.deviation)
        return MelNetwork(self.make(len(scale.mean), *data.target.shape), *target_moments(data), *voxels)

    def blank(self, state: dict[str, Tensor]) -> "MelNetwork":
        """See `ClipDecoder`."""
        buffers = [state[name] for name in ("mean", "deviation", "voxel_mean", "voxel_deviation")]
        return MelNetwork(self.make(len(buffers[2]), *buffers[0].shape), *buffers)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Mean squared error; the mean of the training clips gives 1."""
        loss, n = part_of_mean(self._loss(batch), batch), sum(batch.shares)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=n, sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """The same."""
        self.log("val/loss", self._loss(batch), prog_bar=True, batch_size=len(batch))

    def decode(self, batch: Batch) -> Decoded:
        """See `ClipDecoder`."""
        network = self.network(batch)
        check_same_voxels(network, self.trainer.datamodule, batch.brain_index)
        mel = self.answer(network, batch.brain)
        return Decoded(batch.row, mel, mel)

    def answer(self, network: "MelNetwork", brain: Tensor) -> Tensor:
        """See `ClipDecoder`."""
        return network(brain) * network.deviation + network.mean

    def _loss(self, batch: Batch) -> Tensor:
        network = self.network(batch)
        return (network(batch.brain) - (batch.target - network.mean) / network.deviation).square().mean()


class MelNetwork(nn.Module):
    """A network of one subject, with the scales of the spectrogram ``(f, t)`` and of the voxels ``(v,)``."""

    def __init__(
        self, network: nn.Module, mean: Tensor, deviation: Tensor, voxel_mean: Tensor, voxel_deviation: Tensor
    ):
        super().__init__()
        self.network = network
        for name, value in (("mean", mean), ("deviation", deviation), ("voxel_mean", voxel_mean)):
            self.register_buffer(name, value)
        self.register_buffer("voxel_deviation", voxel_deviation)

    def forward(self, brain: Tensor) -> Tensor:
        """``(b, v)`` or ``(b, n, v) -> (b, f, t)``, z-scored."""
        return self.network(brain)
