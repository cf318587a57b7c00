"""Pearson correlation: the step that all share, and of columns."""

import numpy as np


def unit(values: np.ndarray, axis: int) -> np.ndarray:
    """Values without their mean and of length 1 along an axis, float64: the sum of products of two such is their correlation.

    0 for constant values. Rounding of the mean does not count as a change.
    """
    values = np.asarray(values, dtype=np.float64)
    centred = values - values.mean(axis, keepdims=True)
    length = np.linalg.norm(centred, axis=axis, keepdims=True)
    flat = length <= 1e-12 * np.abs(values).max(axis, keepdims=True) * values.shape[axis] ** 0.5
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, length))


def column_correlation(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(n, v), (n, v) -> (v,) Pearson correlation of each column, float64; NaN where either is constant."""
    predicted, true = unit(predicted, 0), unit(true, 0)
    found = np.einsum("nv,nv->v", predicted, true)
    return np.where((predicted != 0).any(0) & (true != 0).any(0), found, np.nan)
