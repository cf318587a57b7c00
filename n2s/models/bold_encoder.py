"""An encoder of BOLD: the volumes after a segment of sound to a slow sequence of features."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.options import check_options

LATEST_S = 12.0  # after a moment of sound its response is next to nothing


class BoldEncoder(nn.Module):
    """A few courses of each person, back through the haemodynamic response: ``bold (v, n, p), subject (v,) -> (v, n_outputs, n_times)``.

    The subject's map takes p components to ``hidden`` courses that all subjects share, the same map at all moments. Each course is then
    weighted over the volumes that come after a moment of sound, the same weights at all moments, at first those of Glover's response. So a
    map is learned from every volume, and of few numbers: `hidden` courses of less than the components. BOLD knows slow changes only: there
    are ``n_slow`` moments, and the frames between are interpolated. Subject -1 is an unseen one and gets the mean map, as in `SubjectLayer`.

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
        Frames of a segment; 1 for one vector, the mean of the moments.
    n_slow
        Moments, evenly spread over the segment: as many as it has bins, ``data.segment_s / data.bin_s``.
    bin_s
        Length of a bin of volumes: ``data.bin_s``.
    lag_s
        From the start of the segment to that of the first volume: the first of ``data.lags_s``.
    hidden
        Courses of the subject's map, and channels of each layer.
    depth
        Layers that see all courses at a moment, before the outputs; 0: the encoder is linear.
    dropout
        Share of values that are dropped in training, of components and of each layer.
    rank_power
        Component i (from 1) is divided by ``i ** rank_power`` first. Standardised components, the last of which are mostly noise, then
        count less, as they do in the voxels themselves.

    References
    ----------
    Glover 1999, Deconvolution of impulse response in event-related BOLD fMRI, NeuroImage 9:416.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import BoldEncoder
    >>> encoder = BoldEncoder(n_fmri_subjects=3, n_components=20, n_volumes=6, n_outputs=40, n_times=100)
    >>> bold = torch.randn(2, 6, 20)  # 2 segments, 6 volumes, 20 components
    >>> encoder(bold, torch.tensor([0, -1])).shape  # -1: somebody whom it has not seen
    torch.Size([2, 40, 100])
    """

    def __init__(
        self,
        n_fmri_subjects: int,
        n_components: int,
        n_volumes: int,
        n_outputs: int,
        n_times: int,
        *,
        n_slow: int = 5,
        bin_s: float = 2.0,
        lag_s: float = 4.0,
        hidden: int = 8,
        depth: int = 0,
        dropout: float = 0.3,
        rank_power: float = 0.0,
    ):
        counts = {"n_fmri_subjects": n_fmri_subjects, "n_components": n_components, "n_volumes": n_volumes}
        counts |= {"n_outputs": n_outputs, "n_times": n_times, "n_slow": n_slow, "hidden": hidden}
        check_options("BoldEncoder: ", low=1, whole=True, **counts)
        check_options("BoldEncoder: ", low=0, whole=True, depth=depth)
        check_options("BoldEncoder: ", low=0, below=1, dropout=dropout)
        check_options("BoldEncoder: ", above=0, bin_s=bin_s)
        check_options("BoldEncoder: ", low=0, lag_s=lag_s, rank_power=rank_power)
        super().__init__()
        self.n_slow, self.bin_s, self.lag_s = n_slow, bin_s, lag_s
        self.subjects = nn.Parameter(torch.randn(n_fmri_subjects, n_components, hidden) / math.sqrt(n_components))
        self.dropout = nn.Dropout(dropout)
        self.first, response = after_sound(bin_s, lag_s)
        self.response = nn.Parameter(response.repeat(hidden, 1, 1))
        layers = []
        for _ in range(depth):
            layers += [nn.Conv1d(hidden, hidden, 1), nn.GELU(), nn.Dropout(dropout)]
        self.network = nn.Sequential(*layers, nn.Conv1d(hidden, n_outputs, 1))
        weights = torch.arange(1, n_components + 1) ** -float(rank_power)
        self.register_buffer("weights", weights / weights.square().mean().sqrt(), persistent=False)
        self.register_buffer("between", interpolation(n_slow, n_times), persistent=False)
        if self.first + n_slow - 1 + len(response) <= 0 or self.first >= n_volumes:
            raise UserError(
                f"BoldEncoder: no moment of sound moves the {n_volumes} volumes from {lag_s:g} s on. Set bin_s and lag_s to those of the data."
            )

    def forward(self, bold: Tensor, subject: Tensor) -> Tensor:
        """``(v, n, p), (v,) -> (v, n_outputs, n_times)``.

        Raises
        ------
        ValueError
            On the CPU: a subject is neither -1 nor known.
        """
        courses = (self.dropout(bold * self.weights) @ self._maps(subject)).mT  # (v, h, n)
        seen = self.n_slow - 1 + self.response.shape[-1]  # volumes, from number `first` on; what is not there is 0
        before = F.pad(courses, (-self.first, self.first + seen - courses.shape[-1]))
        moments = F.conv1d(before, self.response, groups=len(self.response))  # (v, h, n_slow)
        return self.network(moments) @ self.between

    def _maps(self, subject: Tensor) -> Tensor:
        """``(v,) -> (v, p, h)``."""
        n, unseen = len(self.subjects), subject == -1
        if subject.device.type == "cpu" and ((subject < -1) | (subject >= n)).any():
            raise ValueError(f"Subjects {sorted(set(subject.tolist()))}; expected -1 (unseen) or 0 to {n - 1}.")
        share = F.one_hot(subject.masked_fill(unseen, 0), n).to(self.subjects.dtype)
        share = torch.where(unseen[:, None], torch.full_like(share, 1 / n), share)
        return torch.einsum("vs,sph->vph", share, self.subjects)


def after_sound(bin_s: float, lag_s: float) -> tuple[int, Tensor]:
    """The bins that the sound in the middle of the first bin of a segment moves: the number of the first, and (k,) Glover's response there, of
    length 1. Bin 0 starts ``lag_s`` after the segment; negative numbers are before it.
    """
    first = math.ceil((bin_s / 2 - lag_s) / bin_s - 1e-9)
    lags_s = lag_s - bin_s / 2 + bin_s * torch.arange(first, first + max(1, math.ceil(LATEST_S / bin_s)))
    rise, fall = (
        (lags_s / peak_s) ** power * torch.exp(-(lags_s - peak_s) / 0.9) for peak_s, power in ((5.4, 6), (10.8, 12))
    )
    response = rise - 0.35 * fall
    length = torch.linalg.vector_norm(response)
    return first, response / length if length > 0 else torch.ones_like(response) / math.sqrt(len(response))


def interpolation(n_slow: int, n_times: int) -> Tensor:
    """(n_slow, n_times) weights that interpolate between moments; before the first and after the last they hold. One frame is their mean.

    Moment i is at the middle of the i-th of ``n_slow`` equal parts of the segment. A product with a matrix is the same on every run, the
    gradient of `torch.nn.functional.interpolate` on a GPU is not.
    """
    if n_times == 1:
        return torch.full((n_slow, 1), 1 / n_slow)
    at = ((torch.arange(n_times, dtype=torch.float64) + 0.5) / n_times * n_slow - 0.5).clamp(0, n_slow - 1)
    distance = (at - torch.arange(n_slow, dtype=torch.float64)[:, None]).abs()
    return (1 - distance).clamp_min(0).float()
