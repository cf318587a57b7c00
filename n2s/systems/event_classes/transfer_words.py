"""Sentences and tables of transfer: what is above chance, how much of it carries over, and what that does not say."""

import math

import numpy as np
import pandas as pd

from n2s.errors import first_of
from n2s.metrics.verdict import Claim
from n2s.report.figures import short_names
from n2s.systems.event_classes.draws import TURNED, WHOLE
from n2s.systems.event_classes.transfer import Cell
from n2s.systems.event_classes.transfer_scores import BALANCED, FEWEST
from n2s.systems.event_classes.transfer_times import TimedScores

LEVEL = 0.05
SPOKEN = ("overt", "silent")


def headline(result: TimedScores) -> list[str]:
    """Two sentences or a few more: each condition by itself, then what carries over."""
    if not result.cells:
        return ["No decoder has a test window."]
    table = _by_cell(result)
    found, band = [], result.bands[0]
    for condition in result.conditions:
        cell = Cell(band, condition, condition)
        if cell in result.balanced:
            found.append(f"{condition.capitalize()}: {_score(result, cell)} {_above(table.loc[cell])}.")
            found += _too_good(result, cell)
    for cell in result.cells_of(band):
        if cell.trained == cell.tested:
            continue
        row = table.loc[cell]
        told = f"Trained on {cell.trained}, tested on {cell.tested}: {_score(result, cell)} {_above(row)}"
        if np.isfinite(row.ratio) and row.p_holm < LEVEL:
            ends = f" ({100 * row.ratio_low:.0f} to {100 * row.ratio_high:.0f})" if np.isfinite(row.ratio_low) else ""
            told += f"; that is {100 * row.ratio:.0f}%{ends} of what a decoder of {cell.tested} itself has above chance"
        found.append(f"{told}.")
    return found


def claim(result: TimedScores) -> Claim:
    """The verdict is of the first condition by itself, by the page's own test of chance; the sentences below it tell what carries over."""
    cells = [Cell(result.bands[0], one, one) for one in result.conditions] if result.cells else []
    own = next((cell for cell in cells if cell in result.balanced), None)
    if own is None:
        return Claim()
    row, p = result.row_of(own), _by_cell(result).loc[own].p_holm
    controls = [result.permuted_of(own), "chance"]
    state = None if not np.isfinite(p) else "above" if p < LEVEL else "not shown"
    return Claim(BALANCED, row, controls, state=state, tested=controls)


def _by_cell(result: TimedScores) -> pd.DataFrame:
    """The tests of chance, by cell."""
    return result.tests.set_index(["band", "trained", "tested"])


def _too_good(result: TimedScores, cell: Cell) -> list[str]:
    """A sentence where a decoder is better than the brain alone allows: known in simulated studies."""
    own, low = result.best.get(cell.tested, {}), result.balanced[cell].whole[1]
    if set(own) != set(result.subjects) or low is None or not np.isfinite(low):
        return []
    best = float(np.mean([one.mean for one in own.values()]))
    if low <= best:
        return []
    return [
        f"That is more than the brain alone allows: the best possible decoder without artifacts has {100 * best:.1f}%. The rest is artifacts of speech."
    ]


