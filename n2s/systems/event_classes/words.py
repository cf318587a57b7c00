"""Sentences and tables of a classifier's test."""

from collections.abc import Mapping, Sequence

import numpy as np

from n2s.metrics.classification import PerClass, per_class
from n2s.metrics.score import Score, cell
from n2s.metrics.verdict import Claim
from n2s.systems.event_classes.controls import AUDIO
from n2s.systems.event_classes.draws import WHOLE, Draws
from n2s.systems.event_classes.outcome import Outcome
from n2s.systems.event_classes.summary import CONDITION_SCORES, MEASURES, MODEL, PERMUTED, TOP, Summary

ALPHA = 0.05
MOST_CLASSES = 60  # in a table


def counts(result: Outcome) -> dict[str, int]:
    """What was tested."""
    table = result.events
    what = "windows" if result.average == 1 else "averages"
    found = {what: len(table), "classes": len(result.names), "subjects": table.subject.nunique()}
    return found | {"recordings": table.recording.nunique(), "units": table.unit.nunique()}


def headline(summary: Summary, corrected: Mapping[str, float]) -> list[str]:
    """What is scored, and whether it is above chance; ``corrected``: p of each score."""
    result = summary.result
    found = counts(result)
    what = "frames" if result.frames else "windows"
    where = f"of {_n(found['subjects'], 'subject')} in {_n(found['recordings'], 'recording')}, of {_n(found['classes'], 'class')}"
    if result.average > 1:
        told = [
            f"Averages, not single windows: each of {found['averages']} samples {where} is the mean of up to {result.average} windows of one "
            "class, which has to be known to average them. It says what so many presentations tell together, and is never a score of single "
            "windows (single-trial)."
        ]
    else:
        told = [f"{found['windows']} single {what} {where}."]
    for name in ("f1_macro", "balanced_accuracy", *([TOP] if result.top_k else [])):
        score, null, p = summary.scores.get(name, MODEL), summary.scores.get(name, PERMUTED), corrected.get(name)
        if score.mean is None or (p is None and result.draws.tested):
            continue
        label, drawn = MEASURES[name].label.removesuffix(" (%)"), "turned" if result.frames else "permuted"
        value, chance = (
            f"{label} {cell(score, MEASURES[name])}%",
            f"that of {drawn} labels, {cell(null, MEASURES[name])}%",
        )
        if p is None:
            told.append(f"{value}, beside {chance}; without p, since classes come in stretches.")
            continue
        told.append(f"{value}, {'above' if p < ALPHA else 'not above'} {chance} ({_p(p)}, corrected).")
    for which, said in ((_better, "better"), (_as_well, "as well, or nearly")):
        names = [one.control for one in summary.ahead if one.name == "f1_macro" and which(one.score)]
        if names and not result.frames:
            told.append(
                f"Without a brain, {_listed(names)} {'tells' if len(names) == 1 else 'tell'} the classes {said}: see below."
            )
    return told


def claim(summary: Summary) -> Claim:
    """What the verdict compares: every control but the sound itself, which tells what was heard, and is no error if it tells more than the brain."""
    scores, name = summary.scores, "f1_macro"
    controls = [row for row, one in summary.rows.items() if one.role == "control" and row != AUDIO]
    sound = scores.get(name, AUDIO) if AUDIO in summary.rows else None
    if sound is None or sound.mean is None:
        return Claim(name, MODEL, controls)
    why = (
        "of what is said aloud, muscles and microphones may tell it, too: see n2s contamination"
        if _not_heard(summary.result)
        else "a brain that follows sound cannot exceed that by much"
    )
    return Claim(name, MODEL, controls, worth=f"The sound itself has {cell(sound, MEASURES[name])}%: {why}.")


def notes(summary: Summary) -> list[str]:
    """How scores come about."""
    result = summary.result
    inside = "each recording" + (" and condition" if result.events.condition.nunique() > 1 else "")
    how = (
        f"turned in a circle within {inside}, since neighbouring frames are alike"
        if result.frames
        else f"permuted within {inside}"
    )
    shared = "; people who have the same events get the same draw" if result.events.subject.nunique() > 1 else ""
    told = [
        f"Held out: {result.split or 'whole units'}, never single windows. A window lasts {result.window_s:g} s from {result.offset_s:g} s after "
        f"{'its start; its label is that of its middle' if result.frames else 'the event'}.",
        f"p: one-sided, the mean over subjects among {result.n_permutations} draws of labels {how}{shared}; corrected for all scores of all test "
        "sets (Holm).",
        *_ways(result.draws),
        "F1-macro and balanced accuracy are means over the classes that occur in the test; AUC is that of each class against the rest"
        + _inside(result),
        "Controls are fitted on the same training events, those of a window's own condition where there are enough"
        ", with the prior of the classes that the training had by its weights and its balance. 'Audio only' sees the sound of the window: of heard speech it says how well the sound itself tells the classes, which a brain that "
        "follows sound cannot exceed by much.",
        *result.control_notes,
        *([f"Sensors are scaled by {', or '.join(result.scaled_by)}."] if result.scaled_by else []),
    ]
    if result.voters:
        told.append(
            f"Majority of {len(result.voters)} networks, of equals the first class: {'; '.join(result.voters)}."
        )
    if result.top_k:
        told.append(
            f"Top-k balanced accuracy: how often the true class is among the {result.top_k} likeliest of {len(result.names)}, mean over the "
            f"classes that occur; chance is {100 * result.top_k / len(result.names):.3g}%."
        )
    conditions = _not_heard(result)
    if conditions and AUDIO in result.control_names:
        told.append(
            f"Conditions: {', '.join(conditions)}. What the sound tells there, muscles and microphones may tell, too: see n2s contamination."
        )
    if result.n_folds > 1:
        told.append(
            f"{result.n_folds} folds were held out in turn, each from a model of the others. Draws are spread 1.41 times as widely around their mean: folds learn from each other."
        )
    if result.n_averaged is not None and (result.n_averaged < result.average).any():
        few = int((result.n_averaged < result.average).sum())
        told.append(
            f"{few} of {len(result.n_averaged)} samples have fewer than {result.average} windows: the last ones of a class."
        )
    absent = [
        name
        for name, n in zip(result.names, np.bincount(result.labels, minlength=len(result.names)), strict=True)
        if not n
    ]
    if absent:
        told.append(f"No test window of {_listed(absent)}: they have no score.")
    return told


