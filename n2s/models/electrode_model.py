"""The port of models that predict all electrodes of a person from features over time, and the linear one with a penalty an electrode."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.encoding_ridge import ALPHAS, EncodingRidge


class ElectrodeModel(ABC):
    """Predicts electrodes over time. A recipe makes one; every subject and fold fits a copy of it.

    All statistics are those of the rows that it is fitted on. Features are z-scored already.
    """

    #: Whether it takes the features at all lags side by side; else those of lag 0 alone, since it has a memory of its own.
    lagged: bool = True

    @abstractmethod
    def fit(self, x: Tensor, y: Tensor, groups: Sequence, stretches: np.ndarray) -> "ElectrodeModel":
        """Fit.

        Parameters
        ----------
        x, y
            (n, p) features and (n, v) responses, float32, of one device.
        groups
            (n,) What cross-validation keeps together.
        stretches
            (n,) Number of the stretch of consecutive rows that each row lies in.
        """

    @abstractmethod
    def predict(self, x: Tensor, stretches: np.ndarray) -> Tensor:
        """(n, p) -> (n, v)."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """What was fitted, for checkpoints."""

    @abstractmethod
    def load(self, state: dict[str, Tensor]) -> "ElectrodeModel":
        """Take what was fitted before."""

    @abstractmethod
    def settings(self) -> dict:
        """All options, as plain JSON types: a test with others than those of the fit is refused."""


class LinearModel(ElectrodeModel):
    """One with weights ``coef (p, v)`` and an ``intercept (v,)``, and what was chosen for each electrode."""

    def predict(self, x: Tensor, stretches: np.ndarray | None = None) -> Tensor:
        """See `ElectrodeModel`."""
        coef, intercept = self._state["coef"].to(x), self._state["intercept"].to(x)
        if x.shape[1] != len(coef):
            raise UserError(
                f"{type(self).__name__} was fitted on {len(coef)} columns, and features have {x.shape[1]}. Fit again, or take "
                "the run's own config.yaml."
            )
        return torch.addmm(intercept, x, coef)

    def state(self) -> dict[str, Tensor]:
        """See `ElectrodeModel`."""
        return self._state

    def load(self, state: dict[str, Tensor]) -> "LinearModel":
        """See `ElectrodeModel`."""
        self._state = state
        return self


class ElectrodeRidge(LinearModel):
    """Ridge regression, each electrode with its own penalty (`EncodingRidge`).

    Parameters
    ----------
    alphas
        Penalties to choose from, as scikit-learn's: |Y - XW|^2 + alpha |W|^2.
    n_folds
        Of the cross-validation inside the training rows.
    """

    def __init__(self, alphas: Sequence[float] = ALPHAS, n_folds: int = 5):
        self.alphas, self.n_folds = tuple(float(one) for one in alphas), n_folds
        EncodingRidge(self.alphas, n_folds)  # checks them

    def fit(self, x: Tensor, y: Tensor, groups: Sequence, stretches: np.ndarray | None = None) -> "ElectrodeRidge":
        """See `ElectrodeModel`."""
        ridge = EncodingRidge(self.alphas, self.n_folds).fit(x, y, groups)
        self._state = {"coef": ridge.coef_, "intercept": ridge.intercept_, "penalty": ridge.alpha_}
        return self

    def settings(self) -> dict:
        """See `ElectrodeModel`."""
        return {"alphas": list(self.alphas), "n_folds": self.n_folds}
