"""Is sound in the sensors? Their spectrograms, and that of the sound, follow each other at the same frequency more than at others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.signal

LINE_HZ, LINE_WIDTH_HZ = (50.0, 60.0), 3.0  # of mains: in sensors and microphones alike, and no speech
LEAST_BINS = 6  # frequencies: with fewer, a diagonal is no pattern
SHAPE_DEGREE = 2  # of the polynomial over frequencies that is taken out of each frame: loudness, tilt, bend
BLOCK_NUMBERS = 2**24  # of spectrograms that are transformed at once: 64 MB


class AcousticContamination(NamedTuple):
    """What `acoustic_contamination` found.

    ``hz (f,)``; ``matrix (c, f, f)`` correlations of the power of each sensor (rows) and of the sound (columns); ``diagonal (c,)`` the
    statistic; ``p (c,)`` of each sensor, not corrected, and ``p_corrected (c,)`` for their number; ``p_whole`` of all sensors
    together; ``p_frequencies (c,)`` by shuffled frequencies, as it was published. NaN: too little to test.
    """

    hz: np.ndarray
    matrix: np.ndarray
    diagonal: np.ndarray
    p: np.ndarray
    p_corrected: np.ndarray
    p_whole: float
    p_frequencies: np.ndarray


def speech_frequencies(
    sfreq: float, *, low_hz: float = 60.0, high_hz: float | None = None, window_s: float = 0.2
) -> np.ndarray:
    """Frequencies of a spectrogram at which there may be voice, without those of the mains; empty where the rate is too low.

    Parameters
    ----------
    sfreq
        Rate of the signals, Hz.
    low_hz, high_hz
        The band; by default up to 90% of what the rate can hold. Below 60 Hz no voice has power.
    window_s
        Length of the spectrogram's windows: frequencies are ``1 / window_s`` apart.
    """
    high_hz = 0.45 * sfreq if high_hz is None else min(high_hz, 0.45 * sfreq)
    hz = np.arange(np.ceil(low_hz * window_s), np.floor(high_hz * window_s) + 1) / window_s
    mains = [k * line for line in LINE_HZ for k in range(1, int(high_hz / line) + 2)]
    return hz[[all(abs(one - line) >= LINE_WIDTH_HZ for line in mains) for one in hz]] if len(hz) else hz


def log_power(
    signal: np.ndarray, sfreq: float, hz: np.ndarray, *, window_s: float = 0.2, step_s: float = 0.05
) -> np.ndarray:
    """(c, n) -> (c, f, l) log-power of Hann windows; frame i is centred at ``i * step_s + window_s / 2``."""
    n, step = round(window_s * sfreq), max(1, round(step_s * sfreq))
    window = scipy.signal.get_window("hann", n)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(signal, np.float32), n, axis=-1)[:, ::step]
    tones = np.exp(-2j * np.pi * np.outer(np.arange(n), hz) / sfreq) * window[:, None]
    found = frames @ tones.astype(np.complex64)
    power = np.square(found.real) + np.square(found.imag)
    floor = 1e-6 * power.mean((1, 2), keepdims=True) + np.finfo(np.float32).tiny  # silence of digital zeros
    return np.log(power + floor).transpose(0, 2, 1)


def acoustic_contamination(
    brain: Sequence[np.ndarray],
    audio: Sequence[np.ndarray],
    hz: np.ndarray,
    *,
    least_shift: int,
    n_permutations: int = 299,
    seed: int = 0,
) -> AcousticContamination:
    """Test whether sensors follow a sound at the same frequencies.

    A field that a loudspeaker, a cable or a vibrating sensor makes has the frequencies of the sound. A brain, or muscles, follow how loud it
    is, at frequencies of their own. The statistic of a sensor is the mean correlation of both powers over the same-frequency diagonal.
    Before, each frame loses its mean over frequencies, its tilt and its bend: what all frequencies share says how loud it is.

    The null moves the sound in time, in a circle, by ``least_shift`` frames or more, each run by itself: both sides keep their
    autocorrelation, in time and over frequencies, and p is uniform for any two independent signals. To shuffle frequencies, as was
    published, breaks the likeness of neighbouring frequencies, of which a window of a spectrogram makes every frequency similar to the
    next: for independent signals p is then too often small or large. It is given beside.

    Parameters
    ----------
    brain
        (c, f, l) of each run: see `log_power`. Frames of speech only, if the rest is to be left out.
    audio
        (f, l) of each run.
    hz
        (f,)
    least_shift
        Frames: longer than either side is like itself; a second or two.
    n_permutations, seed
        Draws of the null.

    References
    ----------
    Roussel et al. 2020, J. Neural Eng. 17:056028.
    """
    runs = [(b, a) for b, a in zip(brain, audio, strict=True) if a.shape[-1] >= 4 * least_shift]
    n_channels = brain[0].shape[0] if len(brain) else 0
    if not runs or len(hz) < LEAST_BINS:
        nothing = np.full(n_channels, np.nan)
        return AcousticContamination(hz, np.full((n_channels, len(hz), len(hz)), np.nan), *(nothing.copy() for _ in range(3)), np.nan, nothing.copy())  # type: ignore[call-arg]  # fmt: skip
    rng = np.random.default_rng(seed)
    weight = np.array([a.shape[-1] for _, a in runs], float)
    shifts = [_shifts(a.shape[-1], least_shift, n_permutations, alone=len(runs) == 1, rng=rng) for _, a in runs]
    n_draws = min(map(len, shifts))
    basis = np.linalg.qr(np.vander(np.linspace(-1, 1, len(hz)), SHAPE_DEGREE + 1))[0]
    matrix = np.zeros((n_channels, len(hz), len(hz)))
    found, null = np.zeros(n_channels), np.zeros((n_draws, n_channels))
    for (b, a), share, drawn in zip(runs, weight / weight.sum(), shifts, strict=True):
        z_a = _standard(a)
        shape_a = scipy.fft.rfft(_standard(_without(z_a, basis)), axis=-1)
        step = max(1, BLOCK_NUMBERS // max(1, z_a.size))
        for at in range(0, n_channels, step):
            part = slice(at, at + step)
            z_b = _standard(b[part])
            matrix[part] += share * (z_b @ z_a.T) / z_a.shape[-1]
            shape_b = scipy.fft.rfft(_standard(_without(z_b, basis)), axis=-1)
            by_shift = scipy.fft.irfft((shape_b * shape_a.conj()).sum(1), z_a.shape[-1], axis=-1) / z_a.size
            found[part] += share * by_shift[:, 0]
            null[:, part] += share * by_shift[:, drawn[:n_draws]].T
    every = np.concatenate([null, found[None]])  # the truth is one of the draws
    spread = every.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    most = ((null - every.mean(0)) / spread).max(1)
    own = (found - every.mean(0)) / spread
    p = (1 + (null >= found - 1e-12).sum(0)) / (1 + n_draws)
    p_corrected = (1 + (most[:, None] >= own - 1e-12).sum(0)) / (1 + n_draws)
    p_frequencies = shuffled_frequencies(matrix, n_permutations, seed)
    return AcousticContamination(hz, matrix, found, p, p_corrected, float(p_corrected.min()), p_frequencies)


def shuffled_frequencies(matrix: np.ndarray, n_permutations: int = 299, seed: int = 0) -> np.ndarray:
    """(c,) p of the mean of the diagonals of (c, f, f) matrices against those of matrices with shuffled columns (Roussel et al. 2020)."""
    n = matrix.shape[-1]
    found = np.trace(matrix, axis1=-2, axis2=-1)
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1)
    null = matrix[:, np.arange(n), orders].sum(-1)  # (c, draws)
    return (1 + (null >= found[:, None] - 1e-12).sum(1)) / (1 + n_permutations)


def _shifts(n: int, least: int, n_permutations: int, *, alone: bool, rng: np.random.Generator) -> np.ndarray:
    """Shifts in frames; of a single run each once, since there are no others to combine them with."""
    possible = np.arange(least, n - least + 1)
    if alone:
        return rng.permutation(possible)[:n_permutations]
    return rng.choice(possible, n_permutations)


def _standard(values: np.ndarray) -> np.ndarray:
    """Each row of (..., l) without its mean, of a unit deviation; constant rows are 0."""
    centred = values - values.mean(-1, keepdims=True)
    spread = centred.std(-1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9)


def _without(z: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(..., f, l) without what some (f, m) orthonormal courses over frequencies tell of each frame."""
    return z - basis @ (basis.T @ z)
