"""Shared parts of figures: colours, panels, and bars of scores by subject."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from n2s.metrics.score import ALL, Measure, Row, Score, Scores

# Okabe & Ito (2008): distinct for colour-blind readers; line styles differ too, for print
COLORS = {
    "model": "#0072B2",
    "linear": "#A98600",
    "encoding": "#D55E00",
    "shuffled": "#E69F00",
    "no_brain": "#CC79A7",
    "subject_only": "#56B4E9",
    "chance": "#444444",
    "ceiling": "#009E73",
}
#: For any other kinds, in this order.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#A98600",
    "#8C564B",
    "#7F7F7F",
    "#332288",
    "#E69F00",
)
LINES = {
    "model": "-",
    "linear": (0, (4, 1)),
    "encoding": (0, (8, 1, 1, 1)),
    "shuffled": "--",
    "no_brain": "-.",
    "subject_only": (0, (3, 1, 1, 1, 1, 1)),
    "chance": ":",
    "ceiling": (0, (6, 1.5)),
}


def blank_panels(n: int, *, width: float, height: float, stacked: bool = False) -> tuple[Figure, list[Axes]]:
    """Create a figure with n axes side by side, or stacked."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    panels = [figure.add_subplot(*((n, 1) if stacked else (1, n)), i + 1) for i in range(n)]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def on_whole_pixels(figure: Figure) -> Figure:
    """Resize by less than a pixel, so that what was 734.9999 pixels is 735 for every program that counts them: else pictures are sheared."""
    pixels = np.round(figure.get_size_inches() * figure.dpi)
    figure.set_size_inches((pixels + 0.25) / figure.dpi)
    return figure


def score_bars(scores: Scores, names: Sequence[str], *, model: str = "model") -> Figure:
    """Draw one panel per score: a bar per subject with its interval; controls as lines, mean over subjects.

    Each subject has its own ceiling: a line above its bar.

    Parameters
    ----------
    scores
        The scores of a test set.
    names
        The scores to show.
    model
        The row that the bars show.
    """
    subjects = list(scores.values[names[0]][model])
    subjects.remove(ALL)
    labels, many = short_names(subjects), len(subjects) > 8
    figure, panels = blank_panels(len(names), width=8.5, height=6.5 if many else 4, stacked=many)
    for axes, name in zip(panels, names, strict=True):
        _bars(axes, labels, subjects, scores.values[name], scores.rows, scores.measures[name], model)
        if max(map(len, labels)) * len(labels) > (70 if many else 40):  # they would overlap
            axes.tick_params(axis="x", rotation=60)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False)
    return figure


def _bars(
    axes: Axes,
    labels: list[str],
    subjects: list[str],
    values: Mapping[str, Mapping[str, Score]],
    rows: Mapping[str, Row],
    measure: Measure,
    model: str,
) -> None:
    own = np.array([values[model].get(name, Score(None))[:3] for name in subjects], float)  # None: nan
    ends = np.maximum([own[:, 0] - own[:, 1], own[:, 2] - own[:, 0]], 0)
    axes.bar(
        labels, own[:, 0], yerr=ends, color=COLORS["model"], ecolor="black", capsize=3, width=0.6, label=rows[model].label
    )  # fmt: skip
    for row, what in sorted(rows.items(), key=lambda item: item[1].role != "ceiling"):
        if row == model or row not in values:
            continue
        style = {"color": COLORS.get(row, "#999999"), "linewidth": 1.8, "label": what.label}
        if what.role == "ceiling" and len(values[row]) > 1:  # the mean of ceilings belongs to no subject
            best = np.array([values[row].get(name, Score(None)).mean for name in subjects], float)
            place = np.arange(len(subjects))
            axes.hlines(best, place - 0.42, place + 0.42, **style)
        elif values[row][ALL].mean is not None:
            axes.axhline(values[row][ALL].mean, linestyle=LINES.get(row, "-"), **style)
    axes.set(xlabel="subject", ylabel=measure.label)
    if measure.scale == 100:
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))


def short_names(subjects: Sequence[str]) -> list[str]:
    """Subject names, without the study if all are from one."""
    shared = {name.split("/")[0] for name in subjects}
    return [name.split("/", 1)[-1] if len(shared) == 1 else name for name in subjects]
