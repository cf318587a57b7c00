"""The area under the ROC curve of people in two groups: its interval, tests, and how wide an interval so many people allow."""

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from n2s.metrics.intervals import Interval, wilson_interval


class Comparison(NamedTuple):
    """A difference of two AUCs, its interval, and the p of a test that there is none (two-sided)."""

    difference: float
    low: float
    high: float
    p: float


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The share of pairs of a positive and a negative in which the positive has the higher score; a tie is half a pair.

    Parameters
    ----------
    scores
        (n,) One a person.
    positive
        (n,) Whether the person is of the group that scores should be high for.

    Raises
    ------
    ValueError
        One group is empty, a score is not finite, or shapes differ.
    """
    return float(_placements(scores, positive)[0].mean())


def auc_interval(scores: np.ndarray, positive: np.ndarray, *, level: float = 0.95) -> Interval:
    """AUC and its interval over people: DeLong's variance, on the logit scale, which keeps it inside 0 to 1.

    Where that variance is 0 or unknown (perfect separation, one person in a group) it is Newcombe's interval, which has a width there.

    Parameters
    ----------
    scores, positive
        See `auc`.
    level
        Share of such intervals that contain the true AUC, of the scores as they are: how a decoder would differ, had it learned from other
        people, is not part of it.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837; Newcombe 2006, Stat. Med. 25:559.
    """
    above, below = _placements(scores, positive)
    value, quantile = float(above.mean()), float(stats.norm.ppf((1 + level) / 2))
    variance = _variance(above[:, None], below[:, None])[0, 0] if min(len(above), len(below)) > 1 else 0.0
    if variance <= 0 or not 0 < value < 1:
        return newcombe_interval(value, len(above), len(below), level=level)
    half = quantile * math.sqrt(variance) / (value * (1 - value))
    logit = math.log(value / (1 - value))
    return Interval(value, *(1 / (1 + math.exp(-one)) for one in (logit - half, logit + half)))


def auc_difference(
    first: np.ndarray, second: np.ndarray, positive: np.ndarray, *, level: float = 0.95
) -> Comparison | None:
    """Compare the AUCs of two scores of the same people (DeLong's test of correlated curves).

    Parameters
    ----------
    first, second
        (n,) Scores.
    positive, level
        See `auc_interval`.

    Returns
    -------
    First minus second; None where the variance of the difference is 0 or unknown.
    """
    one, other = _placements(first, positive), _placements(second, positive)
    if min(len(one[0]), len(one[1])) < 2:
        return None
    covariance = _variance(*(np.stack(pair, axis=1) for pair in zip(one, other, strict=True)))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if variance <= 1e-15:  # nothing but rounding
        return None
    difference, deviation = float(one[0].mean() - other[0].mean()), math.sqrt(variance)
    half = float(stats.norm.ppf((1 + level) / 2)) * deviation
    p = 2 * float(stats.norm.sf(abs(difference) / deviation))
    return Comparison(difference, max(-1.0, difference - half), min(1.0, difference + half), p)


def newcombe_interval(value: float, n_positive: int, n_negative: int, *, level: float = 0.95) -> Interval:
    """The interval of an AUC from its value and the sizes of the groups alone: how precise so many people can be.

    The AUCs whose own variance (Hanley & McNeil 1982, with groups of equal size) would allow the value that was found: method 5 of
    Newcombe 2006, Stat. Med. 25:559.

    Raises
    ------
    ValueError
        The value is no AUC, or a group is empty.
    """
    if not (0 <= value <= 1 and n_positive >= 1 and n_negative >= 1):
        raise ValueError(f"AUC {value} of {n_positive} and {n_negative} people.")
    quantile, mean_n = float(stats.norm.ppf((1 + level) / 2)), (n_positive + n_negative) / 2 - 1

    def beyond(area: float) -> float:
        spread = 1 + mean_n * ((1 - area) / (2 - area) + area / (1 + area))
        return (value - area) ** 2 - quantile**2 * area * (1 - area) * spread / (n_positive * n_negative)

    near = 1e-9  # at 0 and 1 themselves there is another root
    low = 0.0 if value == 0 else float(optimize.brentq(beyond, 0.0, min(value, 1 - near), xtol=1e-12))
    high = 1.0 if value == 1 else float(optimize.brentq(beyond, max(value, near), 1.0, xtol=1e-12))
    return Interval(value, low, high)


def balanced_accuracy_interval(said: np.ndarray, positive: np.ndarray, *, level: float = 0.95) -> Interval:
    """Mean of the two groups' shares that were said rightly, and its interval over people.

    The groups' Wilson intervals, combined as those of a sum (MOVER: Zou & Donner 2008, Stat. Med. 27:1693).

    Parameters
    ----------
    said
        (n,) Whether a person was said to be of the positive group.
    positive
        (n,) Whether the person is.
    level
        Share of such intervals that contain the true value.
    """
    said, positive = np.asarray(said, bool), np.asarray(positive, bool)
    if said.shape != positive.shape or positive.all() or not positive.any():
        raise ValueError("balanced accuracy needs people of both groups, and a guess for each.")
    parts = [
        wilson_interval(int((said[own] == kind).sum()), int(own.sum()), level=level)
        for kind, own in ((True, positive), (False, ~positive))
    ]
    value = sum(one.mean for one in parts) / 2
    down, up = (
        math.sqrt(sum((one.mean - end) ** 2 for one, end in zip(parts, ends, strict=True))) / 2
        for ends in ([one.low for one in parts], [one.high for one in parts])
    )
    return Interval(value, max(0.0, value - down), min(1.0, value + up))


def _placements(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive, the share of negatives below it; of each negative, the share of positives above it."""
    scores, positive = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if scores.ndim != 1 or scores.shape != positive.shape:
        raise ValueError(f"scores and groups must be (n,), of the same people: {scores.shape} and {positive.shape}.")
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite.")
    if positive.all() or not positive.any():
        raise ValueError("an AUC needs people of both groups.")
    high, low = scores[positive], scores[~positive]
    won = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    return won.mean(1), won.mean(0)


def _variance(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(k, k) DeLong's covariance of k AUCs of the same people, from their placements (n_positive, k) and (n_negative, k)."""
    return sum(np.atleast_2d(np.cov(part, rowvar=False)) / len(part) for part in (above, below))
