"""High-gamma activity of iEEG: the envelope of a band of fast frequencies, as means of short windows."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import iirfilter, sosfiltfilt, sosfreqz

from n2s.errors import UserError, first_of
from n2s.options import check_number, check_pair

ORDER = 4  # of each Butterworth filter, as in Verwoert 2022
STOP_HZ = 2.0  # on either side of a harmonic of the power line
BLOCK = 2**19  # samples that are filtered at once: they stay near the processor
LEFT_OUT = 1e-4  # part of the energy of an impulse that the filters may leave outside their support
FINE_S = 16.0  # length of the impulse response that the support is measured on


def high_gamma(
    signal: np.ndarray,
    sfreq: float,
    band_hz: tuple[float, float] = (70.0, 170.0),
    line_hz: float | None = 50.0,
    window_s: float = 0.05,
    hop_s: float = 0.01,
) -> np.ndarray:
    """High-gamma activity as Verwoert 2022 extracts it: trend out, band-pass, line harmonics out, envelope, means of windows.

    The numbers are those of the authors' code (``extract_features.py`` of SingleWordProductionDutch) to rounding. Frame i starts at
    ``i * hop_s``, and its middle is ``window_s / 2`` later. Frames at both ends see the edges of filters and Hilbert transform: cut them off
    afterwards, never the signal before. Stretches between interruptions must be given one by one.

    Parameters
    ----------
    signal
        (t, c) Samples of a whole stretch of recording, in any unit.
    sfreq
        Its rate, Hz.
    band_hz
        Edges of the Butterworth band-pass of order 4, run forwards and backwards.
    line_hz
        The power line's frequency: 2 Hz on either side of its multiples inside the band are stopped. None: nothing is.
    window_s, hop_s
        Length of the windows that the envelope is averaged over, and from one to the next.

    Returns
    -------
    (n, c) float64 in the signal's unit, at ``1 / hop_s`` Hz; ``n = floor((t - window_s sfreq) / (hop_s sfreq))``.

    Raises
    ------
    UserError
        The rate is not above twice the band's upper edge; the signal is too short, not of two axes, or has values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import high_gamma
    >>> time = np.arange(2048) / 1024
    >>> signal = np.sin(2 * np.pi * 100 * time) * (time > 1)  # 100 Hz in the second half, (t,) or (t, c)
    >>> found = high_gamma(signal[:, None], 1024.0, line_hz=None)
    >>> found.shape, bool(found[150:].mean() > 10 * found[:50].mean())
    ((195, 1), True)
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.dtype.kind not in "fiub":
        raise UserError(
            f"high_gamma: the signal is {signal.dtype} of shape {signal.shape}; expected real numbers, samples by channels."
        )
    filters = filters_of(sfreq, band_hz, line_hz)
    check_windows(sfreq, window_s, hop_s)
    n = math.floor((len(signal) - window_s * sfreq) / (hop_s * sfreq))
    shortest = shortest_samples(filters)
    if n < 1 or len(signal) < shortest:
        needed = max(shortest / sfreq, window_s + hop_s)
        raise UserError(
            f"high_gamma: the signal has {len(signal)} samples ({len(signal) / sfreq:.3g} s at {sfreq:g} Hz); filters and windows need "
            f"{needed:.3g} s or more. Give whole recordings, not epochs."
        )
    broken = np.flatnonzero(~np.isfinite(signal).all(0))
    if len(broken):
        raise UserError(
            f"high_gamma: {len(broken)} of {signal.shape[1]} channels have values that are NaN or infinite (columns "
            f"{first_of(broken, 8, ', ...')}), which filters would spread. Leave them out, or give the stretches between the holes."
        )
    starts = np.floor(np.arange(n) * hop_s * sfreq).astype(int)  # in this order, as the authors' code rounds
    stops = np.floor(starts + window_s * sfreq).astype(int)
    return frames_of(signal.T, filters, starts, stops)


