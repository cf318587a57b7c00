"""What n2s's estimators share with scikit-learn's: parameters that are kept as given, ``clone``, ``score``, pipelines and searches; NumPy or torch."""

import warnings
from typing import TypeAlias

import numpy as np
import torch
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from n2s.errors import UserError

Array: TypeAlias = Tensor | np.ndarray


class InputError(UserError, ValueError):
    """A `UserError` about what an estimator was given; scikit-learn's tools expect a ValueError."""


class Estimator(BaseEstimator):
    """One with parameters that scikit-learn sees: `get_params`, `set_params`, `clone`. A fit checks them again, since they can be set."""

    def check_parameters(self) -> None:
        """Raise a `UserError` if a parameter is out of range."""

    def check_fitted(self) -> None:
        """Raise scikit-learn's ``NotFittedError`` if there was no fit."""
        check_is_fitted(self)

    def rows_of(self, X: object, *, fits: bool) -> Tensor:
        """(n, p) rows as a float tensor, without gradients.

        Tensors stay where they are, as they are. Anything else is checked as scikit-learn checks it, and its columns are kept or compared.

        Raises
        ------
        InputError
            They are no table of finite numbers, or have other columns than those of the fit.
        """
        name = type(self).__name__
        if isinstance(X, Tensor):
            X = X.detach()
            if X.ndim != 2:
                raise InputError(f"{name}: X is {tuple(X.shape)}; expected (n, p).")
            if fits:
                self.n_features_in_ = X.shape[1]
        else:
            try:
                X = validate_data(
                    self, X, reset=fits, dtype=[np.float64, np.float32], force_writeable=True, ensure_all_finite=False
                )
            except ValueError as error:
                if "Expected 2D array" in str(error):
                    raise InputError(
                        f"{name}: X is {np.shape(X)}; expected (n, p). Reshape your data: X.reshape(len(X), -1)."
                    ) from None
                raise InputError(f"{name}: {' '.join(str(error).split())}") from None
            if not fits and not np.isfinite(X).all():
                raise InputError(
                    f"{name}: X holds values that are not finite (NaN or inf), in {(~np.isfinite(X).all(1)).sum()} of {len(X)} rows."
                )
            # what is reversed or of foreign byte order is copied
            X = torch.from_numpy(np.ascontiguousarray(X, X.dtype.newbyteorder("=")))
        if not fits and X.shape[1] != self.n_features_in_:
            raise InputError(f"{name}: X is {tuple(X.shape)}, but it was fitted on {self.n_features_in_} columns.")
        return X


class TensorRegressor(MultiOutputMixin, RegressorMixin, Estimator):
    """A regression on (n, p) rows of one or several targets, whose predictions are of the kind that X is: NumPy or tensors."""

    def targets_of(self, Y: object, n: int) -> Array:
        """(n, v) targets; one target may be (n,), and its predictions are, too.

        Raises
        ------
        InputError
            Shapes that do not match, or values that are no real numbers.
        """
        name = type(self).__name__
        if Y is None:
            raise InputError(f"{name}: requires y to be passed, but the target y is None.")
        Y = Y.detach() if isinstance(Y, Tensor) else np.asarray(Y)
        if not isinstance(Y, Tensor) and Y.dtype.kind not in "fiub":
            try:
                Y = Y.astype(np.float64)
            except (TypeError, ValueError):
                raise InputError(f"{name}: Y is of type {Y.dtype}; expected numbers.") from None
        if not isinstance(Y, Tensor) and not Y.flags.writeable:
            with (
                warnings.catch_warnings()
            ):  # torch shares memory, and warns of what it must not write: nothing is written
                warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
                Y = torch.from_numpy(Y)
        self._one_target = Y.ndim == 1
        if len(Y) != n or Y.ndim not in (1, 2):
            raise InputError(f"{name}: X has {n} rows, Y is {tuple(Y.shape)}; expected (n, v), with one row each.")
        return Y[:, None] if self._one_target else Y

    def as_asked(self, found: Tensor, X: object) -> Array:
        """Predictions (n, v) as the caller has its rows: tensors, or else NumPy; (n,) of one target that was (n,)."""
        found = found[:, 0] if getattr(self, "_one_target", False) else found
        return found if isinstance(X, Tensor) else found.detach().cpu().numpy()

    def score(self, X: object, y: object, sample_weight: object = None) -> float:
        """R2, the mean over targets.

        Parameters
        ----------
        X, y
            (n, p) and (n, v).
        sample_weight
            (n,)
        """
        true, found = (
            one.detach().cpu().numpy() if isinstance(one, Tensor) else np.asarray(one) for one in (y, self.predict(X))
        )
        return float(r2_score(true, found, sample_weight=sample_weight))
