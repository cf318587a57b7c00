"""What the second modality adds and what each shuffle costs: differences on the same pairs, beside those of the best possible decoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n2s.metrics.intervals import t_interval
from n2s.metrics.paired_bootstrap import Resampled, resampled
from n2s.metrics.score import Score

#: Difference -> the two rows, and what it is in words.
DIFFERENCES = {
    "over_meg": ("both", "meg", "both, minus MEG alone"),
    "over_fmri": ("both", "fmri", "both, minus fMRI alone"),
    "cost_meg": ("both", "meg_shuffled", "cost of MEG of another segment"),
    "cost_fmri": ("both", "fmri_shuffled", "cost of fMRI of another segment"),
}
#: The same rows of the best possible decoder.
BEST = {
    "both": "ceiling",
    "meg": "ceiling_meg",
    "fmri": "ceiling_fmri",
    "meg_shuffled": "ceiling_meg_shuffled",
    "fmri_shuffled": "ceiling_fmri_shuffled",
}
COMPARED = ("top1", "top5", "mrr")
OVER_SEGMENTS = "95% paired bootstrap interval over segments, the same ones for all people"


@dataclass(frozen=True)
class Difference:
    """A score of one row minus that of another on the same pairs, mean over subjects.

    Attributes
    ----------
    segments
        With the interval of resampled segments: how sure it is for these people.
    people
        With the t interval over subjects; no ends for one person.
    best
        The same difference of the best possible decoder; None where it is not known.
    ratio
        The difference over that of the best possible; None where the latter is not shown to differ from 0.
    by_subject
        Subject -> its difference.
    """

    segments: Score
    people: Score
    best: Score | None
    ratio: Score | None
    by_subject: dict[str, float]

    @property
    def positive(self) -> bool:
        """Whether the interval over segments lies above 0."""
        return self.segments.low is not None and self.segments.low > 0

    def plain(self) -> dict:
        """As plain JSON types."""
        own = {name: getattr(self, name) for name in ("segments", "people", "best", "ratio")}
        return {name: None if one is None else dict(one._asdict()) for name, one in own.items()} | {
            "by_subject": self.by_subject
        }


def differences(
    found: Mapping[str, np.ndarray], subject: np.ndarray, block: np.ndarray, *, seed: int
) -> dict[str, dict[str, Difference]]:
    """Score -> name of `DIFFERENCES` -> the difference.

    Parameters
    ----------
    found
        Ranks, see `n2s.systems.fusion.shuffles.pair_ranks`.
    subject, block
        (n,) Whose pair it is, and its block of segments.
    seed
        Of the resampling.
    """
    return {
        name: {
            key: one
            for key, rows in DIFFERENCES.items()
            if (one := _difference(found, rows[:2], name, subject, block, seed)) is not None
        }
        for name in COMPARED
    }


def share_reached(
    found: Mapping[str, np.ndarray], row: str, subject: np.ndarray, block: np.ndarray, *, seed: int
) -> dict[str, Score]:
    """Score -> score of a row over that of the best possible decoder of the same modalities, with its interval; empty without a ceiling."""
    if BEST[row] not in found:
        return {}
    shares = {}
    for name in COMPARED:
        values = [per_pair(found[one], name) for one in (row, BEST[row])]
        drawn = resampled(np.stack(values, 1), subject, block, seed=seed)
        if drawn.mean[1] > 0:
            shares[name] = Score.of(drawn.interval(_ratio, bounds=(0.0, np.inf)), OVER_SEGMENTS)
    return shares


def per_pair(ranks: np.ndarray, name: str) -> np.ndarray:
    """A score of each pair: ranks (n,) or (m, n) -> (n,), the mean over the turns that a pair takes part in; NaN if it does in none."""
    value = 1 / (np.maximum(ranks, 0) + 1.0) if name == "mrr" else (ranks < int(name.removeprefix("top"))) * 1.0
    if ranks.ndim == 1:
        return np.where(ranks >= 0, value, np.nan)
    kept = ranks >= 0
    n = kept.sum(0)
    return np.where(n > 0, (value * kept).sum(0) / np.maximum(n, 1), np.nan)


def _difference(
    found: Mapping[str, np.ndarray],
    rows: Sequence[str],
    name: str,
    subject: np.ndarray,
    block: np.ndarray,
    seed: int,
) -> Difference | None:
    if any(row not in found or not len(found[row]) for row in rows):
        return None
    best = [BEST[row] for row in rows]
    with_best = all(row in found and len(found[row]) for row in best)
    values = np.stack([per_pair(found[row], name) for row in (*rows, *(best if with_best else ()))], 1)
    kept = ~np.isnan(values).any(1)
    if not kept.any():
        return None
    drawn = resampled(values[kept], subject[kept], block[kept], seed=seed)
    people = np.unique(subject[kept])
    own = drawn.by_subject[:, 0] - drawn.by_subject[:, 1]
    return Difference(
        segments=Score.of(drawn.interval(_first, bounds=(-1.0, 1.0)), OVER_SEGMENTS),
        people=over_people(own),
        best=Score.of(drawn.interval(_second, bounds=(-1.0, 1.0)), OVER_SEGMENTS) if with_best else None,
        ratio=_of_best(drawn) if with_best else None,
        by_subject={str(who): float(value) for who, value in zip(people, own, strict=True)},
    )


def over_people(values: np.ndarray) -> Score:
    """The mean of one difference a subject, with the t interval over subjects."""
    if len(values) < 2 or np.ptp(values) < 1e-12:
        return Score(float(values.mean()))
    return Score.of(t_interval(values, bounds=(-1.0, 1.0)), "95% t interval over subjects")


def _of_best(drawn: Resampled) -> Score | None:
    _, low, _ = drawn.interval(_second, bounds=(-1.0, 1.0))
    if low is None or low <= 0:
        return None
    return Score.of(drawn.interval(_share, bounds=(-np.inf, np.inf)), OVER_SEGMENTS)


def _first(means: np.ndarray) -> np.ndarray:
    return means[..., 0] - means[..., 1]


def _second(means: np.ndarray) -> np.ndarray:
    return means[..., 2] - means[..., 3]


def _share(means: np.ndarray) -> np.ndarray:
    return _quotient(_first(means), _second(means))


def _ratio(means: np.ndarray) -> np.ndarray:
    return _quotient(means[..., 0], means[..., 1])


def _quotient(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = np.asarray(one), np.asarray(other)
    return np.divide(one, other, out=np.full(one.shape, np.nan), where=np.abs(other) > 1e-12)
