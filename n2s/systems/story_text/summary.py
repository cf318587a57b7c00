"""From windows to scores: every metric of every row, beside its controls, with intervals over subjects or blocks of time."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.metrics.blocks import time_blocks
from n2s.metrics.intervals import cluster_interval, cluster_share_interval, t_interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.metrics.text.meteor import LABEL
from n2s.systems.story_text.rows import CEILING, METRICS, NULLS, null_of, ordered, row_of
from n2s.systems.story_text.scored import StoryTextScores

ABOVE, WAY = "above", "way"
SEVERAL = 3  # subjects from which on an interval over subjects says anything
BLOCK_S = 60.0  # three windows: neighbours share words
Q = 0.05
SUBJECTS = "mean over subjects, 95% t interval"
BLOCKS = "mean over windows, 95% interval over blocks of time of 60 s or more of these stories: it says nothing of other people"
OF_NULLS = "mean over null texts, 2.5 to 97.5% of them"
BOUNDS = {"wer": (0.0, math.inf), "match": (-1.0, 1.0), "bertscore": (-1.0, 1.0), WAY: (-math.inf, math.inf)}


def main_metric(result: StoryTextScores) -> str:
    """The metric of figures and of windows above chance: BERTScore, or the embedding match where there is none."""
    return "bertscore" if result.settings.get("contextual") else "match"


def measure_of(metric: str, result: StoryTextScores) -> Measure:
    """How a metric is shown; those of an encoder are named by it."""
    encoder = result.settings["encoder"]
    main = {"match": "embedding match", "bertscore": "BERTScore"}.get(main_metric(result))
    return {
        "wer": Measure("WER", higher_is_better=False),
        "bleu1": Measure("BLEU-1"),
        "meteor": Measure(LABEL),
        "match": Measure(f"embedding match ({encoder})"),
        "bertscore": Measure(f"BERTScore recall, idf ({encoder})"),
        "identification": Measure("identification, percentile rank (%)", scale=100, digits=1),
        ABOVE: Measure(f"windows above chance, {main} (%)", scale=100, digits=1),
        WAY: Measure(f"from null to ceiling, {main} (%)", scale=100, digits=1),
    }[metric]


def short(metric: str) -> str:
    """A metric's name in a table of its own."""
    return {
        "wer": "WER", "bleu1": "BLEU-1", "meteor": "METEOR", "match": "embedding match", "bertscore": "BERTScore",
        "identification": "identification",
    }[metric]  # fmt: skip


def metrics_of(result: StoryTextScores) -> list[str]:
    """The metrics that have a value, in the order of the table."""
    known = set(result.by_story.metric[np.isfinite(result.by_story.value)])
    return [name for name in METRICS if name in known]


def rows_of(result: StoryTextScores) -> list[str]:
    """Decoded rows, in the order of the table."""
    return ordered(list(result.by_story.row))


def with_blocks(result: StoryTextScores) -> pd.DataFrame:
    """Windows with a value, and the ``block`` of each: the same for all subjects and rows."""
    windows = result.windows[np.isfinite(result.windows.value)]
    if not len(windows):
        return windows.assign(block=np.zeros(0, int))
    length_s = result.settings["window_s"]
    blocks = time_blocks(
        windows.story.to_numpy(str),
        windows.start_s.to_numpy(),
        duration_s=length_s,
        least_s=max(BLOCK_S, 3 * length_s),
    )
    return windows.assign(block=blocks)


def scores(result: StoryTextScores) -> Scores:
    """Every score with its controls."""
    windows, names, rows = with_blocks(result), metrics_of(result), rows_of(result)
    values: dict[str, dict[str, dict[str, Score]]] = {}
    for metric in names:
        for row in rows:
            own = windows[(windows.metric == metric) & (windows.row == row)]
            if len(own):
                values.setdefault(metric, {})[row] = _means(own, BOUNDS.get(metric, (0.0, 1.0)))
        for name in NULLS:
            null = _of_nulls(result, metric, name)
            if null:
                values.setdefault(metric, {})[name] = null
    main = main_metric(result)
    for row in rows:
        own = windows[(windows.metric == main) & (windows.row == row)]
        tested = own[np.isfinite(own.q)]
        if len(tested):
            values.setdefault(ABOVE, {})[row] = _shares(tested)
        way = _way(own, windows[(windows.metric == main) & (windows.row == CEILING)]) if row != CEILING else {}
        if way:
            values.setdefault(WAY, {})[row] = way
    ways = {null_of(row): subjects for row, subjects in reversed(values.get(WAY, {}).items())}
    for name, subjects in ways.items():
        values[WAY][name] = {ALL: Score(0.0)} | {one: Score(0.0) for one in subjects if one != ALL}
    used = [row for row in ordered([*rows, *NULLS]) if any(row in by_row for by_row in values.values())]
    known: dict[str, Row] = {row: row_of(row) for row in used}
    values = {metric: {row: by_row[row] for row in used if row in by_row} for metric, by_row in values.items()}
    measures = {}
    for metric, by_row in values.items():
        measure = measure_of(metric, result)
        if not any(known[row].role == "control" for row in by_row):
            why = "no control was decoded" + (
                "; at most 5% of such windows are expected to be false" if metric == ABOVE else ""
            )
            measure = replace(measure, uncontrolled=f"{why}.")
        measures[metric] = measure
    return Scores(known, measures, values)


