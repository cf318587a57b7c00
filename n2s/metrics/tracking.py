"""Correlation of a predicted time course with the true one, and its null distribution."""

import numpy as np
import torch
from torch import Tensor


def pearson(predicted: Tensor, true: Tensor) -> Tensor:
    """Correlation over time, ``(t, f), (t, f) -> (f,)`` in float64; 0 where either is constant."""
    x, y = _unit(predicted), _unit(true)
    return (x * y).sum(0)


def circular_shift_null(
    predicted: Tensor, true: Tensor, *, n_shifts: int = 1000, min_shift: int = 1, seed: int = 0
) -> Tensor:
    """Correlations of the prediction with circularly shifted true courses: chance level given their smoothness.

    A shift keeps the spectrum of both and only breaks their alignment; samples are not assumed independent.

    Parameters
    ----------
    predicted, true
        ``(t, f)``.
    n_shifts
        Number of shifts to draw, with replacement.
    min_shift
        Minimum shift in either direction, samples: beyond it the true course no longer resembles itself.
    seed
        Seed for the draw.

    Returns
    -------
    Tensor
        ``(n_shifts, f)`` Pearson correlations, float64.

    Raises
    ------
    ValueError
        No shift is that large.
    """
    n_times = len(true)
    if not 1 <= min_shift <= n_times // 2:
        raise ValueError(f"min_shift is {min_shift}; expected 1 to half of the {n_times} samples.")
    # The correlations of all shifts at once: the circular cross-correlation.
    spectrum = torch.fft.rfft(_unit(predicted), dim=0) * torch.fft.rfft(_unit(true), dim=0).conj()
    every = torch.fft.irfft(spectrum, n=n_times, dim=0)
    turns = np.random.default_rng(seed).integers(min_shift, n_times - min_shift, size=n_shifts, endpoint=True)
    return every[torch.from_numpy(turns)]


def _unit(course: Tensor) -> Tensor:
    """Values without their mean, scaled to length 1 (0 if constant)."""
    centred = course.double() - course.double().mean(0)
    norm = centred.norm(dim=0)
    flat = norm <= 1e-12 * course.double().abs().amax(0) * len(course) ** 0.5
    return torch.where(flat, 0.0, centred / norm.where(~flat, 1.0))
