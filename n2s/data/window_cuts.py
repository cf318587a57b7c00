"""Windows cut from the arrays of recordings, each scaled by the recording that it is from: no other recording has a say."""

from collections.abc import Mapping, Sequence

import numpy as np

SAMPLES = 20_000  # of a recording, evenly taken, that its scale is known from
CLAMP = 20.0  # interquartile ranges


def recording_scale(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(c,) Median and interquartile range of the columns of (t, c); 1 for a column that does not vary."""
    some = np.asarray(array[:: max(1, len(array) // SAMPLES)], np.float64)
    some = np.where(np.isfinite(some), some, np.nan)
    with np.errstate(all="ignore"):
        low, middle, high = (
            np.nan_to_num(np.nanquantile(some, [0.25, 0.5, 0.75], axis=0))
            if len(some)
            else np.zeros((3, array.shape[1]))
        )
        deviation = np.nan_to_num(np.nanstd(some, axis=0)) if len(some) else np.zeros(array.shape[1])
    spread = np.maximum(
        high - low, 0.3 * deviation
    )  # an envelope is mostly silence: a narrow range, and a wide deviation
    return middle, np.where(spread > 1e-9 * np.maximum(np.abs(middle), 1e-12), spread, 1.0)


def cut_windows(
    arrays: Mapping[str, np.ndarray],
    recording: Sequence[str],
    first: np.ndarray,
    n_times: int,
    *,
    columns: Mapping[str, np.ndarray] | None = None,
    n_baseline: int = 0,
) -> np.ndarray:
    """(n, c, t) float32 windows in interquartile ranges of their recordings; values that are not finite are 0.

    Parameters
    ----------
    arrays
        (t, c) by recording.
    recording, first
        (n,) The recording of each window, and its first sample; samples outside the recording are those at its ends.
    n_times
        t
    columns
        By recording: (c,) the columns to take, in order; -1: the sensor is bad there, and 0. None: all.
    n_baseline
        The mean over so many samples from the window's start is subtracted.
    """
    recording, first = np.asarray(recording, object), np.asarray(first)
    n_columns = len(next(iter(columns.values()))) if columns else next(iter(arrays.values())).shape[1]
    found = np.zeros((len(first), n_columns, n_times), np.float32)
    for key in dict.fromkeys(recording.tolist()):
        array = arrays[key]
        take = np.arange(array.shape[1]) if columns is None else columns[key]
        middle, spread = (
            np.where(take >= 0, one[take], fill) for one, fill in zip(recording_scale(array), (0.0, 1.0), strict=True)
        )
        for row in np.flatnonzero(recording == key):
            low, high = max(first[row], 0), min(first[row] + n_times, len(array))
            if high <= low:
                continue
            part = (np.asarray(array[low:high], np.float64)[:, take] - middle) / spread
            part[:, take < 0] = 0
            part = np.pad(part, ((low - first[row], first[row] + n_times - high), (0, 0)), mode="edge")
            found[row] = np.clip(np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0), -CLAMP, CLAMP).T
    if n_baseline:
        found -= found[:, :, :n_baseline].mean(2, keepdims=True)
    return found
