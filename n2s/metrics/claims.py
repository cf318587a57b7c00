"""Which claims are supported: how far a decoder is above chance, with correction for multiple tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from n2s.metrics.clip_scores import Units, deviation, finite_mean, mean_over, over_subjects
from n2s.metrics.controls import holm, null_of
from n2s.metrics.cross_fitted import wider_p
from n2s.metrics.intervals import Interval, t_interval
from n2s.metrics.score import ALL, Score, entry

ALPHA = 0.05


@dataclass(frozen=True)
class Lead:
    """The lead of one set of scores over another.

    Parameters
    ----------
    by_subject
        Subject (or `ALL`) -> mean difference with its interval.
    deviation
        Standard deviation over subjects; None for a single subject.
    p
        Two-sided: 1 minus the level whose interval just reaches 0; None without an interval.
    of
        The comparison: ``chance`` or ``shuffled``; empty for another decoder.
    """

    by_subject: Mapping[str, Score]
    deviation: float | None
    p: float | None
    of: str = ""

    @property
    def all(self) -> Score:
        """The mean of the subjects' mean differences."""
        return self.by_subject[ALL]

    def plain(self) -> dict:
        """The entry in ``metrics.json``: see `n2s.metrics.score.entry`, plus ``deviation``, ``p``, and ``of`` if there is one."""
        of = {"of": self.of} if self.of else {}
        return entry(self.by_subject) | {"deviation": self.deviation, "p": self.p} | of


def ahead(
    one: np.ndarray,
    other: np.ndarray | float,
    *,
    subject: np.ndarray,
    units: Units,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Lead:
    """Compute how far a decoder's scores are ahead of others on the same clips.

    Parameters
    ----------
    one
        (n,) Scores of a decoder.
    other
        (n,) Scores of another decoder, (p, n) scores of exchanges (their mean is used), or one number, such as chance.
    subject
        (n,) The subject of each clip.
    units
        The independent units.
    bounds
        The lowest and highest possible score.

    Clips where either score is not finite are left out. If all subjects have the same lead, p is computed from all
    clips together.
    """
    one, other, subject = np.asarray(one, np.float64), np.asarray(other, np.float64), np.asarray(subject)
    if other.ndim == 2:
        other = finite_mean(other, 0)
    if other.ndim:
        with np.errstate(invalid="ignore"):
            one, other, bounds = one - other, 0.0, (-np.inf, np.inf)
    level_0 = float(other)
    members = {str(name): subject == name for name in np.unique(subject)}
    by_subject = {name: mean_over(one[rows], units.of[rows], bounds) for name, rows in members.items()}
    found = over_subjects(by_subject, units.words, bounds)
    means = np.array([single.mean for single in by_subject.values() if single.mean is not None])
    if len(means) > 1 and found[ALL].low is not None:
        p = probability(lambda level: t_interval(means, level=level, bounds=bounds), level_0)
    elif len(means) and mean_over(one, units.of, bounds).low is not None:
        p = probability(lambda level: mean_over(one, units.of, bounds, level=level), level_0)
    else:
        p = None
    return Lead({name: _less(score, level_0) for name, score in found.items()}, deviation(found), p)


def _less(score: Score, value: float) -> Score:
    return Score(*(None if end is None else end - value for end in score[:3]), score.kind)  # type: ignore[call-arg]


def ahead_of_nothing(
    own: np.ndarray, shuffled: np.ndarray, chance: float | None, *, subject: np.ndarray, units: Units, n_folds: int = 1
) -> Lead:
    """Compute how far a decoder is above chance, if the chance level is known, or else above exchanged responses.

    Parameters
    ----------
    own, shuffled
        (n,) and (p, n) scores: higher is better.
    chance
        Chance level, a share. The decoder must beat both it and the exchanged responses: the larger p of both tests counts.
        For a single subject, p is how often chance, with the spread of the exchanged responses, lies as far out.
    subject, units
        See `ahead`.
    n_folds
        Folds that were held out in turn: a test within one subject knows that chance is wider (`n2s.metrics.cross_fitted.wider_p`). Tests
        over subjects hold as they are.
    """
    single = len(np.unique(subject)) == 1
    of_shuffled = replace(ahead(own, shuffled, subject=subject, units=units), of="shuffled")
    if single:
        of_shuffled = replace(of_shuffled, p=wider_p(of_shuffled.p, n_folds))
    if chance is None:
        return of_shuffled
    of_chance = ahead(own, chance, subject=subject, units=units, bounds=(0.0, 1.0))
    p = of_chance.p
    if single or of_chance.all.low is None:
        p = wider_p(_exchange_p(own, shuffled, chance, subject=np.asarray(subject)), n_folds)
    both = [of_shuffled.p, p]
    p = None if None in both else max(both)
    if p is not None and of_shuffled.all.mean * of_chance.all.mean <= 0:
        p = 1.0  # ahead of one and behind the other: no difference
    return replace(of_chance, p=p, of="chance")


def _exchange_p(own: np.ndarray, shuffled: np.ndarray, chance: float, *, subject: np.ndarray) -> float | None:
    """How often chance, with the spread of the exchanged responses, lies as far out as these subjects' mean."""
    if len(shuffled) < 2:
        return None
    members = [subject == name for name in np.unique(subject)]
    null = null_of(np.mean([shuffled[:, rows].mean(1) for rows in members], axis=0), chance)
    return null.p_value(float(np.mean([own[rows].mean() for rows in members])))


def probability(interval: Callable[[float], Interval], value: float = 0.0) -> float:
    """Two-sided p of a value: 1 minus the level at which an interval just reaches it, to 1e-6."""
    low, high = 0.0, 1.0  # levels: the first interval does not contain the value, the last one does
    while high - low > 1e-6:
        level = (low + high) / 2
        found = interval(level)
        low, high = (low, level) if found.low <= value <= found.high else (level, high)
    return 1 - low


def claimed(tests: Mapping[str, dict]) -> dict[str, dict]:
    """Add ``p_holm`` (p corrected for the number of tests) and ``ahead`` (whether the claim is supported) to each test.

    A test has ``mean`` and ``p``: see `Lead.plain`. An entry without p is not a test and is not counted.
    """
    known = {name: one for name, one in tests.items() if one["p"] is not None}
    corrected = dict(zip(known, holm(np.array([one["p"] for one in known.values()])).tolist(), strict=True))
    return {
        name: one
        | {
            "p_holm": corrected.get(name),
            "ahead": name in corrected and corrected[name] < ALPHA and one["mean"] > 0,
        }
        for name, one in tests.items()
    }
