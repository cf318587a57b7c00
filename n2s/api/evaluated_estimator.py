"""Anybody's estimator: fitted on training windows where it is not, and asked for what it says of others."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from n2s.api.window_set import WindowSet
from n2s.errors import UserError
from n2s.findings import tell

ABSENT = -100.0  # log-probability of a class that an estimator has not seen
SURE = np.log(1e-6)  # of the classes that an estimator does not say, where it gives no probabilities
TIES = 0.1  # of windows: so many may be predicted to be of another class than the decision function's largest


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
        #: Windows that it was fitted on here; None: it came fitted
        self.n_fitted: int | None = None
        self.model: Any = self._fitted(given, train()) if fit else given

    def predict(self, windows: WindowSet) -> np.ndarray:
        """(n, ...) As the estimator gives it."""
        return np.asarray(self._asked("predict", windows))

    def values(self, windows: WindowSet) -> np.ndarray:
        """(n, ...) float32 estimates of targets.

        Raises
        ------
        UserError
            It gives something else than real, finite numbers, or not for each window.
        """
        found, n = self.predict(windows), len(windows)
        if found.shape[:1] != (n,):
            raise UserError(
                f"n2s.evaluate: {self.name}.predict gives {found.shape} of {n} windows; expected a row a window."
            )
        if found.dtype.kind not in "fiub":
            raise UserError(f"n2s.evaluate: {self.name}.predict gives {found.dtype}; expected real numbers.")
        self._check_finite(found, "predict")
        return np.ascontiguousarray(found, np.float32)

    def log_proba(self, windows: WindowSet) -> Tensor:
        """(n, k) Logits of the classes: log-probabilities, or its decision function, or what it says."""
        self._check_kind(windows)
        numbers = _numbers(
            getattr(self.model, "classes_", np.arange(len(windows.class_names))), windows, f"{self.name} was fitted to"
        )
        found = np.full((len(windows), len(windows.class_names)), ABSENT)
        if hasattr(self.model, "predict_proba"):
            values = np.asarray(self._asked("predict_proba", windows))
            self._check_finite(values, "predict_proba")
            values = np.log(np.maximum(values, 1e-12))
        elif hasattr(self.model, "decision_function"):
            values = self._decided(windows, numbers)
        else:
            values = self._said(windows, numbers)
        wanted = (len(windows), len(numbers))
        if values.shape != wanted:
            raise UserError(
                f"n2s.evaluate: {self.name} gives {values.shape} of {len(windows)} windows and {len(numbers)} classes; expected {wanted}."
            )
        found[:, numbers] = values
        return torch.from_numpy(found)

    def _decided(self, windows: WindowSet, numbers: np.ndarray) -> np.ndarray:
        """(n, k) The decision function, if what it says is what is predicted; of pairs of classes, for one, it is not."""
        values = np.asarray(self._asked("decision_function", windows), float)
        self._check_finite(values, "decision_function")
        if values.ndim == 1:
            return np.stack([np.zeros(len(values)), values], 1)
        said = self._said(windows, numbers)
        differs = (
            (values.argmax(1) != said.argmax(1)).mean() if values.shape == said.shape else 1.0 * (values.ndim == 2)
        )
        if differs <= TIES:
            return values
        tell(
            "odd",
            "n2s.evaluate",
            f"the decision function of {self.name} does not say what it predicts (pairs of classes?): its predictions are scored.",
        )
        return said

    def _said(self, windows: WindowSet, numbers: np.ndarray) -> np.ndarray:
        """(n, k) 0 of the class that is predicted, `SURE` of others."""
        said = self.predict(windows)
        if said.shape not in ((len(windows),), (len(windows), 1)):
            raise UserError(
                f"n2s.evaluate: {self.name}.predict gives {said.shape} of {len(windows)} windows; expected ({len(windows)},) classes."
            )
        number = _numbers(said.ravel(), windows, f"{self.name}.predict gives")
        return np.where(number[:, None] == numbers, 0.0, SURE)

    def _fitted(self, given: Any, train: WindowSet) -> object:
        self._check_kind(train, given)
        if train.classes is not None and len(np.unique(train.y)) < 2:
            raise UserError(
                f"n2s.evaluate: all {len(train)} training windows are of class '{train.classes[train.y[0]]}'; expected two classes or more. "
                "Move other runs or groups to training."
            )
        y = train.y if train.classes is not None else train.y.reshape(len(train), -1)

        def fit(x: np.ndarray) -> object:
            fresh = clone(given) if hasattr(given, "get_params") else copy.deepcopy(given)
            return fresh.fit(x, y, **_groups(fresh, train.groups))

        found = self._tried(fit, train, "fit")
        self.n_fitted = len(train)
        return found

    def _check_kind(self, windows: WindowSet, model: object | None = None) -> None:
        model = self.model if model is None else model
        if not isinstance(model, BaseEstimator):
            return
        if windows.class_names and is_regressor(model):
            names = ", ".join(windows.class_names[:6])
            raise UserError(
                f"n2s.evaluate: {self.name} is a regressor, and these windows have classes ({names}); expected a classifier."
            )
        if not windows.class_names and is_classifier(model):
            raise UserError(
                f"n2s.evaluate: {self.name} is a classifier, and the target of these windows is (f, t) features of what was heard; "
                "expected a regressor of several outputs. Classes: n2s.data.EventDataModule."
            )

    def _check_finite(self, values: np.ndarray, what: str) -> None:
        bad = len(values) - int(np.isfinite(values.reshape(len(values), -1)).all(1).sum()) if values.ndim else 0
        if bad:
            raise UserError(
                f"n2s.evaluate: {self.name}.{what} gives values that are not finite of {bad} of {len(values)} windows."
            )

    def _asked(self, what: str, windows: WindowSet) -> np.ndarray:
        found = self._tried(getattr(self.model, what), windows, what)
        return found.detach().cpu().numpy() if isinstance(found, Tensor) else found

    def _tried(self, do: Callable[[np.ndarray], Any], windows: WindowSet, what: str) -> Any:
        """Ask with whole windows, then with flat ones; what works is kept."""
        errors: dict[str, Exception] = {}
        for flat in (False, True) if self.flat is None else (self.flat,):
            x = windows.X.reshape(len(windows), -1) if flat else windows.X
            try:
                found = do(x)
            except Exception as error:  # of anybody's code: any kind
                if isinstance(error, NotFittedError) and what != "fit":
                    raise UserError(
                        f"n2s.evaluate: {self.name} is not fitted. Leave fit=False out, and it is fitted on the training windows."
                    ) from error
                errors[str(x.shape)] = error
            else:
                self.flat = flat
                return found
        told = {shape: error for shape, error in errors.items() if "dim 3" not in str(error)} or errors
        several = any("1d array" in str(error) for error in told.values()) and windows.y.ndim > 1
        hint = " For several outputs: sklearn.multioutput.MultiOutputRegressor." if several else ""
        raise UserError(
            f"n2s.evaluate: {self.name}.{what} fails, {'; '.join(f'of {shape}: {first_line(one)}' for shape, one in told.items())}{hint}"
        ) from list(told.values())[-1]


def first_line(error: Exception) -> str:
    """What an error of anybody's code says, in a line; of those that say little without it, with their kind."""
    line = (str(error).strip().splitlines() or [""])[0][:200]
    plain = line and isinstance(error, UserError | ValueError | RuntimeError | TypeError)
    return line if plain else f"{type(error).__name__}{f': {line}' if line else ''}"


