"""Scores of a decoder without information: exact chance, the null of exchanged brains, and ties drawn at random."""

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from n2s.metrics.intervals import effective_share
from n2s.metrics.retrieval import ranks


def chance_reciprocal_rank(n_candidates: int) -> float:
    """Mean reciprocal rank of a guess, exact: the harmonic number of k over k."""
    return float(special.digamma(n_candidates + 1) + np.euler_gamma) / n_candidates


def chance_bounds(
    n: float, probability: float, *, level: float = 0.999, freedom: float = math.inf
) -> tuple[float, float]:
    """Lowest and highest accuracy expected by chance over ``n`` independent windows, with probability ``level``.

    The two-sided binomial range: at most ``(1 - level) / 2`` of the probability lies beyond either end. n need not be
    whole, so an end may lie between two numbers of hits.

    Parameters
    ----------
    n
        Number of independent windows, or the effective number of dependent ones (`null_of`).
    probability
        Probability of a hit.
    level
        Share of tests inside the bounds.
    freedom
        Degrees of freedom of the variance behind n: how precise n is.
    """
    tail = _as_if_known((1 - level) / 2, freedom)
    return 1 - _most_hits(n, 1 - probability, tail), _most_hits(n, probability, tail)


class Null(NamedTuple):
    """The chance distribution: the mean of a score, and the number of independent hits or misses with the same spread.

    ``freedom``: degrees of freedom of the variance behind ``n``.
    """

    expected: float
    n: float
    freedom: float

    def bounds(self, level: float = 0.999) -> tuple[float, float]:
        """The range of chance scores, with probability ``level``."""
        return chance_bounds(self.n, self.expected, level=level, freedom=self.freedom)

    def p_value(self, score: float) -> float:
        """Two-sided p: how often chance lies as far out."""
        high = _tail(score, self.n, self.expected)
        low = _tail(1 - score, self.n, 1 - self.expected)
        tail = min(high, low, 0.5)
        if self.freedom < math.inf:
            tail = float(stats.t.sf(stats.norm.isf(tail), self.freedom))
        return 2 * tail


def null_of_hits(
    hits: np.ndarray, cluster: np.ndarray, expected: float, weight: np.ndarray | None = None
) -> Null | None:
    """The chance distribution of hits that are as dependent as these; None for fewer than two clusters.

    Parameters
    ----------
    hits
        (n,) 0 or 1.
    cluster
        (n,) The independent units when brain and speech do not match: blocks of time, the same for all subjects.
    expected
        The chance level, a share.
    weight
        (n,) Weight of each hit in the score; by default equal.
    """
    if len(np.unique(cluster)) < 2:
        return None
    found = effective_share(hits, cluster, weight, lean=False)
    return Null(float(expected), found.n, found.freedom)


def null_of(exchanged: np.ndarray, expected: float) -> Null:
    """The chance distribution, from the scores of exchanged brains (`n2s.metrics.exchange`), which keep dependencies.

    Only their variance is used. The tails are from a binomial distribution with the same variance, so that a few dozen
    exchanges are enough for 99.9% bounds. The bounds widen if the exchanges are few or alike.

    Parameters
    ----------
    exchanged
        (m,) The share in each exchange, in order: neighbours are alike (each shifts the brain a little further).
    expected
        The exact share of chance.
    """
    exchanged = np.asarray(exchanged, np.float64)
    if exchanged.ndim != 1 or len(exchanged) < 2:
        raise ValueError(f"A null needs the scores of at least two exchanges; got an array of shape {exchanged.shape}.")
    if not 0 <= expected <= 1:
        raise ValueError(f"chance is {expected}; expected a share, 0 to 1.")
    variance = float(exchanged.var(ddof=1))
    n = max(1.0, expected * (1 - expected) / variance) if variance > 1e-18 else math.inf
    return Null(float(expected), n, max(1.0, _independent(exchanged) - 1))


def _independent(series: np.ndarray) -> float:
    """Number of independent values that give the variance as precisely as these, whose neighbours are alike."""
    centred = series - series.mean()
    power = float(centred @ centred)
    if not power:
        return float(len(series))
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(series))) ** 2
    alike = np.fft.irfft(spectrum)[1 : len(series)] / power
    below = np.flatnonzero(alike <= 2 / math.sqrt(len(series)))  # two standard errors of independent values
    alike = alike[: below[0]] if len(below) else alike
    return len(series) / (1 + 2 * float((alike**2).sum()))


def _as_if_known(tail: float, freedom: float) -> float:
    """The tail of the normal distribution as far out as this tail of Student's t."""
    return tail if math.isinf(freedom) else float(stats.norm.sf(stats.t.isf(tail, freedom)))


def _tail(share: float, n: float, probability: float) -> float:
    """How often a binomial share is as large, for any real n, by the beta distribution."""
    if share <= 0 or probability >= 1:
        return 1.0
    if math.isinf(n):
        return 1.0 if share <= probability + 1e-9 else 0.0
    hits = min(share, 1.0) * n
    return float(stats.beta.cdf(probability, hits, n - hits + 1))


def _most_hits(n: float, probability: float, tail: float) -> float:
    """The greatest share that at least ``tail`` of all cases reach."""
    if math.isinf(n) or probability <= 0:
        return probability
    if _tail(1.0, n, probability) >= tail:
        return 1.0
    return float(optimize.brentq(lambda share: _tail(share, n, probability) - tail, 0.0, 1.0, xtol=1e-10))


def holm(p_values: np.ndarray) -> np.ndarray:
    """(m,) p-values corrected for m tests (Holm 1979, Scand. J. Stat. 6:65), in the order given."""
    p_values = np.asarray(p_values, np.float64)
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty_like(p_values)
    left = len(p_values) - np.arange(len(p_values))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * left))
    return corrected


def ranks_ties_at_random(
    scores: np.ndarray,
    target: np.ndarray,
    rng: np.random.Generator,
    allowed: np.ndarray | None = None,
    *,
    alike: np.ndarray | None = None,
) -> np.ndarray:
    """Ranks (n,) of a control: like `ranks`, but ties are broken at random.

    A model's ties count against it. A control's must not: a control that cannot distinguish candidates (no-brain, if all
    segments have the same duration) is a guess. It would otherwise score zero, below chance, to the model's advantage.

    Parameters
    ----------
    scores, target, allowed
        See `ranks`.
    rng
        Random generator for the ties.
    alike
        (n,) Windows with the same number get the same draw, so that a control that is equal for all subjects stays equal.
    """
    worst = ranks(scores, target, allowed)
    n_others = scores.shape[1] - 1 if allowed is None else allowed.sum(1) - 1
    best = n_others - ranks(-scores, target, allowed)
    drawn = rng.random(len(target)) if alike is None else rng.random(int(np.max(alike)) + 1)[alike]
    return best + np.floor(drawn * (worst - best + 1)).astype(np.int64)
