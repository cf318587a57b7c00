"""Ridge regression from features to the brain, in which each voxel or sensor has its own penalty."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError, first_of
from n2s.models.fold_operators import Rows
from n2s.models.folds import dealt_folds
from n2s.models.symmetric import product
from n2s.models.threads import in_threads

#: From none to nearly all shrunk, for some thousand rows of z-scored features.
ALPHAS = tuple(10.0**exponent for exponent in range(-1, 8))
OPERATOR_BYTES = 2**31  # of the operators that are held at once: the penalties are taken in parts
BLOCK_BYTES = {"cpu": 2**25, "cuda": 2**30}  # of what one block of targets makes


class EncodingRidge:
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
    """

    alpha_: Tensor
    intercept_: Tensor
    cv_scores_: Tensor

    def __init__(self, alphas: float | Sequence[float] = ALPHAS, n_folds: int = 5):
        self.alphas = tuple(float(alpha) for alpha in np.atleast_1d(np.asarray(alphas, dtype=np.float64)))
        if not self.alphas or not 0 < min(self.alphas) <= max(self.alphas) < float("inf") or n_folds < 2:
            raise UserError(
                f"EncodingRidge: alphas {self.alphas}, n_folds {n_folds}; expected positive penalties and 2 folds or more."
            )
        self.n_folds = n_folds

    def fit(self, X: Tensor | np.ndarray, Y: Tensor | np.ndarray, groups: Sequence | None = None) -> "EncodingRidge":
        """Fit.

        Parameters
        ----------
        X
            (n, p) Features, float32 or float64, which is the type of all that is computed. On a GPU, all is done there.
        Y
            (n, v) Targets; they may stay on the CPU, and may be memory-mapped: blocks of them are moved.
        groups
            (n,) Rows that cross-validation must keep together: the run or story of each row. Needed for several alphas.

        Raises
        ------
        UserError
            Shapes that do not match, values that are not finite, fewer groups than folds, not enough memory.
        """
        X = _checked(X, Y)
        several = len(self.alphas) > 1
        folds = dealt_folds(groups, len(X), self.n_folds, "EncodingRidge") if several else torch.zeros(len(X)).long()
        order = folds.argsort(stable=True)
        self._mean = X.mean(0)
        rows = Rows((X - self._mean)[order.to(X.device)], folds.bincount().tolist())
        targets = Targets(Y, order, X)
        v = targets.v
        self.cv_scores_ = X.new_full((len(self.alphas), v), float("nan"))
        if several:
            self._score(rows, targets)
        best = self.cv_scores_.nan_to_num(-torch.inf).argmax(0)
        none = self.cv_scores_.isnan().all(0)
        best[none] = int(np.argmax(self.alphas))
        self.alpha_ = torch.tensor(self.alphas, dtype=X.dtype, device=X.device)[best]
        self._solve(rows, targets, best)
        return self

    def predict(self, X: Tensor | np.ndarray) -> Tensor:
        """(n, p) -> (n, v). With fewer rows than columns, from the dual weights: (p, v) is not made."""
        X = torch.as_tensor(X)
        if X.ndim != 2 or X.shape[1] != len(self._mean):
            raise UserError(f"EncodingRidge: X is {tuple(X.shape)}, but it was fitted on {len(self._mean)} columns.")
        X = X.to(self._mean)
        if self._dual is None:
            return torch.addmm(self.intercept_, X, self._coef)
        return product(product(X, self._rows.T), self._dual).add_(self.intercept_)

    @property
    def coef_(self) -> Tensor:
        """(p, v)"""
        if self._coef is None:
            self._coef = product(self._rows.T, self._dual)
        return self._coef

    def coef_of(self, targets: slice | Sequence[int] | Tensor) -> Tensor:
        """(p, k) weights of some targets, made for them alone.

        >>> for start in range(0, v, 1000):
        ...     weights = ridge.coef_of(slice(start, start + 1000))
        """
        if self._coef is not None:
            return self._coef[:, targets]
        return product(self._rows.T, self._dual[:, targets])

    def _score(self, rows: Rows, targets: "Targets") -> None:
        """Fill `cv_scores_`, for as many penalties at once as operators may be held."""
        X, m = rows.X, None if rows.dual else rows.X.shape[1] + 1
        shapes = [(part.stop - part.start, m or rows.n - part.stop + part.start) for part in rows.folds]
        held = sum(a * b for a, b in shapes) * X.element_size()
        step = max(1, min(len(self.alphas), OPERATOR_BYTES // held))
        rows.largest  # noqa: B018  what threads share is made before them
        for first in range(0, len(self.alphas), step):
            alphas = self.alphas[first : first + step]
            operators = [X.new_empty(len(alphas), *shape) for shape in shapes]
            in_threads(
                lambda at, alphas=alphas, operators=operators: rows.operators(
                    alphas[at], [one[at] for one in operators]
                ),
                range(len(alphas)),
                X.device,
            )
            tall = len(alphas) * max(a for a, _ in shapes) + rows.n * (1 if rows.dual else 0) + (m or 0) * self.n_folds
            out = self.cv_scores_[first : first + step]

            def score(block: slice, operators: list[Tensor] = operators, out: Tensor = out) -> None:
                out[:, block] = held_out_r2(rows, operators, targets[block])

            in_threads(score, targets.blocks(tall * X.element_size()), X.device)

    def _solve(self, rows: Rows, targets: "Targets", best: Tensor) -> None:
        """Weights of all rows, by penalty."""
        device, m = rows.X.device, rows.n if rows.dual else rows.X.shape[1]
        weights = rows.X.new_empty(m, targets.v)
        width = max(16, BLOCK_BYTES.get(device.type, 2**25) // (weights.element_size() * (m + rows.n)))
        occurring = best.unique()
        for some in occurring.split(max(1, OPERATOR_BYTES // (8 * m * m))):
            solvers: dict = {}
            in_threads(lambda at, made=solvers: made.update({at: rows.solver(self.alphas[at])}), some.tolist(), device)

            def solve(piece: tuple[int, Tensor], made: dict = solvers) -> None:
                at, block = piece
                right = targets[block]
                weights[:, block] = made[at](right if rows.dual else product(rows.X.T, right))

            pieces = [(at, block) for at in some.tolist() for block in (best == at).nonzero()[:, 0].split(width)]
            in_threads(solve, pieces, device)
        if rows.dual:
            self._rows, self._dual, self._coef = rows.X, weights, None
            self.intercept_ = targets.mean - (rows.X @ self._mean) @ weights
        else:
            self._rows, self._dual, self._coef = None, None, weights
            self.intercept_ = targets.mean - self._mean @ weights


class Targets:
    """Blocks of targets, centred, their rows in another order, of the type and on the device of ``like``."""

    def __init__(self, Y: Tensor | np.ndarray, order: Tensor, like: Tensor):
        self.Y, self.order, self.like, self.v = Y, order, like, Y.shape[1]
        self.mean = like.new_empty(self.v)
        bad: list[int] = []
        for block in self.blocks(len(order) * like.element_size()):
            part = self._part(block)
            self.mean[block] = part.mean(0)
            if not self.mean[block].isfinite().all():
                bad += (block.start + (~part.isfinite()).any(0).nonzero()[:, 0]).tolist()
        if bad:
            raise UserError(
                f"EncodingRidge: Y holds values that are not finite in {len(bad)} of {self.v} targets "
                f"({first_of(bad)}). Leave these out, or fill them, before."
            )

    def blocks(self, bytes_each: int) -> Iterator[slice]:
        step = max(16, BLOCK_BYTES.get(self.like.device.type, 2**25) // bytes_each)
        return (slice(start, min(start + step, self.v)) for start in range(0, self.v, step))

    def __getitem__(self, block: slice | Tensor) -> Tensor:
        """(n, k)"""
        return self._part(block)[self.order.to(self.like.device)] - self.mean[block]

    def _part(self, block: slice | Tensor) -> Tensor:
        if isinstance(self.Y, Tensor):
            return self.Y[:, block if isinstance(block, slice) else block.to(self.Y.device)].to(self.like)
        part = np.array(self.Y[:, block if isinstance(block, slice) else block.cpu().numpy()])
        return torch.from_numpy(part).to(self.like)


def held_out_r2(rows: Rows, operators: list[Tensor], Y: Tensor) -> Tensor:
    """(n, k) targets -> (n_alphas, k) mean R2 over the folds in which a target varies; NaN if in none."""
    total, counted = 0, 0
    if not rows.dual:
        moments = [product(rows.X[part].T, Y[part]) for part in rows.folds]
        of_all = sum(moments)
    for k, (part, operator) in enumerate(zip(rows.folds, operators, strict=True)):
        n_alphas, n_held_out, m = operator.shape
        true = Y[part]
        if rows.dual:
            right = torch.cat([Y[: part.start], Y[part.stop :]])
        else:
            right = torch.cat([of_all - moments[k], -true.sum(0, keepdim=True) / (rows.n - n_held_out)])
        errors = product(operator.view(-1, m), right).view(n_alphas, n_held_out, -1).sub_(true).square_().sum(1)
        varies = true.amax(0) > true.amin(0)
        spread = (true - true.mean(0)).square_().sum(0)
        total = total + (1 - errors / spread).where(varies, 0)
        counted = counted + varies.to(Y)
    return total / counted


def _checked(X: Tensor | np.ndarray, Y: Tensor | np.ndarray) -> Tensor:
    X = torch.as_tensor(X)
    if X.ndim != 2 or len(Y.shape) != 2 or len(X) != len(Y) or not min(*X.shape, Y.shape[1]):
        raise UserError(
            f"EncodingRidge: X is {tuple(X.shape)}, Y {tuple(Y.shape)}; expected (n, p) and (n, v) with the same n, none of them 0."
        )
    if X.dtype not in (torch.float32, torch.float64):
        raise UserError(f"EncodingRidge: X is of type {X.dtype}; expected float32 or float64.")
    bad = (~torch.isfinite(X)).any(0).nonzero()[:, 0].tolist()
    if bad:
        raise UserError(
            f"EncodingRidge: X holds values that are not finite in {len(bad)} of {X.shape[1]} columns ({first_of(bad)})."
        )
    return X