def _not_heard(result: Outcome) -> list[str]:
    """The conditions in which people did not listen."""
    return sorted(set(result.events.condition) - {"listen"})


def _inside(result: Outcome) -> str:
    """Where alone AUC compares windows."""
    parts = ["folds"] * (result.n_folds > 1) + ["conditions"] * (
        result.by_condition and result.events.condition.nunique() > 1
    )
    return f", inside {' and '.join(parts)}: others are of other models." if parts else "."


def _ways(draws: Draws) -> list[str]:
    """Why labels are not permuted alone."""
    if not draws.tested:
        return [
            "No p: classes come in stretches (blocks of a word, sentences of one speaker), and averages cannot be drawn in stretches, too. Single "
            "windows have a p."
        ]
    if draws.frames or len(draws.ways) == 1:
        return []
    why, ways = "Windows overlap", "labels turned in a circle"
    if WHOLE in draws.ways:
        stretches = "classes come in stretches, more than by chance"
        why = f"{why}, and {stretches}" if draws.overlap else stretches.capitalize()
        ways += ", and against whole stretches in another order"
    return [f"{why}: p is also taken against {ways}, and the largest counts."]


def tables(summary: Summary, corrected: Mapping[str, float]) -> dict[str, tuple[Sequence[str], Sequence[Sequence]]]:
    """Tests, leads over controls, and each class."""
    result = summary.result
    tests = [[MEASURES[name].label, _p(p), _p(corrected[name])] for name, p in summary.p.items()]
    found = {"Tests against labels that do not belong": (["score", "p", "p, Holm"], tests)} if tests else {}
    if summary.ahead:
        rows = [
            [one.control, MEASURES[one.name].label, cell(one.score, MEASURES[one.name]), one.score.kind]
            for one in summary.ahead
        ]
        found["How far the network is ahead of classifiers that see no brain"] = (
            ["control", "score", "ahead by", "interval"],
            rows,
        )
    if summary.conditions:
        found["Each condition"] = _conditions(summary)
    if len(result.names) <= MOST_CLASSES:
        found["Each class"] = _classes(summary, per_class(result.labels, result.predicted, len(result.names)))
    return found


def _conditions(summary: Summary) -> tuple[list[str], list[list[str]]]:
    rows = []
    for one, own in summary.condition_scores.items():
        values = [
            "n/a" if own[name][0] is None else cell(Score(*own[name]), MEASURES[name]) for name in CONDITION_SCORES
        ]
        p = "-" if own["p_holm"] is None else _p(own["p_holm"])
        rows.append([one, str(own["n"]), *values, f"{100 * own['null']:.1f}", p])
    drawn = "turned" if summary.result.frames else "permuted"
    labels = [MEASURES[name].label for name in CONDITION_SCORES]
    return ["condition", "tested", *labels, f"F1-macro of {drawn} labels (%)", "p of F1-macro, Holm"], rows


def _better(ahead: Score) -> bool:
    return ahead.mean is not None and ahead.high is not None and ahead.high < 0


def _as_well(ahead: Score) -> bool:
    """Not surely behind the network, nor surely ahead of it; without an interval, if it is not behind."""
    if ahead.mean is None or _better(ahead):
        return False
    return ahead.mean <= 0 if ahead.low is None else ahead.low <= 0


def _classes(summary: Summary, found: PerClass) -> tuple[list[str], list[list[str]]]:
    result = summary.result
    rows, table = [], summary.confusions
    trained = np.atleast_2d(result.trained).sum(0) // (max(result.n_folds - 1, 1))
    for number, name in enumerate(result.names):
        if not found.support[number]:
            continue
        others = np.where(np.arange(len(table)) == number, 0, table[number])
        taken = (
            f"{result.names[int(others.argmax())]} ({100 * others.max() / found.support[number]:.0f}%)"
            if others.any()
            else ""
        )
        numbers = [f"{100 * one[number]:.1f}" for one in found[:3]]
        rows.append([name, str(trained[number]), str(found.support[number]), *numbers, taken])
    return ["class", "training windows", "tested", "precision (%)", "found (%)", "F1 (%)", "most often taken for"], rows


def _n(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}es" if what.endswith("s") else f"{n} {what}s"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else f"p = {p:.1g}"
