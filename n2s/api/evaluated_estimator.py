"""Anybody's estimator: fitted on training windows where it is not, and asked for what it says of others."""

import inspect
from collections.abc import Callable

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from n2s.api.window_set import WindowSet
from n2s.errors import UserError

ABSENT = -100.0  # log-probability of a class that an estimator has not seen
SURE = np.log(1e-6)  # of the classes that an estimator does not say, where it gives no probabilities


class Estimator:
    """An estimator with ``fit`` and ``predict``, and the shape of windows that it takes.

    It is given whole windows (n, c, t), as mne.decoding, pyRiemann, skorch and braindecode take them; where it refuses those, as
    scikit-learn does, flat ones (n, c * t). What is given is never changed: a fit is of a clone.

    Parameters
    ----------
    given
        The estimator.
    fit
        Fit a clone on the training windows; None: only where it is not fitted.
    train
        Gives the training windows; asked for only where they are needed.
    flat
        Whether windows are flat; None: tried.
    """

    def __init__(
        self, given: object, train: Callable[[], WindowSet], *, fit: bool | None = None, flat: bool | None = None
    ):
        self.flat, self.name = flat, type(given).__name__
        if fit is None:
            fit = not _is_fitted(given)
        self.model = self._fitted(given, train()) if fit else given

    def predict(self, windows: WindowSet) -> np.ndarray:
        """(n, ...) As the estimator gives it."""
        return np.asarray(self._asked("predict", windows))

    def log_proba(self, windows: WindowSet) -> Tensor:
        """(n, k) Logits of the classes: log-probabilities, or its decision function, or what it says."""
        classes, k = np.asarray(getattr(self.model, "classes_", np.arange(len(windows.classes)))), len(windows.classes)
        found = np.full((len(windows), k), ABSENT)
        if hasattr(self.model, "predict_proba"):
            values = np.log(np.maximum(np.asarray(self._asked("predict_proba", windows)), 1e-12))
        elif hasattr(self.model, "decision_function"):
            values = np.asarray(self._asked("decision_function", windows), float)
            values = np.stack([np.zeros(len(values)), values], 1) if values.ndim == 1 else values
        else:
            said = self.predict(windows)
            values = np.where(said[:, None] == classes, 0.0, SURE)
        numbers = self._numbers(classes, k)
        if values.shape != (len(windows), len(numbers)):
            raise UserError(
                f"n2s.evaluate: {self.name} gives {values.shape} of {len(windows)} windows and {len(numbers)} classes."
            )
        found[:, numbers] = values
        return torch.from_numpy(found)

    def _numbers(self, classes: np.ndarray, k: int) -> np.ndarray:
        if not np.isin(classes, np.arange(k)).all():
            raise UserError(
                f"n2s.evaluate: {self.name} was fitted to the classes {classes[:6].tolist()}; expected their numbers, 0 to {k - 1}, as "
                "n2s.windows(data).y has them."
            )
        return classes.astype(np.int64)

    def _fitted(self, given: object, train: WindowSet) -> object:
        y = train.y if train.classes is not None else train.y.reshape(len(train), -1)

        def fit(x: np.ndarray) -> object:
            fresh = clone(given)
            options = {"groups": train.groups} if _takes_groups(fresh) else {}
            return fresh.fit(x, y, **options)

        return self._tried(fit, train, "fit")

    def _asked(self, what: str, windows: WindowSet) -> np.ndarray:
        found = self._tried(getattr(self.model, what), windows, what)
        return found.detach().cpu().numpy() if isinstance(found, Tensor) else found

    def _tried(self, do: Callable[[np.ndarray], object], windows: WindowSet, what: str) -> object:
        """Ask with whole windows, then with flat ones; what works is kept."""
        errors = []
        for flat in (False, True) if self.flat is None else (self.flat,):
            x = windows.X.reshape(len(windows), -1) if flat else windows.X
            try:
                found = do(x)
            except (ValueError, TypeError, IndexError, RuntimeError, UserError) as error:
                errors.append(
                    f"of {x.shape}: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}"
                )
                last = error
            else:
                self.flat = flat
                return found
        raise UserError(f"n2s.evaluate: {self.name}.{what} fails, {'; '.join(errors)}") from last


def _takes_groups(estimator: object) -> bool:
    """Whether folds inside a fit can be of whole groups."""
    return isinstance(estimator, BaseSearchCV) or "groups" in inspect.signature(estimator.fit).parameters


def _is_fitted(estimator: object) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True
