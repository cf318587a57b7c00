"""What is said of measures of tracking: scores, tests over people, sentences and tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.metrics.cross_fitted import TOLD
from n2s.metrics.group_tests import OverSubjects
from n2s.metrics.score import Measure, Row, Scores
from n2s.systems.encoding.results.summary import over_subjects
from n2s.systems.tracking.measures import ALL_SENSORS, LATERALITY

MOST_PEOPLE, MOST_COLUMNS = 60, 7
#: Measures of the table of people, in this order.
PEOPLE = ("coherence", "delay", "trf", "reconstruction", "match_mismatch", "information", "edges", "gain")
FEW_SEGMENTS = 30  # half-overlapping: chance is above .05 with fewer
WORDS = {
    "coherence": "coherence", "plv": "PLV", "information": "information (bits)", "edges": "PLV after edges",
    "coupling": "coupling of", "trf": "TRF r,", "gain": "gain of r by", "reconstruction": "reconstruction r",
    "match_mismatch": "match-mismatch", "delay": "delay (s),", "peak": "TRF peak,", "latency": "TRF latency (s),",
    "phase_cos": "cos of twice the phase lag,", "phase_sin": "sin of twice the phase lag,",
}  # fmt: skip
NO_CONTROL = "no circular shifts were asked for (model.n_shifts)"


def label(measure: str) -> str:
    """``coherence_delta`` -> ``coherence delta``."""
    for kind in sorted(WORDS, key=len, reverse=True):
        if measure == kind or measure.startswith(f"{kind}_"):
            return f"{WORDS[kind]} {measure[len(kind) + 1 :].replace('_', ' ')}".strip()
    return measure


def controlled(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of all sensors together that are compared with circular shifts, or would be."""
    own = table[(table.region == ALL_SENSORS) & np.isfinite(table.value)]
    kinds = ("coherence", "plv", "information", "edges", "coupling", "trf", "gain", "reconstruction", "match_mismatch")
    return own[own.measure.map(lambda name: name.startswith(kinds))]


def scores(table: pd.DataFrame) -> Scores:
    """Each measure of all sensors: as it is, and with the envelope moved in a circle."""
    rows = {"tracking": Row("tracking"), "shifted": Row("sound shifted in time", "control")}
    measures, values = {}, {}
    for name, own in controlled(table).groupby("measure", sort=False):
        percent = name == "match_mismatch"
        bounds = (
            -np.inf if name.startswith("information") else -1.0,
            np.inf if name.startswith("information") else 1.0,
        )
        values[name] = {"tracking": over_subjects(dict(zip(own.subject, own.value, strict=True)), bounds)}
        known = own[np.isfinite(own.chance)]
        if len(known):
            values[name]["shifted"] = over_subjects(dict(zip(known.subject, known.chance, strict=True)), bounds)
        why = "" if len(known) else NO_CONTROL
        measures[name] = Measure(
            label(name) + (" (%)" if percent else ""), 100.0 if percent else 1.0, 1 if percent else 3, uncontrolled=why
        )
    return Scores(rows, measures, values)


def shown_columns(scores: Scores) -> list[str]:
    """The measures of the first table."""
    kinds = ("coherence", "trf", "reconstruction", "match_mismatch", "gain", "information")
    found = [name for kind in kinds for name in scores.measures if name.startswith(kind)]
    return found[:MOST_COLUMNS] or list(scores.measures)[:MOST_COLUMNS]


