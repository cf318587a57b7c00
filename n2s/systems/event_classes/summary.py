"""Numbers of a classifier's test: scores of each subject, controls, nulls, and how far the network is ahead of each control."""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from n2s.metrics.classification import (
    SCORES,
    accuracy_of,
    auc_null,
    chance_by_balance,
    confusion,
    permuted_confusions,
)
from n2s.metrics.classification_intervals import auc_interval_over, score_interval
from n2s.metrics.clip_scores import over_subjects
from n2s.metrics.controls import holm
from n2s.metrics.cross_fitted import widened
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.label_draws import LabelPlaces
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.metrics.top_k import top_k_balanced, top_k_interval, top_k_null
from n2s.systems.event_classes.outcome import Outcome

AUC, TOP = "auc", "top_k_balanced"
MEASURES = {
    "f1_macro": Measure("F1-macro (%)", 100, 1),
    "balanced_accuracy": Measure("balanced accuracy (%)", 100, 1),
    "accuracy": Measure("accuracy (%)", 100, 1),
    AUC: Measure("AUC", 1, 3),
    TOP: Measure("top-k balanced accuracy (%)", 100, 1),
}
CONDITION_SCORES = ("f1_macro", "balanced_accuracy", AUC)
MODEL, RAW, PERMUTED, PROPORTION, COMMONEST, IDEAL = "model", "raw", "permuted", "proportion", "commonest", "ideal"


class Ahead(NamedTuple):
    """How far the network is ahead of a control in a score: mean over subjects, interval, and what the interval is over."""

    control: str
    name: str
    score: Score


