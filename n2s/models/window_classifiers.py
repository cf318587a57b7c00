"""Classifiers of windows that are fitted in one go: the port, and linear discriminant analysis."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
import torch
from scipy.linalg import solve
from scipy.special import log_softmax
from torch import Tensor

from n2s.errors import UserError

ABSENT = -100.0  # log-probability of a class that no training window has
MOST = 20_000  # rows of the square matrix that is solved: 3 GB
LEAST_SPREAD = 1e-9  # of a feature, beside its largest value: what varies less is rounding


class WindowClassifier(ABC):
    """Learns the class of windows (n, c, t), of sensors by samples, and tells the classes of others.

    All that it learns, means and deviations of features too, comes from the windows that `fit` is given. Classes count alike, however many
    windows each has, unless a subclass says otherwise.
    """

    #: k: log-probabilities of a window.
    n_classes: int

    _fitted: dict[str, np.ndarray]

    def fit(
        self, x: np.ndarray, y: np.ndarray, groups: Sequence | np.ndarray | None = None, *, n_classes: int | None = None
    ) -> Self:
        """Learn from windows.

        Parameters
        ----------
        x
            (n, c, t) Windows. Sensors that are constant are left out.
        y
            (n,) Class of each, from 0 on.
        groups
            (n,) What belongs together, such as the run: options are chosen by holding out whole groups. Only needed where something is chosen.
        n_classes
            k; None: as many as the largest of ``y`` says. A class without windows gets `ABSENT`.

        Raises
        ------
        UserError
            Shapes differ, values are not finite, or fewer than two classes have windows.
        """
        x, y = checked_windows(x), np.asarray(y)
        if y.shape != (len(x),) or not len(y):
            raise UserError(
                f"{type(self).__name__}: {len(x)} windows and classes of shape {y.shape}; expected one class a window, and some windows."
            )
        y = y.astype(np.int64)
        k = int(y.max()) + 1 if n_classes is None else n_classes
        if y.min() < 0 or y.max() >= k:
            raise UserError(f"{type(self).__name__}: classes are {y.min()} to {y.max()}; expected 0 to {k - 1}.")
        known = np.unique(y)
        if len(known) < 2:
            raise UserError(
                f"{type(self).__name__}: all {len(y)} training windows are of one class; expected two classes or more. Take other classes or "
                "conditions, or other units in training (data.split)."
            )
        if groups is not None and len(groups) != len(x):
            raise UserError(f"{type(self).__name__}: {len(groups)} groups for {len(x)} windows; expected one a window.")
        self.n_classes = k
        number = np.searchsorted(known, y)  # classes without windows take no part
        self._fitted = {"known": known} | self._fit(x, number, groups, len(known))
        return self

    def log_proba(self, x: np.ndarray) -> np.ndarray:
        """(n, c, t) -> (n, k) log-probabilities of the classes."""
        return self._all(self._log_proba(self._seen(x)))

    def state(self) -> dict[str, Tensor]:
        """What `fit` has found, to be kept; `load` takes it."""
        return {"n_classes": torch.tensor(self.n_classes)} | {
            name: torch.from_numpy(np.asarray(value)) for name, value in self._fitted.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Take what another one's `fit` has found."""
        found = {name: value.numpy() for name, value in state.items()}
        self.n_classes = int(found.pop("n_classes"))
        self._fitted = found
        return self

    @abstractmethod
    def settings(self) -> dict:
        """Its options, as plain types."""

    @abstractmethod
    def _fit(self, x: np.ndarray, y: np.ndarray, groups: Sequence | None, k: int) -> dict[str, np.ndarray]:
        """Arrays of the fit, with classes that are numbered without gaps."""

    @abstractmethod
    def _log_proba(self, x: np.ndarray) -> np.ndarray:
        """(n, c, t) -> (..., n, classes that have windows)."""

    def _seen(self, x: np.ndarray) -> np.ndarray:
        x, shape = checked_windows(x), tuple(self._fitted["shape"])
        if x.shape[1:] != shape:
            raise UserError(
                f"{type(self).__name__}: windows of {x.shape[1]} sensors and {x.shape[2]} samples; it was fitted with {shape[0]} and {shape[1]}."
            )
        return x

    def _all(self, found: np.ndarray) -> np.ndarray:
        """Log-probabilities of all classes, from those that have training windows."""
        if found.shape[-1] == self.n_classes:
            return found
        every = np.full((*found.shape[:-1], self.n_classes), ABSENT)
        every[..., self._fitted["known"]] = found
        return every


