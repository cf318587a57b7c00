"""A fitted ridge as a module: the form that checkpoints keep and later stages use."""

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.voxel_ridge import VoxelRidge


class FittedRidge(nn.Module):
    """The weights of a `VoxelRidge` on z-scored voxels, sparse, with the scales of both sides; nothing in it is trained.

    Buffers: ``selected`` and ``weights (d, k)``, ``intercept (d,)``, ``alpha ()``, ``target_mean`` and
    ``target_deviation (d,)``, ``voxel_mean`` and ``voxel_deviation (v,)``. They take the shapes of the checkpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        for name in ("weights", "intercept", "target_mean", "target_deviation", "voxel_mean", "voxel_deviation"):
            self.register_buffer(name, torch.zeros(0))
        self.register_buffer("selected", torch.zeros(0, dtype=torch.long))
        self.register_buffer("alpha", torch.zeros(()))

    def keep(self, ridge: VoxelRidge, target_mean: Tensor, target_deviation: Tensor) -> None:
        """Take over what was fitted to ``(target - target_mean) / target_deviation``."""
        self.selected = ridge.selected_.contiguous()
        self.weights = ridge.coef_.T.gather(1, self.selected).contiguous()
        self.intercept, self.alpha = ridge.intercept_, torch.tensor(ridge.alpha_, device=ridge.intercept_.device)
        self.target_mean, self.target_deviation = target_mean, target_deviation

    @property
    def coefficients(self) -> Tensor:
        """Dense weights, (v, d)."""
        dense = self.weights.new_zeros(len(self.intercept), len(self.voxel_mean))
        return dense.scatter_(1, self.selected, self.weights).T

    def forward(self, brain: Tensor) -> Tensor:
        """``(b, v) -> (b, d)``, on the scale of the z-scored target; in float32 under autocast too."""
        with torch.autocast(brain.device.type, enabled=False):
            return torch.addmm(self.intercept, brain, self.coefficients)

    def unscaled(self, decoded: Tensor) -> Tensor:
        """``(b, d) -> (b, d)`` in the target's own units."""
        return decoded * self.target_deviation + self.target_mean

    def strongest(self, n: int) -> Tensor:
        """(n,) the voxels with the largest weights (Euclidean norm over dimensions), the largest first."""
        if n > len(self.voxel_mean):
            raise UserError(
                f"{n} voxels are wanted of {len(self.voxel_mean)}. Ask for fewer (n_voxels), or take a larger region."
            )
        return self.coefficients.norm(dim=1).topk(n).indices

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *others: object) -> None:
        for name, own in self._buffers.items():
            given = state_dict.get(prefix + name)
            if given is not None and given.shape != own.shape:
                setattr(self, name, own.new_empty(given.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
