"""The noise of the simulated BOLD: Gaussian, one covariance over time times one over voxels; and known nuisances.

The covariance of voxel i at one volume and voxel j at another is ``C[i, j] * R[s, t]``: known exactly, so that the
likelihood of a run can be written down (see `n2s.studies.simulated.bold_observer`). Drift and motion are no part of it:
they lie in the span of regressors that are known, and cleaning takes all of that span out.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

WHITE, SMOOTH, COMMON = 0.5, 0.35, 0.15  # shares of a voxel's variance: its own, its neighbourhood's, the whole brain's
SMOOTH_MM = 9.0  # standard deviation of a neighbourhood's weight
LATTICE_MM = 20.0  # between neighbourhoods
AR_S, AR_SHARE = 2.2, 0.7  # exp(-lag / AR_S) is of this share, white the rest: 0.28 from one volume to the next at 2 s
HIGHPASS_HZ = 1 / 128  # cosines slower than this are drift
DRIFT_PERCENT = 2.0  # of the slowest cosine; the k-th has 1 / k of it
N_MOTION = 6
MOTION_PERCENT = 0.5  # of a voxel for one standard deviation of a motion course


@dataclass(frozen=True)
class SpatialNoise:
    """Covariance over voxels ``diag(white) + loadings @ loadings.T``: (v,) and (v, r), percent signal change."""

    white: np.ndarray
    loadings: np.ndarray

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """(n, v) Independent draws."""
        shared = rng.standard_normal((n, self.loadings.shape[1]))
        return rng.standard_normal((n, len(self.white))) * np.sqrt(self.white) + shared @ self.loadings.T

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Covariance^-1 values, (v, n) -> (v, n), by Woodbury's identity: no (v, v) matrix is made."""
        scaled = values / self.white[:, None]
        inner = scipy.linalg.cho_solve(self._inner, self.loadings.T @ scaled)
        return scaled - (self.loadings / self.white[:, None]) @ inner

    @cached_property
    def _inner(self) -> tuple[np.ndarray, bool]:
        weighted = self.loadings / self.white[:, None]
        return scipy.linalg.cho_factor(np.eye(weighted.shape[1]) + self.loadings.T @ weighted)


def spatial_noise(places: np.ndarray, rng: np.random.Generator) -> SpatialNoise:
    """Draw a subject's noise over voxels at ``places (v, 3)``, mm, of variances near one.

    Its parts are white noise, noise of neighbourhoods on a lattice through the brain, and one course of the whole brain.
    """
    edges = [
        np.arange(low, high + LATTICE_MM, LATTICE_MM) for low, high in zip(places.min(0), places.max(0), strict=True)
    ]
    lattice = np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1).reshape(-1, 3)
    near = scipy.spatial.cKDTree(places).query(lattice)[0] < LATTICE_MM
    squared = scipy.spatial.distance.cdist(places, lattice[near], "sqeuclidean")
    smooth = np.exp(-0.5 * squared / SMOOTH_MM**2) * np.exp(rng.normal(0, 0.3, near.sum()))
    smooth *= np.sqrt(SMOOTH) / np.linalg.norm(smooth, axis=1, keepdims=True)
    common = np.sqrt(COMMON) * np.clip(rng.normal(1, 0.3, len(places)), 0.1, 2)
    loadings = np.column_stack([smooth, common])
    return SpatialNoise(np.full(len(places), WHITE), loadings)


def temporal_covariance(n_volumes: int, tr_s: float) -> np.ndarray:
    """(n_volumes, n_volumes) covariance with unit variance: a first-order autoregressive course and white noise."""
    lags = np.arange(n_volumes) * tr_s
    autocovariance = AR_SHARE * np.exp(-lags / AR_S)
    autocovariance[0] = 1.0
    return scipy.linalg.toeplitz(autocovariance)


def cosines(n_volumes: int, tr_s: float) -> np.ndarray:
    """(n_volumes, k) The constant, and the discrete cosines slower than `HIGHPASS_HZ`; columns of unit norm."""
    order = int(np.floor(2 * n_volumes * tr_s * HIGHPASS_HZ))
    basis = np.cos(np.pi / n_volumes * (np.arange(n_volumes)[:, None] + 0.5) * np.arange(order + 1))
    return basis / np.linalg.norm(basis, axis=0)


def motion(n_volumes: int, rng: np.random.Generator) -> np.ndarray:
    """(n_volumes, N_MOTION) A head's movements: slow wandering, jumps to stay, and starts that the next volume undoes."""
    wander = np.cumsum(rng.normal(0, 0.1, (n_volumes, N_MOTION)), axis=0)
    jumps = np.cumsum((rng.random((n_volumes, 1)) < 0.01) * rng.normal(0, 1.5, (n_volumes, N_MOTION)), axis=0)
    starts = (rng.random((n_volumes, 1)) < 0.02) * rng.normal(0, 1.5, (n_volumes, N_MOTION))
    found = wander + jumps + starts
    return found - found.mean(0)


def nuisance_effects(drifts: np.ndarray, moves: np.ndarray, n_voxels: int, rng: np.random.Generator) -> np.ndarray:
    """(n_volumes, v) Percent signal change that the regressors cause, by `cosines` (the constant aside) and `motion`."""
    slowness = DRIFT_PERCENT * np.sqrt(len(drifts)) / np.arange(1, drifts.shape[1] + 1)
    by_drift = rng.standard_normal((drifts.shape[1], n_voxels)) * slowness[:, None]
    by_motion = rng.standard_normal((N_MOTION, n_voxels)) * MOTION_PERCENT
    return drifts @ by_drift + moves @ by_motion