def tests(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each measure and region: ``n`` people, mean ``above`` chance, ``p_corrected`` over people, how many are ``significant`` alone.

    One test over people for all measures and regions with a chance level, corrected for their number.
    """
    own = table[np.isfinite(table.value) & np.isfinite(table.chance)]
    above = own.assign(above=own.value - own.chance).pivot(
        index="subject", columns=["measure", "region"], values="above"
    )
    rule = OverSubjects(len(above))
    found = pd.DataFrame({"n": above.notna().sum(), "above": above.mean()})
    found["p_corrected"] = rule.q(above.to_numpy(float)) if len(above) else []
    found["significant"] = own.assign(yes=own.p < 0.05).groupby(["measure", "region"]).yes.sum().reindex(found.index)
    found = found.reset_index()
    found["p_corrected"] = [None if np.isnan(one) else float(one) for one in found.p_corrected]
    return found.astype({"n": int, "significant": int})


def headline(table: pd.DataFrame, settings: Mapping) -> list[str]:
    """Who was measured, on how much, against what."""
    n = table.subject.nunique()
    seconds, segments = settings["seconds"], settings["n_segments"]
    bands = ", ".join(f"{name} {low:g} to {high:g} Hz" for name, (low, high) in settings["bands"].items())
    who = f"{n} {'person' if n == 1 else 'people'}, {seconds[1]:.0f} s of sound each"
    if seconds[1] - seconds[0] > 1:
        who = f"{n} people, {seconds[0]:.0f} to {seconds[1]:.0f} s of sound"
    n_segments = str(segments[0]) if segments[0] == segments[1] else f"{segments[0]} to {segments[1]}"
    told = [f"{who} ({n_segments} half-overlapping segments of {settings['segment_s']:g} s); {bands}."]
    if settings["n_shifts"]:
        told.append(
            f"Chance: the sound moved in a circle by {settings['min_shift_s']:g} s or more, {settings['n_shifts']} times. Measures of single people are "
            "given above it."
        )
    return told


def notes(table: pd.DataFrame, settings: Mapping) -> list[str]:
    """What has to be known to read the tables."""
    found = [
        "Coherence and phase-locking are biased upwards, the more the less data there are: compare people on the same length, and above "
        "their shifts.",
    ]
    if table.measure.str.startswith(("trf", "gain", "reconstruction", "match")).any():
        found.append(f"Response functions and the reconstruction: {TOLD[0].lower()}{TOLD[1:]}")
    if table.measure.str.startswith(("plv", "edges")).any():
        found.append(
            "PLV: phase-locking value of brain and envelope, 0 to 1; after edges: of the brain's phase after sudden rises of the sound."
        )
    if table.measure.str.startswith("coupling").any():
        found.append("Coupling of rhythms is a property of the brain alone; its chance level moves the amplitude.")
    if settings["n_segments"][0] < FEW_SEGMENTS:
        found.append(
            f"With {settings['n_segments'][0]} segments, coherence of noise is large and differs much from person to person: record more."
        )
    if settings["trf"]:
        folds = settings["n_folds"]
        n = f"{folds[0]}" if folds[0] == folds[1] else f"{folds[0]} to {folds[1]}"
        found.append(
            f"Response functions and the reconstruction are fitted on training rows and tested on held-out rows, {n} "
            f"{'fold' if n == '1' else 'folds'}; r is the mean over folds. Peaks are of the mean weights of all folds, root mean square over sensors."
        )
    if (table.region == LATERALITY).any():
        found.append(
            "Laterality: (right - left) / (|right| + |left|) of values above chance; without tracking it is noise."
        )
    if table.subject.nunique() < OverSubjects(table.subject.nunique()).fewest:
        fewest = OverSubjects(table.subject.nunique()).fewest
        found.append(f"No test over people: it needs {fewest} or more.")
    else:
        found.append(f"Tests over people: {OverSubjects(table.subject.nunique())}.")
    return found


def tables(table: pd.DataFrame) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Tests by measure and region, and the measures of each person."""
    found, tested = {}, tests(table)
    if len(tested):
        regions = [one for one in tested.region.unique() if one != ALL_SENSORS]
        cells = tested.set_index(["measure", "region"])
        rows = []
        for name in tested.measure.unique():
            one = cells.loc[name, ALL_SENSORS]
            p = "-" if one.p_corrected is None or np.isnan(one.p_corrected) else f"{one.p_corrected:.3g}"
            others = [
                f"{cells.above[name, region]:.4f}" if (name, region) in cells.index else "-" for region in regions
            ]
            rows.append(
                [_label_of_share(name), f"{one.above:.4f}", *others, p, f"{int(one.significant)} of {int(one.n)}"]
            )
        heads = ["", "all sensors", *regions, "p over people, corrected", "people with p < .05"]
        found["Above chance, mean over people"] = (heads, rows)
    own = table[table.region == ALL_SENSORS]
    columns = [one for kind in PEOPLE for one in own.measure.unique() if one.startswith(kind)][:MOST_COLUMNS]
    above = own.assign(above=own.value - own.chance.fillna(0.0))
    wide = above.pivot(index="subject", columns="measure", values="above").reindex(columns=columns)
    people = list(dict.fromkeys(table.subject))
    rows = [
        [name, *("-" if np.isnan(value) else f"{value:.3f}" for value in wide.loc[name])]
        for name in people[:MOST_PEOPLE]
    ]
    title = "People: all sensors, above chance where there is one"
    if len(people) > MOST_PEOPLE:
        title += f" (the first {MOST_PEOPLE} of {len(people)})"
    found[f"{title}. More measures are in measures.csv"] = (
        ["", *map(_label_of_share, columns)],
        rows,
    )
    return found


def _label_of_share(measure: str) -> str:
    """The label of a measure above chance; what the first table has in percent is a share here."""
    return label(measure) + (" (share of windows)" if measure == "match_mismatch" else "")
