"""Mutual information of the brain and an envelope in a band: what each says about the other, in phase and amplitude together."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.metrics.band_signals import analytic_stretches
from n2s.metrics.tracking_coherence import BANDS

BLOCK = 2**21  # complex numbers that are transformed at once: 32 MB
FEWEST = 8  # rows: four covariances of fewer say nothing
ALIKE = 1e-9  # of what it is at most: the determinant of a covariance that has no inverse


def tracking_information(
    brain: Tensor | np.ndarray,
    envelope: Tensor | np.ndarray,
    sfreq: float,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> dict[str, Tensor]:
    """Gaussian-copula mutual information of each sensor with the envelope, by band.

    Real and imaginary parts of both analytic signals are brought to normal scores by their ranks; the information of normal variables
    with their covariance is a lower bound of the true one. It is biased upwards, and neighbouring rows are alike: compare with
    circular shifts.

    Parameters
    ----------
    brain
        (c, t)
    envelope
        (t,)
    sfreq
        Of both, Hz.
    bands
        Name -> lowest and highest frequency, Hz.

    Returns
    -------
    Name of the band -> (c,) bits, float64. NaN where a sensor never changes.

    References
    ----------
    Ince et al. 2017, Hum. Brain Mapp. 38:1541.
    """
    brain = torch.as_tensor(brain).T
    heard = torch.as_tensor(envelope).to(brain.device)[:, None]
    found = {}
    for name, band in bands.items():
        one, other = (analytic_stretches([part], sfreq, band)[0] for part in (brain, heard))
        found[name] = information(torch.cat(one), torch.cat(other)[:, 0])[0].where(
            brain.amax(0) > brain.amin(0), torch.nan
        )
    return found


def information(brain: Tensor, envelope: Tensor, shifts: Sequence[int] = ()) -> Tensor:
    """Gaussian-copula information of complex signals, and with the envelope moved in a circle.

    Parameters
    ----------
    brain
        (n, c) complex.
    envelope
        (n,) complex.
    shifts
        (s,) rows by which the envelope is moved.

    Returns
    -------
    (1 + s, c) bits: as it is, then shifted. NaN where a signal never changes, or its two parts are of one order (in few rows).
    """
    n = len(brain)
    if n < FEWEST:
        raise UserError(
            f"{n} rows are left of a band after its ends were cut: give longer stretches, or a faster band."
        )
    at = torch.tensor([0, *shifts], device=brain.device).remainder(n)
    heard = torch.fft.rfft(_white(torch.view_as_real(envelope)[:, None]), dim=0).conj()  # (k, 1, 2)
    found = torch.empty(len(at), brain.shape[1], dtype=torch.float64, device=brain.device)
    step = max(1, BLOCK // (4 * n))
    for first in range(0, brain.shape[1], step):
        own = torch.fft.rfft(_white(torch.view_as_real(brain[:, first : first + step])), dim=0)  # (k, c, 2)
        cross = torch.fft.irfft(own[..., :, None] * heard[..., None, :], n=n, dim=0)[at] / n  # (s, c, 2, 2)
        # det(1 - M M') of two by two
        left = 1 - cross.square().sum((-1, -2)) + torch.linalg.det(cross).square()
        found[:, first : first + step] = -0.5 * torch.log2(left.clamp(min=torch.finfo(torch.float64).tiny))
    return found.masked_fill(_still(brain) | _still(envelope), torch.nan)


def _still(signal: Tensor) -> Tensor:
    """Whether a complex signal (n, ...) never changes: silence, a sensor without a signal."""
    return (signal == signal[:1]).all(0)


def _white(values: Tensor) -> Tensor:
    """(n, c, 2) -> (n, c, 2): normal scores of the ranks of each column, the two of a sensor made uncorrelated with variance 1."""
    n = len(values)
    order = values.contiguous().argsort(dim=0, stable=True)
    scores = torch.special.ndtri(torch.arange(1, n + 1, dtype=torch.float64, device=values.device) / (n + 1))
    normal = torch.empty_like(values).scatter_(0, order, scores[:, None, None].expand_as(values))
    covariance = torch.einsum("ncd,nce->cde", normal, normal) / n
    one = torch.eye(2, dtype=torch.float64, device=values.device)
    # a column that never changes; or, in few rows, two columns of one order, or of the reverse
    alike = torch.linalg.det(covariance) <= ALIKE * covariance.diagonal(dim1=-2, dim2=-1).prod(-1)
    covariance = torch.where(
        alike[:, None, None] | (values == values[:1]).all(0).any(-1)[:, None, None], one, covariance
    )
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), normal.permute(1, 2, 0), upper=False)
    return white.permute(2, 0, 1).masked_fill(alike[:, None], torch.nan)
