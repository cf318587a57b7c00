"""Classifiers of covariances between sensors: common spatial patterns, and the tangent space of the Riemannian manifold."""

import numpy as np
import scipy.linalg
from pyriemann.spatialfilters import CSP
from pyriemann.tangentspace import TangentSpace

from n2s.options import check_number
from n2s.systems.dyslexia.classifiers import Logistic
from n2s.systems.dyslexia.people import People

ENVELOPE = 2  # the last rows of a covariance: real and imaginary part of the envelope


class BandCSP(Logistic):
    """Logistic regression on the log-variance of common spatial patterns in each band, as Araújo et al. 2024 (doi:10.3389/fnhum.2024.1403677).

    Each person is a trial. Patterns are of the people that the classifier learns from, and so is the space that they are looked for in: the
    components that follow the envelope best, since hundreds of sensors have more covariances than a study has people.

    Parameters
    ----------
    n_patterns
        In each band.
    n_components
        Of that space.
    strengths, n_folds
        See `Logistic`.
    """

    needs = ("covariances",)

    def __init__(self, *, n_patterns: int = 4, n_components: int = 12, strengths: tuple[float, ...] = (0.01, 0.1, 1.0), n_folds: int = 3):  # fmt: skip
        super().__init__(strengths=strengths, n_folds=n_folds)
        check_number("n_patterns", n_patterns, low=1, whole=True)
        check_number("n_components", n_components, low=1, whole=True)
        self.n_patterns, self.n_components = n_patterns, n_components

    def features(self, train: People, positive: np.ndarray, test: People) -> tuple[np.ndarray, np.ndarray]:
        """See `Linear`."""
        found = []
        for band in range(train.covariances.shape[1]):
            filters = followers(train.covariances[:, band], self.n_components)
            own, other = (seen_through(filters, one.covariances[:, band]) for one in (train, test))
            n = own.shape[1] - ENVELOPE
            patterns = CSP(nfilter=min(self.n_patterns, n), metric="euclid", log=True).fit(own[:, :n, :n], positive)
            found.append([patterns.transform(one[:, :n, :n]) for one in (own, other)])
        return tuple(np.hstack(part) for part in zip(*found, strict=True))


class RiemannianTangent(Logistic):
    """Logistic regression in the tangent space of covariances of brain and envelope in each band (Barachant et al. 2013, Neurocomputing 112:172).

    The envelope is a part of each covariance, so that the space holds how the brain follows it. The reference point and the components
    (see `BandCSP`) are of the people that the classifier learns from.

    Parameters
    ----------
    n_components
        Of the brain, in each band.
    strengths, n_folds
        See `Logistic`.
    """

    needs = ("covariances",)

    def __init__(self, *, n_components: int = 4, strengths: tuple[float, ...] = (0.001, 0.01, 0.1), n_folds: int = 3):
        super().__init__(strengths=strengths, n_folds=n_folds)
        check_number("n_components", n_components, low=1, whole=True)
        self.n_components = n_components

    def features(self, train: People, positive: np.ndarray, test: People) -> tuple[np.ndarray, np.ndarray]:
        """See `Linear`."""
        found = []
        for band in range(train.covariances.shape[1]):
            filters = followers(train.covariances[:, band], self.n_components)
            own, other = (seen_through(filters, one.covariances[:, band]) for one in (train, test))
            space = TangentSpace(metric="riemann").fit(own)
            found.append([space.transform(one) for one in (own, other)])
        return tuple(np.hstack(part) for part in zip(*found, strict=True))


class EnvelopeFollowing(Logistic):
    """Logistic regression on how the brain follows the envelope in each band: as strongly as how much noise, and how late.

    The brain is seen through one spatial filter a band, the combination of sensors that follows the envelope best in all people that the
    classifier learns from (see `followers`). Features are the real and the imaginary part of its coupling to the envelope, in units of what
    is left when the envelope is taken out, turned so that the usual person's is real: a stronger coupling is a larger real part, a later
    one an imaginary part. Two numbers a band: fit for few people.

    Parameters
    ----------
    strengths, n_folds
        See `Logistic`.
    """

    needs = ("covariances",)

    def __init__(self, *, strengths: tuple[float, ...] = (0.1,), n_folds: int = 3):
        super().__init__(strengths=strengths, n_folds=n_folds)

    def features(self, train: People, positive: np.ndarray, test: People) -> tuple[np.ndarray, np.ndarray]:
        """See `Linear`: (n, 2 bands), (m, 2 bands)."""
        found = []
        for band in range(train.covariances.shape[1]):
            filters = followers(train.covariances[:, band], 1)
            own, other = (couplings(seen_through(filters, one.covariances[:, band])) for one in (train, test))
            usual = own.sum()
            turn = usual.conj() / abs(usual) if abs(usual) else 1.0
            found.append([np.stack([(one * turn).real, (one * turn).imag], 1) for one in (own, other)])
        return tuple(np.hstack(part) for part in zip(*found, strict=True))


def couplings(covariances: np.ndarray) -> np.ndarray:
    """(n,) complex: the covariance of one component and the envelope, in deviations of what the envelope does not explain.

    Parameters
    ----------
    covariances
        (n, 3, 3) The component; real and imaginary part of the envelope, of unit variance. The component's imaginary part is its real
        part a quarter of a period later, so that one row holds both.
    """
    found = covariances[:, 0, 1] + 1j * covariances[:, 0, 2]
    power = covariances[:, 0, 0]
    left = np.maximum(power - np.abs(found) ** 2, 1e-9 * power)
    return np.divide(found, np.sqrt(left), out=np.zeros_like(found), where=left > 0)


def followers(covariances: np.ndarray, n_components: int) -> np.ndarray:
    """Spatial filters whose output follows the envelope best, of some people together; no label is looked at.

    The largest generalised eigenvectors of the covariance that the envelope explains and the whole covariance.

    Parameters
    ----------
    covariances
        (n, c + 2, c + 2)
    n_components
        At most.

    Returns
    -------
    (c, k)
    """
    brain, cross, heard = _parts(np.asarray(covariances, np.float64))
    explained = np.einsum("nij,njk,nlk->il", cross, np.linalg.inv(heard), cross) / len(brain)
    whole = brain.mean(0)
    n = len(whole)
    # sensors that depend on each other (after SSS, or an average reference) have directions without variance
    whole = whole + 1e-3 * np.trace(whole) / n * np.eye(n)
    n_kept = min(n_components, n)
    return scipy.linalg.eigh(explained, whole, subset_by_index=(n - n_kept, n - 1))[1]


def seen_through(filters: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """(n, k + 2, k + 2) covariances of components and envelope, positive definite."""
    n_sensors, n_kept = filters.shape
    whole = np.zeros((n_sensors + ENVELOPE, n_kept + ENVELOPE))
    whole[:n_sensors, :n_kept], whole[n_sensors:, n_kept:] = filters, np.eye(ENVELOPE)
    found = whole.T @ np.asarray(covariances, np.float64) @ whole
    return found + 1e-6 * np.eye(n_kept + ENVELOPE) * np.trace(found, axis1=1, axis2=2)[:, None, None]


def _parts(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = covariances.shape[1] - ENVELOPE
    return covariances[:, :n, :n], covariances[:, :n, n:], covariances[:, n:, n:]
