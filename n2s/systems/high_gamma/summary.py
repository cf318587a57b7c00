"""From electrodes to scores: medians and the best tenth of each subject, flattened scores, and intervals over subjects."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.metrics.intervals import t_interval
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.high_gamma.rows import CIRCULAR, MEAN

UNCONTROLLED = "all baselines predict constants"
TOP = 0.1  # of the electrodes
Q = 0.05
KIND = "mean over subjects, 95% t interval"
NULL_KIND = "mean over shifts, 2.5 to 97.5% of all shifts"
MEASURES = {
    "r_median": Measure("r, median electrode"),
    "r_top": Measure("r, best 10% of electrodes"),
    "significant": Measure("electrodes with q < .05 (%)", scale=100, digits=1),
    "flattened_r": Measure("flattened r"),
    "flattened_r2": Measure("flattened R2"),
}


def filled(r: np.ndarray, varies: np.ndarray) -> np.ndarray:
    """(v,) r of the electrodes that vary: 0 where a model predicts a constant. It has found nothing there, and must not be spared it."""
    return np.nan_to_num(np.asarray(r, float)[np.asarray(varies, bool)])


def n_top(n: int) -> int:
    """How many electrodes are the best tenth: one at least."""
    return max(1, math.ceil(TOP * n - 1e-9))


def top_mean(r: np.ndarray) -> float:
    """Mean of the best tenth."""
    return float(np.sort(r)[-n_top(len(r)) :].mean()) if len(r) else np.nan


def best_electrodes(r: np.ndarray, n: int) -> np.ndarray:
    """(at most n,) numbers of the electrodes with the highest r, the best first."""
    order = np.argsort(-np.nan_to_num(r, nan=-np.inf), kind="stable")
    return order[np.isfinite(r[order])][:n]


def subject_values(electrodes: pd.DataFrame, flat: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Measure -> row -> subject -> value; what cannot be computed is absent."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in MEASURES}

    def put(measure: str, row: str, subject: str, value: float) -> None:
        if np.isfinite(value):
            found[measure].setdefault(row, {})[subject] = float(value)

    for subject, own in electrodes.groupby("subject", sort=False):
        tested = any(own[name].notna().any() for name in own if name.startswith("q:"))
        for column in [name for name in own if name.startswith("r:")]:
            row = column[2:]
            r = filled(own[column], own.varies)
            put("r_median", row, subject, float(np.median(r)) if len(r) else np.nan)
            put("r_top", row, subject, top_mean(r))
            if tested and f"q:{row}" in own and len(r):  # a constant prediction is not significant
                put("significant", row, subject, float((own.loc[own.varies, f"q:{row}"] < Q).mean()))
    for row in flat.itertuples():
        put("flattened_r", row.row, row.subject, row.r)
        put("flattened_r2", row.row, row.subject, row.r2)
    return found


def scores(electrodes: pd.DataFrame, flat: pd.DataFrame, null: pd.DataFrame, rows: pd.DataFrame) -> Scores:
    """Every score with its controls."""
    known = {one.row: Row(one.label, one.role) for one in rows.itertuples()}
    values = {
        measure: {row: over_subjects(own, measure) for row, own in by_row.items()}
        for measure, by_row in subject_values(electrodes, flat).items()
        if by_row
    }
    if len(null):
        for measure, column in (("r_median", "median"), ("r_top", "top")):
            if measure in values:
                values[measure][CIRCULAR] = of_null(null, column)
    order = [*known]
    values = {measure: {row: by_row[row] for row in order if row in by_row} for measure, by_row in values.items()}
    controls = {row for row, one in known.items() if one.role == "control"}
    measures = {
        name: MEASURES[name] if controls & set(by_row) else replace(MEASURES[name], uncontrolled=UNCONTROLLED)
        for name, by_row in values.items()
    }
    return Scores(known, measures, values)


def over_subjects(values: Mapping[str, float], measure: str) -> dict[str, Score]:
    """Subjects' values and their mean, with an interval from two subjects on."""
    bounds = {"significant": (0.0, 1.0), "flattened_r2": (-math.inf, 1.0)}.get(measure, (-1.0, 1.0))
    own = {name: Score(value) for name, value in values.items()}
    every = np.array(list(values.values()))
    if len(every) < 2:
        return {ALL: Score(float(every.mean()) if len(every) else None)} | own
    return {ALL: Score.of(t_interval(every, bounds=bounds), KIND)} | own


def of_null(null: pd.DataFrame, column: str) -> dict[str, Score]:
    """Subject -> mean over shifts and what 95% of them lie between; of all subjects: of the means over subjects of each shift."""
    by_subject = {name: own[column].to_numpy() for name, own in null.groupby("subject", sort=False)}
    found = {
        name: Score.of((own.mean(), *np.quantile(own, [0.025, 0.975])), NULL_KIND) for name, own in by_subject.items()
    }
    n = min(map(len, by_subject.values()))
    together = np.mean([own[:n] for own in by_subject.values()], axis=0)
    return {ALL: Score.of((together.mean(), *np.quantile(together, [0.025, 0.975])), NULL_KIND)} | found


def row_table(rows: list, n_features: Mapping[str, int]) -> pd.DataFrame:
    """All rows of the table: those that are fitted, the training mean, the circular shift. ``n_features``: of each space."""
    fitted = [
        {
            "row": one.key,
            "label": one.label,
            "role": one.role,
            "model": one.model,
            "estimator": one.fits[0].estimator,
            "spaces": " + ".join(one.fits[0].spaces),
            "n_features": sum(n_features[space] for space in one.fits[0].spaces),
            "n_draws": len(one.fits),
        }
        for one in rows
    ]
    alone = [
        (MEAN, "training mean of each electrode"),
        (CIRCULAR, "predictions shifted in a circle"),
    ]
    blank = {"role": "control", "model": "", "estimator": "", "spaces": "", "n_features": 0, "n_draws": 0}
    return pd.DataFrame([*fitted, *({"row": key, "label": label} | blank for key, label in alone)])
