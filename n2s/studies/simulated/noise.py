"""The noise of the simulated MEG: Gaussian and stationary, one temporal spectrum times one spatial covariance.

The covariance of channel i at one moment and channel j at a moment ``tau`` later is ``C[i, j] * r(tau)``: known
exactly, so that the likelihood of a recording can be written down (see `n2s.studies.simulated.observer`).
"""

import mne
import numpy as np
import scipy.fft

from n2s.studies.simulated.sensors import HEAD_CENTRE_M, helmet, lead_field

N_BRAIN_DIPOLES = 600
BRAIN_RADII_M = (0.055, 0.078)  # the shell that stands for the cortex
#: White level of one sensor's own noise, as for a Vectorview in a shielded room: 3 fT/cm and 3 fT in 1 Hz.
SENSOR_LEVEL = {"grad": 3e-13, "mag": 3e-15}
#: White level of all background sources together in the median planar gradiometer of a Vectorview, T/m in 1 Hz.
BRAIN_LEVEL = 3e-13
#: The noise is cut from a longer periodic one: the margin, s, in which its correlation dies away.
MARGIN_S = 20.0


def spectrum(freqs_hz: np.ndarray) -> np.ndarray:
    """Power at each frequency, relative to the white floor: drift, 1/f slope, alpha peak, floor."""
    f = np.abs(freqs_hz)
    drift = 1000.0 / (1.0 + (f / 0.1) ** 2)
    slope = (15.0 / np.sqrt(f**2 + 0.3**2)) ** 1.2
    alpha = 8.0 * np.exp(-0.5 * ((f - 10.0) / 1.2) ** 2)
    return 1.0 + drift + slope + alpha


def autocovariance(n_times: int, sfreq: float) -> np.ndarray:
    """(n_times,) Covariance of the noise with itself at lags 0, 1, ... samples, for a white floor of 1 per Hz."""
    n = _period(n_times, sfreq)
    return scipy.fft.irfft(_power(n, sfreq), n)[:n_times]


def time_courses(n_channels: int, n_times: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """(n_channels, n_times) Independent draws, each with exactly `autocovariance` as its covariance.

    Any cut of a periodic Gaussian process that is shorter than the period is a Gaussian with the same covariance:
    nothing is windowed or filtered, there are no edge effects.
    """
    n = _period(n_times, sfreq)
    amplitude = np.sqrt(_power(n, sfreq) * n / 2).astype(np.float32)
    amplitude[0] *= np.sqrt(2)  # the constant and, of an even length, the Nyquist term are real
    if n % 2 == 0:
        amplitude[-1] *= np.sqrt(2)
    courses = np.empty((n_channels, n_times))
    for start in range(0, n_channels, 16):  # a few channels at a time: memory
        block = courses[start : start + 16]
        parts = rng.standard_normal((len(block), len(amplitude), 2), dtype=np.float32)
        block[:] = scipy.fft.irfft(parts.view(np.complex64)[..., 0] * amplitude, n, overwrite_x=True)[:, :n_times]
    return courses


def spatial_covariance(info: mne.Info, rng: np.random.Generator) -> np.ndarray:
    """(c, c) Power per Hz at the white floor, T^2 or (T/m)^2: background sources all over the brain, and the sensors.

    Each listener has own background: the sources' places and directions are drawn from ``rng``.
    """
    directions = rng.standard_normal((N_BRAIN_DIPOLES, 3))
    directions[:, 2] = np.abs(directions[:, 2]) - 0.4  # little below the centre: that is neck
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    positions = HEAD_CENTRE_M + directions * rng.uniform(*BRAIN_RADII_M, (N_BRAIN_DIPOLES, 1))
    orientations = rng.standard_normal((N_BRAIN_DIPOLES, 3))
    kinds = np.array(info.get_channel_types())
    planar = info if "grad" in kinds else helmet(info["sfreq"])  # the same sources, whatever helmet sees them
    seen = np.einsum("cpd,pd->cp", lead_field(planar, positions), orientations)
    typical = np.median(np.linalg.norm(seen[np.array(planar.get_channel_types()) == "grad"], axis=1))
    field = np.einsum("cpd,pd->cp", lead_field(info, positions), orientations) * (BRAIN_LEVEL / typical)
    return field @ field.T + np.diag([SENSOR_LEVEL[kind] ** 2 for kind in kinds])


def _period(n_times: int, sfreq: float) -> int:
    return scipy.fft.next_fast_len(n_times + round(MARGIN_S * sfreq), real=True)


def _power(n: int, sfreq: float) -> np.ndarray:
    """Two-sided power of a sampled process with the one-sided density per Hz `spectrum`."""
    return spectrum(scipy.fft.rfftfreq(n, 1 / sfreq)) * sfreq / 2
