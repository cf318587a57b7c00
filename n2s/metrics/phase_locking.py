"""Phases of the brain after the edges of a sound, and coupling of a fast rhythm's amplitude to a slow one's phase."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.metrics.band_signals import analytic_stretches
from n2s.metrics.tracking_coherence import BANDS, check_bands

SMOOTH_HZ = 10.0  # of the envelope whose rises are edges: Oganian & Chang 2019
APART_S = 0.1  # one edge a syllable
LEAST_RISE = 0.1  # of the steep rises (99th percentile): smaller ones are no edges
BLOCK = 2**21  # complex numbers that are transformed at once: 32 MB


def acoustic_edges(envelope: Tensor | np.ndarray, sfreq: float) -> np.ndarray:
    """Moments at which an envelope rises most steeply.

    Parameters
    ----------
    envelope
        (t,)
    sfreq
        Hz, 20 at least.

    Returns
    -------
    (e,) seconds, ascending: local maxima of the rate of change of the envelope below 10 Hz, 0.1 s apart or more.

    References
    ----------
    Oganian & Chang 2019, Sci. Adv. 5:eaay6279.
    """
    from scipy.signal import butter, find_peaks, sosfiltfilt

    values = torch.as_tensor(envelope).double().cpu().numpy()
    if sfreq < 2 * SMOOTH_HZ:
        raise UserError(f"edges of an envelope need a rate of {2 * SMOOTH_HZ:g} Hz or more; it is {sfreq:g} Hz.")
    if len(values) < 0.5 * sfreq or np.ptp(values) == 0:
        return np.empty(0)
    if sfreq > 2 * SMOOTH_HZ:
        values = sosfiltfilt(
            butter(2, SMOOTH_HZ, fs=sfreq, output="sos"), values, padlen=min(len(values) - 1, int(sfreq))
        )
    rise = np.diff(values, prepend=values[:1])
    least = LEAST_RISE * np.quantile(rise, 0.99)
    return find_peaks(rise, height=max(least, 0.0), distance=max(1, round(APART_S * sfreq)))[0] / sfreq


def edge_locked_plv(
    brain: Tensor | np.ndarray,
    edges_s: Sequence[float] | np.ndarray,
    sfreq: float,
    bands: Mapping[str, tuple[float, float]] = BANDS,
    window_s: tuple[float, float] = (0.0, 0.4),
) -> dict[str, Tensor]:
    """Phase-locking of each sensor to the edges of a sound: |mean over edges of the phase|, the mean over a window after them.

    It is biased upwards by few edges (1 / root of their number, and by their rhythm): compare with circular shifts.

    Parameters
    ----------
    brain
        (c, t)
    edges_s
        (e,) Moments of the edges on the brain's clock, s, such as `acoustic_edges`.
    sfreq
        Hz.
    bands
        Name -> lowest and highest frequency, Hz.
    window_s
        First and last moment after an edge, s.

    Returns
    -------
    Name of the band -> (c,) float64.
    """
    signal = torch.as_tensor(brain).T
    check_bands(bands, sfreq)
    found = {}
    for name, band in bands.items():
        (one,), step, cut = analytic_stretches([signal], sfreq, band)
        rows = np.round(np.asarray(edges_s) * sfreq / step).astype(int) - cut
        found[name] = edge_locking(one, rows, window_rows(window_s, sfreq / step))[0]
    return found


def window_rows(window_s: tuple[float, float], rate_hz: float) -> range:
    """Rows after an edge that lie in a window."""
    return range(int(np.ceil(window_s[0] * rate_hz - 1e-9)), int(np.floor(window_s[1] * rate_hz + 1e-9)) + 1)


def edges_inside(edges: np.ndarray, window: range, n_rows: int) -> np.ndarray:
    """The edges (rows) of a stretch of ``n_rows`` that lie in it with all of their window."""
    first, last = min(0, window.start), max(0, window.stop - 1)
    return edges[(edges + first >= 0) & (edges + last < n_rows)]


def edge_locking(brain: Tensor, edges: np.ndarray, window: range, shifts: Sequence[int] = ()) -> Tensor:
    """(1 + s, c) PLV to edges, then to the edges moved in a circle.

    Parameters
    ----------
    brain
        (n, c) complex.
    edges
        (e,) Rows of the edges. Those outside are left out, and those whose window is not all inside: a circle has no end, the brain has.
    window
        Rows after an edge.
    shifts
        (s,) rows by which edges are moved.
    """
    n, edges = len(brain), edges_inside(np.asarray(edges), window, len(brain))
    found = torch.full((1 + len(shifts), brain.shape[1]), torch.nan, dtype=torch.float64, device=brain.device)
    if not len(edges) or not len(window):
        return found
    train = torch.zeros(n, dtype=torch.float64, device=brain.device)
    train.index_add_(
        0, torch.from_numpy(edges).to(brain.device), torch.ones(len(edges), dtype=torch.float64, device=brain.device)
    )
    spectrum = torch.fft.fft(train).conj()[:, None]
    at = torch.tensor([0, *shifts], device=brain.device)[:, None] + torch.tensor(list(window), device=brain.device)
    step = max(1, BLOCK // n)
    for first in range(0, brain.shape[1], step):
        phases = _units(brain[:, first : first + step])
        locked = torch.fft.ifft(torch.fft.fft(phases, dim=0) * spectrum, dim=0).abs() / len(edges)
        found[:, first : first + step] = locked[at.remainder(n)].mean(1)
    return found


def phase_amplitude_coupling(
    brain: Tensor | np.ndarray,
    sfreq: float,
    phase_hz: tuple[float, float] = BANDS["delta"],
    amplitude_hz: tuple[float, float] = BANDS["theta"],
) -> Tensor:
    """How much the amplitude of one band follows the phase of a slower one: |sum a exp(i phi)| / sqrt(n sum a^2), 0 to 1.

    It says nothing of the sound, and is biased upwards: compare with circular shifts of the amplitude.

    Parameters
    ----------
    brain
        (c, t)
    sfreq
        Hz.
    phase_hz, amplitude_hz
        Lowest and highest frequency, Hz.

    Returns
    -------
    (c,) float64.

    References
    ----------
    Özkurt & Schnitzler 2011, J. Neurosci. Methods 201:438.
    """
    return coupling(*phase_and_amplitude([torch.as_tensor(brain).T], sfreq, phase_hz, amplitude_hz)[:2])[0]


def phase_and_amplitude(
    stretches: Sequence[Tensor], sfreq: float, phase_hz: tuple[float, float], amplitude_hz: tuple[float, float]
) -> tuple[Tensor, Tensor, int]:
    """(n, c) complex of unit length, (n, c) at the same moments, and samples from row to row."""
    fast, step, cut = analytic_stretches(stretches, sfreq, amplitude_hz)
    slow, slow_step, slow_cut = analytic_stretches(stretches, sfreq, phase_hz)
    phases, amplitudes = [], []
    for a, b, whole in zip(fast, slow, stretches, strict=True):
        if not len(a) or not len(b):
            continue
        moments = (np.arange(len(a)) + cut) * step / slow_step - slow_cut
        inside = (moments >= 0) & (moments <= len(b) - 1)
        below = np.minimum(np.floor(moments[inside]).astype(int), len(b) - 2)
        share = torch.from_numpy(moments[inside] - below).to(whole.device)[:, None]
        phases.append(_units(b[below] * (1 - share) + b[below + 1] * share))
        amplitudes.append(a[torch.from_numpy(np.flatnonzero(inside)).to(a.device)].abs())
    if not phases:
        raise UserError(
            "no stretch is long enough for the phase of its slow rhythm. Give longer ones, or a faster band."
        )
    return torch.cat(phases), torch.cat(amplitudes), step


def coupling(phase: Tensor, amplitude: Tensor, shifts: Sequence[int] = ()) -> Tensor:
    """(n, c), (n, c) -> (1 + s, c): as they are, then with the amplitude moved in a circle by ``shifts`` rows."""
    n = len(phase)
    at = torch.tensor([0, *shifts], device=phase.device).remainder(n)
    found = torch.empty(len(at), phase.shape[1], dtype=torch.float64, device=phase.device)
    step = max(1, BLOCK // n)
    for first in range(0, phase.shape[1], step):
        own, size = phase[:, first : first + step], amplitude[:, first : first + step]
        products = torch.fft.ifft(torch.fft.fft(own, dim=0) * torch.fft.fft(size.to(own.dtype), dim=0).conj(), dim=0)[
            at
        ]
        power = (n * size.square().sum(0)).sqrt()
        found[:, first : first + step] = products.abs() / power.where(power > 0, torch.nan)
    return found


def _units(values: Tensor) -> Tensor:
    size = values.abs()
    return values / size.where(size > 0, 1.0)
