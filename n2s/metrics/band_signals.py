"""Analytic signals of a band of frequency: phase and amplitude at a rate that is high enough, and no higher."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.metrics.tracking_coherence import check_bands

ORDER = 4  # of the Butterworth filter, which passes forwards and backwards
PERIODS = 4  # of the lowest frequency that are mirrored at each end,
MIRRORED_S = 5.0  # or so much, if that is longer: a Hilbert transform reaches far
OVERSAMPLED = 4  # samples in a period of a band's highest frequency, at least
BLOCK = 2**21  # complex numbers that are transformed at once: 32 MB


def analytic(signal: Tensor, sfreq: float, band: tuple[float, float]) -> tuple[Tensor, int]:
    """The analytic signal of a band at a lower rate.

    The filter is zero-phase: the squared gain of a Butterworth band-pass of order 4, as `scipy.signal.sosfiltfilt` has it, on negative
    frequencies 0. Ends are mirrored.

    Parameters
    ----------
    signal
        (t, c)
    sfreq
        Hz.
    band
        Lowest and highest frequency, Hz.

    Returns
    -------
    (n, c) complex128, and how many samples of the signal lie from one of its rows to the next: row i is at sample ``i * step``.
    """
    check_bands({"": band}, sfreq)
    if not band[0] > 0:
        raise UserError(
            f"the band from {band[0]:g} to {band[1]:g} Hz has no lowest frequency above 0: it has no phase."
        )
    from scipy.fft import next_fast_len

    step = max(1, int(sfreq / (OVERSAMPLED * band[1])))
    n = len(signal)
    n_margin = min(n - 1, int(np.ceil(sfreq * max(PERIODS / band[0], MIRRORED_S))))
    n_whole = next_fast_len(-(-(n + 2 * n_margin) // (2 * step))) * 2 * step  # even, and whole rows
    margin = (n_margin // step * step, n_whole - n - n_margin // step * step)
    place = torch.arange(-margin[0], n + margin[1], device=signal.device).remainder(max(2 * (n - 1), 1))
    place = torch.where(place < n, place, 2 * (n - 1) - place)
    gain = torch.from_numpy(_gain(np.fft.rfftfreq(n_whole, 1 / sfreq), band, sfreq)).to(signal.device)
    n_rows, n_kept = n_whole // step, -(-n // step)
    found = torch.empty(signal.shape[1], n_kept, dtype=torch.complex128, device=signal.device)
    block = max(1, BLOCK // n_whole)
    for first in range(0, signal.shape[1], block):
        own = signal[:, first : first + block].T.double()[:, place]  # transforms are fast along the last axis
        # one-sided, so that a rate holds frequencies up to the rate itself
        spectrum = torch.fft.rfft(own)[:, :n_rows] * gain[:n_rows]
        values = torch.fft.ifft(2 * spectrum, n=n_rows) / step
        found[first : first + block] = values[:, margin[0] // step :][:, :n_kept]
    return found.T, step


def analytic_stretches(
    stretches: Sequence[Tensor], sfreq: float, band: tuple[float, float]
) -> tuple[list[Tensor], int, int]:
    """`analytic` of each stretch (t, c), without a period of the band's lowest frequency at each end, where the filter has no whole signal.

    Returns
    -------
    The (n, c) of each stretch (0 rows for one that is too short), samples from row to row, and how many rows were cut at each end.
    """
    parts, step = [], 1
    for one in stretches:
        if len(one) < 2:
            parts.append(torch.empty(0, one.shape[1], dtype=torch.complex128, device=one.device))
            continue
        found, step = analytic(one, sfreq, band)
        parts.append(found)
    cut = int(np.ceil(sfreq / band[0] / step))
    return [one[cut : len(one) - cut] if len(one) > 2 * cut else one[:0] for one in parts], step, cut


def _gain(frequencies: np.ndarray, band: tuple[float, float], sfreq: float) -> np.ndarray:
    """(k,) gain of a Butterworth band-pass that passes twice; a band up to half the rate is open above."""
    from scipy.signal import butter, sosfreqz  # seconds of import, needed here alone

    low, high = band
    if high >= sfreq / 2:
        sos = butter(ORDER, low, "highpass", fs=sfreq, output="sos")
    else:
        sos = butter(ORDER, (low, high), "bandpass", fs=sfreq, output="sos")
    return np.abs(sosfreqz(sos, frequencies, fs=sfreq)[1]) ** 2
