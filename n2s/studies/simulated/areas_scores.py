"""The exact score that an encoding model of a known driver reaches in the simulated areas.

A cleaned run is ``P (s + e)``: signal s, Gaussian noise e of covariance ``variance * R`` in a voxel, P the projection of
the nuisances. On some rows the measured course is Gaussian with mean ``m = P s`` and covariance ``variance * P R P``. The
score is Pearson's r of a fixed prediction with it, so its expectation over noise can be written down. With all courses
less their mean over rows, the prediction u of unit length, and the covariance diagonal (its eigenvectors as axes, values
l), the identity ``b^-1/2 = 2 / sqrt(pi) * integral of exp(-x^2 b) dx`` over x > 0 gives

    E[r] = 2 / sqrt(pi) * integral of prod (1 + 2 x^2 l)^-1/2 * exp(-x^2 sum m^2 / (1 + 2 x^2 l)) * sum u m / (1 + 2 x^2 l) dx

It is exact for Gaussian noise; the integral is one of Gauss and Legendre. The prediction is that of least squares on the
noiseless responses of the training rows: the limit of a ridge's for ever more presentations of the training stimuli.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

N_NODES, REACH = 64, 10.0  # of the integral, whose width is 1 / (expected length of the measured course)


@dataclass(frozen=True)
class ExpectedScores:
    """Over all voxels (v,).

    ``r``: drivers -> expected Pearson's r of their best linear predictor (0 where a voxel has no signal). ``ceiling``:
    that of the signal itself. ``explainable``: variance of the signal over that of signal and noise.
    """

    r: dict[str, np.ndarray]
    ceiling: np.ndarray
    explainable: np.ndarray


def expected_correlation(
    prediction: np.ndarray, signal: np.ndarray, covariance: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """(v,) Expectation over noise of Pearson's r between predictions and signals in noise; NaN for constant predictions.

    Parameters
    ----------
    prediction, signal
        (t, v)
    covariance
        (t, t) Of the noise over rows, for a variance of 1.
    variance
        (v,) Of the noise in each voxel.
    """
    centre = np.eye(len(signal)) - 1 / len(signal)
    values, axes = scipy.linalg.eigh(centre @ covariance @ centre)
    noise = np.clip(values, 0, None)[:, None] * variance  # (t, v)
    mean, towards = axes.T @ (centre @ signal), axes.T @ (centre @ prediction)
    length = np.linalg.norm(towards, axis=0)
    towards = np.divide(towards, length, out=np.full_like(towards, np.nan), where=length > 1e-12)
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    width = REACH / np.sqrt((mean**2 + noise).sum(0))
    total = np.zeros(signal.shape[1])
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        squared = (node * width) ** 2
        damped = 1 + 2 * squared * noise
        log_density = -0.5 * np.log(damped).sum(0) - squared * (mean**2 / damped).sum(0)
        total += weight * np.exp(log_density) * (towards * mean / damped).sum(0)
    return 2 / np.sqrt(np.pi) * width * total


def explainable_share(signal: np.ndarray, covariance: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(v,) Variance over rows of a signal (t, v), over that of signal and noise, in expectation."""
    centre = np.eye(len(signal)) - 1 / len(signal)
    power = ((centre @ signal) ** 2).sum(0)
    return power / (power + np.trace(centre @ covariance @ centre) * variance)


def limit_of_regression(features: np.ndarray, signal: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """(m, v) Prediction at held-out features (m, f) by least squares, with a constant, from features (n, f) to signals (n, v)."""
    mean = features.mean(0)
    weights = np.linalg.lstsq(features - mean, signal - signal.mean(0), rcond=1e-10)[0]
    return (held_out - mean) @ weights