def _numbers(classes: object, windows: WindowSet, who: str) -> np.ndarray:
    """Numbers of classes that are given by number or by name."""
    given, k = np.asarray(classes), len(windows.class_names)
    named = given.dtype.kind in "OUS" and np.isin(given.astype(str), windows.class_names).all()
    if named:
        return np.array([windows.class_names.index(str(one)) for one in given.ravel()])
    if given.dtype.kind in "OUS" or not np.isin(given, np.arange(k)).all():
        shown = ", ".join(str(one) for one in np.unique(given.astype(str) if given.dtype == object else given)[:6])
        names = ", ".join(windows.class_names[:6])
        raise UserError(
            f"n2s.evaluate: {who} classes {shown}; expected numbers from 0 to {k - 1}, as n2s.windows(data).y has them, or names ({names})."
        )
    return given.astype(np.int64)


def _groups(estimator: Any, groups: np.ndarray) -> dict[str, np.ndarray]:
    """Options of a fit, so that folds inside it are of whole groups; of a pipeline, for its last step."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = _groups(last, groups) if hasattr(last, "fit") else {}
        return {f"{name}__{one}": value for one, value in inner.items()}
    if isinstance(estimator, BaseSearchCV) or "groups" in inspect.signature(estimator.fit).parameters:
        return {"groups": groups}
    return {}


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError, AttributeError):  # the last two: of what is no estimator of scikit-learn
        return False
    return True
