"""The figures and sentences of a comparison of runs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from n2s.metrics.result import Drawing
from n2s.metrics.score import ALL, Scores
from n2s.report.figures import COLORS, PALETTE, blank_panels


def scores_of_runs(scores: Scores, name: str, letters: Sequence[str]) -> Drawing:
    """A score of each run: its mean with the interval, each person as a dot joined over runs, its controls and ceiling as lines.

    Parameters
    ----------
    scores
        Rows are ``letter/row``.
    name
        The score.
    letters
        The runs, from left to right.
    """
    figure, (axes,) = blank_panels(1, width=max(4.5, 1.2 * len(letters) + 2.5), height=4)
    (scale, start), values = (scores.measures[name].scale, scores.measures[name].first), scores.values[name]
    people: dict[str, list[tuple[float, float]]] = {}
    told: set[str] = set()
    for place, letter in enumerate(letters):
        rows = {key: row for key, row in scores.rows.items() if key.startswith(f"{letter}/") and key in values}
        model = next(key for key, row in rows.items() if row.role == "model")
        mean, low, high, _ = values[model][ALL]
        if mean is None:
            continue
        ends = None if low is None or high is None else [[scale * (mean - low)], [scale * (high - mean)]]
        axes.errorbar(
            [place], [scale * mean + start], yerr=ends, fmt="o", ms=9, color=COLORS["model"], capsize=5, zorder=3
        )
        for one, score in values[model].items():
            if one != ALL and score.mean is not None:
                people.setdefault(one, []).append((place, scale * score.mean + start))
        for key, row in rows.items():
            level = values[key][ALL].mean
            if row.role != "model" and level is not None:
                short = key.split("/", 1)[1]
                color = COLORS.get(short, COLORS["ceiling"] if row.role == "ceiling" else "#999999")
                label = row.label.split(": ", 1)[1]
                axes.hlines(
                    scale * level,
                    place - 0.35,
                    place + 0.35,
                    color=color,
                    label=None if label in told else label,
                )
                told.add(label)
    for dots in people.values():
        axes.plot(*zip(*dots, strict=True), color="#999999", marker=".", linewidth=0.8, zorder=2)
    axes.set_xticks(range(len(letters)), labels=letters)
    axes.set(xlabel="run", ylabel=scores.measures[name].heading, xlim=(-0.6, len(letters) - 0.4))
    if told:
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    caption = "Blue: the model of each run, with its interval. Grey: each person. Lines: controls and ceilings of the same run."
    return Drawing(f"Runs by {scores.measures[name].label}", figure, caption)


def curves_of_runs(logs: Mapping[str, pd.DataFrame]) -> Drawing | None:
    """The validation loss of each run by epoch; None where fewer than two runs have more than one epoch of it."""
    found = {}
    for letter, log in logs.items():
        if "epoch" in log and "val/loss" in log:
            loss = log.groupby("epoch")["val/loss"].mean().dropna()
            if len(loss) > 1:
                found[letter] = loss
    if len(found) < 2:
        return None
    figure, (axes,) = blank_panels(1, width=7, height=3.6)
    for (letter, loss), color in zip(found.items(), np.resize(PALETTE, len(found)), strict=True):
        axes.plot(loss.index, loss, color=color, label=letter, marker="o" if len(loss) < 30 else None, ms=3)
    axes.set(xlabel="epoch", ylabel="val/loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="run", frameon=False)
    return Drawing(
        "Validation loss of each run", figure, "Mean of each epoch. Losses of other settings may be on another scale."
    )