def notes(result: TimedScores) -> list[str]:
    """What the numbers are of, and what they do not say."""
    made = result.settings
    found = [
        f"Decoder: {made['classifier']}, of windows of {1000 * made['window_s']:g} ms from {1000 * made['offset_s']:g} ms after the {made['at']} of the event; "
        f"every condition with the same classes, windows and held-out units. It was fitted {made['fitted']}.",
        "p: labels permuted within runs and conditions, in the same way for people who have the same events; corrected for the number of rows of each table (Holm)."
        + (
            f" The null of {result.n_folds} pooled folds is widened, as folds learn from each other."
            if result.n_folds > 1
            else ""
        ),
    ]
    found += _ways(result)
    if result.paired:
        found.append("Pairs above chance: p < .05 against the largest of all pairs of the row, in each draw of labels.")
    n = len(result.subjects)
    if n >= FEWEST:
        found.append(
            f"Over subjects: Wilcoxon signed-rank against chance, one-sided, {n} subjects. It takes people as independent: errors that all share, "
            "as with the same events in the same order, make its p too small."
        )
    elif n > 1:
        found.append(
            f"{n} subjects are too few for a test over subjects ({FEWEST} or more): p is of these subjects, not of others."
        )
    else:
        found.append(f"One subject: intervals are over {result.units.words}, and nothing is said of other people.")
    if result.best:
        found.append(
            "Best possible: a decoder that knows how the data were made, without artifacts of speech, at the same windows."
        )
    if result.average > 1:
        found.insert(0, f"Samples are means of up to {result.average} windows of one class: no single-trial scores.")
    if made.get("scaled_by"):
        found.append(f"Sensors are scaled by {', or '.join(made['scaled_by'])}.")
    if made["average"] > 1:
        found.append(f"Training samples are means of {made['average']} windows.")
    if len(result.bands) > 1:
        reach = ", ".join(f"{name} {seconds:.2g} s" for name, seconds in made["support_s"].items())
        found.append(
            f"Bands are filtered before windows are cut: a sample depends on a stretch of the recording, which is longer than a window where the band is low ({reach})."
        )
    spoken = [one for one in result.conditions if one in SPOKEN]
    if spoken:
        found.append(
            f"Muscles, jaw and head move in {first_of(spoken)} speech: its score, and what carries over to it, may be of these. `n2s contamination` compares."
        )
    return found


def _ways(result: TimedScores) -> list[str]:
    """Conditions whose labels are not permuted alone, and why."""
    turned = [name for name, draws in result.draws.items() if TURNED in draws.ways]
    whole = [name for name in turned if WHOLE in result.draws[name].ways]
    untested = [name for name, draws in result.draws.items() if not draws.tested]
    found = []
    if turned:
        ways = "labels turned in a circle" + (", and against whole stretches in another order" if whole else "")
        found.append(
            f"{', '.join(turned)}: windows overlap, or classes come in stretches; p is also taken against {ways}, and the largest counts."
        )
    if untested:
        found.append(
            f"{', '.join(untested)}: no p, since classes come in stretches, and averages cannot be drawn in stretches, too."
        )
    return found


def tables(result: TimedScores) -> dict[str, tuple[list[str], list[list[str]]]]:
    """By title: tests of each cell, subjects, and pairs."""
    if not result.cells:
        return {}
    found = {"Tests": _tests(result)}
    if len(result.subjects) > 1:
        found["Subjects"] = _subjects(result)
    if result.paired:
        found["Pairs of classes"] = _pairs(result)
    if result.timed:
        found["Decoders at single times"] = _times(result)
    return found


def counts(result: TimedScores) -> dict[str, int]:
    """For the end of the page."""
    return {
        "n_windows": len(result.events), "n_classes": result.k, "n_subjects": len(result.subjects),
        "n_runs": int(result.events.recording.nunique()), "n_training_windows": int(np.sum(result.settings["n_train"])) // result.n_folds,
    }  # fmt: skip


def _score(result: TimedScores, cell: Cell) -> str:
    mean, low, high = result.balanced[cell].whole
    ends = "" if low is None or not np.isfinite(low) else f" ({100 * low:.1f} to {100 * high:.1f})"
    return f"balanced accuracy {100 * mean:.1f}%{ends}, chance {100 * np.mean(list(result.balanced[cell].chance.values())):.1f}%,"


def _above(row: pd.Series) -> str:
    """``above chance (p = .002)``."""
    if not np.isfinite(row.p_holm):
        return "without p, since classes come in stretches"
    p = f"p {_p(row.p_holm)}"
    return f"above chance ({p})" if row.p_holm < LEVEL else f"not above chance ({p})"


