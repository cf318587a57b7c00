"""Ridge regression from voxels to features, in which each feature has its own best-correlated voxels."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.by_target import checked_penalties
from n2s.models.estimator import InputError, TensorRegressor
from n2s.models.folds import dealt_folds
from n2s.models.symmetric import product
from n2s.models.threads import in_threads
from n2s.options import check_number

BLOCK_BYTES = 2**24  # of the arrays that one step of a loop makes
GRAM_BYTES = 2**31  # of the largest (v, v) matrix that is made at once
STRIP = 64  # rows of a lower triangle that are gathered together
COLUMNS = 512  # voxels whose rows of the Gram matrix are made together
CONSTANT = 1e-8  # variance below which a voxel carries no signal (FastL2LiR)


class VoxelRidge(TensorRegressor):
    """Sparse linear decoder: each dimension of the target is a ridge regression on the voxels that correlate best with it.

    The bias is one more regressor and is penalised as the voxels are: the algorithm of FastL2LiR, the same numbers. What
    is computed depends on the size: one Gram matrix of all voxels, from which the equations of each dimension are
    gathered; or, for a whole brain, whose Gram matrix would not fit, each dimension's own; or the dual equations where
    there are fewer samples than voxels chosen. Dimensions are solved in batches by Cholesky decomposition.

    Parameters
    ----------
    n_voxels
        Voxels for each dimension, chosen by absolute correlation on the data of `fit`; 0, or as many as there are: all.
    alpha
        Penalty on the squared weights, on the scale of the sum over samples. If there are several, cross-validation chooses
        the one with the highest mean correlation (each fold refits everything, the choice of voxels too).
    n_folds
        Folds of that cross-validation, and of `out_of_fold`.

    Attributes
    ----------
    coef_
        (v, d), zero if a voxel was not chosen.
    intercept_
        (d,)
    alpha_
        The chosen penalty.
    selected_
        (d, k) The voxels chosen for each dimension, the best first.

    References
    ----------
    KamitaniLab, PyFastL2LiR. Shen et al. 2019, PLOS Comput. Biol. 15:e1006633.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import VoxelRidge
    >>> rng = np.random.default_rng(0)
    >>> voxels = rng.standard_normal((200, 50))
    >>> loudness = voxels[:, :3] @ [1.0, -1.0, 2.0]
    >>> ridge = VoxelRidge(n_voxels=3, alpha=1.0).fit(voxels[:150], loudness[:150])
    >>> sorted(ridge.selected_[0].tolist()), round(ridge.score(voxels[150:], loudness[150:]), 3)
    ([0, 1, 2], 1.0)
    """

    coef_: Tensor
    intercept_: Tensor
    alpha_: float
    selected_: Tensor

    def __init__(self, n_voxels: int = 500, alpha: float | Sequence[float] = 100.0, *, n_folds: int = 5):
        self.n_voxels, self.alpha, self.n_folds = n_voxels, alpha, n_folds
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        check_number("VoxelRidge: n_voxels", self.n_voxels, low=0, whole=True)
        check_number("VoxelRidge: n_folds", self.n_folds, low=2, whole=True)
        checked_penalties(self.alpha, self.n_folds, "VoxelRidge", name="alpha")

    @property
    def alphas(self) -> tuple[float, ...]:
        """The penalties that are tried."""
        return checked_penalties(self.alpha, self.n_folds, "VoxelRidge", name="alpha")

    def fit(self, X: Tensor | np.ndarray, Y: Tensor | np.ndarray, groups: Sequence | None = None) -> "VoxelRidge":
        """Fit.

        Parameters
        ----------
        X
            (n, v) Voxels, z-scored on these samples; on any device, float32 or float64.
        Y
            (n, d) Target; (n,) of one dimension.
        groups
            (n,) Samples that cross-validation must keep together: the stimulus of each sample. Needed only for several alphas.

        Raises
        ------
        UserError
            Shapes that do not match, values that are not finite, fewer groups than folds.
        """
        self.check_parameters()
        X, Y = self._checked(X, Y)
        alphas = self.alphas
        self.alpha_ = alphas[0]
        if len(alphas) > 1:
            folds = dealt_folds(groups, len(X), self.n_folds, "VoxelRidge")
            tracked = torch.stack(
                [_correlation(_predicted_by_fold(X, Y, folds, self.n_voxels, alpha), Y).mean() for alpha in alphas]
            )
            self.alpha_ = alphas[int(tracked.argmax())]
        self.coef_, self.intercept_, self.selected_ = solve(X, Y, self.n_voxels, self.alpha_)
        return self

    def predict(self, X: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """(n, v) -> (n, d), of the kind that X is."""
        self.check_fitted()
        rows = self.rows_of(X, fits=False)
        return self.as_asked(torch.addmm(self.intercept_, rows.to(self.coef_), self.coef_), X)

    def out_of_fold(self, X: Tensor | np.ndarray, Y: Tensor | np.ndarray, groups: Sequence) -> Tensor:
        """(n, d) predictions of each sample by a decoder that has not seen its group; the penalty is the fitted one.

        Train the next stage on these: predictions for the samples of `fit` itself are better than those for any new
        sample.
        """
        X, Y = self._checked(X, Y)
        return _predicted_by_fold(
            X, Y, dealt_folds(groups, len(X), self.n_folds, "VoxelRidge"), self.n_voxels, self.alpha_
        )

    def strongest(self, n: int) -> Tensor:
        """(n,) the voxels with the largest weights (Euclidean norm over dimensions), the largest first."""
        if n > len(self.coef_):
            raise UserError(f"VoxelRidge: {n} voxels are wanted of {len(self.coef_)}. Ask for fewer.")
        return self.coef_.norm(dim=1).topk(n).indices

    def _checked(self, X: Tensor | np.ndarray, Y: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        X = self.rows_of(X, fits=True)
        if not X.is_floating_point():
            raise InputError(f"VoxelRidge: X is of type {X.dtype}; expected float32 or float64.")
        Y = torch.as_tensor(self.targets_of(Y, len(X))).to(X)
        if not len(X):
            raise InputError(f"VoxelRidge: X is {tuple(X.shape)}; expected some samples.")
        for name, values in (("X", X), ("Y", Y)):
            bad = (~torch.isfinite(values)).any(0).nonzero()[:, 0].tolist()
            if bad:
                what = "voxel" if name == "X" else "dimension"
                raise InputError(
                    f"VoxelRidge: {name} holds values that are not finite (NaN or inf), in {len(bad)} columns ({what} {bad[:5]}). "
                    "Constant voxels cannot be z-scored: leave them out before."
                )
        return X, Y


def solve(X: Tensor, Y: Tensor, n_voxels: int, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (v, d), bias (d,) and chosen voxels (d, k)."""
    (n, v), d = X.shape, Y.shape[1]
    k = min(n_voxels, v) or v
    chosen = correlations(X, Y).abs().topk(k, dim=0).indices.T
    if k == v:
        return *_all_voxels(X, Y, alpha), chosen
    in_order = chosen.sort(1).values
    if k >= n or v * v * X.element_size() > GRAM_BYTES or v * v > d * k * k:
        weights, bias = _own_equations(X, Y, in_order, alpha)
    else:
        weights, bias = _one_gram(X, Y, in_order, alpha)
    coefficients = X.new_zeros(v, d)
    coefficients.T[torch.arange(d, device=X.device)[:, None], in_order] = weights
    return coefficients, bias, chosen


