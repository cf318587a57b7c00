"""Scores where rows are many more than columns, as at the rate of sensors: no held-out row is predicted.

The squared error of a fold is a quadratic form in the weights, whose matrices are products of columns. They are made once for all
penalties, so that the cost of a penalty does not depend on the number of rows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from n2s.models.fold_operators import Penalties, Rows
from n2s.models.symmetric import factor, product, solve

#: A fold is tall if it has this many times more held-out rows than there are columns: quadratic forms cost p instead of n a column.
TALL = 3


def is_tall(rows: Rows) -> bool:
    """Whether every fold has so many held-out rows."""
    return not rows.dual and all(part.stop - part.start > TALL * rows.m for part in rows.folds)


@dataclass(frozen=True)
class TallFold:
    """Products of columns (p, p) of a fold: of training rows ``matrix`` and of held-out rows ``held_out``, both about the training ``mean``.

    Parameters
    ----------
    rows
        Held-out rows.
    left
        Number of training rows.
    """

    rows: slice
    left: int
    mean: Tensor
    matrix: Tensor
    held_out: Tensor

    @property
    def n(self) -> int:
        """Held-out rows."""
        return self.rows.stop - self.rows.start

    @property
    def again(self) -> int:
        """How often a product of means is added when held-out rows are taken about the training mean.

        All rows have mean 0, so the sum over held-out rows is ``-left * mean``.
        """
        return 2 * self.left + self.n


def tall_folds(rows: Rows, dtype: torch.dtype) -> list[TallFold]:
    """The folds, in a type of number."""
    found, gram = [], rows.grams(dtype)[0]
    for part in rows.folds:
        held_out = rows.X[part].to(dtype)
        left = rows.n - len(held_out)
        mean = -held_out.sum(0) / left
        own = product(held_out.T, held_out)
        matrix = gram - own
        matrix.addr_(mean, mean, alpha=-left)
        fold = TallFold(part, left, mean, matrix, own)
        own.addr_(mean, mean, alpha=fold.again)
        found.append(fold)
    return found


def factors(rows: Rows, folds: list[TallFold], penalties: Penalties) -> list[Tensor] | None:
    """The Cholesky factor of each fold's training equations; None if one is not positive definite."""
    found = [factor(rows.penalise(fold.matrix.clone(), penalties)) for fold in folds]
    return None if any(one is None for one in found) else found


def tall_r2(rows: Rows, folds: list[TallFold], lowers: list[list[Tensor]], Y: Tensor) -> Tensor:
    """(n_candidates, k) mean R2 over the folds in which a target varies; NaN if in none.

    Parameters
    ----------
    rows, folds
        See `tall_folds`.
    lowers
        Candidate -> fold -> factor.
    Y
        (n, k) targets of mean 0.
    """
    dtype = folds[0].matrix.dtype
    moments = [product(rows.X[fold.rows].T, Y[fold.rows]).to(dtype) for fold in folds]
    of_all, total, counted = sum(moments), 0, 0
    for k, fold in enumerate(folds):
        true = Y[fold.rows]
        mean = (-true.sum(0) / fold.left).to(dtype)  # of the training rows
        train = (of_all - moments[k]).addr_(fold.mean, mean, alpha=-fold.left)
        test = moments[k].clone().addr_(fold.mean, mean, alpha=fold.again)
        square = true.square().sum(0).to(dtype) + fold.again * mean.square()
        spread = (true - true.mean(0)).square_().sum(0).to(dtype)
        varies = true.amax(0) > true.amin(0)
        scores = []
        for lower in lowers:
            weights = solve(lower[k], train)
            error = square - (weights * (2 * test - product(fold.held_out, weights))).sum(0)
            scores.append((1 - error / spread).where(varies, 0))
        total = total + torch.stack(scores)
        counted = counted + varies.to(dtype)
    return (total / counted).to(Y)