def _p(value: float) -> str:
    return "-" if not math.isfinite(value) else "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".")


def _tests(result: TimedScores) -> tuple[list[str], list[list[str]]]:
    headings = [
        "",
        "balanced accuracy (%)",
        "permuted labels, 95%",
        "p, corrected",
        "p over subjects",
        "ratio of transfer (%)",
        "windows",
    ]
    rows = []
    for cell, row in zip(result.balanced, result.tests.itertuples(index=False), strict=True):
        low, high = result.balanced[cell].null_ends
        ratio = "-"
        if np.isfinite(row.ratio):
            ends = f" ({100 * row.ratio_low:.0f} to {100 * row.ratio_high:.0f})" if np.isfinite(row.ratio_low) else ""
            ratio = f"{100 * row.ratio:.0f}{ends}"
        rows.append([
            result.label_of(cell), f"{100 * getattr(row, BALANCED):.1f}", f"{100 * low:.1f} to {100 * high:.1f}", _p(row.p_holm), _p(row.p_wilcoxon), ratio,
            str(row.n_windows),
        ])  # fmt: skip
    return headings, rows


def _subjects(result: TimedScores) -> tuple[list[str], list[list[str]]]:
    cells = result.cells_of(result.bands[0])
    rows = []
    for subject, name in zip(result.subjects, short_names(result.subjects), strict=True):
        own = [result.balanced[cell].by_subject.get(subject) for cell in cells]
        rows.append([name, *("n/a" if one is None else f"{100 * one.mean:.1f}" for one in own)])
    return ["balanced accuracy (%)", *(result.label_of(cell) for cell in cells)], rows


def _pairs(result: TimedScores) -> tuple[list[str], list[list[str]]]:
    headings = [
        "",
        "mean of pairs (%)",
        "permuted labels, 95%",
        "p, corrected",
        "p over subjects",
        "pairs above chance",
        "best pair",
    ]
    rows = []
    for cell, found in result.paired.items():
        if not np.isfinite(found.mean):
            rows.append([result.label_of(cell), *["n/a"] * 6])
            continue
        low, high = np.quantile(found.null, [0.025, 0.975])
        best = int(np.nanargmax(found.each))
        pair = "/".join(result.names[one] for one in result.pairs[best])
        mean, ends = 100 * found.mean, found.ends
        interval = f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if np.isfinite(ends[0]) else ""
        rows.append([
            result.label_of(cell), f"{mean:.1f}{interval}", f"{100 * low:.1f} to {100 * high:.1f}", _p(result.p_of_pairs[cell]), _p(found.p_wilcoxon),
            f"{int((found.p < LEVEL).sum())} of {int(np.isfinite(found.each).sum())}", f"{pair} {100 * found.each[best]:.1f}",
        ])  # fmt: skip
    return headings, rows


def _times(result: TimedScores) -> tuple[list[str], list[list[str]]]:
    headings = ["", "highest, each at its own time (%)", "at (ms)", "chance of the highest, 95% below (%)", "times above that", "highest at any time (%)", "trained, tested at (ms)"]  # fmt: skip
    times, rows = 1000 * np.array(result.times_s), []
    for cell, one in result.timed.items():
        best = int(one.course.argmax())
        any_time = ["-", "-"]
        if one.matrix is not None:
            first, other = np.unravel_index(one.matrix.argmax(), one.matrix.shape)
            any_time = [f"{100 * one.matrix[first, other]:.1f}", f"{times[first]:.0f}, {times[other]:.0f}"]
        rows.append([
            result.label_of(cell), f"{100 * one.course[best]:.1f}", f"{times[best]:.0f}", "-" if np.isnan(one.high) else f"{100 * one.high:.1f}",
            "-" if np.isnan(one.high) else f"{int((one.course > one.high).sum())} of {len(times)}", *any_time,
        ])  # fmt: skip
    return headings, rows
