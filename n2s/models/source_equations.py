"""The normal equations of sources that two scanners see: a sum of Kronecker products, solved without making it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from n2s.models.source_sums import View
from n2s.models.symmetric import product

UNSEEN = 1e-12  # of the visibility of the most visible direction: sources that no channel sees have no weights
AT_ONCE = 2**24  # numbers in one batch of weights: 128 MB of float64, of which a solution holds about eight


@dataclass(frozen=True)
class Sight:
    """What a view says about sources, in units of its noise.

    Parameters
    ----------
    view
        The sums.
    unit
        How visible a mean source is: the root of the mean diagonal of ``lead' noise^-1 lead``.
    white
        (k, J) The lead field in that unit, ``lower^-1 lead``, where ``lower lower'`` is the noise: the mean square of a column is 1.
    lower
        (k, k)
    """

    view: View
    unit: float
    white: Tensor
    lower: Tensor

    @classmethod
    def of(cls, view: View) -> "Sight":
        """Of a view: its noise is measured."""
        lower = torch.linalg.cholesky(view.noise)
        white = torch.linalg.solve_triangular(lower, view.lead, upper=False)
        unit = float(white.square().sum(0).mean().sqrt())
        return cls(view, unit, white / max(unit, 1e-300), lower)


class Equations:
    """``A1 W M1 + g^2 A2 W M2 + alpha W = R1 + g R2``, for many ``alpha`` and ``g`` at once, on the stories but one.

    ``A`` are sums over columns (p, p), ``M`` what is visible of sources (J, J). Solved in the eigenvectors of ``A1`` and ``M1``, where the first
    and third product are a diagonal, by conjugate gradients for the second. Sources are first turned to the directions that anything sees.

    Parameters
    ----------
    sights
        One or two.
    """

    def __init__(self, sights: Sequence[Sight]):
        self.sights = list(sights)
        basis = _seen(torch.cat([sight.white for sight in sights]))
        white = [product(sight.white, basis) for sight in sights]
        values, vectors = torch.linalg.eigh(product(white[0].T, white[0]))
        self.basis = basis @ vectors  # (J, r)
        white = [one @ vectors for one in white]
        self._visible = [values.clamp(min=0).diag(), *(product(one.T, one) for one in white[1:])]
        self._match = [
            torch.linalg.solve_triangular(sight.lower.T, one, upper=True)
            for sight, one in zip(sights, white, strict=True)
        ]
        first = sights[0].view
        powers = first.spread_out(first.spread_out(first.xx.sum(0)).T)
        self.size = float(powers.diagonal().mean())

    def left_out(
        self, story: int | None, pairs: Sequence[tuple[float, float]], tolerance: float, most_steps: int
    ) -> Iterator["Solved"]:
        """The weights of all pairs ``(alpha, gain)``, some at a time, on the stories but one (None: on all)."""
        problem = _Problem(self, story)
        step = max(1, AT_ONCE // problem.right[0].numel())
        for first in range(0, len(pairs), step):
            yield problem.solve(pairs[first : first + step], tolerance, most_steps)

    def gained(self, number: int, story: int, weights: Tensor, gains: Tensor) -> Tensor:
        """(n,) Log-likelihood that predictions of a story add to none, nats.

        Parameters
        ----------
        number
            Which of the sights.
        story
            Which story.
        weights, gains
            (p, n, r), (n,)
        """
        view = self.sights[number].view
        if story >= len(view.n):
            return torch.zeros(len(gains), dtype=torch.float64)
        own = _gathered(view, weights)
        linear = (own * product(view.xy[story], self._match[number])[:, None]).sum((0, 2))
        bent = _left(view.xx[story], own) @ self._visible[number]
        return gains * linear - 0.5 * gains.square() * (own * bent).sum((0, 2))


@dataclass(frozen=True)
class Solved:
    """Weights of some penalties and gains.

    Parameters
    ----------
    weights
        (p, n, r) In the basis of `Equations`.
    steps
        (n,) Of conjugate gradients.
    residual
        (n,) What is left, as a part of the right side.
    """

    weights: Tensor
    steps: Tensor
    residual: Tensor


class _Problem:
    """The equations on the stories but one, in the eigenvectors of the first sums."""

    def __init__(self, equations: Equations, story: int | None):
        self.equations = equations
        views = [sight.view for sight in equations.sights]
        values, self.vectors = torch.linalg.eigh(views[0].spread_out(views[0].spread_out(_sum(views[0].xx, story)).T))
        self.values = values.clamp(min=0)
        self.right = [
            product(self.vectors.T, view.spread_out(product(_sum(view.xy, story), match)))
            for view, match in zip(views, equations._match, strict=True)
        ]  # (p, r) each
        if len(views) > 1:
            powers, axes = torch.linalg.eigh(_sum(views[1].xx, story))
            root = axes * powers.clamp(min=0).sqrt()
            self.factor = product(self.vectors.T, views[1].spread_out(root))  # (p, q), whose square is A2

    def solve(self, pairs: Sequence[tuple[float, float]], tolerance: float, most_steps: int) -> Solved:
        """Preconditioned conjugate gradients for some pairs of penalty and gain."""
        alphas, gains = torch.tensor(pairs, dtype=torch.float64).T
        alphas = (alphas * self.equations.size)[None, :, None]
        first = self.values[:, None, None] * self.equations._visible[0].diagonal() + alphas  # (p, n, r)
        if len(self.right) == 1:
            weights = self.right[0][:, None] / first
            return Solved(
                _left(self.vectors, weights),
                torch.zeros(len(pairs), dtype=torch.int64),
                torch.zeros(len(pairs), dtype=torch.float64),
            )
        gains = gains[None, :, None]
        visible = self.equations._visible[1]
        near = first + gains.square() * self.factor.square().sum(1)[:, None, None] * visible.diagonal()

        right = self.right[0][:, None] + gains * self.right[1][:, None]
        weights, steps, left = self._descend(first, gains, near, right, tolerance, most_steps)
        return Solved(_left(self.vectors, weights), steps, left)

    def _descend(
        self, first: Tensor, gains: Tensor, near: Tensor, right: Tensor, tolerance: float, most_steps: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, steps, and what is left. A pair leaves the batch when it has converged."""
        visible = self.equations._visible[1]

        def apply(weights: Tensor) -> Tensor:
            across = _left(self.factor.T, weights) @ visible
            return first * weights + gains.square() * _left(self.factor, across)

        found, remaining = torch.empty_like(right), torch.empty(right.shape[1], dtype=torch.float64)
        here, steps = torch.arange(right.shape[1]), torch.zeros(right.shape[1], dtype=torch.int64)
        size = right.square().sum((0, 2)).clamp(min=1e-300)
        weights = right / near
        residual = right - apply(weights)
        direction = residual / near
        height = (residual * direction).sum((0, 2))
        for step in range(most_steps + 1):
            left = residual.square().sum((0, 2)) / size
            going = left > tolerance**2 if step < most_steps else torch.zeros(len(here), dtype=torch.bool)
            if not going.all():
                found[:, here[~going]], remaining[here[~going]] = weights[:, ~going], left[~going].sqrt()
                steps[here[~going]] = step
                if not going.any():
                    return found, steps, remaining
                first, gains, near, weights, residual, direction = (
                    part[:, going] for part in (first, gains, near, weights, residual, direction)
                )
                here, size, height = here[going], size[going], height[going]
            applied = apply(direction)
            length = height / (direction * applied).sum((0, 2)).clamp(min=1e-300)
            weights.addcmul_(length[:, None], direction)
            residual.addcmul_(length[:, None], applied, value=-1)
            towards = residual / near
            before, height = height, (residual * towards).sum((0, 2))
            direction = towards.addcmul_((height / before.clamp(min=1e-300))[:, None], direction)
        raise AssertionError("the last step returns")


def _seen(white: Tensor) -> Tensor:
    """(k, J) -> (J, r) orthonormal: the directions of sources that anything sees, from the smaller of both products."""
    k, n_sources = white.shape
    values, vectors = torch.linalg.eigh(product(white, white.T) if k < n_sources else product(white.T, white))
    kept = values > UNSEEN * values[-1]
    if k >= n_sources:
        return vectors[:, kept]
    return torch.linalg.qr(product(white.T, vectors[:, kept].contiguous()))[0]


def _sum(sums: Tensor, story: int | None) -> Tensor:
    """Over stories, without one of them."""
    total = sums.sum(0)
    return total if story is None or story >= len(sums) else total - sums[story]


def _left(matrix: Tensor, weights: Tensor) -> Tensor:
    """(m, p), (p, n, r) -> (m, n, r)."""
    return product(matrix, weights.reshape(len(weights), -1)).view(len(matrix), *weights.shape[1:])


def _gathered(view: View, weights: Tensor) -> Tensor:
    """(p, n, r) -> (q, n, r)."""
    return weights if view.spread is None else _left(view.spread, weights)
