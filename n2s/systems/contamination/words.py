"""Sentences and tables of a verdict."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from n2s.metrics.score import ALL
from n2s.systems.contamination.joined import ALPHA
from n2s.systems.contamination.sources import LABELS
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL, HOW, SHARE, Verdict

MEANING = {
    CLEAN: "no control that says as much as the brain is found in the sensors",
    DOUBTFUL: "what follows has to be settled before the score is called the brain's",
    CONTAMINATED: "the score is as likely that of what is named below as that of the brain",
}


def headline(verdicts: Mapping[str, Verdict], subjects: Sequence[str], options: Mapping) -> list[str]:
    """The verdict, its reasons, and what was compared."""
    all_of = verdicts[ALL]
    lines = [
        f"Verdict: {all_of.word.upper()}. In condition '{options['condition']}' {MEANING[all_of.word]}.",
        *all_of.reasons,
    ]
    if len(subjects) > 1:
        counts = {
            word: sum(verdicts[name].word == word for name in subjects) for word in (CONTAMINATED, DOUBTFUL, CLEAN)
        }
        lines.append(
            f"By themselves, {', '.join(f'{n} of {len(subjects)} people are {word}' for word, n in counts.items() if n)}."
        )
    return lines


def notes(verdict: Verdict, options: Mapping, table: pd.DataFrame) -> list[str]:
    """What else was found, and how."""
    lacking = [
        f"{LABELS.get(row.source, row.source)}: {row.why}."
        for row in table[table.subject == ALL].itertuples()
        if row.why
    ]
    return [
        *verdict.notes,
        *lacking,
        f"The same decoder ({options['classifier']}) is taught from each source, at the same windows ({1000 * options['window_s']:.0f} ms from "
        f"{1000 * options['offset_s']:+.0f} ms) and folds: up to {options['n_folds']}, of whole units that data.split keeps together (runs, stories). All is of "
        "single windows, scaled by the recording that they are of.",
        f"p: labels permuted within runs, {options['n_permutations']} times; folds learn from each other, so that the null is spread more widely. Controls are "
        f"corrected for their number (Holm). 'Contaminated' needs a control above chance by {100 * SHARE:.0f}% or more of the brain's lead, which is also found in "
        f"the sensors (p < {ALPHA:g}, corrected).",
        "A control is looked for in the sensors as the recipe cleans them, at a rate that holds voice and muscles, where the brain has no reason to follow it: sound "
        "and muscles by their course, strength and frequencies above 40 Hz; slow movements in seconds without speech, filtered alone. The null moves it in time, or exchanges such seconds. A brain that moves muscles "
        "is not told from muscles below 40 Hz while somebody speaks.",
        "Sound and EMG tell what is said aloud in any case. In playback and in imagined speech no muscle moves: a decoder that also works there, learned aloud, has not learned muscles.",
    ]  # fmt: skip


def tables(
    verdicts: Mapping[str, Verdict],
    table: pd.DataFrame,
    links: pd.DataFrame,
    early: pd.DataFrame,
    subjects: Sequence[str],
) -> dict[str, tuple[Sequence[str], Sequence[Sequence]]]:
    """Controls beside the brain, what reaches the sensors, windows before the voice, and each person."""
    found: dict[str, tuple[Sequence[str], Sequence[Sequence]]] = {}
    controls = verdicts[ALL].controls
    if len(controls):
        found["Controls beside the brain"] = (
            ["control", "balanced accuracy (%)", "of the brain's lead", "p, corrected", "in the sensors, p corrected", "which means"],
            [
                [LABELS[r.source], _interval(r), f"{100 * r.share:.0f}%" if np.isfinite(r.share) else "-", f"{r.p_holm:.2g}", _p(r.reach_holm), _means(r)]
                for r in controls.itertuples()
            ],
        )  # fmt: skip
    known = links[links.p.notna()]
    if len(known):
        found["Found in the sensors?"] = (
            ["person", "signal", "how", "p", "largest r", "sensor", "seconds"],
            [
                [r.subject, LABELS[r.group], HOW[r.view], _p(r.p), f"{r.r:.3f}", r.sensor, f"{r.seconds:.0f}"]
                for r in known.itertuples()
            ],
        )  # fmt: skip
    own = early[early.subject == ALL] if len(early) else early
    if len(own):
        spans = sorted({(r.start_s, r.stop_s) for r in own.itertuples()})
        cells = {
            (r.source, r.start_s): f"{100 * r.value:.1f} (p = {r.p:.2g})" for r in own.itertuples() if np.isfinite(r.p)
        }
        found["Before the voice: balanced accuracy (%)"] = (
            ["source", *(f"{1000 * a:.0f} to {1000 * b:.0f} ms" for a, b in spans)],
            [
                [LABELS[source], *(cells.get((source, a), "-") for a, _ in spans)]
                for source in dict.fromkeys(own.source)
            ],
        )
    if len(subjects) > 1:
        rows = []
        for name in subjects:
            mine = table[table.subject == name].set_index("source")
            rows.append([name, verdicts[name].word, _cell(mine.loc["brain"]), " ".join(verdicts[name].reasons) or "-"])
        found["Each person"] = (["person", "verdict", "brain (%)", "why"], rows)
    return found


def _means(row: object) -> str:
    if not row.above:
        return "does not tell classes"
    if row.reaches == 1:
        where = "in the sensors, by a reference that may be theirs" if row.own_holm >= ALPHA else "in the sensors"
        return f"as much as the brain, and {where}" if row.enough else f"less than the brain, and {where}"
    if np.isnan(row.reaches):
        return "not looked for in the sensors"
    if row.unseen:
        return "tells classes, not found in the sensors where it was looked for"
    return "tells classes, not found in the sensors"


def _interval(row: object) -> str:
    if not (np.isfinite(row.low) and np.isfinite(row.high)):
        return f"{100 * row.value:.1f}"
    return f"{100 * row.value:.1f} ({100 * row.low:.1f} to {100 * row.high:.1f})"


def _cell(row: pd.Series) -> str:
    return f"{100 * row.value:.1f} (p = {row.p:.2g})" if np.isfinite(row.p) else f"- ({row.why})"


def _p(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "-"
