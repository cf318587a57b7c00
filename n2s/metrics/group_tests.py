"""Tests over subjects of a score per target (voxel, vertex, sensor), with correction for the number of targets.

They take subjects as independent: errors that all of them share, as with the same stimuli in the same order, make p too small.
"""

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import scipy.stats

EXACT = 13  # subjects with a score that is not 0: up to 8192 flips, as many as SciPy makes
#: Subjects from which on 2^-n is small enough for a false discovery rate over the targets of a brain.
MANY = 11


@dataclass(frozen=True)
class OverSubjects:
    """The test of every target over subjects: one rule for tables, maps and figures.

    - From `MANY` subjects on: Wilcoxon signed-rank, with Benjamini-Hochberg over targets.
    - Five or more (two-sided: six): the signs of subjects are flipped, all 2^n ways; p is corrected by the largest t over targets. The
      p of a single target cannot be small enough for a false discovery rate over thousands: with 6 subjects it is 1 / 64 at best.
    - Fewer: none. No order of signs has p < .05.

    Its text names the test, the subjects, and the smallest p that so many allow.

    Parameters
    ----------
    n_subjects
        All of them.
    two_sided
        Whether scores below 0 count, too.
    """

    n_subjects: int
    two_sided: bool = False

    @property
    def fewest(self) -> int:
        """Subjects that it takes: 2^-n, or twice that, is below .05."""
        return 6 if self.two_sided else 5

    @property
    def possible(self) -> bool:
        """Whether there are enough subjects."""
        return self.n_subjects >= self.fewest

    @property
    def by_flips(self) -> bool:
        """Whether signs are flipped."""
        return self.n_subjects < MANY

    @property
    def measure(self) -> str:
        """What `q` gives."""
        return "corrected p" if self.by_flips else "q"

    @property
    def least_p(self) -> float:
        """The smallest p of a target, before any correction."""
        if self.by_flips:
            return (1 + self.two_sided) / 2.0**self.n_subjects
        return float(wilcoxon(np.arange(1.0, self.n_subjects + 1)[:, None], alternative=self._alternative)[0])

    def q(self, scores: np.ndarray) -> np.ndarray:
        """Corrected p, or the false discovery rate, of each target.

        Parameters
        ----------
        scores
            (s, v) One score, or difference of scores, per subject and target; NaN: none.

        Returns
        -------
        (v,) NaN where fewer than `fewest` subjects have a score; where signs are flipped, also where one lacks it.
        """
        scores = _checked(scores)
        known, q = np.isfinite(scores), np.full(scores.shape[1], np.nan)
        tested = known.all(0) if self.by_flips else known.sum(0) >= self.fewest
        if not self.possible or not tested.any():
            return q
        own = scores[:, tested]
        if not self.by_flips:
            q[tested] = benjamini_hochberg(wilcoxon(own, alternative=self._alternative))
            return q
        q[tested] = sign_flip_max(own)[1]
        if self.two_sided:
            q[tested] = np.minimum(1.0, 2 * np.minimum(q[tested], sign_flip_max(-own)[1]))
        return q

    def __str__(self) -> str:
        sides, n = "two-sided" if self.two_sided else "one-sided", self.n_subjects
        least = f"no p of a single target is below {self.least_p:.2g}"
        if self.by_flips:
            return f"signs of {n} subjects flipped, {sides}, corrected by the largest t ({least})"
        return f"Wilcoxon signed-rank test over {n} subjects, {sides}, Benjamini-Hochberg ({least})"

    @property
    def _alternative(self) -> Literal["greater", "two-sided"]:
        return "two-sided" if self.two_sided else "greater"


def wilcoxon(scores: np.ndarray, *, alternative: Literal["greater", "two-sided"] = "greater") -> np.ndarray:
    """Wilcoxon signed-rank test of each target over subjects.

    Parameters
    ----------
    scores
        (s, v) One score (or difference of scores) per subject and target. A subject without a value (NaN) is left out there.
    alternative
        ``greater``: scores are above 0.

    Returns
    -------
    (v,) p; NaN with fewer than two subjects, or where all scores are 0. With 4 subjects the smallest p is 1 / 16.
    """
    scores = _checked(scores)
    counted = (np.isfinite(scores) & (scores != 0)).sum(0)
    p = np.full(scores.shape[1], np.nan)
    few = (counted >= 2) & (counted <= EXACT)
    p[few] = _exact_wilcoxon(_largest(scores[:, few], EXACT), alternative)
    # SciPy takes the normal distribution for all targets if one has two equal differences, or a 0: each target's p is its own
    plain = (
        np.isfinite(scores).all(0)
        & (np.diff(np.sort(np.abs(scores), 0), axis=0, prepend=0) > 0).all(0)
        & (counted > EXACT)
    )
    if plain.any():
        p[plain] = scipy.stats.wilcoxon(scores[:, plain], axis=0, alternative=alternative).pvalue
    others = (counted > EXACT) & ~plain
    p[others] = _normal_wilcoxon(scores[:, others], alternative)
    return p


