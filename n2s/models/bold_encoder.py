"""An encoder of BOLD: the volumes after a segment of sound to a slow sequence of features."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from n2s.errors import UserError


class BoldEncoder(nn.Module):
    """One linear map a subject, then a network over all volumes: ``bold (v, n, p), subject (v,) -> (v, n_outputs, n_times)``.

    The subject's map takes p components to ``hidden`` channels that all subjects share. The volumes of a segment are then one vector, since
    the response to each moment of sound lasts for several of them. BOLD knows slow changes only: the network gives ``n_slow`` moments, and
    the frames between are interpolated. Subject -1 is an unseen one and gets the mean map, as in `SubjectLayer`.

    Parameters
    ----------
    n_fmri_subjects
        Subjects to learn a map for.
    n_components
        p: components of a volume, standardised.
    n_volumes
        n: volumes (or bins of them) of a segment.
    n_outputs
        Dimension of the features.
    n_times
        Frames of a segment; 1 for one vector.
    n_slow
        Moments, evenly spread over the segment; as many as ``n_times`` at most.
    hidden
        Channels of the subject's map, and of each layer.
    depth
        Layers after the subject's map; 0: the encoder is linear.
    dropout
        Share of values that are dropped in training, of components and of each layer.
    rank_power
        Component i (from 1) is divided by ``i ** rank_power`` first. Standardised components, the last of which are mostly noise, then
        count less, as they do in the voxels themselves.
    """

    def __init__(
        self,
        n_fmri_subjects: int,
        n_components: int,
        n_volumes: int,
        n_outputs: int,
        n_times: int,
        *,
        n_slow: int = 8,
        hidden: int = 32,
        depth: int = 1,
        dropout: float = 0.3,
        rank_power: float = 0.0,
    ):
        super().__init__()
        for name, value, least in (("n_slow", n_slow, 1), ("hidden", hidden, 1), ("depth", depth, 0)):
            if value < least:
                raise UserError(f"BoldEncoder: {name} is {value}; expected {least} or more.")
        if not 0 <= dropout < 1:
            raise UserError(f"BoldEncoder: dropout is {dropout}; expected 0 or more, and less than 1.")
        self.n_outputs, self.n_slow = n_outputs, min(n_slow, n_times)
        self.subjects = nn.Parameter(torch.randn(n_fmri_subjects, n_components, hidden) / math.sqrt(n_components))
        self.dropout = nn.Dropout(dropout)
        layers, width = [], n_volumes * hidden
        for _ in range(depth):
            layers += [nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout)]
            width = hidden
        self.network = nn.Sequential(*layers, nn.Linear(width, n_outputs * self.n_slow))
        weights = torch.arange(1, n_components + 1) ** -float(rank_power)
        self.register_buffer("weights", weights / weights.square().mean().sqrt(), persistent=False)
        self.register_buffer("between", interpolation(self.n_slow, n_times), persistent=False)

    def forward(self, bold: Tensor, subject: Tensor) -> Tensor:
        """``(v, n, p), (v,) -> (v, n_outputs, n_times)``.

        Raises
        ------
        ValueError
            On the CPU: a subject is neither -1 nor known.
        """
        maps = self.dropout(bold * self.weights) @ self._maps(subject)  # (v, n, h)
        moments = self.network(maps.flatten(1)).unflatten(1, (self.n_outputs, self.n_slow))
        return moments @ self.between

    def _maps(self, subject: Tensor) -> Tensor:
        """``(v,) -> (v, p, h)``."""
        n, unseen = len(self.subjects), subject == -1
        if subject.device.type == "cpu" and ((subject < -1) | (subject >= n)).any():
            raise ValueError(f"Subjects {sorted(set(subject.tolist()))}; expected -1 (unseen) or 0 to {n - 1}.")
        share = F.one_hot(subject.masked_fill(unseen, 0), n).to(self.subjects.dtype)
        share = torch.where(unseen[:, None], torch.full_like(share, 1 / n), share)
        return torch.einsum("vs,sph->vph", share, self.subjects)


def interpolation(n_slow: int, n_times: int) -> Tensor:
    """(n_slow, n_times) weights that interpolate between moments; before the first and after the last they hold.

    Moment i is at the middle of the i-th of ``n_slow`` equal parts of the segment. A product with a matrix is the same on every run, the
    gradient of `torch.nn.functional.interpolate` on a GPU is not.
    """
    at = ((torch.arange(n_times, dtype=torch.float64) + 0.5) / n_times * n_slow - 0.5).clamp(0, n_slow - 1)
    distance = (at - torch.arange(n_slow, dtype=torch.float64)[:, None]).abs()
    return (1 - distance).clamp_min(0).float()