class WindowLDA(WindowClassifier):
    """Linear discriminant analysis of sensors by bins of time, each feature standardised, with a shrunken covariance.

    The covariance is that inside classes, of all classes together, shrunken towards a multiple of the identity. With more features than
    windows it is never made: the equations are solved in the space of windows.

    Parameters
    ----------
    shrinkage
        From 0 (none) to 1; ``auto``: Ledoit and Wolf's, of windows minus the mean of their class.
    n_bins
        A window's samples are averaged in so many bins of time; None, or more than there are samples: each sample is a feature.
    balanced
        Whether all classes are as likely; else as likely as in training.

    References
    ----------
    Ledoit and Wolf 2004, J. Multivar. Anal. 88:365. Blankertz et al. 2011, NeuroImage 56:814.
    """

    def __init__(self, shrinkage: float | Literal["auto"] = "auto", n_bins: int | None = 10, *, balanced: bool = True):
        self.shrinkage, self.n_bins, self.balanced = checked_shrinkage(shrinkage, "WindowLDA"), n_bins, balanced
        check_bins(n_bins, "WindowLDA")

    def settings(self) -> dict:
        """See `WindowClassifier`."""
        return {"shrinkage": self.shrinkage, "n_bins": self.n_bins, "balanced": self.balanced}

    def _fit(self, x: np.ndarray, y: np.ndarray, groups: Sequence | None, k: int) -> dict[str, np.ndarray]:
        features = flat_bins(x, self.n_bins)
        mean, scale = standard(features)
        weights, bias, share = discriminants((features - mean) * scale, y, k, self.shrinkage, balanced=self.balanced)
        weights *= scale[:, None]
        return {
            "weights": weights, "bias": bias - mean @ weights, "shrinkage": np.array(share), "shape": np.array(x.shape[1:]),
        }  # fmt: skip

    def _log_proba(self, x: np.ndarray) -> np.ndarray:
        return log_softmax(flat_bins(x, self.n_bins) @ self._fitted["weights"] + self._fitted["bias"], axis=-1)


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
        See `WindowLDA`.
    """
    own, n_all = np.flatnonzero(z.any(0)), z.shape[1]
    z = z if len(own) == n_all else z[:, own]
    n, p = z.shape
    if min(n, p) > MOST:
        raise UserError(
            f"WindowLDA: {n} windows of {p} features; a matrix of more than {MOST} rows is not solved. Take fewer bins of time (n_bins)."
        )
    counts, means = np.bincount(y, minlength=k), class_means(z, y, k)
    inner = z - means[y]
    dual = n < p
    product = inner @ inner.T if dual else inner.T @ inner
    share = ledoit_wolf(inner, product) if shrinkage == "auto" else float(shrinkage)
    ridge = share * max(np.trace(product) / max(n * p, 1), 1e-9)
    if not ridge and n - k < p:
        raise UserError(
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


def standard(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(p,) means of features (n, p), and what to multiply each by for a deviation of 1: 0 where it does not vary."""
    mean, deviation = features.mean(0), features.std(0)
    varies = deviation > LEAST_SPREAD * np.abs(features).max(0, initial=0)
    return mean, np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)


def bins(x: np.ndarray, n_bins: int | None) -> np.ndarray:
    """(n, c, t) -> (n, c, bins) float64 means of consecutive samples, as many in each bin as possible."""
    x = np.asarray(x, np.float64)
    if n_bins is None or n_bins >= x.shape[2]:
        return x
    edges = np.linspace(0, x.shape[2], n_bins + 1).round().astype(int)
    return np.add.reduceat(x, edges[:-1], axis=2) / np.diff(edges)


def flat_bins(x: np.ndarray, n_bins: int | None) -> np.ndarray:
    """(n, c, t) -> (n, c * bins), of a sensor beside each other."""
    return bins(x, n_bins).reshape(len(x), -1)


def checked_windows(x: np.ndarray) -> np.ndarray:
    """Windows; a UserError if they are not (n, c, t), or not finite."""
    x = np.asarray(x)
    if x.ndim != 3:
        raise UserError(f"windows are of shape {x.shape}; expected (n, c, t): windows, sensors, samples.")
    bad = len(x) - int(np.isfinite(x).all((1, 2)).sum())
    if bad:
        raise UserError(
            f"{bad} of {len(x)} windows have values that are not finite. Leave them out, or set such sensors to 0."
        )
    return x


def checked_shrinkage(shrinkage: float | str, name: str) -> float | str:
    """The shrinkage; a UserError if it is none."""
    if shrinkage != "auto" and not (isinstance(shrinkage, int | float) and 0 <= shrinkage <= 1):
        raise UserError(f"{name}: shrinkage is {shrinkage!r}; expected auto, or a number from 0 to 1.")
    return shrinkage


def check_bins(n_bins: int | None, name: str) -> None:
    """Raise a UserError if a number of bins is none."""
    if n_bins is not None and (n_bins < 1 or n_bins % 1):
        raise UserError(f"{name}: n_bins is {n_bins}; expected a whole number from 1 on, or null for each sample.")
