"""Intervals of a classifier's scores over runs, or over stretches of them: windows of one run are no sample of their own."""

import numpy as np

from n2s.metrics.classification import SCORES, ConfusionScore, auc_macro, confusion
from n2s.metrics.clip_scores import Units, independent_units
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval


def units_of_runs(
    runs: np.ndarray, subject: np.ndarray, start_s: np.ndarray, *, window_s: float, average: int = 1
) -> Units:
    """What is independent among windows: runs, if every subject has three or more; else stretches of runs, much longer than a window.

    Parameters
    ----------
    runs, subject
        (n,) of each window.
    start_s
        (n,) Its start in the run, s.
    window_s
        Its length, s.
    average
        Windows that a row is the average of. They are spread over their run, so with few runs each row is a unit.
    """
    found = independent_units(runs, subject, start_s, duration_s=window_s)
    if found.words == "stimuli":
        return Units(found.of, "runs")
    if average > 1:
        return Units(np.arange(len(found.of)).astype(str), "averages")
    return Units(found.of, "stretches of runs")


def score_interval(
    labels: np.ndarray,
    predicted: np.ndarray,
    unit: np.ndarray,
    score: str | ConfusionScore,
    *,
    n_classes: int,
    level: float = 0.95,
) -> Interval:
    """A score of all windows with its jackknife interval over units; the ends are None with fewer than two units.

    Parameters
    ----------
    labels, predicted
        (n,)
    unit
        (n,) What is independent: see `units_of_runs`.
    score
        One of `n2s.metrics.classification.SCORES` by its name, or a function of confusion matrices.
    n_classes
        k
    level
        Share of such intervals that contain the score of other runs of the kind.

    F1 is no mean over windows, so that the score is computed anew without each unit (from sums of confusion matrices).
    """
    of = SCORES[score] if isinstance(score, str) else score
    which = np.unique(unit, return_inverse=True)[1]
    each = np.stack([confusion(labels[which == u], predicted[which == u], n_classes) for u in range(which.max() + 1)])

    def value(units: np.ndarray) -> float:
        return float(of(each[units].sum(0)))

    return jackknife_interval(value, np.arange(len(each)), level=level, bounds=(0.0, 1.0))


def auc_interval_over(
    labels: np.ndarray, scores: np.ndarray, unit: np.ndarray, *, strata: np.ndarray | None = None, level: float = 0.95
) -> Interval:
    """`n2s.metrics.classification.auc_macro` with its jackknife interval over units; mean is None where only one class occurs."""

    def value(rows: np.ndarray) -> float | None:
        found = auc_macro(labels[rows], scores[rows], None if strata is None else strata[rows])
        return found if np.isfinite(found) else None

    return jackknife_interval(value, unit, level=level, bounds=(0.0, 1.0))
