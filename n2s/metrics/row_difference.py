"""Whether a row of a table of scores is better than another one: paired over people, and beyond both intervals."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from n2s.metrics.intervals import t_interval
from n2s.metrics.score import ALL, Score, Scores

FEW = 3  # people: an interval over fewer says next to nothing


class Difference(NamedTuple):
    """A row minus another, so that more is better: mean, ends of a 95% interval (None: not known), and of how many people it is paired."""

    mean: float
    low: float | None
    high: float | None
    n_people: int


def difference(scores: Scores, name: str, row: str, other: str) -> Difference | None:
    """How much better a row is than another one, paired over the people who have both; None where one has no mean.

    Where somebody lacks one of the two, the mean is that of the people who have both, as the interval is.
    """
    sign = 1.0 if scores.measures[name].higher_is_better else -1.0
    own, beside = scores.values[name][row], scores.values[name][other]
    if own[ALL].mean is None or beside[ALL].mean is None:
        return None
    mean = sign * (own[ALL].mean - beside[ALL].mean)
    people = [one for one in own if one != ALL and own[one].mean is not None]
    others = people if len(beside) == 1 else [one for one in beside if one != ALL and beside[one].mean is not None]
    if len(beside) == 1:  # the same for everybody
        gains = np.array([sign * (own[one].mean - beside[ALL].mean) for one in people])
    else:
        gains = np.array([sign * (own[one].mean - beside[one].mean) for one in people if one in beside and beside[one].mean is not None])  # fmt: skip
    if len(gains) and set(people) != set(others):
        mean = float(gains.mean())
    if len(gains) >= FEW and np.ptp(gains) > 1e-12:
        _, low, high = t_interval(gains, bounds=(-math.inf, math.inf))
        return Difference(mean, float(low), float(high), len(gains))
    return Difference(mean + 0.0, None, None, len(gains))  # never -0.0


def better(scores: Scores, name: str, row: str, other: str) -> bool | None:
    """Whether a row is better than another one beyond what chance or people explain; None where no interval can tell.

    Each must lie beyond the other's interval, and the paired interval over people, where there are three or more, above 0.
    """
    return _beyond(scores, name, row, other, 1.0)


def worse(scores: Scores, name: str, row: str, other: str) -> bool | None:
    """The same the other way round."""
    return _beyond(scores, name, row, other, -1.0)


def _beyond(scores: Scores, name: str, row: str, other: str, way: float) -> bool | None:
    found = difference(scores, name, row, other)
    if found is None:
        return None
    sign = way if scores.measures[name].higher_is_better else -way
    own, beside = scores.values[name][row], scores.values[name][other]
    known = [outside(_meant(beside, found.n_people), own[ALL], sign)]
    if found.low is not None:
        known.append((found.low if way > 0 else -found.high) > 0)
    else:
        known.append(outside(_meant(own, found.n_people), beside[ALL], -sign))
        each = [outside(own[one], beside.get(one, beside[ALL]), -sign) for one in own if one != ALL]
        # two people, or the same gain for all: no interval over them, and each decides alone
        if found.n_people >= 2 and all(one is not None for one in each):
            known[-1] = all(each)
    known = [one for one in known if one is not None]
    return all(known) if known else None


def _meant(by_subject: Mapping[str, Score], n_people: int) -> Score:
    """A row's mean, without an interval over two people: that says nothing of either."""
    whole = by_subject[ALL]
    over_people = n_people == 2 and ("subjects" in whole.kind or "people" in whole.kind)
    return Score(whole.mean) if over_people else whole


def outside(interval: Score, value: Score, sign: float) -> bool | None:
    """Whether a value is beyond the end of an interval, above it for ``sign`` 1; None without an interval."""
    end = interval.high if sign > 0 else interval.low
    return None if end is None or value.mean is None else sign * (value.mean - end) > 0
