"""The weights of two scores whose sum finds the true candidate best: a softmax over candidates, fitted on validation rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

PENALTY = (
    1e-6  # of the squared weights of scores of unit spread, beside a mean log-likelihood: a minimum exists in any case
)
MOST = 1e3  # the largest weight of a score of unit spread: as good as infinite


@dataclass
class Weights:
    """What validation says of two scores.

    Parameters
    ----------
    weights
        Modality -> what multiplies its score in the sum.
    temperatures
        Modality -> 1 / the weight that it would have alone; None: its scores say nothing.
    top1
        Of the validation rows, by ``meg``, ``fmri`` and ``both``: the share whose true candidate comes first.
    n_rows
        How many rows with both the weights are from.
    scored_by
        Modality -> a hash of the run's validation scores.
    """

    weights: dict[str, float]
    temperatures: dict[str, float | None]
    top1: dict[str, float]
    n_rows: int
    scored_by: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict:
        """Plain types."""
        return asdict(self)


def best_weights(scores: Sequence[np.ndarray], target: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The weights, 0 or more, that make the true candidates most likely under a softmax over candidates of the weighted sum of scores.

    The problem is convex. Only differences between candidates of one row count.

    Parameters
    ----------
    scores
        Each (n, k), finite where ``allowed``.
    target
        (n,) The true candidate.
    allowed
        (n, k) bool: the candidates of each row.

    Returns
    -------
    One weight a score; 0 for one without differences.
    """
    centred, spreads = [], []
    for one in scores:
        values = np.where(allowed, one, 0.0).astype(np.float64)
        values = np.where(allowed, values - values.sum(1, keepdims=True) / allowed.sum(1, keepdims=True), 0.0)
        spread = np.sqrt((values**2).sum() / allowed.sum())
        spreads.append(spread)
        centred.append(values / spread if spread > 0 else values)
    stacked = np.stack(centred)
    own = stacked[:, np.arange(len(target)), target]
    outside = np.where(allowed, 0.0, -np.inf)

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, stacked, 1)
        total = logsumexp(logits + outside, axis=1)
        chance = np.exp(logits + outside - total[:, None])
        mean = (stacked * chance).sum(2)
        loss = (total - weights @ own).mean() + PENALTY * (weights**2).sum()
        return loss, (mean - own).mean(1) + 2 * PENALTY * weights

    start = np.ones(len(scores))
    found = minimize(
        cost,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, MOST)] * len(scores),
        options={"ftol": 1e-14, "gtol": 1e-9},
    ).x
    return np.array([weight / spread if spread > 0 else 0.0 for weight, spread in zip(found, spreads, strict=True)])


def first_share(scores: np.ndarray, target: np.ndarray, allowed: np.ndarray) -> float:
    """The share of rows whose true candidate is above all others; of those that tie with it, none counts."""
    others = np.where(allowed, scores, -np.inf)
    own = others[np.arange(len(target)), target]
    others[np.arange(len(target)), target] = -np.inf
    return float((own > others.max(1)).mean()) if len(target) else float("nan")
