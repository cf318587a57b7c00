"""The one step that every Pearson correlation here shares."""

import numpy as np


def unit(values: np.ndarray, axis: int) -> np.ndarray:
    """Values without their mean and of length 1 along an axis, float64: products of two such sum up to a correlation.

    0 where they never change: a constant correlates with nothing. Its mean differs from it by rounding, which is no change.
    """
    values = np.asarray(values, dtype=np.float64)
    centred = values - values.mean(axis, keepdims=True)
    length = np.linalg.norm(centred, axis=axis, keepdims=True)
    flat = length <= 1e-12 * np.abs(values).max(axis, keepdims=True) * values.shape[axis] ** 0.5
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, length))
