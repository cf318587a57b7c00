"""The predictions of held-out rows are linear in the targets: one matrix for each penalty and fold, the same for all targets."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from n2s.models.symmetric import factor, inverse, largest, product, solve, whole

#: Largest eigenvalue over penalty up to which a type is exact enough: beyond, float64, and beyond that, eigenvectors.
CONDITION = {torch.float32: 3e3, torch.float64: 1e9}

#: Variance of the largest column over that of the lower quarter, beyond which sums over columns lack digits of the small ones.
UNLIKE = {torch.float32: 1e5, torch.float64: 1e8}

#: One a band of columns.
Penalties = tuple[float, ...]


def unlike(X: Tensor) -> bool:
    """Whether columns (n, p) are of very different size, for their type of number."""
    variance = X.var(0, correction=0)
    variance = variance[variance > 0].sort().values
    return len(variance) > 0 and bool(variance[-1] > UNLIKE[X.dtype] * variance[len(variance) // 4])


def enough_digits(X: Tensor) -> Tensor:
    """The columns, as float64 if their sizes are very different."""
    return X.double() if unlike(X) else X


def give_type(fitted: object, dtype: torch.dtype) -> None:
    """Bring all that was fitted to one type of number."""
    for name, value in vars(fitted).items():
        if isinstance(value, Tensor) and value.dtype != dtype:
            setattr(fitted, name, value.to(dtype))


class Rows:
    """Centred rows in the order of their folds, and the equations of ridge regression on them.

    Parameters
    ----------
    X
        (n, p) Rows, of mean 0, those of one fold after the other.
    sizes
        Rows in each fold; one number, n, where nothing is held out.
    widths
        Columns in each band of columns that has a penalty of its own; None: one band.
    """

    def __init__(self, X: Tensor, sizes: list[int], widths: list[int] | None = None):
        self.X, self.n, self.widths = X, len(X), widths or [X.shape[1]]
        ends = torch.tensor([0, *sizes]).cumsum(0).tolist()
        self.folds = [slice(*ends[at : at + 2]) for at in range(len(sizes))]
        #: Equations of rows (the kernel) if those of training are fewer than columns, else equations of columns. These keep the digits
        #: of each column, whatever its unit; rows add columns up.
        self.dual = self.n - (min(sizes) if len(sizes) > 1 else 0) < X.shape[1] and not unlike(X)
        self.m = self.n if self.dual else X.shape[1]
        self._grams: dict[torch.dtype, list[Tensor]] = {}

    def grams(self, dtype: torch.dtype) -> list[Tensor]:
        """(m, m) Products of the rows of each band (dual), or of all columns."""
        if dtype not in self._grams:
            X = self.X.to(dtype)
            pairs = [(one, one.T) for one in X.split(self.widths, 1)] if self.dual else [(X.T, X)]
            self._grams[dtype] = [product(*pair) for pair in pairs]
        return self._grams[dtype]

    @cached_property
    def largest(self) -> list[float]:
        """The largest eigenvalue of each band, about."""
        grams = self.grams(self.X.dtype)
        if not self.dual and len(self.widths) > 1:
            ends = torch.tensor([0, *self.widths]).cumsum(0).tolist()
            grams = [grams[0][a:b, a:b] for a, b in zip(ends, ends[1:], strict=False)]
        return [largest(gram) for gram in grams]

    def scales(self, penalties: Penalties) -> list[float]:
        """What multiplies the kernel of each band if the penalty is the smallest of all."""
        return [min(penalties) / one for one in penalties]

    def gram(self, penalties: Penalties, dtype: torch.dtype) -> Tensor:
        """(m, m), made anew: the kernel of scaled bands, of which the smallest penalty is that of all; or products of columns."""
        grams = self.grams(dtype)
        if len(grams) == 1:
            return grams[0].clone()
        scales = self.scales(penalties)
        matrix = grams[0] * scales[0]
        for gram, scale in zip(grams[1:], scales[1:], strict=True):
            matrix.add_(gram, alpha=scale)
        return matrix

    def penalise(self, matrix: Tensor, penalties: Penalties) -> Tensor:
        """Add the penalties to the diagonal, in place."""
        matrix.diagonal().add_(min(penalties) if self.dual else self.by_column(penalties).to(matrix))
        return matrix

    def by_column(self, values: Penalties) -> Tensor:
        """(p,) float64: the value of the band of each column."""
        return torch.tensor(values, dtype=torch.float64, device=self.X.device).repeat_interleave(
            torch.tensor(self.widths, device=self.X.device)
        )

    def prepare(self, candidates: list[Penalties]) -> None:
        """Make what the threads share that work on these."""
        for dtype in {self.type_for(one) or torch.float64 for one in candidates}:
            self.grams(dtype)

    def solver(self, penalties: Penalties) -> Callable[[Tensor], Tensor]:
        """What solves the equations of all rows: (m, k) -> (m, k)."""
        dtype = self.type_for(penalties)
        if dtype is not None:
            lower = factor(self.penalise(self.gram(penalties, dtype), penalties))
            if lower is not None:
                return lambda right: solve(lower, right.to(dtype)).to(self.X)
        left = self._by_eigenvectors(self.gram(penalties, torch.float64), penalties)
        return lambda right: left(right.double().T).T.to(self.X)

    def type_for(self, penalties: Penalties) -> torch.dtype | None:
        """The type in which a Cholesky decomposition with these penalties is exact enough; None if in none."""
        condition = sum(value / penalty for value, penalty in zip(self.largest, penalties, strict=True))
        return next((t for t, most in CONDITION.items() if condition < most and t.itemsize >= self.X.itemsize), None)

    def operators(self, penalties: Penalties, out: list[Tensor], own: list[Tensor]) -> bool:
        """Fill for each fold ``out``, (held out, training rows) if dual, else (held out, p + 1).

        Dual: an operator times the targets of the training rows is their prediction. Else it is multiplied with the
        products of columns and targets in training, not centred, below which their mean is one row more.

        Returns
        -------
        bool
            Whether ``own``, (held out, held out) for each fold, is filled: times the residuals of held-out rows it is
            their dual weights in the fit to all rows.
        """
        dtype = self.type_for(penalties)
        if dtype is not None and self.dual and self._from_one_inverse(penalties, dtype, out, own):
            return True
        if dtype is not None and not self.dual and self._from_columns(penalties, dtype, out):
            return False
        for rows, operator in zip(self.folds, out, strict=True):
            matrix, held_out, mean = self._training(rows, penalties, torch.float64)
            self._fill(operator, self._by_eigenvectors(matrix, penalties)(held_out), mean, rows)
        return False

    def _from_one_inverse(self, penalties: Penalties, dtype: torch.dtype, out: list[Tensor], own: list[Tensor]) -> bool:
        """From one inverse of all rows: the residuals of held-out rows are ``S[k, k]^-1 S[k] Y``, and dual weights ``S Y``.

        S is the inverse of the penalised kernel on what is orthogonal to the intercept. (The leave-one-out formula, for
        blocks: An et al. 2007, Pattern Recognit. 40:2154.)
        """
        matrix = self.penalise(self.gram(penalties, dtype), penalties)
        level = matrix.diagonal().mean().item()  # for the direction of the intercept, which the kernel leaves at 0
        matrix += level / self.n
        lower = factor(matrix)
        if lower is None:
            return False
        inverted = inverse(lower)
        inverted -= 1 / (self.n * (level + min(penalties)))
        for rows, operator, block in zip(self.folds, out, own, strict=True):
            lower = factor(inverted[rows, rows].clone())
            if lower is None:
                return False
            others = torch.cat([inverted[rows, : rows.start], inverted[rows.stop :, rows].T], 1)
            operator.copy_(product(whole(inverse(lower)).neg_(), others))
            block.copy_(whole(inverted[rows, rows]))
        return True

    def _from_columns(self, penalties: Penalties, dtype: torch.dtype, out: list[Tensor]) -> bool:
        """By subtraction of the held-out rows from the products of all."""
        for rows, operator in zip(self.folds, out, strict=True):
            matrix, held_out, mean = self._training(rows, penalties, dtype)
            lower = factor(self.penalise(matrix, penalties))
            if lower is None:
                return False
            self._fill(operator, solve(lower, held_out.T).T, mean, rows)
        return True

    def _by_eigenvectors(self, matrix: Tensor, penalties: Penalties) -> Callable[[Tensor], Tensor]:
        """(k, m) -> (k, m) times the penalised inverse, for penalties so small that rounding would make it singular.

        Directions that rounding alone makes are left out. Columns are brought to one size before: a large one hides no small one.
        """
        penalised = self.penalise(matrix.clone(), penalties)
        scale = matrix.new_ones(len(matrix)) if self.dual else penalised.diagonal().rsqrt()
        penalty = scale.square() * (min(penalties) if self.dual else self.by_column(penalties))
        values, vectors = torch.linalg.eigh(scale[:, None] * penalised * scale)
        noise = len(values) * torch.finfo(values.dtype).eps * values[-1]
        kept = (1 / values).where(values - penalty @ vectors.square() > noise, 0)
        return lambda left: ((left * scale) @ vectors * kept) @ vectors.T * scale

    def _training(self, rows: slice, penalties: Penalties, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """The equations of the training part, centred by its mean; the held-out side; the training mean of columns."""
        gram = self.gram(penalties, dtype)
        if self.dual:
            train = torch.cat([torch.arange(rows.start), torch.arange(rows.stop, self.n)]).to(gram.device)
            own, cross = gram[train][:, train], gram[rows][:, train]
            mean, middle = own.mean(0), own.mean()
            return own - mean - mean[:, None] + middle, cross - cross.mean(1, keepdim=True) - mean + middle, mean
        held_out = self.X[rows].to(dtype)
        left = self.n - len(held_out)
        mean = -held_out.sum(0) / left  # all rows have mean 0
        gram -= product(held_out.T, held_out)
        return gram.addr_(mean, mean, alpha=-left), held_out - mean, mean

    def _fill(self, operator: Tensor, solved: Tensor, mean: Tensor, rows: slice) -> None:
        left = self.n - (rows.stop - rows.start)
        if self.dual:
            operator.copy_(solved + 1 / left)  # the mean of the targets, which the centred solution lacks
            return
        operator[:, :-1] = solved
        operator[:, -1] = 1 - left * (solved @ mean)
