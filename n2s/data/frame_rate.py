"""The frames of a feature at the brain's rate: dense features are filtered, counts of events are summed."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse
import scipy.special

from n2s.studies.study import Frames

ZEROS, BETA = (
    10,
    5.0,
)  # half length of the low-pass in zeros of its sinc, and its Kaiser window: as in resample_poly
BLOCK = 2**21  # weights at once: bounds memory


def at_rate(frames: Frames, rate_hz: float, events: bool | Sequence[int] = False, *, shift_s: float = 0.0) -> Frames:
    """Resample frames to whole multiples of ``1 / rate_hz`` on the stimulus' clock, from these frames only.

    Dense features that come faster, or between those moments, pass a zero-phase low-pass below half the lower rate; beyond
    an end the last frame is repeated. Slower features stay as they are: a sample takes the nearest frame,
    at most half a frame away. This adds no memory, and Défossez 2023 does the same. Events are summed into the
    nearest moment inside the piece: none is lost, none counts twice, whatever the rates.

    Parameters
    ----------
    frames
        The frames of one piece of a stimulus.
    rate_hz
        The brain's rate.
    events
        Whether dimensions are counts of events, or which ones.
    shift_s
        All moments are later by this: see `n2s.data.windows.WindowShape.shift_s`.
    """
    n, n_features = frames.values.shape
    summed = np.zeros(n_features, bool)
    summed[slice(None) if events is True else list(events or [])] = True
    if not n:
        return frames
    place = (frames.start_s - shift_s + np.arange(n) / frames.rate_hz) * rate_hz  # time of each frame, in samples
    bins = np.floor(place + 0.5 + 1e-6).astype(np.int64)
    same = np.isclose(frames.rate_hz, rate_hz, rtol=1e-6) and np.abs(place - bins).max() < 1e-3
    if same or (frames.rate_hz < rate_hz and not summed.any()):
        return frames
    low, high = np.ceil(np.array([place[0], place[0] + n * rate_hz / frames.rate_hz]) - 1e-6).astype(np.int64)
    if high > low:  # the moments inside the piece: events next to its ends belong to those
        bins = bins.clip(low, high - 1)
    first, last = min(low, bins[0]) - 1, max(high, bins[-1]) + 1  # one more on each side, without events
    values = np.empty((last - first + 1, n_features), np.float32)
    if not summed.all():
        values[:, ~summed] = _filtered(frames, np.arange(first, last + 1) / rate_hz + shift_s, rate_hz, ~summed)
    if summed.any():
        filled, start = np.unique(bins, return_index=True)
        values[:, summed] = 0
        values[np.ix_(filled - first, summed)] = np.add.reduceat(frames.values[:, summed], start, axis=0)
    return Frames(values, rate_hz, first / rate_hz + shift_s)


def cut(frames: Frames, cuts_s: np.ndarray) -> list[Frames]:
    """The frames between some moments, each piece without those of others: one more than there are cuts."""
    edges = np.searchsorted(frames.start_s + np.arange(len(frames.values)) / frames.rate_hz, cuts_s).tolist()
    edges = [0, *edges, len(frames.values)]
    return [
        Frames(frames.values[first:last], frames.rate_hz, frames.start_s + first / frames.rate_hz)
        for first, last in zip(edges[:-1], edges[1:], strict=True)
    ]


def _filtered(frames: Frames, times_s: np.ndarray, rate_hz: float, chosen: np.ndarray) -> np.ndarray:
    """(t, f) the chosen dimensions below half the lower of both rates, at any times: a windowed sinc, of sum 1."""
    given = frames.values if chosen.all() else frames.values[:, chosen]
    n, share = len(given), min(1.0, rate_hz / frames.rate_hz)  # the share of the spectrum that is kept
    half = ZEROS / share
    taps = np.arange(2 * int(np.ceil(half)) + 1)
    found = np.empty((len(times_s), given.shape[1]), np.float32)
    step = max(1, BLOCK // len(taps))
    for at in range(0, len(times_s), step):
        centre = (times_s[at : at + step, None] - frames.start_s) * frames.rate_hz
        index = np.ceil(centre - half).astype(np.int64) + taps
        away = index - centre
        weight = np.sinc(share * away) * scipy.special.i0(BETA * np.sqrt(np.maximum(1 - (away / half) ** 2, 0)))
        weight[np.abs(away) > half] = 0
        weight /= weight.sum(1, keepdims=True)
        ends = np.arange(0, weight.size + 1, len(taps))
        matrix = scipy.sparse.csr_array((weight.ravel(), index.clip(0, n - 1).ravel(), ends), (len(centre), n))
        found[at : at + step] = matrix @ given
    return found
