"""Does another signal reach the sensors? Its course in theirs at the same moment, against all other moments."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft

from n2s.metrics.acoustic_contamination import LINE_HZ, LINE_WIDTH_HZ

AT_ONCE, NUMBERS_AT_ONCE = 32, 2**20  # signals that are filtered together: memory
LEAST_PIECES = 4  # of a run
COLUMNS_AT_ONCE = 2**23  # numbers of moved signals that are held: 32 MB


class Link(NamedTuple):
    """``r (c, d)`` of sensors and other signals; ``p (c,)`` of each sensor, corrected for their number; ``p_whole`` of all. NaN: not tested."""

    r: np.ndarray
    p: np.ndarray
    p_whole: float


def band_limited(signal: np.ndarray, sfreq: float, low_hz: float, high_hz: float, *, mains: bool = False) -> np.ndarray:
    """(t, c) -> (t, c) float32 what lies in a band, by a product of spectra; ``mains``: without multiples of 50 and 60 Hz.

    The signal is mirrored at its ends, so that a step between them makes no ringing.
    """
    n = len(signal)
    hz = scipy.fft.rfftfreq(2 * n, 1 / sfreq)
    soft = max(0.25 * low_hz, 1e-9)  # edges are no steps
    gain = np.clip((hz - low_hz) / soft + 1, 0, 1) * np.clip((high_hz - hz) / max(0.05 * high_hz, 1e-9) + 1, 0, 1)
    if mains:
        for line in LINE_HZ:
            gain[np.abs(hz - line * np.maximum(np.rint(hz / line), 1)) < LINE_WIDTH_HZ] = 0
    gain, found = gain[:, None].astype(np.float32), np.empty(signal.shape, np.float32)
    step = max(AT_ONCE, NUMBERS_AT_ONCE // max(1, n))
    for at in range(0, signal.shape[1], step):
        part = np.asarray(signal[:, at : at + step], np.float32)
        spectrum = scipy.fft.rfft(np.concatenate([part, part[::-1]]), axis=0)
        found[:, at : at + step] = scipy.fft.irfft(spectrum * gain, 2 * n, axis=0)[:n]
    return found


def same_moment(
    brain: Sequence[np.ndarray],
    side: Sequence[np.ndarray],
    *,
    least_shift: int = 0,
    piece: int = 0,
    n_draws: int = 299,
    seed: int = 0,
) -> Link:
    """Correlate sensors with other signals at the same moment, and at moments that have nothing to do with each other.

    The null moves the other signals in a circle by ``least_shift`` samples or more, each run by itself. All keep their autocorrelation. Of
    signals that are joined from pieces of the same length, each filtered alone, it exchanges the pieces of a run: at both ends of a piece, all
    are larger or smaller than inside it, and moved by a part of a piece they would not be at the same moment.
    r of a pair is measured in units of the spread of its own draws, r itself among them, and the largest over pairs is compared with the
    largest of each draw.

    Parameters
    ----------
    brain
        (t, c) of each run.
    side
        (t, d) of each run.
    least_shift
        Samples: longer than either side is like itself.
    piece
        Samples of a piece, in place of ``least_shift``.
    n_draws, seed
        Of the null.
    """
    least = LEAST_PIECES * piece if piece else 4 * least_shift
    runs = [(b, s) for b, s in zip(brain, side, strict=True) if len(s) >= least]
    shape = (brain[0].shape[1], side[0].shape[1]) if len(brain) else (0, 0)
    if not runs:
        return Link(np.full(shape, np.nan), np.full(shape[0], np.nan), np.nan)
    rng = np.random.default_rng(seed)
    total = sum(len(s) for _, s in runs)
    found, null = np.zeros(shape), np.zeros((n_draws, *shape), np.float32)
    for b, s in runs:
        one, other = _unit(b), _unit(s)
        share = len(s) / total
        found += share * (one.T @ other)
        step = max(1, COLUMNS_AT_ONCE // max(1, other.size))
        for at in range(0, n_draws, step):
            n = min(step, n_draws - at)
            drawn = [_exchanged(other, piece, rng) if piece else _moved(other, least_shift, rng) for _ in range(n)]
            moved = np.concatenate(drawn, axis=1)
            null[at : at + n] += share * (one.T @ moved).reshape(shape[0], n, shape[1]).transpose(1, 0, 2)
    spread = np.sqrt((np.square(null).sum(0) + np.square(found)) / (n_draws + 1))  # the truth is one of the draws
    spread = np.where(spread > 1e-9, spread, np.inf)  # constant signals: never
    own, most = np.abs(found / spread).max(1), np.abs(null / spread).max((1, 2))
    p = (1 + (most[:, None] >= own - 1e-9).sum(0)) / (1 + n_draws)
    return Link(found, p, float(p.min()))


def _moved(values: np.ndarray, least_shift: int, rng: np.random.Generator) -> np.ndarray:
    return np.roll(values, int(rng.integers(least_shift, len(values) - least_shift + 1)), axis=0)


def _exchanged(values: np.ndarray, piece: int, rng: np.random.Generator) -> np.ndarray:
    parts = values.reshape(len(values) // piece, piece, -1)
    return parts[rng.permutation(len(parts))].reshape(values.shape)


def _unit(values: np.ndarray) -> np.ndarray:
    """(t, c) without mean and trend, of unit length; constant columns are 0.

    Where ends differ, all have a step at the same moment once they are turned in a circle: what is left in place would be alike.
    """
    values = np.asarray(values, np.float32)
    line = np.linspace(-1, 1, len(values), dtype=np.float32)
    centred = values - values.mean(0)
    centred = centred - line[:, None] * (line @ centred / (line @ line))
    length = np.sqrt(np.square(centred, dtype=np.float64).sum(0)).astype(np.float32)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-12)
