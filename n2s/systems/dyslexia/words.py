"""Sentences and tables of the classification of two groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from n2s.metrics.auc import auc
from n2s.systems.dyslexia.outcome import COVARIATES, Outcome

RESEARCH = "Research use only: scores compare groups. None is a diagnosis, or says anything about a single person."
MOST_MEASURES = 12  # in a table


def headline(outcome: Outcome) -> list[str]:
    """Who is compared, the warning, and how precise so many people can be."""
    low, high = outcome.allowed()
    sizes = [(int((outcome.people.group == name).sum()), name) for name in outcome.groups]
    told = " and ".join(f"{n} of '{name}'" for n, name in sizes)
    return [
        RESEARCH,
        f"{len(outcome.people)} people: {told}; '{outcome.groups[1]}' has the higher scores.",
        f"So many people allow an AUC of .75 to be known to {low:.2f} to {high:.2f}, whatever the classifier: smaller differences cannot be seen.",
        *(f"Warning: {one}" for one in outcome.warned),
    ]


def notes(outcome: Outcome) -> list[str]:
    """How scores come about."""
    options, n_repeats = outcome.options, outcome.held_out.shape[1]
    spread = [np.ptp([_auc(one, outcome) for one in own]) for own in outcome.held_out]
    told = [
        f"Each person is held out once in each of {n_repeats} {'repetition' if n_repeats == 1 else 'repetitions'} of {options['n_folds']:.0f} stratified "
        "folds; a person's score is the mean over repetitions. Nothing of a held-out person is in any scale, penalty, pattern or covariate's slope.",
        f"{options['length_s']:.0f} s of each person, {options['n_sensors']:.0f} sensors that all have, {options['sfreq']:g} Hz.",
        "Intervals hold for scores as they are: other people to learn from would give others. Between repetitions the AUC differs by up to "
        f"{max(spread):.2f}.",
        "Balanced accuracy: mean of both groups' shares of people with a score on their side of 0. Accuracy over segments is not computed: who knows a "
        "person again has all of them right.",
    ]
    if outcome.covariates:
        told.append(
            f"Taken out of features, by the regression of the people that a model learns from: {', '.join(outcome.covariates)}. A classifier must beat "
            "the covariates alone. A network on windows sees windows as they are."
        )
    else:
        told.append(
            "No covariates are known: that groups differ in age, sex or motion cannot be told from how they track speech."
        )
    if outcome.best is not None:
        told.append(
            f"The best possible AUC, {outcome.best:.3f}, is that of the simulation's generator for new people, covariates known; a sample may lie above."
        )
    return told


def tables(outcome: Outcome) -> dict[str, tuple[Sequence[str], Sequence[Sequence]]]:
    """Tests of classifiers, and the measures in which groups differ most."""
    tests = [
        [
            row.name_,
            _number(row.auc),
            _p(row.p),
            _p(row.p_holm),
            _difference(row),
            _p(row.p_difference),
            str(row.n_permutations),
        ]
        for row in outcome.tests().rename(columns={"name": "name_"}).itertuples()
    ]
    heads = ["", "AUC", "p, permuted labels", "p, Holm", "AUC minus covariates only", "p, DeLong", "permutations"]
    found = {"Tests (one-sided against permuted labels; Holm over classifiers)": (heads, tests)}
    described = differences(outcome).head(MOST_MEASURES)
    if len(described):
        cells = [
            [
                name,
                *(f"{row[f'mean {group}']:.3g} ({row[f'sd {group}']:.2g})" for group in outcome.groups),
                f"{row.d:.2f}",
            ]
            for name, row in described.iterrows()
        ]
        title = "Measures of tracking that differ most (described, not tested; all people)"
        found[title] = (["", *(f"{name}: mean (sd)" for name in outcome.groups), "d"], cells)
    return found


def counts(outcome: Outcome) -> dict[str, int]:
    """Subjects and permutations."""
    return {"subjects": len(outcome.people), "permutations": max(len(outcome.null(name)) for name in outcome.names)}


def differences(outcome: Outcome) -> pd.DataFrame:
    """One row a measure, the largest difference first: mean and deviation of both groups, and Cohen's d (positive minus the other)."""
    rows = {}
    for name in outcome.measures:
        parts = [outcome.measures[name].to_numpy()[outcome.positive == kind] for kind in (False, True)]
        parts = [one[np.isfinite(one)] for one in parts]
        if min(map(len, parts)) < 2:
            continue
        pooled = np.sqrt(sum((len(one) - 1) * one.var(ddof=1) for one in parts) / (sum(map(len, parts)) - 2))
        if pooled > 0:
            row = {"d": (parts[1].mean() - parts[0].mean()) / pooled}
            for group, one in zip(outcome.groups, parts, strict=True):
                row |= {f"mean {group}": one.mean(), f"sd {group}": one.std(ddof=1)}
            rows[name] = row
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.loc[table.d.abs().sort_values(ascending=False, kind="stable").index] if len(table) else table


def label(name: str) -> str:
    """Of a classifier, in figures."""
    return "covariates only" if name == COVARIATES else name


def _auc(scores: np.ndarray, outcome: Outcome) -> float:
    return auc(scores, outcome.positive)


def _number(value: float) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3g}"


def _difference(row: object) -> str:
    return "-" if np.isnan(row.difference) else f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
