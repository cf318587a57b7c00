"""Cross-validation and weights of ridge regressions in which each target has its own penalties, in blocks of targets."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError, first_of
from n2s.models.fold_operators import Penalties, Rows
from n2s.models.symmetric import product
from n2s.models.threads import in_threads

OPERATOR_BYTES = 2**31  # of the operators that are held at once: the penalties are taken in parts
BLOCK_BYTES = {"cpu": 2**25, "cuda": 2**30}  # of what one block of targets makes


class Targets:
    """Blocks of targets, centred, their rows in another order, of the type and on the device of ``like``.

    Raises
    ------
    UserError
        Values that are not finite.
    """

    def __init__(self, Y: Tensor | np.ndarray, order: Tensor, like: Tensor, whose: str):
        self.Y, self.order, self.like, self.v = Y, order.to(like.device), like, Y.shape[1]
        self.mean = like.new_empty(self.v)
        bad: list[int] = []
        for block in self.blocks(len(order) * like.element_size()):
            part = self._part(block)
            self.mean[block] = part.mean(0)
            if not self.mean[block].isfinite().all():
                bad += (block.start + (~part.isfinite()).any(0).nonzero()[:, 0]).tolist()
        if bad:
            raise UserError(
                f"{whose}: Y holds values that are not finite in {len(bad)} of {self.v} targets ({first_of(bad)}). "
                "Leave these out, or fill them, before."
            )

    def blocks(self, bytes_each: int) -> Iterator[slice]:
        """Targets that are taken together if each makes so many bytes."""
        step = max(16, BLOCK_BYTES.get(self.like.device.type, 2**25) // bytes_each)
        return (slice(start, min(start + step, self.v)) for start in range(0, self.v, step))

    def __getitem__(self, block: slice | Tensor) -> Tensor:
        """(n, k)."""
        return self._part(block)[self.order] - self.mean[block]

    def _part(self, block: slice | Tensor) -> Tensor:
        if isinstance(self.Y, Tensor):
            return self.Y[:, block if isinstance(block, slice) else block.to(self.Y.device)].detach().to(self.like)
        return as_tensor(self.Y[:, block if isinstance(block, slice) else block.cpu().numpy()]).to(self.like)


def cross_validated(rows: Rows, targets: Targets, candidates: list[Penalties]) -> Tensor:
    """(n_candidates, v) mean R2 over folds, for as many candidates at once as operators may be held."""
    X = rows.X
    scores = X.new_empty(len(candidates), targets.v)
    held_out = [part.stop - part.start for part in rows.folds]
    shapes = [(one, rows.n - one if rows.dual else rows.m + 1) for one in held_out]
    step = max(1, min(len(candidates), OPERATOR_BYTES // (sum(a * b for a, b in shapes) * X.element_size())))
    tall = step * max(held_out) + rows.n + (0 if rows.dual else rows.m * len(shapes))
    rows.prepare(candidates)
    for first in range(0, len(candidates), step):
        some, out = candidates[first : first + step], scores[first : first + step]
        operators = [X.new_empty(len(some), *shape) for shape in shapes]

        def make(at: int, some: list = some, operators: list = operators) -> None:
            rows.operators(some[at], [one[at] for one in operators])

        def score(block: slice, operators: list = operators, out: Tensor = out) -> None:
            out[:, block] = held_out_r2(rows, operators, targets[block])

        in_threads(make, range(len(some)), X.device)
        in_threads(score, targets.blocks(tall * X.element_size()), X.device)
    return scores


def weights(rows: Rows, targets: Targets, candidates: list[Penalties], best: Tensor) -> Tensor:
    """(m, v) weights of all rows, dual or of columns, each target with its own of the candidates."""
    device, m = rows.X.device, rows.m
    made = rows.X.new_empty(m, targets.v)
    width = max(16, BLOCK_BYTES.get(device.type, 2**25) // (made.element_size() * (m + rows.n)))
    occurring = best.unique()
    rows.prepare([candidates[at] for at in occurring.tolist()])
    for some in occurring.split(max(1, OPERATOR_BYTES // (8 * m * m))):
        solvers: dict = {}

        def prepare(at: int, solvers: dict = solvers) -> None:
            solvers[at] = rows.solver(candidates[at])

        def solve(piece: tuple[int, Tensor], solvers: dict = solvers) -> None:
            at, block = piece
            right = targets[block]
            made[:, block] = solvers[at](right if rows.dual else product(rows.X.T, right))

        in_threads(prepare, some.tolist(), device)
        pieces = [(at, block) for at in some.tolist() for block in (best == at).nonzero()[:, 0].split(width)]
        in_threads(solve, pieces, device)
    return made


def chosen(scores: Tensor, most: int) -> Tensor:
    """(n_candidates, v) -> (v,) the best candidate of each target; ``most`` where a target has no score."""
    best = scores.nan_to_num(-torch.inf).argmax(0)
    best[scores.isnan().all(0)] = most
    return best


def held_out_r2(rows: Rows, operators: list[Tensor], Y: Tensor) -> Tensor:
    """(n, k) targets -> (n_candidates, k) mean R2 over the folds in which a target varies; NaN if in none."""
    total, counted = 0, 0
    if not rows.dual:
        moments = [product(rows.X[part].T, Y[part]) for part in rows.folds]
        of_all = sum(moments)
    for k, (part, operator) in enumerate(zip(rows.folds, operators, strict=True)):
        n_candidates, n_held_out, m = operator.shape
        true = Y[part]
        if rows.dual:
            right = torch.cat([Y[: part.start], Y[part.stop :]])
        else:
            right = torch.cat([of_all - moments[k], -true.sum(0, keepdim=True) / (rows.n - n_held_out)])
        errors = product(operator.view(-1, m), right).view(n_candidates, n_held_out, -1).sub_(true).square_().sum(1)
        varies = true.amax(0) > true.amin(0)
        spread = (true - true.mean(0)).square_().sum(0)
        total = total + (1 - errors / spread).where(varies, 0)
        counted = counted + varies.to(Y)
    return total / counted


def as_tensor(values: Tensor | np.ndarray) -> Tensor:
    """Without gradients; arrays that PyTorch does not take (read-only, reversed, of foreign byte order) are copied."""
    if isinstance(values, Tensor):
        return values.detach()
    values = np.asarray(values)
    foreign = not values.dtype.isnative or any(stride < 0 for stride in values.strides)
    if foreign or not values.flags.writeable:
        values = values.astype(values.dtype.newbyteorder("="))
    return torch.from_numpy(values)


def checked(X: Tensor | np.ndarray, Y: Tensor | np.ndarray, whose: str) -> Tensor:
    """X as a tensor.

    Raises
    ------
    UserError
        Shapes that do not match, another type, values that are not finite.
    """
    X = as_tensor(X)
    if X.ndim != 2 or len(np.shape(Y)) != 2 or len(X) != len(Y) or not min(*X.shape, Y.shape[1]):
        raise UserError(
            f"{whose}: X is {tuple(X.shape)}, Y {tuple(Y.shape)}; expected (n, p) and (n, v) with the same n, none of them 0."
        )
    if X.dtype not in (torch.float32, torch.float64):
        raise UserError(f"{whose}: X is of type {X.dtype}; expected float32 or float64.")
    bad = (~torch.isfinite(X)).any(0).nonzero()[:, 0].tolist()
    if bad:
        raise UserError(
            f"{whose}: X holds values that are not finite in {len(bad)} of {X.shape[1]} columns ({first_of(bad)})."
        )
    return X


def checked_penalties(alphas: float | list[float], n_folds: int, whose: str) -> tuple[float, ...]:
    """Positive numbers.

    Raises
    ------
    UserError
        None, or others; fewer than 2 folds.
    """
    found = tuple(float(alpha) for alpha in np.atleast_1d(np.asarray(alphas, dtype=np.float64)))
    if not found or not 0 < min(found) <= max(found) < float("inf") or n_folds < 2:
        raise UserError(f"{whose}: alphas {found}, n_folds {n_folds}; expected positive penalties and 2 folds or more.")
    return found
