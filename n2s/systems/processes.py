"""A step that several processes take together: rows gathered from all of them, with gradients."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor

from n2s.data.batch import Batch
from n2s.errors import UserError


def gathered(module: LightningModule, rows: Tensor, shares: Sequence[int]) -> Tensor:
    """``(n, ...) -> (N, ...)``: the rows of all processes, in the order of their ranks.

    Collectives want equal sizes: rows are padded to the largest share on the way, and the padding is cut off again.
    Sizes come from the host, so that nothing waits for the device. Gradients go back to the process that a row is of,
    summed over the processes that used it.

    Parameters
    ----------
    module
        Attached to a Trainer, whose strategy gathers.
    rows
        Of this process.
    shares
        How many rows each process has; of one process alone, ``rows`` are given back.
    """
    if len(shares) == 1:
        return rows
    padded = F.pad(rows, [0, 0] * (rows.ndim - 1) + [0, max(shares) - len(rows)])
    parts = module.all_gather(padded, sync_grads=rows.requires_grad)
    return torch.cat([part[:n] for part, n in zip(parts, shares, strict=True)])


def part_of_mean(loss: Tensor, batch: Batch) -> Tensor:
    """The mean over a process' part of a batch, scaled so that the mean over processes is that over the whole batch.

    DDP takes the mean of gradients over processes, however many rows each has.
    """
    return loss * (len(batch) * len(batch.shares) / sum(batch.shares))


def check_strategy(module: LightningModule) -> None:
    """Raise a UserError where the Trainer's strategy parts a model's weights between processes, as FSDP does."""
    strategy = module.trainer.strategy
    if not isinstance(strategy, (SingleDeviceStrategy, DDPStrategy)):
        raise UserError(
            f"{type(module).__name__} needs its whole weights on each device, also between steps; "
            f"{type(strategy).__name__} parts them. They fit: with its optimizer the MEG model of the paper takes 0.2 GB, "
            "the UNet of AudioLDM 2 6 GB. Set trainer.strategy to auto or ddp."
        )
