"""One set of sources in the cortex for two scanners: MEG sees them through a lead field, BOLD through the blood.

Features of a sound drive sources through lags, ``s = X W``. MEG is ``s G' + noise``, BOLD is ``gain * HRF[s] P' + noise``.
Both are linear in ``W``, so the weights that explain both best are one ridge. Its matrix is a sum of Kronecker products,
which is never made. Linear version of Jin and Wehbe 2025 (arXiv 2510.09415).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.source_equations import Equations, Sight
from n2s.models.source_sums import View

ALPHAS = tuple(10.0 ** (power / 2) for power in range(-8, 9))
GAINS = tuple(2.0**power for power in range(-3, 4))
AROUND = tuple(
    10.0 ** (power / 2) for power in (-2, -1, 0, 1, 2)
)  # penalties of the joint fit, beside that of the first scanner alone
MOVES = 4  # at most so often the search for a gain goes on where its best is the last of them
SEARCH = 1e-3  # tolerance while penalties are compared: likelihoods are then exact to about its square


@dataclass(frozen=True)
class Sources:
    """Fitted sources.

    Parameters
    ----------
    weights
        (p, J) From the columns of MEG to the sources.
    alpha
        The penalty, in units of `SourceSpace`.
    gains
        What each scanner sees of the sources is multiplied by this. The first's is 1.
    explained
        Log-likelihood that the predictions add in stories that were not fitted, nats, by scanner, at the chosen penalty and gain.
    """

    weights: Tensor
    alpha: float
    gains: dict[str, float]
    explained: dict[str, float]

    def predict(self, name: str, view: View, x: Tensor) -> Tensor:
        """(n, q) columns -> (n, k) predicted responses in a scanner (a key of what was fitted)."""
        return x.double() @ (self.gains[name] * view.gathered(self.weights) @ view.lead.T)


class SourceSpace:
    """The ridge of sources that one scanner or two see.

    The two scanners have different units, so a gain between them is fitted. Penalty and gain are those with which stories that are left out of
    training are likeliest in both scanners together. The search begins where the two fits of one scanner have sources of the same power.

    Parameters
    ----------
    alphas
        Penalties of a scanner alone, in units of the mean power of a column times the mean visibility of a source.
    gains
        Gains that are tried, in units of the gain where the search begins.
    tolerance
        Conjugate gradients stop where the residual is this part of the right side.
    most_steps
        At most so many of them.
    """

    def __init__(
        self,
        alphas: Sequence[float] = ALPHAS,
        gains: Sequence[float] = GAINS,
        *,
        tolerance: float = 1e-6,
        most_steps: int = 400,
    ):
        for name, values in (("alphas", alphas), ("gains", gains)):
            if not len(values) or not min(values) > 0:
                raise UserError(f"{name} is {list(values)}: expected one number or more, all above 0.")
        self.alphas, self.gains = sorted(map(float, alphas)), sorted(map(float, gains))
        self.tolerance, self.most_steps = tolerance, most_steps

    def fit(self, views: dict[str, View]) -> Sources:
        """Fit what one or two scanners see of the same sources.

        Parameters
        ----------
        views
            Name -> sums. The stories have the same numbers in both. With one scanner, it is the fit of that scanner alone.

        Raises
        ------
        UserError
            There are fewer than two stories, scanners have other sources, or nothing is visible.
        """
        _check_views(views)
        sights = {name: Sight.of(view) for name, view in views.items()}
        for name, sight in sights.items():
            if not sight.unit > 0:
                raise UserError(f"no source is seen by {name}: its lead field is 0. Give sources near what it records.")
        if len(sights) == 1:
            return self._best(sights, [(alpha, 1.0) for alpha in self.alphas])[0]
        (one, two), own = sights, {}
        for name, sight in sights.items():
            equations = Equations([sight])
            own[name] = self._best({name: sight}, [(alpha, 1.0) for alpha in self.alphas])[0].alpha * equations.size
        size = Equations([sights[one]]).size
        middle = (own[one] / own[two]) ** 0.5
        for _ in range(MOVES + 1):
            gains = [middle * gain for gain in self.gains]
            found, gain = self._best(sights, [(own[one] / size * alpha, gain) for alpha in AROUND for gain in gains])
            if len(gains) < 2 or gain not in (gains[0], gains[-1]):
                return found
            middle = gain
        tell(
            "odd",
            "sources",
            f"no gain between {one} and {two} is best: of all that were tried, the last one is ({gain:.2g}). One of the scanners may hold nothing of the sources.",
        )
        return found

    def _best(self, sights: dict[str, Sight], pairs: list[tuple[float, float]]) -> tuple[Sources, float]:
        """The fit with the likeliest pair of penalty and gain, and its gain."""
        equations = Equations(list(sights.values()))
        own = torch.tensor([gain for _, gain in pairs], dtype=torch.float64)
        found = torch.zeros(len(sights), len(pairs), dtype=torch.float64)
        for story in range(max(len(sight.view.n) for sight in sights.values())):
            first = 0
            for solved in equations.left_out(story, pairs, max(self.tolerance, SEARCH), self.most_steps):
                part = slice(first, first + solved.weights.shape[1])
                for k in range(len(sights)):
                    gains = own[part] if k else torch.ones_like(own[part])
                    found[k, part] += equations.gained(k, story, solved.weights, gains)
                first = part.stop
        best = int(found.sum(0).argmax())
        (solved,) = equations.left_out(None, [pairs[best]], self.tolerance, 10 * self.most_steps)
        left = float(solved.residual.max())
        if left > 1e3 * self.tolerance:
            tell(
                "odd",
                "sources",
                f"the joint fit has not converged in {int(solved.steps)} steps: {left:.1e} of the right side is left.",
            )
        alpha, gain = pairs[best]
        units = [sight.unit for sight in sights.values()]
        sources = Sources(
            solved.weights[:, 0] @ equations.basis.T / units[0],
            alpha,
            {name: (gain if k else 1.0) * units[0] / units[k] for k, name in enumerate(sights)},
            dict(zip(sights, found[:, best].tolist(), strict=True)),
        )
        return sources, gain


def _check_views(views: dict[str, View]) -> None:
    """One or two of the same sources and stories."""
    if not 1 <= len(views) <= 2:
        raise ValueError(f"{len(views)} views; expected one or two")
    n_sources = {name: view.lead.shape[1] for name, view in views.items()}
    if len(set(n_sources.values())) > 1:
        raise UserError(f"the scanners see different sources: {n_sources}. Give both the same places, in one order.")
    if len({view.n_weights for view in views.values()}) > 1:
        raise ValueError(f"weights have {[view.n_weights for view in views.values()]} rows")
    stories = {story for view in views.values() for story, n in enumerate(view.n.tolist()) if n}
    if len(stories) < 2:
        raise UserError(
            "penalty and gain are chosen in stories that a fit has not seen, and all training rows are of one story. "
            "Train on two stories or more, or make units smaller (data.split)."
        )