class Summary:
    """All numbers of a result, each computed once.

    Parameters
    ----------
    result
        The result.
    """

    def __init__(self, result: Outcome):
        self.result, self.k = result, len(result.names)
        subject = result.events.subject.to_numpy(str)
        self.members = {str(name): np.flatnonzero(subject == name) for name in dict.fromkeys(subject)}

    @cached_property
    def said(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Row -> (n,) classes and (n, k) log-probabilities of what decides."""
        result = self.result
        found = {MODEL: (result.predicted, result.log_proba)}
        if result.frames and result.min_run_s:
            found[RAW] = result.as_said, result.log_proba
        for name, own in zip(result.control_names, () if result.controls is None else result.controls, strict=True):
            guessed = own.argmax(1)
            found[name] = (result.without_short(guessed) if RAW in found else guessed), own
        if result.ideal is not None:
            found[IDEAL] = result.ideal.argmax(1), result.ideal
        return found

    @property
    def rows(self) -> dict[str, Row]:
        """In the order of the table."""
        result, how = self.result, "turned" if self.result.frames else "permuted"
        who = f"vote of {len(result.voters)} networks" if result.voters else "network"
        found = {MODEL: Row(who + (f", stretches under {result.min_run_s:g} s dropped" if RAW in self.said else ""))}
        if RAW in self.said:
            found[RAW] = Row(f"{who}, each frame as it is")
        found |= {name: Row(name, "control") for name in result.control_names}
        return (
            found
            | {
                PERMUTED: Row(f"labels {how} within {self.within}", "control"),
                PROPORTION: Row("a guess by the classes' frequency", "control"),
                COMMONEST: Row("always the commonest class", "control"),
            }
            | ({} if result.ideal is None else {IDEAL: Row("best possible without artifacts", "ceiling")})
        )

    @property
    def measures(self) -> dict[str, Measure]:
        """Of this result."""
        return {name: one for name, one in MEASURES.items() if name != TOP or self.result.top_k}

    @cached_property
    def scores(self) -> Scores:
        """All scores."""
        values: dict = {name: {} for name in self.measures}
        for row in self.said:
            for name in self.measures:
                values[name][row] = self.of_row(row, name)
        for name in self.measures:
            values[name][PERMUTED] = self._null_row(name)
            for row in (PROPORTION, COMMONEST):
                own = {who: self._by_balance(name, row, rows) for who, rows in self.members.items()}
                values[name][row] = {ALL: Score(float(np.mean(list(own.values()))))} | {
                    who: Score(one) for who, one in own.items()
                }
        return Scores(self.rows, self.measures, {name: _known(rows) for name, rows in values.items()})

    def of_row(self, row: str, name: str) -> dict[str, Score]:
        """A score of what decides, of each subject and of all (`ALL`)."""
        guessed, log_proba = self.said[row]
        own = {who: self._interval(name, guessed, log_proba, rows) for who, rows in self.members.items()}
        return over_subjects(own, self.result.units.words, (0.0, 1.0))

    @property
    def within(self) -> str:
        """What labels stay in."""
        return "runs and conditions" if self.result.events.condition.nunique() > 1 else "runs"

    @cached_property
    def drawn(self) -> dict[str, dict[str, dict[str, np.ndarray]]]:
        """Way (`Draws.ways`) -> score -> subject (or `ALL`) -> (p,) scores of drawn labels."""
        return {way: self._nulls(*how) for way, how in self.result.draws.ways.items()}

    @property
    def nulls(self) -> dict[str, dict[str, np.ndarray]]:
        """Those of permuted labels, of frames turned ones."""
        return next(iter(self.drawn.values()))

    def _nulls(self, places: LabelPlaces, circular: bool) -> dict[str, dict[str, np.ndarray]]:
        result, found = self.result, {name: {} for name in self.measures}
        shared, least = (result.n_permutations, result.seed, circular), {"least_shift": result.draws.least_turn}
        for who, rows in self.members.items():
            labels, own_places = result.labels[rows], places.some(rows)
            drawn = permuted_confusions(labels, result.predicted[rows], own_places, *shared, n_classes=self.k, **least)
            own = {name: of(drawn) for name, of in SCORES.items()}
            strata = None if result.strata is None else result.strata[rows]
            own[AUC] = auc_null(labels, result.log_proba[rows], own_places, *shared, strata=strata, **least)
            if result.top_k:
                own[TOP] = top_k_null(labels, result.log_proba[rows], result.top_k, own_places, *shared, **least)
            for name, null in own.items():
                found[name][who] = widened(null, result.n_folds, bounds=(0.0, 1.0))
        for by_subject in found.values():
            by_subject[ALL] = _mean(list(by_subject.values()))
        return found

    @cached_property
    def p(self) -> dict[str, float]:
        """Score -> one-sided p of the mean over subjects; {} where no draw of labels is like the data (`Draws.tested`)."""
        found = {name: self.p_of(name, self.scores.get(name, MODEL)) for name in self.measures}
        return {name: p for name, p in found.items() if np.isfinite(p)}

    def p_of(self, name: str, value: Score | None) -> float:
        """One-sided p of a score of all; NaN: there is none."""
        if value is None or value.mean is None or not np.isfinite(self.nulls[name][ALL]).all():
            return np.nan
        return self.result.draws.p(value.mean, {way: null[name][ALL] for way, null in self.drawn.items()})

    @cached_property
    def conditions(self) -> dict[str, "Summary"]:
        """The numbers of each condition by itself, where there are several."""
        names = list(dict.fromkeys(self.result.events.condition.astype(str)))
        return {name: Summary(self.result.of_condition(name)) for name in names} if len(names) > 1 else {}

    @cached_property
    def condition_scores(self) -> dict[str, dict]:
        """Condition -> its scores by themselves, F1-macro of drawn labels, and p of F1-macro, corrected for the conditions; {} if there is one."""
        found, p, first = {}, [], CONDITION_SCORES[0]
        for one, own in self.conditions.items():
            scores = {name: own.of_row(MODEL, name)[ALL] for name in CONDITION_SCORES}
            p.append(own.p_of(first, scores[first]))
            found[one] = {"n": len(own.result.events), "null": float(own.nulls[first][ALL].mean())}
            found[one] |= {name: [score.mean, score.low, score.high] for name, score in scores.items()}
        known, p = np.isfinite(p), np.array(p)
        p[known] = holm(p[known])
        for own, each in zip(found.values(), p, strict=True):
            own["p_holm"] = float(each) if np.isfinite(each) else None
        return found

    @cached_property
    def ahead(self) -> list[Ahead]:
        """Of F1-macro and balanced accuracy, over each classifier that sees no brain."""
        found = []
        for name in ("f1_macro", "balanced_accuracy"):
            for control in self.result.control_names:
                own = {who: self._difference(name, control, rows) for who, rows in self.members.items()}
                found.append(Ahead(control, name, over_subjects(own, self.result.units.words, (-1.0, 1.0))[ALL]))
        return found

    @cached_property
    def confusions(self) -> np.ndarray:
        """(k, k) of all rows."""
        return confusion(self.result.labels, self.result.predicted, self.k)

    # -- how -----------------------------------------------------------------------------------------------------------

    def _interval(self, name: str, guessed: np.ndarray, log_proba: np.ndarray, rows: np.ndarray) -> Interval:
        result, unit = self.result, self.result.units.of[rows]
        labels = result.labels[rows]
        if name == AUC:
            strata = None if result.strata is None else result.strata[rows]
            return auc_interval_over(labels, log_proba[rows], unit, strata=strata)
        if name == TOP:
            return top_k_interval(labels, log_proba[rows], result.top_k, unit)
        return score_interval(labels, guessed[rows], unit, name, n_classes=self.k)

    def _difference(self, name: str, control: str, rows: np.ndarray) -> Interval:
        unit = np.unique(self.result.units.of[rows], return_inverse=True)[1]
        labels, of = self.result.labels[rows], SCORES[name]
        both = [
            np.stack(
                [
                    confusion(labels[unit == u], self.said[row][0][rows][unit == u], self.k)
                    for u in range(unit.max() + 1)
                ]
            )
            for row in (MODEL, control)
        ]

        def value(units: np.ndarray) -> float:
            one, other = (of(each[units].sum(0)) for each in both)
            return float(one - other)

        return jackknife_interval(value, np.arange(unit.max() + 1), bounds=(-1.0, 1.0))

    def _null_row(self, name: str) -> dict[str, Score]:
        kind = f"middle 95% of {self.result.n_permutations} draws"
        found = {}
        for who, null in self.nulls[name].items():
            if np.isfinite(null).all():
                found[who] = Score(  # type: ignore[call-arg]
                    float(null.mean()), *map(float, np.quantile(null, [0.025, 0.975])), kind if who == ALL else ""
                )
            else:
                found[who] = Score(None)
        return {ALL: found.pop(ALL)} | found

    def _by_balance(self, name: str, row: str, rows: np.ndarray) -> float:
        """Of a subject; of several models the mean, weighted by windows."""
        if name == AUC:
            return 0.5
        trained, model = np.atleast_2d(self.result.trained), self.result.model
        which = np.zeros(len(rows), int) if model is None else model[rows]
        parts = {one: rows[which == one] for one in np.unique(which)}
        own = [self._of_balance(name, row, self.result.labels[part], trained[one]) for one, part in parts.items()]
        return float(np.average(own, weights=[len(part) for part in parts.values()]))

    def _of_balance(self, name: str, row: str, labels: np.ndarray, trained: np.ndarray) -> float:
        if name == TOP:  # always the k commonest, or any k
            known = trained if row == COMMONEST else np.zeros(self.k)
            return top_k_balanced(labels, np.tile(known, (len(labels), 1)), self.result.top_k)
        score: Callable = accuracy_of if name == "accuracy" else SCORES[name]
        return getattr(chance_by_balance(labels, trained, score), row)


def _mean(nulls: list[np.ndarray]) -> np.ndarray:
    """Mean over the subjects that have the score."""
    known = [one for one in nulls if np.isfinite(one).all()]
    return np.mean(known, axis=0) if known else nulls[0]


def _known(rows: dict[str, dict[str, Score]]) -> dict[str, dict[str, Score]]:
    return {
        row: {who: score for who, score in own.items() if who == ALL or score.mean is not None}
        for row, own in rows.items()
    }
