"""Stretches whose noise is alike at all frequencies: what follows speech then counts where it can be seen."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

#: Powers of log frequency that describe a spectrum: a slope, and how it bends.
DEGREE = 2
LEAST_BINS = 8  # of a spectrum that is described


def whitened(
    brain: Sequence[Tensor], envelope: Sequence[Tensor], sfreq: float, bands: Mapping[str, tuple[float, float]]
) -> tuple[list[Tensor], list[Tensor]]:
    """Both through one filter, the inverse of the brain's own amplitude spectrum.

    The brain has most power at its slowest, where it follows speech no more than elsewhere; within a band, slow noise would drown the rest.
    Who is filtered alike is related as before: gains and lags stay (generalised least squares). The spectrum is a parabola of logarithms
    from the lowest to the highest frequency of all bands, over all sensors of this person; beyond them it goes on as at their ends.

    Parameters
    ----------
    brain
        Stretches (t, c) without a gap.
    envelope
        (t, 1) of each.
    sfreq
        Hz.
    bands
        Name -> lowest and highest frequency, Hz.

    Returns
    -------
    Both as they were given, float64; unchanged if all is silent, or too short for a spectrum.
    """
    brain, envelope = ([one.double() - one.double().mean(0) for one in side] for side in (brain, envelope))
    low, high = min(one[0] for one in bands.values()), max(one[1] for one in bands.values())
    points = [_spectrum(one, sfreq, low, high) for one in brain if len(one) > 1]
    frequency, power = (np.concatenate(part) for part in zip(*points, strict=True)) if points else (np.empty(0),) * 2
    if len(frequency) < LEAST_BINS or np.ptp(frequency) == 0:
        return brain, envelope
    low = max(low, frequency.min())  # a band from 0 Hz on
    line = np.polynomial.Polynomial.fit(np.log(frequency), np.log(power), DEGREE)
    middle = line(np.log(frequency)).mean()  # the filter turns nothing up or down as a whole

    def filtered(signal: Tensor) -> Tensor:
        n = len(signal)
        mirrored = torch.cat([signal, signal.flip(0)])  # no jump at the ends
        at = np.log(np.clip(np.fft.rfftfreq(2 * n, 1 / sfreq), low, high))
        gain = torch.from_numpy(np.exp((middle - line(at)) / 2)).to(signal.device)
        return torch.fft.irfft(torch.fft.rfft(mirrored, dim=0) * gain[:, None], 2 * n, dim=0)[:n]

    return [filtered(one) for one in brain], [filtered(one) for one in envelope]


def _spectrum(brain: Tensor, sfreq: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies above 0 from ``low`` to ``high`` at which there is power, and the mean of it over sensors."""
    frequency = np.fft.rfftfreq(len(brain), 1 / sfreq)
    power = (torch.fft.rfft(brain, dim=0).abs() ** 2).mean(1).cpu().numpy() / len(brain)
    kept = (frequency > 0) & (frequency >= low) & (frequency <= high) & (power > 0)
    return frequency[kept], power[kept]
