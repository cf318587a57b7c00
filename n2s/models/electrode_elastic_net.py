"""Elastic net for each electrode: few features, chosen by cross-validation of whole groups."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path
from torch import Tensor

from n2s.findings import tell
from n2s.models.electrode_model import LinearModel
from n2s.models.folds import dealt_folds
from n2s.options import check_number, check_options

TOLERANCE, MOST_STEPS = 1e-3, 2000  # of scikit-learn's coordinate descent


class ElectrodeElasticNet(LinearModel):
    """Scikit-learn's elastic net, ``|y - Xw|^2 / 2n + alpha (l1_ratio |w|_1 + (1 - l1_ratio) |w|^2 / 2)``, an alpha an electrode.

    Alphas are parts of the smallest one with which all weights of the electrode are 0, so that one grid serves electrodes of any
    signal. The chosen one has the highest mean R2 over folds of whole groups, without those in which the electrode does not change; if
    it changes in none, the largest. Products of columns are made once for all electrodes. It runs on the CPU.

    Parameters
    ----------
    fractions
        Alphas to choose from, as parts of that largest one; above 0, below 1.
    l1_ratio
        1: lasso; towards 0: ridge.
    n_folds
        Of the cross-validation inside the training rows.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import ElectrodeElasticNet
    >>> x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))  # features, z-scored
    >>> y = x[:, :1] * 2 + 0.1 * torch.randn(400, 1, generator=torch.Generator().manual_seed(1))
    >>> story = torch.arange(400) // 100
    >>> net = ElectrodeElasticNet(n_folds=4).fit(x, y, story.tolist())
    >>> net.state()["coef"].abs().argmax(0).item(), net.predict(x).shape
    (0, torch.Size([400, 1]))
    """

    def __init__(
        self, fractions: Sequence[float] = (0.3, 0.1, 0.03, 0.01, 0.003), *, l1_ratio: float = 0.5, n_folds: int = 5
    ):
        check_options("ElectrodeElasticNet: ", above=0, below=1, fractions=fractions)
        otherwise = "ElectrodeRidge without an l1 part"
        check_number("ElectrodeElasticNet: l1_ratio", l1_ratio, above=0, high=1, otherwise=otherwise)
        check_number("ElectrodeElasticNet: n_folds", n_folds, low=2, whole=True)
        self.fractions, self.l1_ratio, self.n_folds = (
            sorted(map(float, fractions), reverse=True),
            float(l1_ratio),
            n_folds,
        )

    def fit(self, x: Tensor, y: Tensor, groups: Sequence, stretches: np.ndarray | None = None) -> "ElectrodeElasticNet":
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        X, Y = (one.detach().cpu().double().numpy() for one in (x, y))
        self._late = 0
        best = np.zeros(Y.shape[1], int)
        if len(self.fractions) > 1:
            fold = dealt_folds(groups, len(X), self.n_folds, "ElectrodeElasticNet").numpy()
            scores = np.stack([self._scores(X, Y, fold != one) for one in range(self.n_folds)])
            known = np.isfinite(scores)
            total, n = np.where(known, scores, 0).sum(0), known.sum(0)
            best = np.divide(total, n, out=np.full(total.shape, -np.inf), where=n > 0).argmax(0)
        coef, mean_x, mean_y = self._paths(X, Y, only=best)
        if self._late:
            tell(
                "odd",
                "ElectrodeElasticNet",
                f"{self._late} of its paths were stopped after {MOST_STEPS} steps: columns are much alike. Take larger fractions, or fewer columns.",
            )
        fractions = np.array(self.fractions)[best]
        found = {"coef": coef[:, 0], "intercept": mean_y - mean_x @ coef[:, 0], "penalty": fractions}
        self._state = {name: torch.from_numpy(value).to(x) for name, value in found.items()}
        return self

    def settings(self) -> dict:
        """See `n2s.models.electrode_model.ElectrodeModel`."""
        return {"fractions": self.fractions, "l1_ratio": self.l1_ratio, "n_folds": self.n_folds}

    def _scores(self, X: np.ndarray, Y: np.ndarray, train: np.ndarray) -> np.ndarray:
        """(alphas, v) R2 of the rows that are not in ``train``; NaN where an electrode is constant there."""
        coef, mean_x, mean_y = self._paths(X[train], Y[train])
        held, true = X[~train] - mean_x, Y[~train] - mean_y
        power = np.where(varies(Y[~train]), np.square(true - true.mean(0)).sum(0), 0)
        found = np.full((len(self.fractions), Y.shape[1]), np.nan)
        for number in range(len(found)):
            error = np.square(true - held @ coef[:, number]).sum(0)
            found[number] = np.divide(power - error, power, out=np.full_like(power, np.nan), where=power > 0)
        return found

    def _paths(
        self, X: np.ndarray, Y: np.ndarray, only: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(p, alphas, v) weights of all alphas, or of one an electrode, and the means of the columns."""
        mean_x, mean_y, changes = X.mean(0), Y.mean(0), varies(Y)
        X, Y = np.asfortranarray(X - mean_x), Y - mean_y
        gram, products = np.ascontiguousarray(X.T @ X), X.T @ Y
        # of a constant electrode rounding alone is left
        largest = np.where(changes, np.abs(products).max(0) / (len(X) * self.l1_ratio), 0)
        found = np.zeros((X.shape[1], len(self.fractions) if only is None else 1, Y.shape[1]))
        for target in np.flatnonzero(largest > 0):
            # from large to small: each begins where the one before it ended
            fractions = self.fractions if only is None else self.fractions[: only[target] + 1]
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", ConvergenceWarning)
                weights = enet_path(
                    X,
                    np.ascontiguousarray(Y[:, target]),
                    l1_ratio=self.l1_ratio,
                    alphas=largest[target] * np.array(fractions),
                    precompute=gram,
                    Xy=products[:, target],
                    tol=TOLERANCE,
                    max_iter=MOST_STEPS,
                )[1]
            self._late += any(issubclass(one.category, ConvergenceWarning) for one in told)
            found[:, :, target] = weights if only is None else weights[:, -1:]
        return found, mean_x, mean_y


def varies(values: np.ndarray) -> np.ndarray:
    """(n, v) -> (v,) bool: columns that are not constant."""
    return values.max(0) > values.min(0)
