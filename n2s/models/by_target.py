"""Cross-validation and weights of ridge regressions in which each target has its own penalties, in blocks of targets."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import first_of
from n2s.models.estimator import InputError
from n2s.models.fold_operators import CONDITION, Penalties, Rows
from n2s.models.symmetric import product
from n2s.models.tall_rows import factors, is_tall, tall_folds, tall_r2
from n2s.models.threads import in_threads
from n2s.options import check_number

OPERATOR_BYTES = 2**31  # of the operators that are held at once: the penalties are taken in parts
BLOCK_BYTES = {"cpu": 2**26, "cuda": 2**30}  # of what one block of targets makes


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
            raise InputError(
                f"{whose}: Y holds values that are not finite (NaN or inf) in {len(bad)} of {self.v} targets ({first_of(bad)}). "
                "Leave these out, or fill them, before."
            )

    def blocks(self, bytes_each: int) -> Iterator[slice]:
        """Targets that are taken together if each makes so many bytes."""
        step = max(16, BLOCK_BYTES.get(self.like.device.type, 2**26) // bytes_each)
        return (slice(start, min(start + step, self.v)) for start in range(0, self.v, step))

    def __getitem__(self, block: slice | Tensor) -> Tensor:
        """(n, k)."""
        return self._part(block)[self.order] - self.mean[block]

    def _part(self, block: slice | Tensor) -> Tensor:
        if isinstance(self.Y, Tensor):
            return self.Y[:, block if isinstance(block, slice) else block.to(self.Y.device)].detach().to(self.like)
        return as_tensor(self.Y[:, block if isinstance(block, slice) else block.cpu().numpy()]).to(self.like)


class Search:
    """The best penalties of each target, and its weights with them, for as many candidates at once as may be held.

    Dual weights are nearly free: those of held-out rows are a small matrix times their residuals, which the scores have
    needed anyway. All others are solved for afterwards.

    Attributes
    ----------
    scores
        (n_candidates, v) Mean R2 over folds; NaN where nothing is held out.
    best
        (v,) Candidate.
    weights
        (m, v) Of all rows: dual ones, or of columns.
    """

    def __init__(self, rows: Rows, targets: Targets, candidates: list[Penalties]):
        self.rows, self.targets, self.candidates = rows, targets, candidates
        self.scores = rows.X.new_full((len(candidates), targets.v), torch.nan)
        self.weights = rows.X.new_empty(targets.v, rows.m).T  # weights of one target lie together
        self._top = rows.X.new_full((targets.v,), -torch.inf)
        self._solved = torch.zeros(targets.v, dtype=torch.bool, device=rows.X.device)
        if len(rows.folds) > 1:
            left = self._score_tall() if is_tall(rows) else list(range(len(candidates)))
            if left:
                self._score(left)
        self.best = self.scores.nan_to_num(-torch.inf).argmax(0)
        # Without any score: what shrinks most
        self.best[self.scores.isnan().all(0)] = max(range(len(candidates)), key=lambda at: sum(candidates[at]))
        self._solve()

    def _score_tall(self) -> list[int]:
        """Score candidates from products of columns; those that cannot be are left."""
        rows, left = self.rows, [at for at, one in enumerate(self.candidates) if self.rows.type_for(one) is None]
        for dtype in CONDITION:
            own = [at for at, one in enumerate(self.candidates) if rows.type_for(one) == dtype]
            folds = tall_folds(rows, dtype) if own else []
            step = max(1, OPERATOR_BYTES // (max(len(folds), 1) * rows.m**2 * dtype.itemsize))
            for some in (own[first : first + step] for first in range(0, len(own), step)):
                lowers: dict = {}

                def make(at: int, folds: list = folds, lowers: dict = lowers) -> None:
                    lowers[at] = factors(rows, folds, self.candidates[at])

                in_threads(make, some, rows.X.device)
                usable = [at for at in some if lowers[at] is not None]
                left += [at for at in some if lowers[at] is None]

                def score(block: slice, usable: list = usable, folds: list = folds, lowers: dict = lowers) -> None:
                    found = tall_r2(rows, folds, [lowers[at] for at in usable], self.targets[block])
                    self.scores[usable, block] = found

                if usable:
                    numbers = rows.n + (len(folds) + 4) * rows.m
                    in_threads(score, self.targets.blocks(numbers * dtype.itemsize), rows.X.device)
        return left

    def _score(self, which: list[int]) -> None:
        """Score candidates from the predictions of held-out rows."""
        rows, X = self.rows, self.rows.X
        held_out = [part.stop - part.start for part in rows.folds]
        shapes = [(one, rows.n - one if rows.dual else rows.m + 1) for one in held_out]
        step = max(1, min(len(which), OPERATOR_BYTES // (sum(a * b for a, b in shapes) * X.element_size())))
        tall = rows.n + (step * rows.n if rows.dual else step * max(held_out) + rows.m * len(shapes))
        rows.prepare([self.candidates[at] for at in which])
        for some in (which[first : first + step] for first in range(0, len(which), step)):
            operators = [X.new_empty(len(some), *shape) for shape in shapes]
            own = [X.new_empty(len(some), one, one) if rows.dual else X.new_empty(len(some), 0) for one in held_out]
            usable = torch.zeros(len(some), dtype=torch.bool, device=X.device)

            def make(at: int, some: list = some, made: tuple = (operators, own), usable: Tensor = usable) -> None:
                penalties = self.candidates[some[at]]
                usable[at] = rows.operators(penalties, *([one[at] for one in each] for each in made))

            def score(block: slice, some: list = some, made: tuple = (operators, own, usable)) -> None:
                self._block(block, some, *made)

            in_threads(make, range(len(some)), X.device)
            in_threads(score, self.targets.blocks(tall * X.element_size()), X.device)

    def _block(
        self, block: slice, which: list[int], operators: list[Tensor], own: list[Tensor], usable: Tensor
    ) -> None:
        """Scores of one block of targets for some candidates, and dual weights of those that are better."""
        found, residuals = held_out_r2(self.rows, operators, self.targets[block])
        self.scores[which, block] = found
        top, best = found.nan_to_num(-torch.inf).max(0)
        better = top > self._top[block]
        self._top[block] = torch.where(better, top, self._top[block])
        self._solved[block] = torch.where(better, usable[best], self._solved[block])
        for at in best[better & usable[best]].unique().tolist():
            columns = (better & (best == at)).nonzero()[:, 0]
            for part, matrix, residual in zip(self.rows.folds, own, residuals, strict=True):
                self.weights.T[block.start + columns, part] = product(matrix[at], residual[at][:, columns]).T

    def _solve(self) -> None:
        """Weights of the targets that have none yet."""
        rows, device = self.rows, self.rows.X.device
        width = max(16, BLOCK_BYTES.get(device.type, 2**26) // (rows.X.element_size() * 4 * (rows.m + rows.n)))
        left = ~self._solved
        occurring = self.best[left].unique()
        rows.prepare([self.candidates[at] for at in occurring.tolist()])
        for some in occurring.split(max(1, OPERATOR_BYTES // (8 * rows.m**2))):
            solvers: dict = {}

            def prepare(at: int, solvers: dict = solvers) -> None:
                solvers[at] = rows.solver(self.candidates[at])

            def solve(piece: tuple[int, Tensor], solvers: dict = solvers) -> None:
                at, block = piece
                right = self.targets[block]
                self.weights.T[block] = solvers[at](right if rows.dual else product(rows.X.T, right)).T

            in_threads(prepare, some.tolist(), device)
            own = [(at, (left & (self.best == at)).nonzero()[:, 0]) for at in some.tolist()]
            in_threads(solve, [(at, block) for at, every in own for block in every.split(width)], device)


def held_out_r2(rows: Rows, operators: list[Tensor], Y: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Scores and residuals of (n, k) targets.

    Returns
    -------
    scores
        (n_candidates, k) Mean R2 over the folds in which a target varies; NaN if in none.
    residuals
        (n_candidates, held out, k) For each fold, if dual.
    """
    total, counted, residuals = 0, 0, []
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
        residual = product(operator.view(-1, m), right).view(n_candidates, n_held_out, -1)
        errors = torch.stack([torch.sub(true, one, out=one).square().sum(0) for one in residual])
        if rows.dual:
            residuals.append(residual)
        varies = true.amax(0) > true.amin(0)
        spread = (true - true.mean(0)).square_().sum(0)
        total = total + (1 - errors / spread).where(varies, 0)
        counted = counted + varies.to(Y)
    return total / counted, residuals


