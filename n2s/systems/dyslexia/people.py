"""What classifiers see of people: one row a person, whatever was recorded of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class People:
    """Some people; what no classifier needs is None.

    Parameters
    ----------
    names
        (n,) ``study/id``, each once: a person is never on both sides of a fold.
    measures
        (n, m) Measures of tracking, NaN where one could not be computed.
    covariates
        (n, q) Such as age, NaN where it is not known.
    covariances
        (n, bands, c + 2, c + 2) Covariance of the sensors, and of the envelope (real and imaginary part), in each band.
    windows
        (n) of (w, c, t): windows of each person's brain.
    """

    names: np.ndarray
    measures: np.ndarray
    covariates: np.ndarray
    covariances: np.ndarray | None = None
    windows: Sequence[np.ndarray] | None = None

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError("a person is there twice: it could be on both sides of a fold.")

    def __len__(self) -> int:
        return len(self.names)

    def of(self, which: np.ndarray) -> "People":
        """Some of them, by their places."""
        return replace(
            self,
            names=self.names[which],
            measures=self.measures[which],
            covariates=self.covariates[which],
            covariances=None if self.covariances is None else self.covariances[which],
            windows=None if self.windows is None else [self.windows[i] for i in which],
        )


class Cleaning:
    """What is taken out of features and by what they are scaled: all of it from the people that a model learns from.

    Missing values become the median of those people, covariates are regressed out with their regression, and features are z-scored with
    their mean and deviation. A feature that none of them has, or that is the same for all, is left out.

    Parameters
    ----------
    features, covariates
        (n, p), (n, q) Of the people that a model learns from.
    """

    def __init__(self, features: np.ndarray, covariates: np.ndarray):
        self.usual, self.typical = _medians(features), _medians(covariates)
        filled, design = _filled(features, self.usual), self._design(covariates)
        self.weights = np.linalg.lstsq(design, filled, rcond=None)[0]
        deviation = (filled - design @ self.weights).std(0)
        # of what is the same for all, or covariates explain wholly, rounding errors are left
        self.kept = deviation > 1e-9 * np.abs(filled).max(0, initial=0)
        self.deviation = deviation[self.kept]

    def apply(self, features: np.ndarray, covariates: np.ndarray) -> np.ndarray:
        """(m, kept) of anybody."""
        left = _filled(features, self.usual) - self._design(covariates) @ self.weights
        return left[:, self.kept] / self.deviation

    def _design(self, covariates: np.ndarray) -> np.ndarray:
        return np.hstack([np.ones((len(covariates), 1)), _filled(covariates, self.typical) - self.typical])


def _medians(values: np.ndarray) -> np.ndarray:
    """(p,) of the values that are known; 0 where none is."""
    return np.array([np.median(one[np.isfinite(one)]) if np.isfinite(one).any() else 0.0 for one in values.T])


def _filled(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, usual)
