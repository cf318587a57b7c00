"""A loss: other scores between estimates and candidates, with the rest of ClipLoss as it is."""

import torch
from torch import Tensor

from n2s.losses import ClipLoss


class DistanceLoss(ClipLoss):
    """The nearest candidate wins: minus the mean squared distance, in place of an inner product.

    Parameters
    ----------
    sharpness
        What distances are multiplied by before the softmax.
    """

    def __init__(self, sharpness: float = 10.0) -> None:
        super().__init__()
        self.sharpness = sharpness

    def scores(self, estimate: Tensor, candidate: Tensor) -> Tensor:
        """``(b, f, t), (k, f, t) -> (b, k)``; tests rank by it, too."""
        size = estimate[0].numel()
        return -self.sharpness * torch.cdist(estimate.flatten(1), candidate.flatten(1)) ** 2 / size