def frames_of(values: np.ndarray, filters: Sequence[np.ndarray], starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """(c, t) -> (n, c) float64: the `envelope` of a whole stretch, averaged in windows, a few channels at a time."""
    found = np.empty((len(starts), len(values)))
    step = max(1, BLOCK // values.shape[1])
    for first in range(0, len(values), step):
        block = np.ascontiguousarray(values[first : first + step], np.float64)
        found[:, first : first + step] = window_means(envelope(block, filters), starts, stops).T
    return found


def filters_of(sfreq: float, band_hz: tuple[float, float], line_hz: float | None) -> tuple[np.ndarray, ...]:
    """The band-pass, and a band-stop for each harmonic of the line inside the band: second-order sections.

    Raises
    ------
    UserError
        The band is none, or the rate cannot hold it; the line's frequency is none.
    """
    low_hz, high_hz = _checked_band(band_hz)
    if not math.isfinite(sfreq) or sfreq <= 2 * high_hz:
        raise UserError(
            f"high_gamma: a band of {low_hz:g} to {high_hz:g} Hz needs a sampling rate above {2 * high_hz:g} Hz (twice its upper edge), and "
            f"the signal has {sfreq:g} Hz. Use the recording at its full rate, or lower the upper edge of band_hz below "
            f"{sfreq / 2:g}."
        )
    sections = [_butterworth(sfreq, low_hz, high_hz, "bandpass")]
    for hz in harmonics(band_hz, line_hz):
        if hz + STOP_HZ >= sfreq / 2:
            raise UserError(
                f"high_gamma: {hz:g} Hz, a multiple of the power line's {line_hz:g} Hz, cannot be stopped ({STOP_HZ:g} Hz on either side) in "
                f"a signal of {sfreq:g} Hz. Lower the upper edge of band_hz below {hz:g}, or use a higher rate."
            )
        sections.append(_butterworth(sfreq, hz - STOP_HZ, hz + STOP_HZ, "bandstop"))
    return tuple(sections)


def harmonics(band_hz: tuple[float, float], line_hz: float | None) -> list[float]:
    """The multiples of the power line's frequency inside a band, Hz."""
    low_hz, high_hz = _checked_band(band_hz)
    if line_hz is None:
        return []
    check_number("high_gamma: line_hz", line_hz, above=2 * STOP_HZ, otherwise="null if no harmonics are to be stopped")
    return [k * line_hz for k in range(1, math.ceil(high_hz / line_hz)) if k * line_hz > low_hz]


def check_windows(sfreq: float, window_s: float, hop_s: float) -> None:
    """Raise a `UserError` if windows hold no sample, or follow each other faster than samples."""
    for name, seconds in (("window_s", window_s), ("hop_s", hop_s)):
        check_number(f"high_gamma: {name}", seconds, above=0)
        if not seconds * sfreq >= 1:
            raise UserError(
                f"high_gamma: {name} is {seconds!r}; expected at least one sample, {1 / sfreq:.3g} s at {sfreq:g} Hz."
            )


def envelope(values: np.ndarray, filters: Sequence[np.ndarray]) -> np.ndarray:
    """(c, t) float64 -> (c, t): size of the analytic signal of what the filters leave, over the whole stretch."""
    values = _without_line(values)
    for sections in filters:
        values = sosfiltfilt(sections, values, axis=1)
    n = next_fast_len(values.shape[1], real=True)  # zeros behind it, as the authors' code has them
    spectrum = rfft(values, n, axis=1)
    spectrum *= -1j
    spectrum[:, 0] = 0
    if n % 2 == 0:
        spectrum[:, -1] = 0
    turned = irfft(spectrum, n, axis=1)[:, : values.shape[1]]  # by a quarter of a period: the Hilbert transform
    values *= values
    turned *= turned
    return np.sqrt(values + turned)


def window_means(values: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """(c, t) -> (c, n): means of the samples from each start to before its stop; starts ascend, no window is empty."""
    within = np.stack([starts, stops], axis=1).ravel()
    if stops[-1] == values.shape[1]:  # `reduceat` names samples, and there is none after the last
        values = np.concatenate([values, np.zeros((len(values), 1))], axis=1)
    return np.add.reduceat(values, within, axis=1)[:, ::2] / (stops - starts)


def shortest_samples(filters: Sequence[np.ndarray]) -> int:
    """The fewest samples that `sosfiltfilt` can mirror at both ends."""
    return max(3 * (2 * len(sections) + 1) for sections in filters) + 1


@lru_cache(maxsize=64)
def support_s(sfreq: float, band_hz: tuple[float, float], line_hz: float | None) -> float:
    """Seconds of signal that the envelope at one moment depends on, but for 1e-4 of the energy.

    Recursive filters never end: this is the shortest stretch around an impulse that holds the rest of its envelope's energy.
    """
    n = next_fast_len(round(FINE_S * sfreq), real=True)
    response = np.ones(n // 2 + 1)
    at_hz = np.fft.rfftfreq(n, 1 / sfreq)
    for sections in filters_of(sfreq, band_hz, line_hz):
        response *= np.abs(sosfreqz(sections, at_hz, fs=sfreq)[1]) ** 2  # forwards and backwards
    one_sided = np.zeros(n)  # its inverse transform is the analytic signal of an impulse
    one_sided[: len(response)] = response
    energy = np.abs(np.fft.ifft(one_sided)) ** 2
    half = n // 2
    around = energy[0] + np.concatenate([[0], np.cumsum(energy[1:half] + energy[-1:-half:-1])])
    reach = int(np.argmax(around >= (1 - LEFT_OUT) * energy.sum()))
    return (2 * reach + 1) / sfreq


def _without_line(values: np.ndarray) -> np.ndarray:
    """(c, t): without the best line of each row; in closed form, which is far faster than least squares."""
    time = np.arange(values.shape[1]) - (values.shape[1] - 1) / 2
    values = values - values.mean(1, keepdims=True)
    return values - np.outer(values @ (time / (time @ time)), time)


def _butterworth(sfreq: float, low_hz: float, high_hz: float, kind: str) -> np.ndarray:
    return iirfilter(ORDER, [low_hz / (sfreq / 2), high_hz / (sfreq / 2)], btype=kind, output="sos")


def _checked_band(band_hz: tuple[float, float]) -> tuple[float, float]:
    low_hz, high_hz = check_pair("high_gamma: band_hz", band_hz, above=0)
    if not low_hz < high_hz:
        raise UserError(
            f"high_gamma: band_hz is {low_hz:g} to {high_hz:g}; expected two edges above 0 in Hz, the lower one first."
        )
    return low_hz, high_hz