def as_tensor(values: Tensor | np.ndarray) -> Tensor:
    """Without gradients; arrays that PyTorch does not take (read-only, reversed, of foreign byte order) are copied."""
    if isinstance(values, Tensor):
        return values.detach()
    values = np.asarray(values)
    foreign = not values.dtype.isnative or any(stride < 0 for stride in values.strides)
    if foreign or not values.flags.writeable:
        values = values.astype(values.dtype.newbyteorder("="))
    return torch.from_numpy(values)


def checked(X: Tensor, Y: Tensor | np.ndarray, whose: str) -> Tensor:
    """X (n, p), with Y (n, v).

    Raises
    ------
    InputError
        Nothing to fit, another type, values that are not finite.
    """
    if not min(*X.shape, Y.shape[1]):
        raise InputError(
            f"{whose}: X is {tuple(X.shape)}, Y {tuple(Y.shape)}; expected (n, p) and (n, v), none of them 0."
        )
    if X.dtype not in (torch.float32, torch.float64):
        raise InputError(f"{whose}: X is of type {X.dtype}; expected float32 or float64.")
    bad = (~torch.isfinite(X)).any(0).nonzero()[:, 0].tolist()
    if bad:
        raise InputError(
            f"{whose}: X holds values that are not finite (NaN or inf) in {len(bad)} of {X.shape[1]} columns ({first_of(bad)})."
        )
    return X


def checked_penalties(
    alphas: float | Sequence[float], n_folds: int, whose: str, *, name: str = "alphas"
) -> tuple[float, ...]:
    """Positive numbers.

    Raises
    ------
    UserError
        None, or others; fewer than 2 folds.
    """
    try:
        given = np.atleast_1d(np.asarray(alphas))
        found = tuple(float(alpha) for alpha in given)
    except (TypeError, ValueError):
        raise InputError(f"{whose}: {name} is {alphas!r}; expected positive numbers.") from None
    if given.dtype == bool or any(isinstance(one, bool) for one in (alphas if np.ndim(alphas) else [alphas])):
        raise InputError(f"{whose}: {name} is {alphas!r}; expected positive numbers.")
    if not found or not 0 < min(found) <= max(found) < float("inf"):
        raise InputError(f"{whose}: {name} is {found}; expected positive penalties, one at least.")
    check_number(f"{whose}: n_folds", n_folds, low=2, whole=True)
    return found
