"""Balanced accuracy and AUC of every cell of a transfer matrix, with permuted labels, intervals and tests over subjects."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from n2s.metrics.classification import auc_macro, auc_null, balanced_of, confusion, permuted_confusions
from n2s.metrics.classification_intervals import auc_interval_over, score_interval
from n2s.metrics.controls import holm
from n2s.metrics.cross_fitted import widened
from n2s.metrics.group_tests import wilcoxon
from n2s.metrics.intervals import Interval, t_interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.label_draws import LabelPlaces
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.event_classes.transfer import Cell, Transfer

DRAWS = 40  # permutations for each row of the table at least: a corrected p can then be well below .05
FEWEST = 5  # subjects of a signed-rank test: with fewer none has p < .05
LEVEL = 0.95
BALANCED, AUC = "balanced_accuracy", "auc"
BEST = "best possible"


@dataclass(frozen=True)
class CellScores:
    """One score of a cell.

    Parameters
    ----------
    by_subject
        Of each: the score and its interval over runs.
    whole
        The mean over subjects, and its interval over them; with one subject that one's.
    null
        (draws,) The same mean with labels permuted within runs and conditions.
    chance
        By subject, without any draw.
    p
        One-sided, of ``whole``: see `n2s.systems.event_classes.draws.Draws.p`.
    """

    by_subject: dict[str, Interval]
    whole: Interval
    null: np.ndarray
    chance: dict[str, float]
    p: float = np.nan

    @property
    def values(self) -> np.ndarray:
        """(s,) scores."""
        return np.array([one.mean for one in self.by_subject.values()])

    @property
    def excess(self) -> np.ndarray:
        """(s,) scores less chance."""
        return self.values - np.array([self.chance[name] for name in self.by_subject])

    @property
    def null_ends(self) -> tuple[float, float]:
        """What 95% of the draws lie between."""
        low, high = np.quantile(self.null, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)


class TransferScores(Transfer):
    """Scores of all cells; made once."""

    @cached_property
    def n_draws(self) -> int:
        """Permutations: more than asked where many rows are corrected for."""
        return max(self.n_permutations, DRAWS * len(self.cells))

    @cached_property
    def balanced(self) -> dict[Cell, CellScores]:
        """Balanced accuracy of every cell."""
        return {cell: self._balanced(cell) for cell in self.cells}

    @cached_property
    def areas(self) -> dict[Cell, CellScores]:
        """AUC of every cell: each class against the rest, among windows of one fold."""
        return {cell: self._area(cell) for cell in self.cells}

    @cached_property
    def tests(self) -> pd.DataFrame:
        """A row a cell: score, chance, and tests.

        ``band``, ``trained``, ``tested``, ``balanced_accuracy``, ``chance``, ``p`` and ``p_holm`` (by draws of labels; NaN where none is like the data), ``n_subjects``, ``p_wilcoxon``
        (over subjects; NaN with fewer than five), ``ratio``, ``ratio_low`` and ``ratio_high`` of transfer (NaN where it says nothing), ``n_windows``.
        """
        found = []
        for cell, one in self.balanced.items():
            p_wilcoxon = wilcoxon(one.excess[:, None])[0] if len(one.excess) >= FEWEST else np.nan
            n = sum(len(self.rows(cell, name)) for name in one.by_subject)
            found.append(
                [
                    *cell,
                    one.whole.mean,
                    np.mean(list(one.chance.values())),
                    one.p,
                    len(one.excess),
                    p_wilcoxon,
                    n,
                ]
            )
        columns = ["band", "trained", "tested", BALANCED, "chance", "p", "n_subjects", "p_wilcoxon", "n_windows"]
        table = pd.DataFrame(found, columns=columns)
        known = np.isfinite(table.p.to_numpy(float))
        table["p_holm"] = np.nan
        table.loc[known, "p_holm"] = holm(table.p[known].to_numpy(float))
        above = {cell: p for cell, p in zip(self.balanced, table.p_holm, strict=True)}
        ratios = [self._ratio(cell, above) for cell in self.balanced]
        return table.assign(
            **{name: [one[i] for one in ratios] for i, name in enumerate(("ratio", "ratio_low", "ratio_high"))}
        )

    @cached_property
    def best(self) -> dict[str, dict[str, Score]]:
        """Condition -> subject -> the balanced accuracy of the best possible decoder of the same windows; {} where no study knows."""
        found: dict[str, dict[str, Score]] = {}
        for cell in self.cells_of(self.bands[0]) if self.bands else []:
            if cell.trained != cell.tested:
                continue
            for subject, rows, labels, _ in self.people(cell):
                said = self.events.best.to_numpy(np.int64)[rows]
                if (said >= 0).all():
                    value = float(balanced_of(confusion(labels, said, self.k)))
                    found.setdefault(cell.tested, {})[subject] = Score(value)
        return found

    def row_of(self, cell: Cell) -> str:
        """Key of a row of the table of scores."""
        return "|".join(cell)

    def permuted_of(self, cell: Cell) -> str:
        """Key of the row of a cell with permuted labels."""
        return f"{self.row_of(cell)}|permuted"

    def label_of(self, cell: Cell) -> str:
        """``listen -> overt, delta``."""
        band = "" if cell.band == self.bands[0] else f", {cell.band}"
        return (
            cell.tested if cell.trained == cell.tested else f"{cell.trained} \N{RIGHTWARDS ARROW} {cell.tested}"
        ) + band

    def scores(self) -> Scores:
        """See `n2s.metrics.result.Result`: a row a cell, and a row of permuted labels for each."""
        over = f"over {len(self.subjects)} subjects" if len(self.subjects) > 1 else f"over {self.units.words}"
        kind = f"95% interval {over}"
        within = f"95% interval over {self.units.words}"
        null_kind = "mean of draws with labels permuted within runs and conditions, and what 95% of them lie between"
        rows, values = {}, {BALANCED: {}, AUC: {}}
        for cell in self.cells:
            own, permuted = self.row_of(cell), self.permuted_of(cell)
            rows[own] = Row(self.label_of(cell))
            for name, found in ((BALANCED, self.balanced[cell]), (AUC, self.areas[cell])):
                by_subject = {subject: Score.of(_known(one), within) for subject, one in found.by_subject.items()}
                values[name][own] = {ALL: Score.of(_known(found.whole), kind)} | by_subject
                values[name][permuted] = {ALL: Score.of((found.null.mean(), *found.null_ends), null_kind)}
            rows[permuted] = Row(f"{self.label_of(cell)}, labels permuted", "control")
        if self.cells:
            first = [np.mean(list(self.balanced[cell].chance.values())) for cell in self.cells]
            rows["chance"] = Row("chance", "control")
            values[BALANCED]["chance"], values[AUC]["chance"] = {ALL: Score(float(np.mean(first)))}, {ALL: Score(0.5)}
        for condition, by_subject in self.best.items():
            rows[f"best|{condition}"] = Row(f"{condition}, {BEST}", "ceiling")
            mean = Score(float(np.mean([one.mean for one in by_subject.values()])))
            values[BALANCED][f"best|{condition}"] = {ALL: mean} | by_subject
        measures = {BALANCED: Measure("balanced accuracy (%)", 100, 1), AUC: Measure("AUC")}
        return Scores(rows, measures, values)

    # -- how ----------------------------------------------------------------------------------------------------------

    def _balanced(self, cell: Cell) -> CellScores:
        found, chance, of = {}, {}, []
        for subject, rows, labels, log_proba in self.people(cell):
            said = log_proba.argmax(1)
            found[subject] = score_interval(labels, said, self.units.of[rows], balanced_of, n_classes=self.k)
            of.append((labels, said, rows))
            chance[subject] = self.chance(cell, subject)

        def null(labels: np.ndarray, said: np.ndarray, places: LabelPlaces, *options: Any, **more: Any) -> np.ndarray:
            return balanced_of(permuted_confusions(labels, said, places, *options, n_classes=self.k, **more))

        return self._cell(cell, found, chance, null, of)

    def _area(self, cell: Cell) -> CellScores:
        found, of = {}, []
        for subject, rows, labels, log_proba in self.people(cell):
            fold = self.events.fold.to_numpy()[rows]
            if len(np.unique(labels)) < 2 or not np.isfinite(auc_macro(labels, log_proba, fold)):
                continue
            found[subject] = auc_interval_over(labels, log_proba, self.units.of[rows], strata=fold)
            of.append((labels, (log_proba, fold), rows))

        def null(labels: np.ndarray, scored: tuple, places: LabelPlaces, *options: Any, **more: Any) -> np.ndarray:
            return auc_null(labels, scored[0], places, *options, strata=scored[1], **more)

        return self._cell(cell, found, dict.fromkeys(found, 0.5), null, of)

    def _cell(
        self, cell: Cell, found: dict[str, Interval], chance: dict[str, float], null: Callable, of: list[tuple]
    ) -> CellScores:
        """``null`` of what each person's row of ``of`` holds: labels, what was said, rows."""
        if not found:
            return CellScores({}, Interval(None, None, None), np.full(1, 0.5), {})
        whole = (
            next(iter(found.values()))
            if len(found) == 1
            else t_interval(np.array([one.mean for one in found.values()]))
        )
        draws, nulls = self.draws[cell.tested], {}
        for way, (places, circular) in draws.ways.items():
            options = (self.n_draws, self.seed, circular)
            each = [
                null(labels, said, places.some(rows), *options, least_shift=draws.least_turn)
                for labels, said, rows in of
            ]
            nulls[way] = widened(np.mean(each, 0), self.n_folds, bounds=(0.0, 1.0))
        return CellScores(found, whole, next(iter(nulls.values())), chance, draws.p(whole.mean, nulls))

    def _ratio(self, cell: Cell, p_holm: dict[Cell, float]) -> tuple[float, float, float]:
        """What is above chance in a cell, as a part of that of the tested condition's own decoder, where that is above chance."""
        own = Cell(cell.band, cell.tested, cell.tested)
        if cell == own or own not in p_holm or not p_holm[own] < 1 - LEVEL:
            return np.nan, np.nan, np.nan
        shared = [name for name in self.balanced[own].by_subject if name in self.balanced[cell].by_subject]
        value, units = self._ratio_of(cell, own, shared)
        found = jackknife_interval(value, units)
        return tuple(np.nan if one is None else float(one) for one in found)

    def _ratio_of(
        self, cell: Cell, own: Cell, shared: list[str]
    ) -> tuple[Callable[[np.ndarray], float | None], np.ndarray]:
        """The ratio over parts of the data, and what the parts are: subjects, or the runs of two or one."""
        parts = []
        for number, subject in enumerate(shared):
            both = []
            for one in (cell, own):
                rows = self.rows(one, subject)
                said = self.log_proba[self.decoder(one), rows].argmax(1)
                labels, unit = self.events.label.to_numpy(np.int64)[rows], self.units.of[rows]
                both.append(
                    {name: confusion(labels[unit == name], said[unit == name], self.k) for name in np.unique(unit)}
                )
            units = [name for name in both[0] if name in both[1]]
            parts += [(number, name, both[0][name], both[1][name]) for name in units]
        person = np.array([one[0] for one in parts])
        found = [np.stack([one[i] for one in parts]) for i in (2, 3)]
        chance = [np.array([self.chance(one, name) for name in shared]) for one in (cell, own)]

        def value(kept: np.ndarray) -> float | None:
            excess = [
                np.mean(
                    [balanced_of(of[kept[person[kept] == one]].sum(0)) - level[one] for one in np.unique(person[kept])]
                )
                for of, level in zip(found, chance, strict=True)
            ]
            return float(excess[0] / excess[1]) if excess[1] > 0 else None

        return value, person if len(shared) > 2 else np.array([f"{one[0]} {one[1]}" for one in parts])


def _known(interval: Interval) -> tuple[float | None, ...]:
    return tuple(None if one is None or not np.isfinite(one) else float(one) for one in interval)
