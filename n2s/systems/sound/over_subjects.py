"""The scores of each method as a mean over subjects, with its interval."""

import numpy as np

from n2s.evaluation.sound_claims import sound_claims
from n2s.evaluation.sound_measures import kind_of
from n2s.metrics import clip_scores
from n2s.metrics.claims import probability
from n2s.metrics.intervals import Interval, t_interval
from n2s.metrics.score import ALL, entry

UNBOUNDED = (-np.inf, np.inf)


def with_claims(n_clips: int, scores: dict) -> dict:
    """A method's entry in ``metrics.json``.

    ``n_clips``, ``scores`` (see `n2s.evaluation.sound_scores.score_sounds`), ``ahead``: its lead over chance in 2-way
    identification of each kind, and ``claims``: the supported claims (see `sound_claims`).
    """
    ahead = {name.partition("@")[0]: one["ahead"] for name, one in scores.items() if name.endswith("@2")}
    return {"n_clips": n_clips, "scores": scores, "ahead": ahead, "claims": sound_claims(scores)}


def over_subjects(found: dict[str, dict[str, dict]]) -> dict[str, dict]:
    """The mean over subjects of the scores that every subject has: `with_claims` of each method.

    Parameters
    ----------
    found
        Subject -> method -> ``n_clips``, ``scores``.

    Returns
    -------
    By method. ``n_clips`` is the largest number of a subject. ``generated`` and ``ahead`` also have ``deviation`` over subjects.
    """
    several = list(found.values())
    over = {}
    for method in (name for name in several[0] if all(name in one for one in several)):
        ones = {subject: one[method] for subject, one in found.items()}
        first = next(iter(ones.values()))
        scores = {}
        for name, own in first["scores"].items():
            rows = {subject: one["scores"].get(name) for subject, one in ones.items()}
            if any(one is None or one["generated"]["mean"] is None for one in rows.values()):
                continue
            kind = kind_of(name)
            kept = {key: own[key] for key in ("label", "higher_is_better", "chance")}
            scores[name] = kept | {
                "generated": mean_over(
                    {subject: one["generated"] for subject, one in rows.items()}, (kind.low, kind.high)
                ),
                "ahead": _ahead({subject: one["ahead"] for subject, one in rows.items()}),
            }
        over[method] = with_claims(max(one["n_clips"] for one in ones.values()), scores)
    return over


def mean_over(rows: dict[str, dict], bounds: tuple[float, float]) -> dict:
    """The mean over two or more subjects of their rows, each with ``mean``, ``low`` and ``high``."""
    own = {subject: Interval(row["mean"], row["low"], row["high"]) for subject, row in rows.items()}
    found = clip_scores.over_subjects(own, "", bounds)
    same = found[ALL].low is None
    return entry(found) | {"deviation": 0.0 if same else clip_scores.deviation(found)}


def _ahead(rows: dict[str, dict | None]) -> dict | None:
    """How far subjects are ahead of chance or of exchanged sounds."""
    if any(row is None or row["mean"] is None for row in rows.values()):
        return None
    found = mean_over(rows, UNBOUNDED)
    means = np.array([row["mean"] for row in rows.values()])
    known = found["low"] is not None
    p = probability(lambda level: t_interval(means, level=level, bounds=UNBOUNDED)) if known else None
    return found | {"p": p, "of": next(iter(rows.values()))["of"]}
