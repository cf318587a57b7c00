"""Sentences and tables of the page."""

import math

import pandas as pd

from n2s.metrics.cross_fitted import TOLD
from n2s.metrics.score import Scores
from n2s.systems.high_gamma.rows import CIRCULAR, MEAN, PERMUTED, SHIFTED, SPEECH
from n2s.systems.high_gamma.scored import HighGammaScores
from n2s.systems.high_gamma.summary import Q, n_top, subject_values

MOST_ELECTRODES = 10  # in the table of the best
#: What publications of high-gamma from embeddings report.
LITERATURE = ".79 to .99"


def headline(result: HighGammaScores) -> list[str]:
    """Who, how many electrodes, and what r is."""
    counts, settings = result.electrodes.groupby("subject", sort=False).size(), result.settings
    n = _range([int(counts.min()), int(counts.max())])
    told = [f"{len(counts)} {'subject' if len(counts) == 1 else 'subjects'}, {n} electrodes each."]
    if "n_rows" in settings:
        told.append(
            f"r: Pearson correlation of predicted and recorded activity of an electrode over held-out time ({_range(settings['n_rows'])} rows, "
            f"{_range(settings['n_folds'])} {'fold' if settings['n_folds'] == [1, 1] else 'folds'} a subject), each fold's part of a run "
            "without its mean, predictions of each fold on one scale."
        )
    return told


def notes(result: HighGammaScores, scores: Scores) -> list[str]:
    """What the baselines are, what flattened scores can mean, how p is found."""
    settings, main = result.settings, result.rows.iloc[0]
    told = [literature(result, scores)]
    models = [row for row in result.rows.itertuples() if row.role == "model"]
    told.append("Models: " + "; ".join(f"'{one.label}' ({one.spaces}, {one.estimator})" for one in models) + ".")
    told.append(f"Baselines are of the model '{main.label}'.")
    own = scores.rows
    if SPEECH in own:
        told.append(f"{own[SPEECH].label}: the same fit, of a feature that is 1 while a word is said, at all lags.")
    if PERMUTED in own:
        told.append(
            f"{own[PERMUTED].label}: every word has the features of another word of nearly the same length, in training and in test. It "
            "knows when words are said, but not which."
        )
    if SHIFTED in own:
        told.append(
            f"{own[SHIFTED].label}: features moved in a circle within each run, by {settings.get('shift_s', 0):g} s or more, and fitted again."
        )
    if len(result.null):
        told.append(
            f"{own[CIRCULAR].label}: {settings.get('n_shifts', 0)} times by at least a tenth of the held-out rows. The best tenth of electrodes is "
            "chosen by the very r that is shown, so its r is above 0 by chance alone: compare with this row. Where words come at a fixed pace, "
            "some shifts put words upon words: the upper end of the range is then of speech against silence, not of chance."
        )
    sizes = {n_top(int(one)) for one in result.electrodes.groupby("subject").varies.sum() if one}
    if sizes:
        told.append(
            f"Best 10%: mean r of the best {_range([min(sizes), max(sizes)])} electrodes of each subject. An electrode for which a model "
            "predicts a constant counts as r = 0."
        )
    if settings.get("n_permutations"):
        told.append(_significance(result))
    if settings.get("n_unplaced"):
        told.append(f"{settings['n_unplaced']} electrodes have no known place: no picture shows them.")
    return told


def literature(result: HighGammaScores, scores: Scores) -> str:
    """What correlations of .79 to .99 can mean, with the number of this test beside it."""
    alone, ours = (scores.get("flattened_r", row) for row in (MEAN, result.rows.row.iloc[0]))
    r2 = scores.get("flattened_r2", MEAN)
    text = (
        f"What the {LITERATURE} of the literature can mean: such a correlation over a flattened matrix of time and electrodes is reached by "
        "electrodes that differ in their mean amplitude, whatever is known of speech"
    )
    if alone is None or alone.mean is None:
        return f"{text}."
    beside = (
        "" if ours is None or ours.mean is None else f", and that of '{result.rows.label.iloc[0]}' is {ours.mean:.3f}"
    )
    square = "" if r2 is None or r2.mean is None else f" (R2 {r2.mean:.3f})"
    return f"{text}; here each electrode's training mean, with no information about time, has a flattened r of {alone.mean:.3f}{square}{beside}."


def tables(result: HighGammaScores) -> dict[str, tuple[list[str], list[list]]]:
    """Each subject, and the best electrodes."""
    values, labels = subject_values(result.electrodes, result.flat), result.rows.set_index("row").label
    found = {}
    subjects = list(dict.fromkeys(result.electrodes.subject))
    if 1 < len(subjects) <= 30:
        for measure, title in (("r_median", "r of the median electrode"), ("flattened_r", "flattened r")):
            lines = [
                [labels[row], *(_number(values[measure][row].get(one)) for one in subjects)]
                for row in result.rows.row
                if row in values[measure]
            ]
            found[f"{title}, each subject"] = (["", *subjects], lines)
    main = result.rows.row.iloc[0]
    best = (
        result.electrodes.dropna(subset=[f"r:{main}"]).sort_values(f"r:{main}", ascending=False).head(MOST_ELECTRODES)
    )
    fitted = [row for row in result.rows.row if f"r:{row}" in best]
    if len(best):
        lines = [
            [
                f"{one['subject']}, {one['name']}",
                *(_number(one[f"r:{row}"]) for row in fitted),
                _number(one.get(f"q:{main}")),
                _place(one),
            ]
            for _, one in best.iterrows()
        ]
        heads = ["", *(labels[row] for row in fitted), f"q, {labels[main]}", "right, front, up (mm)"]
        found[f"The {len(best)} electrodes with the highest r of '{labels[main]}'"] = (heads, lines)
    return found


def _significance(result: HighGammaScores) -> str:
    settings = result.settings
    how = (
        "random phases"
        if settings["null_by"] == "phase"
        else f"permuted blocks of {settings['block_s']:g} s ({_range(settings['n_blocks'])} of them)"
    )
    text = (
        f"p within a subject: {settings['n_permutations']} draws of {how}, one-sided, (1 + n) / (1 + N); q: Benjamini-Hochberg over the "
        f"subject's electrodes. {TOLD}"
    )
    if result.rows.n_draws.max() > 1:
        text += (
            " A baseline that is drawn and fitted several times has the mean r over its draws, and p is of that mean, against the means under the "
            "same permutations."
        )
    draws = 1 + settings["n_permutations"]
    n = int(result.electrodes.groupby("subject").size().max())
    least = math.ceil(n / draws / Q)
    if least > 1:
        text += f" No p is below 1 / {draws}: of {n} electrodes at least {least} have to reach it before any is significant."
    if not any(result.electrodes[name].notna().any() for name in result.electrodes if name.startswith("p:")):
        text += " There are no p: too few rows are held out."
    return text


def _number(value: float | None) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.3f}"


def _place(one: pd.Series) -> str:
    return "-" if one[["x", "y", "z"]].isna().any() else ", ".join(f"{one[axis]:.0f}" for axis in "xyz")


def _range(ends: list[int]) -> str:
    return f"{ends[0]}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
