"""Ridge regression from features to the brain, in which each voxel or sensor has its own penalty."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.models.by_target import Search, Targets, checked, checked_penalties
from n2s.models.estimator import TensorRegressor
from n2s.models.fold_operators import Rows, enough_digits, give_type
from n2s.models.folds import dealt_folds
from n2s.models.memory import told
from n2s.models.symmetric import all_digits, product

#: From none to nearly all shrunk, for some thousand rows of z-scored features.
ALPHAS = tuple(10.0**exponent for exponent in range(-1, 8))


class EncodingRidge(TensorRegressor):
    """Linear encoding model: one ridge regression a target (voxel, vertex, sensor and lag), each with its own penalty.

    ``|Y - X W|^2 + alpha |W|^2``, as scikit-learn's `Ridge`, with an intercept. The penalty of each target is the one
    with the highest mean R2 over folds of whole groups. In each fold X and Y are centred by the mean of the training
    part; R2 is against the mean of the held-out part itself, as scikit-learn's `r2_score`. The weights are those of all
    rows. Nothing is z-scored here.

    Held-out predictions are linear in the targets. For each penalty one Cholesky decomposition gives the matrices that
    predict the rows of every fold, and all that is left to do for a target is to multiply with them, so targets are
    taken in blocks and nothing of the size (p, v) is made for the scores. With fewer rows than columns the equations are
    those of the kernel, else those of the columns.

    Parameters
    ----------
    alphas
        Penalties to choose from, on the scale of the sum over rows. One alone is taken as it is.
    n_folds
        Folds: the groups are dealt out in turn, in the order of their first row.

    Attributes
    ----------
    alpha_
        (v,) The penalty of each target.
    cv_scores_
        (n_alphas, v) Mean R2 over folds. A fold in which a target is constant in the held-out part has no R2 for it and
        is left out of its mean; NaN if that is so in all folds, or if there is one penalty alone. Such a target has the
        largest penalty.
    coef_
        (p, v) Weights. With fewer rows than columns they are made from the dual ones when they are asked for, and
        kept; `coef_of` makes those of some targets alone.
    intercept_
        (v,)

    References
    ----------
    Huth et al. 2016, Nature 532:453. Dupré la Tour et al. 2022, NeuroImage 264:119728 (himalaya).

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import EncodingRidge
    >>> rng = np.random.default_rng(0)
    >>> features, stories = rng.standard_normal((400, 10)), np.repeat(np.arange(8), 50)
    >>> voxels = features @ rng.standard_normal((10, 3)) + rng.standard_normal((400, 3))
    >>> ridge = EncodingRidge(alphas=(1.0, 1e3, 1e6), n_folds=4).fit(features[:300], voxels[:300], stories[:300])
    >>> ridge.coef_.shape, ridge.alpha_.tolist(), round(ridge.score(features[300:], voxels[300:]), 1)
    (torch.Size([10, 3]), [1.0, 1.0, 1.0], 0.9)
    """

    alpha_: Tensor
    intercept_: Tensor
    cv_scores_: Tensor

    def __init__(self, alphas: float | Sequence[float] = ALPHAS, n_folds: int = 5):
        self.alphas, self.n_folds = alphas, n_folds
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        checked_penalties(self.alphas, self.n_folds, "EncodingRidge")

    def fit(self, X: Tensor | np.ndarray, Y: Tensor | np.ndarray, groups: Sequence | None = None) -> "EncodingRidge":
        """Fit.

        Parameters
        ----------
        X
            (n, p) Features, float32 or float64, which is the type of what is found. Columns whose sizes differ by some hundred
            times are computed as float64, others as given. On a GPU, all is done there.
        Y
            (n, v) Targets, (n,) of one; they may stay on the CPU, and may be memory-mapped: blocks of them are moved.
        groups
            (n,) Rows that cross-validation must keep together: the run or story of each row. Needed for several alphas.

        Raises
        ------
        UserError
            Shapes that do not match, values that are not finite, fewer groups than folds, not enough memory.
        """
        alphas = checked_penalties(self.alphas, self.n_folds, "EncodingRidge")
        rows = self.rows_of(X, fits=True)
        Y = self.targets_of(Y, len(rows))
        given = checked(rows, Y, "EncodingRidge")
        X = enough_digits(given)
        several = len(alphas) > 1
        folds = dealt_folds(groups, len(X), self.n_folds, "EncodingRidge") if several else torch.zeros(len(X)).long()
        with told(X, Y.shape[1], len(alphas), "EncodingRidge"), all_digits():
            self._fit(X, Y, folds, alphas)
            if X.dtype != given.dtype and self._dual is not None:  # in fewer digits, sums over columns lose small ones
                self._coef, self._rows, self._dual = self.coef_, None, None
        give_type(self, given.dtype)
        return self

    def _fit(self, X: Tensor, Y: Tensor | np.ndarray, folds: Tensor, alphas: tuple[float, ...]) -> None:
        order = folds.argsort(stable=True)
        self._mean = X.mean(0)
        rows = Rows((X - self._mean)[order.to(X.device)], folds.bincount().tolist())
        targets = Targets(Y, order, X, "EncodingRidge")
        candidates = [(alpha,) for alpha in alphas]
        search = Search(rows, targets, candidates)
        self.cv_scores_, found = search.scores, search.weights
        self.alpha_ = torch.tensor(alphas, dtype=X.dtype, device=X.device)[search.best]
        if rows.dual:
            self._rows, self._dual, self._coef = rows.X, found, None
            self.intercept_ = targets.mean - (rows.X @ self._mean) @ found
        else:
            self._rows, self._dual, self._coef = None, None, found
            self.intercept_ = targets.mean - self._mean @ found

    def predict(self, X: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """(n, p) -> (n, v), of the kind that X is. With fewer rows than columns, from the dual weights: (p, v) is not made."""
        self.check_fitted()
        rows = self.rows_of(X, fits=False).to(self._mean)
        if self._dual is None:
            return self.as_asked(torch.addmm(self.intercept_, rows, self._coef), X)
        return self.as_asked(product(product(rows, self._rows.T), self._dual).add_(self.intercept_), X)

    @property
    def coef_(self) -> Tensor:
        """(p, v)."""
        if self._coef is None:
            self._coef = product(self._rows.T, self._dual)
        return self._coef

    def coef_of(self, targets: slice | Sequence[int] | Tensor) -> Tensor:
        """(p, k) weights of some targets, made for them alone: of the whole brain, some thousand at once."""
        if self._coef is not None:
            return self._coef[:, targets]
        return product(self._rows.T, self._dual[:, targets])
