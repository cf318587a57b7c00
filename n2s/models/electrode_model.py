"""The port of models that predict all electrodes of a person from features over time, and the linear one with a penalty an electrode."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.by_target import checked_penalties
from n2s.models.encoding_ridge import ALPHAS, EncodingRidge


class ElectrodeModel(ABC):
    """Predicts electrodes over time. A recipe makes one; every subject and fold fits a copy of it.

    All statistics are those of the rows that it is fitted on. Features are z-scored already.

    Examples
    --------
    >>> from n2s.models import ElectrodeModel, ElectrodeRidge
    >>> class Mean(ElectrodeModel):
    ...
    ...     def fit(self, x, y, groups, stretches):
    ...         self.mean = y.mean(0)
    ...         return self
    ...
    ...     def predict(self, x, stretches):
    ...         return self.mean.expand(len(x), -1)
    ...
    ...     def state(self):
    ...         return {"mean": self.mean}
    ...
    ...     def load(self, state):
    ...         self.mean = state["mean"]
    ...         return self
    ...
    ...     def settings(self):
    ...         return {}
    >>> x, y = torch.zeros(4, 3), torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    >>> Mean().fit(x, y, groups=[0, 0, 1, 1], stretches=np.zeros(4)).predict(x[:2], stretches=np.zeros(2)).tolist()
    [[2.5], [2.5]]
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

    Examples
    --------
    >>> import torch
    >>> from n2s.models import ElectrodeRidge
    >>> x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))  # features, z-scored
    >>> y = torch.stack([x[:, 0], -x[:, 5]], 1)  # two electrodes
    >>> ridge = ElectrodeRidge(n_folds=4).fit(x, y, groups=(torch.arange(400) // 100).tolist())
    >>> ridge.predict(x).shape, ridge.state()["coef"].abs().argmax(0).tolist()
    (torch.Size([400, 2]), [0, 5])
    """

    def __init__(self, alphas: Sequence[float] = ALPHAS, n_folds: int = 5):
        self.alphas, self.n_folds = checked_penalties(alphas, n_folds, "ElectrodeRidge"), n_folds

    def fit(self, x: Tensor, y: Tensor, groups: Sequence, stretches: np.ndarray | None = None) -> "ElectrodeRidge":
        """See `ElectrodeModel`."""
        ridge = EncodingRidge(self.alphas, self.n_folds).fit(x, y, groups)
        self._state = {"coef": ridge.coef_, "intercept": ridge.intercept_, "penalty": ridge.alpha_}
        return self

    def settings(self) -> dict:
        """See `ElectrodeModel`."""
        return {"alphas": list(self.alphas), "n_folds": self.n_folds}
