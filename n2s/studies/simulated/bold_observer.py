"""The ideal observer of the simulated BOLD: the best possible decoder, because it knows how the data were made.

A cleaned run is ``P (signal + noise)``, with P the projection of the cleaning and noise of covariance ``R (x) C`` (time
times space). Any of its volumes, rows w, are Gaussian with covariance ``(P R P)[w, w] (x) C``: no approximation. So the
log-likelihood ratio of "this clip was heard" against "nothing was, in its place" is ``<x, s> - <s, s> / 2`` with ``<x, s>
= tr((P R P)[w, w]^-1 x C^-1 s')``, for volumes ``x (t, v)``, minus the known part of them, and a candidate's
noiseless signal ``s (t, v)``.
"""

import numpy as np
import scipy.linalg

from n2s.studies.simulated.bold_noise import SpatialNoise


class BoldObserver:
    """Judges clips for one listener.

    Parameters
    ----------
    patterns
        (v, j) Answer of each voxel to each course: a signal is ``courses @ patterns.T``.
    spatial
        Covariance of the noise over voxels.
    """

    def __init__(self, patterns: np.ndarray, spatial: SpatialNoise):
        self.filters = spatial.solve(patterns)  # C^-1 A: (v, j)
        self.gram = patterns.T @ self.filters

    def log_likelihood_ratios(
        self, volumes: np.ndarray, known: np.ndarray, candidates: np.ndarray, temporal: np.ndarray
    ) -> np.ndarray:
        """Score every candidate for one window, (k,), in nats.

        Parameters
        ----------
        volumes
            (t, v) The volumes that the observer sees.
        known
            (t, j) Courses that are known to be in them, whatever the clip.
        candidates
            (k, t, j) Courses that each candidate would add.
        temporal
            (t, t) Covariance of the seen volumes over time; may be singular, as for a whole cleaned run.
        """
        precision = scipy.linalg.pinvh(temporal, rtol=1e-10)
        seen = precision @ (volumes @ self.filters - known @ self.gram)  # R^-1 x C^-1 A: (t, j)
        whitened = precision @ candidates @ self.gram
        return np.einsum("ktj,tj->k", candidates, seen) - np.einsum("ktj,ktj->k", candidates, whitened) / 2
