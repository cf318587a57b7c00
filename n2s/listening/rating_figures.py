"""The figure of a listening test, made from numbers: nothing is read or written here."""

import numpy as np
from matplotlib import colormaps

from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS, blank_panels


def rating_means(summary: dict) -> Drawing:
    """Draw each method's mean with its interval and each rater's mean; beside it, how often each rating was given.

    Parameters
    ----------
    summary
        The result of `n2s.metrics.ratings.summarize_ratings`.
    """
    names = list(summary["methods"])
    low, high = summary["scale"]
    rows = np.arange(len(names))
    figure, (left, right) = blank_panels(2, width=9.5, height=1.6 + 0.42 * len(names))
    spread = np.linspace(0.15, 0.35, summary["n_raters"])  # below the mean, which would cover them
    shades = colormaps["cividis"](np.linspace(0.05, 0.95, high - low + 1))
    for row, name in zip(rows, names, strict=True):
        method = summary["methods"][name]
        own = np.array([np.nan if mean is None else mean for mean in method["per_rater"].values()])
        label = "mean of a rater" if row == 0 else None
        left.scatter(own, row + spread, s=14, color="#999999", linewidths=0, label=label)
        if method["n"]:
            ends = [[method["mean"] - method["low"]], [method["high"] - method["mean"]]]
            label = f"mean, {summary['interval']}" if row == 0 else None
            left.errorbar(
                method["mean"], row, xerr=np.maximum(ends, 0), fmt="o", color=COLORS["model"], capsize=4, label=label
            )
        edge = 0.0
        for level, count in enumerate(method["counts"]):
            share = count / max(method["n"], 1)
            right.barh(row, share, left=edge, color=shades[level], height=0.7, label=level + low if row == 0 else None)
            edge += share
    left.set(xlim=(low - 0.1, high + 0.1), xlabel=f"rating ({low} not similar at all, {high} identical)")
    left.set_yticks(rows, labels=names)
    left.grid(axis="x", color="#dddddd", linewidth=0.6)
    left.set_axisbelow(True)
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=8)
    right.set(xlim=(0, 1), xlabel="share of ratings")
    right.set_yticks(rows, labels=[])
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=high, frameon=False, fontsize=8, handlelength=1)
    for axes in (left, right):
        axes.set_ylim(len(names) - 0.5, -0.5)
    caption = (
        f"{summary['n_ratings']} ratings by {summary['n_raters']} raters of {summary['n_clips']} clips. Left: mean of "
        f"each method ({summary['interval']}); grey: of single raters. Right: how often each rating was given."
    )
    return Drawing("Listeners' ratings", figure, caption)
