"""The equations of a ridge over time lags: sums over rows where rows are many, the kernel of rows where columns are more."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Rows of which lagged copies are made at once: 64 MB of float64.
CHUNK = 2**23
BETWEEN = -1  # the fold of rows that reach from one fold into another


@dataclass(frozen=True)
class Lagged:
    """Stretches of brain and target, and which lags are taken.

    Parameters
    ----------
    pairs
        (t, c) brain and (t, f) target of each stretch, z-scored.
    first, last
        The lags, samples.
    segments
        Of each stretch: ``(fold, start, stop)`` of its pieces, in order. A row is of a fold if all that it touches is.
    """

    pairs: Sequence[tuple[Tensor, Tensor]]
    first: int
    last: int
    segments: Sequence[Sequence[tuple[int, int, int]]]

    @property
    def n_lags(self) -> int:
        """How many lags, one a sample."""
        return self.last - self.first + 1

    def pieces(self) -> Iterator[tuple[int, Tensor, Tensor, int, int]]:
        """Fold (or `BETWEEN`), brain, target, and the rows from ``start`` to ``stop`` whose lags lie inside the stretch."""
        reach_back, reach_on = min(self.first, 0), max(self.last, 0)
        for (x, y), segments in zip(self.pairs, self.segments, strict=True):
            done, end = -reach_back, len(x) - reach_on
            for fold, start, stop in segments:
                low, high = max(start - reach_back, done), min(stop - reach_on, end)
                if high > low:
                    yield BETWEEN, x, y, done, low
                    yield fold, x, y, low, high
                    done = high
            yield BETWEEN, x, y, done, end

    def rows(self, x: Tensor, y: Tensor, start: int, stop: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Lagged brain ``(n, c * n_lags)`` and target ``(n, f)`` of some rows, a chunk at a time."""
        step = max(1, CHUNK // (x.shape[1] * self.n_lags))
        for a in range(start, stop, step):
            b = min(a + step, stop)
            lagged = x[a + self.first : b + self.last].unfold(0, self.n_lags, 1)
            yield lagged.reshape(b - a, -1), y[a:b]

    def n_rows(self) -> int:
        """Rows whose lags lie inside their stretch."""
        return sum(max(0, len(x) - max(self.last, 0) + min(self.first, 0)) for x, _ in self.pairs)


class Sums:
    """Gram matrices of each fold, from chunks: the lagged data are never held whole."""

    def __init__(self, lagged: Lagged, n_folds: int):
        x, y = lagged.pairs[0]
        shape = x.shape[1] * lagged.n_lags, y.shape[1]
        self._parts = [_Gram.empty(*shape, x) for _ in range(n_folds)]
        self._total = _Gram.empty(*shape, x)
        for fold, x, y, start, stop in lagged.pieces():
            gram = self._total if fold == BETWEEN else self._parts[fold]
            gram.add(lagged.rows(x, y, start, stop))
        for part in self._parts:
            self._total += part

    @property
    def n(self) -> list[int]:
        """Rows of each fold."""
        return [part.n for part in self._parts]

    def errors(self, alphas: Sequence[float]) -> Tensor:
        """(n_alphas,) Squared error of the rows of all folds, each predicted from the others, summed over targets."""
        found = torch.zeros(len(alphas), dtype=torch.float64)
        for held_out in self._parts:
            train = _Gram.empty(len(held_out.xx), held_out.xy.shape[1], held_out.xx)
            for part in self._parts:
                if part is not held_out:
                    train += part
            for i, alpha in enumerate(alphas):
                found[i] += held_out.squared_error(train.solve(alpha)).item()
        return found

    def solve(self, alpha: float) -> Tensor:
        """``(d, f)`` weights of all rows."""
        return self._total.solve(alpha)


@dataclass
class _Gram:
    """Sums over rows: ``xx (d, d)``, ``xy (d, f)``, ``yy (f,)``, and the number of rows."""

    xx: Tensor
    xy: Tensor
    yy: Tensor
    n: int = 0

    @classmethod
    def empty(cls, n_predictors: int, n_targets: int, like: Tensor) -> "_Gram":
        shapes = (n_predictors, n_predictors), (n_predictors, n_targets), (n_targets,)
        return cls(*(like.new_zeros(shape) for shape in shapes))

    def add(self, rows: Iterator[tuple[Tensor, Tensor]]) -> None:
        for x, y in rows:
            self.xx.addmm_(x.T, x)
            self.xy.addmm_(x.T, y)
            self.yy += y.square().sum(0)
            self.n += len(x)

    def __iadd__(self, other: "_Gram") -> "_Gram":
        self.xx += other.xx
        self.xy += other.xy
        self.yy += other.yy
        self.n += other.n
        return self

    def solve(self, alpha: float) -> Tensor:
        """``(d, f)``: the weights with the least squared error, given the penalty."""
        return torch.cholesky_solve(self.xy, _root(self.xx, alpha * self.n))

    def squared_error(self, weights: Tensor) -> Tensor:
        """Summed over rows and targets."""
        explained = (weights * (2 * self.xy - self.xx @ weights)).sum(0)
        return (self.yy - explained).sum()


class Kernel:
    """The same equations from products of rows: for voxels at some delays, which are more than volumes."""

    def __init__(self, lagged: Lagged, n_folds: int):
        fold, x, y = [], [], []
        for number, brain, target, start, stop in lagged.pieces():
            for part_x, part_y in lagged.rows(brain, target, start, stop):
                fold += [number] * len(part_x)
                x.append(part_x)
                y.append(part_y)
        self._x, self._y = torch.cat(x), torch.cat(y)
        self._fold, self._n_folds = torch.tensor(fold, device=self._x.device), n_folds
        self._kernel = self._x @ self._x.T

    @property
    def n(self) -> list[int]:
        """See `Sums`."""
        return [int((self._fold == fold).sum()) for fold in range(self._n_folds)]

    def errors(self, alphas: Sequence[float]) -> Tensor:
        """See `Sums`."""
        found = torch.zeros(len(alphas), dtype=torch.float64)
        for fold in range(self._n_folds):
            test = (self._fold == fold).nonzero()[:, 0]
            train = ((self._fold != fold) & (self._fold != BETWEEN)).nonzero()[:, 0]
            own, across = self._kernel[train][:, train], self._kernel[test][:, train]
            for i, alpha in enumerate(alphas):
                dual = torch.cholesky_solve(self._y[train], _root(own, alpha * len(train)))
                found[i] += (self._y[test] - across @ dual).square().sum().item()
        return found

    def solve(self, alpha: float) -> Tensor:
        """See `Sums`."""
        return self._x.T @ torch.cholesky_solve(self._y, _root(self._kernel, alpha * len(self._x)))


def equations(lagged: Lagged, n_folds: int) -> Sums | Kernel:
    """Those of fewer unknowns."""
    n_columns = lagged.pairs[0][0].shape[1] * lagged.n_lags
    make: Callable[[Lagged, int], Sums | Kernel] = Kernel if lagged.n_rows() < n_columns else Sums
    return make(lagged, n_folds)


def _root(gram: Tensor, penalty: float) -> Tensor:
    """The Cholesky root of a Gram matrix and a penalty."""
    penalised = gram.clone()
    penalised.diagonal().add_(penalty)
    return torch.linalg.cholesky(penalised)
