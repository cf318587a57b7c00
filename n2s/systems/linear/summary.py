"""What is said of decoding scores: the table with its controls, sentences, tables of subjects and folds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from n2s.metrics.cross_fitted import TOLD
from n2s.metrics.group_tests import OverSubjects
from n2s.metrics.intervals import t_interval
from n2s.metrics.score import ALL, Measure, Row, Score, Scores, cell
from n2s.systems.linear.score_lines import CEILING, MOST_MOVED, R_UNATTENDED

BLOCKS = "95% interval over blocks of time of 10 s or more"
SUBJECTS = "mean over subjects, 95% t interval"
NULL = "central 95% of the null"
MOST_SUBJECTS, MOST_FOLDS = 30, 12  # in a table
MOST_MEASURES = 4  # side by side in a table
R = Measure("r")
KINDS = {"match": "match-mismatch", "attended": "attended against unattended"}


def label_of(measure: str) -> Measure:
    """How a measure of the result is shown."""
    if measure == "r":
        return R
    if measure == R_UNATTENDED:
        return Measure("r with the other talker")
    kind, _, length = measure.partition(", ")
    return Measure(f"{KINDS.get(kind, kind)}, {length} (%)", scale=100, digits=1)


def scores(values: pd.DataFrame) -> Scores:
    """Every measure of every target, beside shifted time and chance, and the best possible, if it is known.

    Of one subject intervals are over time, of several over subjects.
    """
    rows: dict[str, Row] = {name: Row(name) for name in values.target.unique()}
    rows |= {f"{name} (shifted)": Row(f"{name} shifted in time", "control") for name in values.target.unique()}
    known = values[np.isfinite(values.value)]
    beside = known[known.measure == R_UNATTENDED]
    rows |= {f"{name} (unattended)": Row(f"{name} of the other talker", "control") for name in beside.target.unique()}
    rows["chance"] = Row("chance", "control")
    if len(with_ceiling(known)):
        rows["ceiling"] = Row("ceiling: ideal observer", "ceiling")
    measures, found = {}, {}
    for name, own in known[known.measure != R_UNATTENDED].groupby("measure", sort=False):
        bounds, by_row = (-1.0, 1.0) if name == "r" else (0.0, 1.0), {}
        for target, table in own.groupby("target", sort=False):
            by_row[target] = _row(table, ("value", "low", "high"), BLOCKS, bounds)
            null = table[np.isfinite(table.null_mean)]
            if len(null):
                by_row[f"{target} (shifted)"] = _row(null, ("null_mean", "null_low", "null_high"), NULL, bounds)
        for target, table in beside.groupby("target", sort=False) if name == "r" else ():
            by_row[f"{target} (unattended)"] = _row(table, ("value", "low", "high"), BLOCKS, bounds)
        if np.isfinite(own.chance).any():
            by_subject = own.groupby("subject", sort=False).chance.mean()
            by_row["chance"] = {ALL: Score(float(by_subject.mean()))} | {
                subject: Score(float(value)) for subject, value in by_subject.items()
            }
        best = with_ceiling(own).drop_duplicates("subject")  # the same for each target
        if len(best):
            by_row["ceiling"] = _row(best, CEILING, BLOCKS, bounds)
        has_control = any(rows[key].role == "control" for key in by_row)
        why = "" if has_control else "too few rows are held out to shift them in time"
        shown = label_of(name)
        measures[name] = Measure(shown.label, shown.scale, shown.digits, uncontrolled=why)
        found[name] = by_row
    return Scores(rows, measures, found)


def with_ceiling(values: pd.DataFrame) -> pd.DataFrame:
    """The lines that know what the best possible decoder reaches; none in results from before there was one."""
    return values[np.isfinite(values[CEILING[0]])] if CEILING[0] in values else values.iloc[:0]


def _row(
    table: pd.DataFrame, columns: tuple[str, str, str], kind: str, bounds: tuple[float, float]
) -> dict[str, Score]:
    own = {
        line.subject: Score.of([None if np.isnan(getattr(line, one)) else getattr(line, one) for one in columns], kind)
        for line in table.itertuples()
    }
    if len(own) == 1:
        return {ALL: next(iter(own.values()))} | own
    means = np.array([one.mean for one in own.values()])
    return {ALL: Score.of(t_interval(means, bounds=bounds), SUBJECTS)} | own


def headline(values: pd.DataFrame, folds: pd.DataFrame, settings: Mapping) -> list[str]:
    """Who was decoded, from how much, and what r is."""
    subjects = values.subject.nunique()
    counts = sorted(set(settings["n_sensors"].values()))
    what = " and ".join({"sensor": "sensors", "vertex": "vertices"}.get(kind, f"{kind}s") for kind in settings["kinds"])
    length_s = folds[folds.target == folds.target.iloc[0]].groupby("subject").duration_s.sum()
    n_folds = folds[folds.target == folds.target.iloc[0]].groupby("subject").size()
    lags = "; ".join(f"{a:g} to {b:g} s" for a, b in settings["lags_s"])
    edges = settings["band_hz"]
    band = ""
    if any(edges):
        low, high = edges
        text = f"{low:g} to {high:g} Hz" if low and high else f"above {low:g} Hz" if low else f"below {high:g} Hz"
        band = f" Targets are filtered to {text}, each stretch alone."
    return [
        f"{subjects} {'subject' if subjects == 1 else 'subjects'}, {_range(counts)} {what}. A ridge decodes what was heard from the brain {lags} "
        f"after it.{band}",
        f"r: Pearson correlation of reconstruction and truth over {_range(length_s.round().astype(int))} s of held-out sound of "
        f"{_range(n_folds)} {'fold' if n_folds.max() == 1 else 'folds'} a subject, all folds joined, each fold's part of a recording without its "
        "mean, reconstructions of each fold on one scale; of several features their mean.",
    ]


def notes(values: pd.DataFrame, settings: Mapping) -> list[str]:
    """The null, windows, significance."""
    told = [
        f"Shifted in time, of r: in each of {settings['n_shifts']} draws the truth of every part (of a recording and fold) is moved inside that part, forward "
        "or backward in time, by any number of rows; parts with gaps stretch by stretch. That keeps how slow both are, also where parts are short. Of "
        f"windows: the truth of all is moved on together, in a circle, by {settings['shift_s']:g} s or more, in {MOST_MOVED} draws at most. p = (1 + draws that reach the score) / (1 + draws). {TOLD}"
    ]
    if values.measure.str.startswith("match").any():
        told.append(
            "match-mismatch: how often the reconstruction of a window correlates more with what was heard than with another window of "
            "the same length, over all other windows; chance is 50%. top-k: how often the window that was heard is among the k best of all."
        )
        by_length = values[values.measure.str.startswith("match")].groupby("measure", sort=False).n
        told.append(
            "Candidates a window: "
            + "; ".join(f"{name.split(', ')[1]}: {_range(sorted(set(n)))}" for name, n in by_length)
            + "."
        )
    if values.measure.str.startswith("attended").any():
        told.append(
            "attended against unattended: how often the reconstruction of a window correlates more with the talker who was attended than "
            "with the other one, over windows that do not overlap. The decoder is trained on attended talkers. Shifted in time: the "
            "reconstruction is moved against both talkers, by as much and by a window or more; it is not 50% if one of them looks more like what "
            "is decoded. "
            "The interval of a subject says how well the share is known for this listener and these sounds."
        )
    if len(with_ceiling(values)):
        told.append(
            "Ceiling: the exact likelihood of the same windows. This observer knows the listener, the noise and all of both sounds, and sees the "
            "recording as it was made, for as long as the decoder's lags see it."
        )
    for (target, measure), own in values[np.isfinite(values.p)].groupby(["target", "measure"], sort=False):
        if not measure.startswith("top"):
            told.append(_significance(target, label_of(measure).label.removesuffix(" (%)"), own))
    return told


def _significance(target: str, measure: str, own: pd.DataFrame) -> str:
    """How many subjects are above their null, and the test over subjects."""
    n, rule = len(own), OverSubjects(len(own))
    if n == 1:
        return f"{target}, {measure}: p = {own.p.iloc[0]:.2g}."
    told = f"{target}, {measure}: {int((own.p < 0.05).sum())} of {n} subjects have p < .05 within themselves"
    if not rule.possible:
        return f"{told}; a test over subjects needs {rule.fewest}."
    q = float(rule.q((own.value - own.null_mean).to_numpy()[:, None])[0])
    return f"{told}; over subjects, against their nulls: p = {q:.2g} ({rule})."


def tables(values: pd.DataFrame, folds: pd.DataFrame) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Each subject's measures, and r by fold."""
    found = {}
    for target, own in values.groupby("target", sort=False):
        names = [name for name in own.measure.unique() if not name.startswith("top")]
        subjects = list(own.subject.unique())
        if len(subjects) > MOST_SUBJECTS:
            continue
        if len(subjects) > 1:
            by = own.set_index(["subject", "measure"])
            for at in range(0, len(names), MOST_MEASURES):  # more do not fit on a page
                some = names[at : at + MOST_MEASURES]
                lines = [[one, *(text for name in some for text in _with_p(by, one, name))] for one in subjects]
                title = f"{target}, each subject" + (
                    f" ({at // MOST_MEASURES + 1})" if len(names) > MOST_MEASURES else ""
                )
                found[title] = ["", *(head for name in some for head in (label_of(name).label, "p"))], lines
        parts = folds[folds.target == target]
        if 1 < parts.fold.nunique() <= MOST_FOLDS:
            table = parts.pivot_table(index="subject", columns="fold", values="r", sort=False)
            lines = [
                [str(subject), *("-" if np.isnan(r) else f"{r:.3f}" for r in line)]
                for subject, line in zip(table.index, table.to_numpy(), strict=True)
            ]
            found[f"{target}, r by fold"] = (["", *map(str, table.columns)], lines)
    return found


def facts(values: pd.DataFrame, folds: pd.DataFrame) -> dict:
    """Entries of ``metrics.json``."""
    return {
        "n_subjects": int(values.subject.nunique()),
        "values": [_plain(line) for line in values.to_dict("records")],
        "folds": [_plain(line) for line in folds.to_dict("records")],
    }


def _with_p(by: pd.DataFrame, subject: str, measure: str) -> tuple[str, str]:
    """The cells of a subject's measure and of its p."""
    line = by.loc[(subject, measure)] if (subject, measure) in by.index else None
    if line is None or np.isnan(line.value):
        return "-", "-"
    score = Score.of([None if np.isnan(line[one]) else line[one] for one in ("value", "low", "high")])
    return cell(score, label_of(measure)), "-" if np.isnan(line.p) else f"{line.p:.2g}"


def _plain(line: Mapping) -> dict:
    """Plain JSON types; NaN is null."""
    found = {}
    for name, value in line.items():
        value = value.item() if hasattr(value, "item") else value
        found[name] = None if isinstance(value, float) and np.isnan(value) else value
    return found


def _range(numbers: Sequence) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