def over(by_subject: dict[str, Score], pooled: Score, bounds: tuple[float, float]) -> dict[str, Score]:
    """Subjects' scores and that of all: over subjects from `SEVERAL` on, else ``pooled``, over blocks of time."""
    values = np.array([one.mean for one in by_subject.values()])
    together = Score.of(t_interval(values, bounds=bounds), SUBJECTS) if len(values) >= SEVERAL else pooled
    return {ALL: together._replace(mean=float(values.mean()))} | by_subject


def _means(own: pd.DataFrame, bounds: tuple[float, float]) -> dict[str, Score]:
    by_subject = {str(name): mean_of(part, bounds) for name, part in own.groupby("subject", sort=False)}
    return over(by_subject, mean_of(own, bounds), bounds)


def mean_of(own: pd.DataFrame, bounds: tuple[float, float]) -> Score:
    """Mean over windows with an interval over blocks; without one if there is a single block."""
    value = own.value.to_numpy(np.float64)
    if own.block.nunique() < 2:
        return Score(float(value.mean()))
    return Score.of(cluster_interval(value, own.block.to_numpy(), bounds=bounds), BLOCKS)


def _shares(own: pd.DataFrame) -> dict[str, Score]:
    def share(part: pd.DataFrame) -> Score:
        hits = (part.q < Q).to_numpy(np.float64)
        if part.block.nunique() < 2:
            return Score(float(hits.mean()))
        return Score.of(cluster_share_interval(hits, part.block.to_numpy()), BLOCKS)

    by_subject = {str(name): share(part) for name, part in own.groupby("subject", sort=False)}
    return over(by_subject, share(own), (0.0, 1.0))


def _way(own: pd.DataFrame, ceiling: pd.DataFrame) -> dict[str, Score]:
    """How much of the way from the null to the ceiling; {} if there is no ceiling above the null."""
    keys = ["subject", "story", "start_s"]
    both = own[np.isfinite(own.null_mean)].merge(ceiling[[*keys, "value"]], on=keys, suffixes=("", "_best"))

    def way(part: pd.DataFrame) -> Score:
        value, null, best = (part[name].to_numpy(np.float64) for name in ("value", "null_mean", "value_best"))

        def share(rows: np.ndarray) -> float | None:
            room = best[rows].mean() - null[rows].mean() if len(rows) else 0.0
            return float((value[rows].mean() - null[rows].mean()) / room) if room > 1e-6 else None

        found = jackknife_interval(share, part.block.to_numpy())
        return Score.of(found, BLOCKS if found.low is not None else "")

    by_subject = {str(name): way(part) for name, part in both.groupby("subject", sort=False)}
    by_subject = {name: one for name, one in by_subject.items() if one.mean is not None}
    if not by_subject:
        return {}
    return over(by_subject, way(both), BOUNDS[WAY])


def _of_nulls(result: StoryTextScores, metric: str, row: str) -> dict[str, Score]:
    null = result.nulls[(result.nulls.story == "") & (result.nulls.row == row) & (result.nulls.metric == metric)]
    null = null[np.isfinite(null.value)]
    by_subject = {str(name): own.value.to_numpy(np.float64) for name, own in null.groupby("subject", sort=False)}
    if not by_subject:
        return {}
    n = min(map(len, by_subject.values()))
    together = np.mean([own[:n] for own in by_subject.values()], axis=0)

    def of(values: np.ndarray) -> Score:
        return Score.of((values.mean(), *np.quantile(values, [0.025, 0.975])), OF_NULLS)

    return {ALL: of(together)} | {name: of(own) for name, own in by_subject.items()}
