"""What a scanner sees of sources in the cortex, summed over rows: one sum a story, so that no fit visits a row twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.symmetric import product

#: Penalties of the fits that noise is measured with, in units of the mean power of a column.
NOISE_ALPHAS = tuple(10.0**power for power in range(-4, 3))
FLOOR = 1e-6  # of a noise variance, as a part of the mean one: a channel that is always 0 has no noise


@dataclass(frozen=True)
class View:
    """Recordings of one person in one scanner, and how they see the sources. ``y = (x spread W) lead' + noise``.

    Parameters
    ----------
    lead
        (k, J) What each of k sensors or voxels sees of each of J sources.
    spread
        (q, p) From the p rows of the weights ``W (p, J)`` to the q columns of ``x``; None: they are the same. With lags of a
        feature in the rows of ``W`` and slow responses to the feature in ``x``, it sums lags.
    xx, xy, yy
        (g, q, q), (g, q, k), (g, k, k) Sums over the rows of each of g stories.
    n
        (g,) Rows of each.
    """

    lead: Tensor
    spread: Tensor | None
    xx: Tensor
    xy: Tensor
    yy: Tensor
    n: Tensor

    @classmethod
    def of(cls, rows: Iterable[tuple[int, Tensor, Tensor]], lead: Tensor, spread: Tensor | None = None) -> "View":
        """Sum rows.

        Parameters
        ----------
        rows
            ``(story, x, y)``: a number from 0, ``(n, q)`` columns and ``(n, k)`` responses. Both are without a mean. A story may
            come in parts.
        lead, spread
            See the class.
        """
        found: dict[int, list] = {}
        for story, x, y in rows:
            _check_rows(x, y, lead, spread)
            x, y = x.double(), y.double()
            parts = (product(x.T, x), product(x.T, y), product(y.T, y), len(x))
            found[story] = [a + b for a, b in zip(found[story], parts, strict=True)] if story in found else list(parts)
        if not found:
            raise UserError(
                "there are no rows to learn sources from. Take more stories (data.split), or other people (data.subjects)."
            )
        stories = [found.get(number) for number in range(max(found) + 1)]
        empty = [part * 0 for part in next(iter(found.values()))]
        xx, xy, yy, n = zip(*(part or empty for part in stories), strict=True)
        sums = (torch.stack(part) for part in (xx, xy, yy))
        return cls(lead.double(), None if spread is None else spread.double(), *sums, torch.tensor(n))  # type: ignore[call-arg]

    @property
    def n_weights(self) -> int:
        """p, the rows of the weights."""
        return self.xx.shape[1] if self.spread is None else self.spread.shape[1]

    def spread_out(self, across: Tensor) -> Tensor:
        """(..., q, j) sums with columns of ``x`` -> (..., p, j) with rows of the weights."""
        return across if self.spread is None else self.spread.T @ across

    def gathered(self, weights: Tensor) -> Tensor:
        """(..., p, j) weights -> (..., q, j) of the columns of ``x``."""
        return weights if self.spread is None else self.spread @ weights

    @cached_property
    def noise(self) -> Tensor:
        """(k, k) Covariance of what columns leave unexplained in stories that were not fitted, shrunk.

        Sensors are predicted one by one, without sources, by ridges with the best of `NOISE_ALPHAS`. The covariance is shrunk towards
        its diagonal as far as its size and the number of rows ask for (oracle approximating shrinkage, Chen et al. 2010, IEEE TSP 58:5016).
        """
        if len(self.n) < 2:
            raise UserError(
                f"noise is measured in stories that a fit has not seen, and all {int(self.n.sum())} training rows are of one story. "
                "Train on two stories or more, or make units smaller (data.split)."
            )
        errors = torch.zeros(len(NOISE_ALPHAS), *self.yy.shape[1:], dtype=torch.float64)
        xx, xy = self.xx.sum(0), self.xy.sum(0)
        for story in range(len(self.n)):
            values, vectors = torch.linalg.eigh(xx - self.xx[story])
            values = values.clamp(min=0)
            right, held_out = (
                product(vectors.T, xy - self.xy[story]),
                product(product(vectors.T, self.xx[story]), vectors),
            )
            cross = product(vectors.T, self.xy[story])
            for i, alpha in enumerate(NOISE_ALPHAS):
                found = right / (values + alpha * values.mean()).clamp(min=1e-300)[:, None]
                both = product(found.T, cross)
                errors[i] += self.yy[story] - both - both.T + product(found.T, product(held_out, found))
        diagonal = errors.diagonal(dim1=1, dim2=2)
        power = self.yy.sum(0).diagonal().clamp(min=1e-300)
        best = (diagonal / power).sum(1).argmin()
        return shrunk(errors[best] / self.n.sum(), int(self.n.sum()))


def shrunk(covariance: Tensor, n: int) -> Tensor:
    """(k, k) covariance of n rows -> the same, closer to its diagonal (oracle approximating shrinkage of the correlations)."""
    variance = covariance.diagonal()
    variance = variance.clamp(min=max(FLOOR * float(variance.mean()), 1e-300))
    scale = variance.sqrt()
    correlation = covariance / scale / scale[:, None]
    k = len(scale)
    square = float(correlation.square().sum())
    rho = 1.0 if k < 2 else ((1 - 2 / k) * square + k**2) / max((n + 1 - 2 / k) * (square - k), 1e-300)
    correlation = correlation * (1 - min(rho, 1.0))
    correlation.diagonal().fill_(1.0)
    return correlation * scale * scale[:, None]


def _check_rows(x: Tensor, y: Tensor, lead: Tensor, spread: Tensor | None) -> None:
    """Shapes and values that a sum would hide."""
    if y.shape[1] != len(lead):
        raise UserError(
            f"the sources are seen by {len(lead)} channels, and the data have {y.shape[1]}: give one row of the lead field a channel."
        )
    if spread is not None and x.shape[1] != len(spread):
        raise ValueError(f"{x.shape[1]} columns, and spread has {len(spread)} rows")
    for name, values in (("a feature", x), ("a response", y)):
        if not torch.isfinite(values).all():
            raise UserError(
                f"{name} has {int((~torch.isfinite(values)).sum())} values that are NaN or infinite. Leave those rows out."
            )
