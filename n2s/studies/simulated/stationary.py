"""Equations with the covariance of stationary noise: long windows in little memory."""

import numpy as np
import scipy.fft
import scipy.linalg

DIRECT = 2048  # rows: so many are solved as they are; the matrix of a minute at 250 Hz has 1.8 GB
TOLERANCE, MOST_STEPS = 1e-11, 1000


def solve_stationary(covariance: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Solve ``T x = b`` for the symmetric, positive Toeplitz matrix ``T``: (t,) its first column, (k, t) ``b`` -> (k, t) ``x``.

    Long ones by conjugate gradients, to a residual of 1e-11, with the circulant matrix that is nearest to T as their preconditioner:
    some fifteen steps for the noise of the simulated studies, whatever the length.

    References
    ----------
    Chan 1988, SIAM J. Sci. Stat. Comput. 9:766.
    """
    n = len(covariance)
    if n <= DIRECT:
        return scipy.linalg.solve(scipy.linalg.toeplitz(covariance), values.T, assume_a="pos").T
    size = scipy.fft.next_fast_len(2 * n - 1, real=True)
    around = np.zeros(size)
    around[:n], around[size - n + 1 :] = covariance, covariance[:0:-1]
    product = scipy.fft.rfft(around).real
    lags = np.arange(n)
    nearest = scipy.fft.rfft(((n - lags) * covariance + lags * np.r_[0, covariance[:0:-1]]) / n).real
    if nearest.min() <= 0:
        raise ValueError(f"the {n} values are no covariance of stationary noise: some of its power is negative.")

    def preconditioned(rest: np.ndarray) -> np.ndarray:
        return scipy.fft.irfft(scipy.fft.rfft(rest) / nearest, n)

    scale = np.abs(values).max(1, keepdims=True)
    scale[scale == 0] = 1  # of ampere metres, squares are lost
    found, rest = np.zeros(values.shape), values / scale
    goal = TOLERANCE**2 * (rest**2).sum(1, keepdims=True)
    ahead = better = preconditioned(rest)
    size_of_rest = (rest * better).sum(1, keepdims=True)
    for _ in range(MOST_STEPS):
        left = (rest**2).sum(1, keepdims=True) > goal
        if not left.any():
            return found * scale
        moved = scipy.fft.irfft(scipy.fft.rfft(ahead, size) * product, size)[:, :n]
        curved = (ahead * moved).sum(1, keepdims=True)
        step = np.where(left, size_of_rest / np.where(left, curved, 1), 0)
        found, rest = found + step * ahead, rest - step * moved
        better, before = preconditioned(rest), size_of_rest
        size_of_rest = (rest * better).sum(1, keepdims=True)
        ahead = better + np.where(left, size_of_rest / np.where(left, before, 1), 0) * ahead
    raise ValueError(f"no solution after {MOST_STEPS} steps: the covariance of {n} rows is hardly positive.")