def _largest(scores: np.ndarray, n: int) -> np.ndarray:
    """(at most n, v) the scores furthest from 0; those that are 0 or NaN are last."""
    values = np.nan_to_num(scores)
    return np.take_along_axis(values, np.argsort(-np.abs(values), axis=0)[:n], axis=0)


def _exact_wilcoxon(scores: np.ndarray, alternative: str) -> np.ndarray:
    """All 2^s flips of all targets together: SciPy goes through targets one by one as soon as one has two equal differences."""
    found, ranks = _signed_ranks(scores)
    signs = np.array(list(product((0.0, 1.0), repeat=len(scores))))
    p = np.empty(scores.shape[1])
    for at in range(0, len(p), step := max(1, 2**22 // len(signs))):
        part = slice(at, at + step)
        null = signs @ ranks[:, part]  # multiples of 1 / 2: comparisons are exact
        p[part] = (null >= found[part]).mean(0)
        if alternative == "two-sided":
            p[part] = np.minimum(1.0, 2 * np.minimum(p[part], (null <= found[part]).mean(0)))
    return p


def _normal_wilcoxon(scores: np.ndarray, alternative: str) -> np.ndarray:
    """By the normal distribution, as SciPy with ties: it goes through targets one by one as soon as a subject is left out."""
    found, ranks = _signed_ranks(scores)
    z = (found - ranks.sum(0) / 2) / np.sqrt(np.square(ranks).sum(0) / 4)  # the variance for ties, too
    return scipy.stats.norm.sf(z) if alternative == "greater" else 2 * scipy.stats.norm.sf(np.abs(z))


def _signed_ranks(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(v,) sum of the ranks of positive scores, (s, v) ranks; 0 for scores that are 0 or NaN."""
    values = np.nan_to_num(scores)
    ranks = scipy.stats.rankdata(np.abs(values), axis=0) - (values == 0).sum(0)
    ranks[values == 0] = 0
    return (ranks * (values > 0)).sum(0), ranks


def sign_flip_max(scores: np.ndarray, *, n_permutations: int = 10_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One-sample t of each target, with p corrected by the largest t over targets under flips of the subjects' signs.

    It holds the family-wise error whatever the correlation of targets is, if scores are symmetric around 0 without an effect.

    Parameters
    ----------
    scores
        (s, v) One score per subject and target, all finite.
    n_permutations
        Flips; if there are fewer in all (2^s), each is made once.
    seed
        Of the flips.

    Returns
    -------
    t, p
        (v,) each; one-sided (above 0). NaN where all subjects have one value, and everywhere with fewer than two subjects.

    References
    ----------
    Nichols and Holmes 2002, Human Brain Mapping 15:1.
    """
    scores = _checked(scores)
    n, n_targets = scores.shape
    nothing = np.full(n_targets, np.nan)
    if n < 2:
        return nothing, nothing.copy()
    bad = int((~np.isfinite(scores)).any(0).sum())
    if bad:
        raise ValueError(f"{bad} of {n_targets} targets lack a score of some subject. Leave them out first.")
    square = np.square(scores).sum(0)
    varies = np.ptp(scores, axis=0) > 1e-12 * np.abs(scores).max(0)

    def t(mean: np.ndarray) -> np.ndarray:
        variance = np.maximum(square - n * mean**2, 1e-12 * square) / (n - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(varies, mean / np.sqrt(variance / n), -np.inf)

    exact = 2.0**n <= n_permutations
    if exact:
        flips = np.array(list(product((1.0, -1.0), repeat=n)))
    else:
        flips = np.random.default_rng(seed).choice((1.0, -1.0), (n_permutations, n))
    found = t(scores.mean(0))
    step = max(1, 2**23 // n_targets)
    most = np.concatenate([t(flips[at : at + step] @ scores / n).max(1) for at in range(0, len(flips), step)])
    most = np.sort(most)
    above = len(most) - np.searchsorted(most, found - 1e-9 * np.abs(found) - 1e-12, side="left")
    p = above / len(most) if exact else (1 + above) / (1 + len(most))
    return np.where(varies, found, np.nan), np.where(varies, p, np.nan)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """(v,) p -> q: the smallest false discovery rate at which each is found. NaN stays NaN and does not count as a test."""
    p = np.asarray(p, np.float64)
    q, known = np.full(p.shape, np.nan), np.isfinite(p)
    if known.any():
        q[known] = scipy.stats.false_discovery_control(p[known])
    return q


def effect_size(scores: np.ndarray) -> np.ndarray:
    """(s, v) -> (v,) Cohen's d of one sample: mean over subjects in units of their standard deviation.

    A subject without a value (NaN) is left out there. NaN without a deviation.
    """
    scores = _checked(scores)
    known = np.isfinite(scores)
    n = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, scores, 0).sum(0) / n
        deviation = np.sqrt(np.square(np.where(known, scores - mean, 0)).sum(0) / (n - 1))
        return np.where(deviation > 1e-12 * np.abs(mean), mean / deviation, np.nan)  # rounding is no deviation


def _checked(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2:
        raise ValueError(f"scores is of shape {scores.shape}; expected (s, v): subjects by targets.")
    return scores