def correlations(X: Tensor, Y: Tensor) -> Tensor:
    """(v, d) Pearson correlation over samples; 0 for a voxel or a dimension that does not vary."""
    centred = Y - Y.mean(0)
    centred /= centred.norm(dim=0)
    found = X.new_empty(X.shape[1], Y.shape[1])
    step = max(1, BLOCK_BYTES // (X.element_size() * len(X)))

    def correlate(at: int) -> None:
        block = X[:, at : at + step] - X[:, at : at + step].mean(0)
        norm = block.norm(dim=0)
        own = found[at : at + step]
        torch.mm(block.T, centred, out=own)
        own /= norm[:, None]
        own[norm.square() / len(X) < CONSTANT] = 0

    in_threads(correlate, range(0, X.shape[1], step), X.device)
    return found.nan_to_num_()


def _one_gram(X: Tensor, Y: Tensor, chosen: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """The equations of each dimension are rows and columns of one matrix, of which Cholesky reads the lower triangle.

    ``chosen`` ascends in each row, so that what is gathered lies in memory as it is read.
    """
    (d, k), v = chosen.shape, X.shape[1]
    if X.device.type == "cpu":
        gram, moments = X.new_empty(v, v), X.new_empty(d, v)

        def multiply(at: int) -> None:
            own = X[:, at : at + COLUMNS].T
            moments[:, at : at + COLUMNS] = product(own, Y).T
            gram[at : at + COLUMNS, : at + COLUMNS] = product(own, X[:, : at + COLUMNS])

        in_threads(multiply, reversed(range(0, v, COLUMNS)), X.device)
    else:
        gram, moments = X.T @ X, (X.T @ Y).T
    sums, totals = X.sum(0), Y.sum(0)
    weights = X.new_empty(d, k + 1)

    def work(rows: Tensor) -> None:
        voxels = chosen[rows]
        left = X.new_empty(len(rows), k + 1, k + 1)
        for own, one in zip(left, voxels, strict=True):
            for at in range(0, k, STRIP):
                own[at : min(at + STRIP, k), : min(at + STRIP, k)] = gram[one[at : at + STRIP, None], one[: at + STRIP]]
        left[:, k, :k], left[:, k, k] = sums[voxels], len(X)
        left.diagonal(dim1=-2, dim2=-1).add_(alpha)
        weights[rows] = _solved(left, torch.cat([moments[rows].gather(1, voxels), totals[rows, None]], 1))

    step = max(1, BLOCK_BYTES // (X.element_size() * (k + 1) ** 2))
    in_threads(work, torch.arange(d, device=X.device).split(step), X.device)
    return weights[:, :k], weights[:, k]


def _own_equations(X: Tensor, Y: Tensor, chosen: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Each dimension's equations from its voxels: primal, or dual if samples are fewer than voxels."""
    n, (d, k) = len(X), chosen.shape
    dual = n <= k
    weights = X.new_empty(d, k + 1)
    largest = X.element_size() * max(n * (k + 1), min(n, k + 1) ** 2)

    def work(rows: Tensor) -> None:
        own = X.new_ones(len(rows), n, k + 1)
        for one, voxels in zip(own, chosen[rows], strict=True):
            one[:, :k] = X[:, voxels]
        target = Y[:, rows].T
        if dual:
            left = own @ own.mT
            left.diagonal(dim1=-2, dim2=-1).add_(alpha)
            weights[rows] = (_solved(left, target)[:, None] @ own)[:, 0]
        else:
            left = own.mT @ own
            left.diagonal(dim1=-2, dim2=-1).add_(alpha)
            weights[rows] = _solved(left, (target[:, None] @ own)[:, 0])

    in_threads(work, torch.arange(d, device=X.device).split(max(1, BLOCK_BYTES // largest)), X.device)
    return weights[:, :k], weights[:, k]


def _all_voxels(X: Tensor, Y: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """All dimensions share one system: (v, d) weights."""
    rows = torch.cat([X, X.new_ones(len(X), 1)], 1)
    dual = len(X) <= rows.shape[1]
    left = rows @ rows.T if dual else rows.T @ rows
    left.diagonal().add_(alpha)
    right = Y if dual else rows.T @ Y
    solved = torch.cholesky_solve(right, torch.linalg.cholesky(left))
    weights = rows.T @ solved if dual else solved
    return weights[:-1], weights[-1]


def _solved(left: Tensor, right: Tensor) -> Tensor:
    """(b, m, m) symmetric positive definite, its lower triangle at least, (b, m) -> (b, m)."""
    return torch.cholesky_solve(right[..., None], torch.linalg.cholesky(left))[..., 0]


def _predicted_by_fold(X: Tensor, Y: Tensor, folds: Tensor, n_voxels: int, alpha: float) -> Tensor:
    predicted = torch.empty_like(Y)
    for fold in folds.unique():
        held_out = (folds == fold).to(X.device)
        coefficients, bias, _ = solve(X[~held_out], Y[~held_out], n_voxels, alpha)
        predicted[held_out] = torch.addmm(bias, X[held_out], coefficients)
    return predicted


def _correlation(predicted: Tensor, true: Tensor) -> Tensor:
    """(n, d), (n, d) -> (d,)."""
    stacked = [values - values.mean(0) for values in (predicted, true)]
    return ((stacked[0] * stacked[1]).sum(0) / (stacked[0].norm(dim=0) * stacked[1].norm(dim=0))).nan_to_num()
