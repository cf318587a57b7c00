"""Classifiers of windows that are fitted in one go: the port, and linear discriminant analysis."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import Tensor

from n2s.errors import UserError
from n2s.models.discriminants import discriminants
from n2s.models.estimator import Array, Estimator, InputError
from n2s.options import check_number

ABSENT = -100.0  # log-probability of a class that no training window has
LEAST_SPREAD = 1e-9  # of a feature, beside its largest value: what varies less is rounding


class WindowClassifier(ClassifierMixin, Estimator, ABC):
    """Learns the class of windows (n, c, t), of sensors by samples, and tells the classes of others.

    All that it learns, means and deviations of features too, comes from the windows that `fit` is given. Classes count alike, however many
    windows each has, unless a subclass says otherwise. It is a classifier of scikit-learn, which also takes rows (n, p): windows of one sample.

    Attributes
    ----------
    classes_
        (k,) The classes, in the order of `log_proba`.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import WindowClassifier
    >>> class Nearest(WindowClassifier):
    ...
    ...     def check_parameters(self):
    ...         pass
    ...
    ...     def settings(self):
    ...         return {}
    ...
    ...     def _fit(self, x, y, groups, k):
    ...         return {"means": np.stack([x[y == one].mean(0) for one in range(k)]), "shape": np.array(x.shape[1:])}
    ...
    ...     def _log_proba(self, x):
    ...         return -np.square(x[:, None] - self._fitted["means"]).sum((2, 3))
    >>> windows, word = np.repeat([[[0.0, 1.0]], [[1.0, 0.0]]], 3, axis=0), np.repeat(["no", "yes"], 3)  # (6, 1, 2)
    >>> Nearest().fit(windows, word).predict(windows[2:4]).tolist()
    ['no', 'yes']
    """

    classes_: np.ndarray
    _fitted: dict[str, np.ndarray]

    def fit(
        self, x: Array, y: np.ndarray, groups: Sequence | np.ndarray | None = None, *, n_classes: int | None = None
    ) -> Self:
        """Learn from windows.

        Parameters
        ----------
        x
            (n, c, t) Windows, or (n, c) of one sample. Sensors that are constant are left out.
        y
            (n,) Class of each: names or numbers.
        groups
            (n,) What belongs together, such as the run: options are chosen by holding out whole groups. Only needed where something is chosen.
        n_classes
            k: classes are the numbers 0 to k - 1, and one without windows gets `ABSENT`. None: classes are those in ``y``.

        Raises
        ------
        InputError
            Shapes differ, values are not finite, or fewer than two classes have windows.
        """
        self.check_parameters()
        x, name = self._windows(x, fits=True), type(self).__name__
        if y is None:
            raise InputError(f"{name}: requires y to be passed, but the target y is None.")
        y = np.asarray(y)
        if y.shape == (len(x), 1):
            y = column_or_1d(y, warn=True)
        if y.shape != (len(x),) or not len(y):
            raise InputError(
                f"{name}: {len(x)} windows and classes of shape {y.shape}; expected one class a window, and some windows."
            )
        if n_classes is None:
            try:
                check_classification_targets(y)
            except ValueError as error:
                raise InputError(f"{name}: {error}") from None
            classes, number = np.unique(y, return_inverse=True)
            known = np.arange(len(classes))
        else:
            y = y.astype(np.int64)
            if y.min() < 0 or y.max() >= n_classes:
                raise InputError(f"{name}: classes are {y.min()} to {y.max()}; expected 0 to {n_classes - 1}.")
            classes = np.arange(n_classes)
            known, number = np.unique(y, return_inverse=True)  # those without windows take no part
        if len(known) < 2:
            raise InputError(
                f"{name}: all {len(y)} training windows are of one class; expected two classes or more. Take other classes or "
                "conditions, or other units in training (data.split)."
            )
        if groups is not None and len(groups) != len(x):
            raise InputError(f"{name}: {len(groups)} groups for {len(x)} windows; expected one a window.")
        self.classes_ = classes
        self._fitted = {"known": known} | self._fit(x, number, groups, len(known))
        return self

    def log_proba(self, x: Array) -> np.ndarray:
        """(n, c, t) -> (n, k) log-probabilities of the classes."""
        return self._all(self._log_proba(self._seen(x)))

    def predict(self, x: Array) -> np.ndarray:
        """(n, c, t) -> (n,) the likeliest class of each window."""
        self.check_fitted()
        return self.classes_[self.log_proba(x).argmax(1)]

    def predict_proba(self, x: Array) -> np.ndarray:
        """(n, c, t) -> (n, k) probabilities."""
        return np.exp(self.log_proba(x))

    def predict_log_proba(self, x: Array) -> np.ndarray:
        """(n, c, t) -> (n, k): `log_proba`, as scikit-learn calls it."""
        return self.log_proba(x)

    @property
    def n_classes(self) -> int:
        """k: log-probabilities of a window."""
        return len(self.classes_)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` or `load` has been called."""
        return hasattr(self, "_fitted")

    def __sklearn_tags__(self) -> Tags:
        """It takes windows, too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def state(self) -> dict[str, Tensor]:
        """What `fit` has found, to be kept; `load` takes it."""
        return {"n_classes": torch.tensor(self.n_classes)} | {
            name: torch.from_numpy(np.asarray(value)) for name, value in self._fitted.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Take what another one's `fit` has found."""
        found = {name: value.numpy() for name, value in state.items()}
        self.classes_ = np.arange(int(found.pop("n_classes")))
        self._fitted, self.n_features_in_ = found, int(np.prod(found["shape"]))
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

    def _windows(self, x: Array, *, fits: bool) -> np.ndarray:
        """(n, c, t) checked; rows (n, p) are windows of one sample."""
        x = x.detach().cpu().numpy() if isinstance(x, Tensor) else x if hasattr(x, "ndim") else np.asarray(x)
        if x.ndim == 3:
            x = checked_windows(np.asarray(x))
            if fits:
                self.n_features_in_ = x.shape[1] * x.shape[2]
            return x
        if x.ndim > 3:
            raise InputError(f"{type(self).__name__}: X is {x.shape}; expected (n, c, t) windows, or (n, p) rows.")
        return checked_windows(self.rows_of(x, fits=fits).numpy()[:, :, None])

    def _seen(self, x: Array) -> np.ndarray:
        self.check_fitted()
        x, shape = self._windows(x, fits=False), tuple(self._fitted["shape"])
        if x.shape[1:] != shape:
            raise InputError(
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

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import WindowLDA
    >>> rng = np.random.default_rng(0)
    >>> windows, word = rng.standard_normal((60, 4, 50)), np.tile(["yes", "no", "stop"], 20)
    >>> windows[word == "yes", 0, 20:30] += 3                                          # a response of the first sensor
    >>> lda = WindowLDA(n_bins=5).fit(windows[:45], word[:45])
    >>> lda.classes_.tolist(), lda.predict(windows[45:48]).tolist(), lda.log_proba(windows[45:]).shape
    (['no', 'stop', 'yes'], ['yes', 'no', 'no'], (15, 3))
    """

    def __init__(self, shrinkage: float | Literal["auto"] = "auto", n_bins: int | None = 10, *, balanced: bool = True):
        self.shrinkage, self.n_bins, self.balanced = shrinkage, n_bins, balanced
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        checked_shrinkage(self.shrinkage, "WindowLDA")
        check_bins(self.n_bins, "WindowLDA")

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
    """Windows; an InputError if they are not (n, c, t), or not finite."""
    x = np.asarray(x)
    if x.ndim != 3:
        raise InputError(f"windows are of shape {x.shape}; expected (n, c, t): windows, sensors, samples.")
    bad = len(x) - int(np.isfinite(x).all((1, 2)).sum())
    if bad:
        raise InputError(
            f"{bad} of {len(x)} windows have values that are not finite (NaN or inf). Leave them out, or set such sensors to 0."
        )
    return x


def checked_shrinkage(shrinkage: float | str, name: str) -> None:
    """Raise a UserError if a shrinkage is none."""
    if shrinkage == "auto":
        return
    if not isinstance(shrinkage, int | float) or isinstance(shrinkage, bool) or not 0 <= shrinkage <= 1:
        raise UserError(f"{name}: shrinkage is {shrinkage!r}; expected auto, or a number from 0 to 1.")


def check_bins(n_bins: int | None, name: str) -> None:
    """Raise a UserError if a number of bins is none; None: each sample is one."""
    check_number(f"{name}: n_bins", n_bins, low=1, whole=True)
