"""The predictions of held-out rows are linear in the targets: one matrix for each penalty and fold, the same for all targets."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from n2s.models.symmetric import factor, inverse, largest, product, solve

#: Largest eigenvalue over penalty up to which a type is exact enough: beyond, float64, and beyond that, eigenvectors.
CONDITION = {torch.float32: 3e3, torch.float64: 1e9}


class Rows:
    """Centred rows in the order of their folds, and the equations of ridge regression on them.

    Parameters
    ----------
    X
        (n, p) Rows, of mean 0, those of one fold after the other.
    sizes
        Rows in each fold; one number, n, where nothing is held out.
    """

    def __init__(self, X: Tensor, sizes: list[int]):
        self.X, self.n = X, len(X)
        ends = torch.tensor([0, *sizes]).cumsum(0).tolist()
        self.folds = [slice(*ends[at : at + 2]) for at in range(len(sizes))]
        #: Equations of rows (the kernel) if those of training are fewer than columns, else equations of columns.
        self.dual = self.n - (min(sizes) if len(sizes) > 1 else 0) < X.shape[1]

    def gram(self, dtype: torch.dtype) -> Tensor:
        """(m, m) Products of rows (dual) or columns, m = n or p."""
        return self._gram if dtype == self.X.dtype else self._exact

    @cached_property
    def _gram(self) -> Tensor:
        return product(self.X, self.X.T) if self.dual else product(self.X.T, self.X)

    @cached_property
    def _exact(self) -> Tensor:
        X = self.X.double()
        return product(X, X.T) if self.dual else product(X.T, X)

    @cached_property
    def largest(self) -> float:
        """The largest eigenvalue, about."""
        return largest(self._gram)

    def solver(self, alpha: float) -> Callable[[Tensor], Tensor]:
        """What solves the equations of all rows: (m, k) -> (m, k)."""
        dtype = self.type_for(alpha)
        if dtype is not None:
            matrix = self.gram(dtype).clone()
            matrix.diagonal().add_(alpha)
            lower = factor(matrix)
            if lower is not None:
                return lambda right: solve(lower, right.to(dtype)).to(self.X)
        kept, vectors = eigenvectors(self._exact, alpha)
        return lambda right: (vectors @ (kept[:, None] * (vectors.T @ right.double()))).to(self.X)

    def type_for(self, alpha: float) -> torch.dtype | None:
        """The type in which a Cholesky decomposition with this penalty is exact enough; None if in none."""
        condition = self.largest / alpha
        return next((t for t, most in CONDITION.items() if condition < most and t.itemsize >= self.X.itemsize), None)

    def operators(self, alpha: float, out: list[Tensor]) -> None:
        """Fill for each fold (held out, training rows) if dual, else (held out, p + 1).

        Dual: an operator times the targets of the training rows is their prediction. Else it is multiplied with the
        products of columns and targets in training, not centred, below which their mean is one row more.
        """
        dtype = self.type_for(alpha)
        done = dtype is not None and (self._dual(alpha, dtype, out) if self.dual else self._primal(alpha, dtype, out))
        if not done:
            self._by_eigenvectors(alpha, out)

    def _dual(self, alpha: float, dtype: torch.dtype, out: list[Tensor]) -> bool:
        """From one inverse of all rows: the residuals of held-out rows are ``S[k, k]^-1 S[k] Y``.

        S is the inverse of the penalised kernel on what is orthogonal to the intercept. (The leave-one-out formula, for
        blocks: An et al. 2007, Pattern Recognit. 40:2154.)
        """
        matrix = self.gram(dtype).clone()
        level = (
            matrix.diagonal().mean().item() + alpha
        )  # of the direction of the intercept, which the kernel leaves at 0
        matrix += level / self.n
        matrix.diagonal().add_(alpha)
        lower = factor(matrix)
        if lower is None:
            return False
        inverted = inverse(lower)
        inverted -= 1 / (self.n * (level + alpha))
        for rows, operator in zip(self.folds, out, strict=True):
            own = factor(inverted[rows, rows].clone())
            if own is None:
                return False
            others = torch.cat([inverted[rows, : rows.start], inverted[rows.stop :, rows].T], 1)
            operator.copy_(solve(own, others.neg_()))
        return True

    def _primal(self, alpha: float, dtype: torch.dtype, out: list[Tensor]) -> bool:
        """By subtraction of the held-out rows from the products of all."""
        for rows, operator in zip(self.folds, out, strict=True):
            matrix, held_out, mean = self._training(rows, dtype)
            matrix.diagonal().add_(alpha)
            lower = factor(matrix)
            if lower is None:
                return False
            self._fill(operator, solve(lower, held_out.T).T, mean, rows)
        return True

    def _by_eigenvectors(self, alpha: float, out: list[Tensor]) -> None:
        """For penalties so small that rounding would make the equations singular."""
        for rows, operator in zip(self.folds, out, strict=True):
            matrix, held_out, mean = self._training(rows, torch.float64)
            kept, vectors = eigenvectors(matrix, alpha)
            solved = (held_out @ vectors * kept) @ vectors.T
            self._fill(operator, solved, mean, rows)

    def _training(self, rows: slice, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """The equations of the training part, centred by its mean; the held-out side; the training mean of columns."""
        gram = self.gram(dtype)
        if self.dual:
            train = torch.cat([torch.arange(rows.start), torch.arange(rows.stop, self.n)]).to(gram.device)
            own, cross = gram[train][:, train], gram[rows][:, train]
            mean, middle = own.mean(0), own.mean()
            return own - mean - mean[:, None] + middle, cross - cross.mean(1, keepdim=True) - mean + middle, mean
        held_out = self.X[rows].to(dtype)
        left = self.n - len(held_out)
        mean = -held_out.sum(0) / left  # all rows have mean 0
        matrix = gram - product(held_out.T, held_out)
        matrix.addr_(mean, mean, alpha=-left)
        return matrix, held_out - mean, mean

    def _fill(self, operator: Tensor, solved: Tensor, mean: Tensor, rows: slice) -> None:
        left = self.n - (rows.stop - rows.start)
        if self.dual:
            operator.copy_(solved + 1 / left)  # the mean of the targets, which the centred solution lacks
            return
        operator[:, :-1] = solved
        operator[:, -1] = 1 - left * (solved @ mean)


def eigenvectors(matrix: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """(m,) what the penalised inverse multiplies with, (m, m) on which directions; 0 on those that rounding alone makes."""
    values, vectors = torch.linalg.eigh(matrix)
    noise = len(values) * torch.finfo(values.dtype).eps * values[-1]
    return (1 / (values + alpha)).where(values > noise, 0), vectors
