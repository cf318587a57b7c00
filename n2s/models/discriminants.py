"""Linear discriminant analysis as arithmetic: weights of classes from features, with a covariance that is shrunk."""

import numpy as np
from scipy.linalg import solve

from n2s.models.estimator import InputError

MOST = 20_000  # rows of the square matrix that is solved: 3 GB


def discriminants(
    z: np.ndarray, y: np.ndarray, k: int, shrinkage: float | str, *, balanced: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """(p, k) weights, (k,) biases and the shrinkage of a linear discriminant analysis.

    Parameters
    ----------
    z
        (n, p) Standardised features; those that are 0 everywhere get no weight, and do not count in the shrinkage.
    y
        (n,) Classes, each of the k with a row.
    k
        Classes.
    shrinkage, balanced
        See `n2s.models.WindowLDA`.
    """
    own, n_all = np.flatnonzero(z.any(0)), z.shape[1]
    z = z if len(own) == n_all else z[:, own]
    n, p = z.shape
    if min(n, p) > MOST:
        raise InputError(
            f"WindowLDA: {n} windows of {p} features; a matrix of more than {MOST} rows is not solved. Take fewer bins of time (n_bins)."
        )
    counts, means = np.bincount(y, minlength=k), class_means(z, y, k)
    inner = z - means[y]
    dual = n < p
    product = inner @ inner.T if dual else inner.T @ inner
    share = ledoit_wolf(inner, product) if shrinkage == "auto" else float(shrinkage)
    ridge = share * max(np.trace(product) / max(n * p, 1), 1e-9)
    if not ridge and n - k < p:
        raise InputError(
            f"WindowLDA: {n} windows of {k} classes do not tell the covariance of {p} features. Set shrinkage to auto or above 0."
        )
    product *= (1 - share) / n
    product.flat[:: len(product) + 1] += ridge
    if dual:
        seen = solve(product, inner @ means.T, assume_a="pos", overwrite_a=True)
        found = (means.T - (1 - share) / n * (inner.T @ seen)) / ridge
    else:
        found = solve(product, means.T, assume_a="pos", overwrite_a=True) if p else np.zeros((0, k))
    bias = -0.5 * (means.T * found).sum(0) - (0 if balanced else np.log(n / counts))
    weights = np.zeros((n_all, k))
    weights[own] = found
    return weights, bias, share


def ledoit_wolf(inner: np.ndarray, product: np.ndarray) -> float:
    """The shrinkage of Ledoit and Wolf, of (n, p) rows whose mean is 0 and their (p, p) or (n, n) products: both give the same."""
    n, p = inner.shape
    if not p:
        return 0.0
    power = np.trace(product) / n
    square = np.square(product).sum() / n**2  # of all entries of the covariance: the same of either product
    beta = ((np.square(inner).sum(1) ** 2).sum() / n - square) / (p * n)
    delta = (square - power**2 / p) / p
    return float(min(max(beta, 0.0) / delta, 1.0)) if delta > 0 else 1.0


def class_means(z: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """(k, p) mean of the rows (n, p) of each class."""
    one_hot = np.zeros((k, len(z)))
    one_hot[y, np.arange(len(z))] = 1
    return one_hot @ z / one_hot.sum(1, keepdims=True)
