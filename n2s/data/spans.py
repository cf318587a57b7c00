"""Stretches of a sound as arrays (n, 2) of starts and stops, s."""

import numpy as np
import pandas as pd

TINY_S = 1e-6  # shorter stretches are rounding errors


def merged(rows: pd.DataFrame | np.ndarray) -> np.ndarray:
    """(k, 2) The union of stretches, disjoint and in order.

    Parameters
    ----------
    rows
        A table with ``stimulus_onset`` and ``duration``, or (n, 2) starts and stops.
    """
    if isinstance(rows, pd.DataFrame):
        start = rows.stimulus_onset.to_numpy(float)
        rows = np.stack([start, start + rows.duration.to_numpy(float)], 1)
    if not len(rows):
        return np.zeros((0, 2))
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    stop = np.maximum.accumulate(rows[:, 1])
    first = np.r_[True, rows[1:, 0] > stop[:-1]]
    return np.stack([rows[first, 0], stop[np.r_[first[1:], True]]], 1)


def minus(spans: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """(k, 2) Each stretch minus those in ``taken`` (disjoint and in order), in order."""
    left = [np.zeros((0, 2))]
    for start, stop in spans:
        low, high = np.searchsorted(taken[:, 1], start, "right"), np.searchsorted(taken[:, 0], stop, "left")
        left.append(np.r_[start, taken[low:high].ravel(), stop].reshape(-1, 2))
    left = np.concatenate(left)
    return left[lengths(left) > TINY_S]


def lengths(spans: np.ndarray) -> np.ndarray:
    """(n,) Length of each stretch, s."""
    return spans[:, 1] - spans[:, 0]
