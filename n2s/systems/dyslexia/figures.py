"""Figures of the classification of two groups."""

import numpy as np
from sklearn.metrics import roc_curve

from n2s.metrics.auc import auc_interval
from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS, PALETTE, blank_panels
from n2s.systems.dyslexia.outcome import COVARIATES, Outcome
from n2s.systems.dyslexia.words import label


def drawings(outcome: Outcome) -> list[Drawing]:
    """In reading order."""
    return [areas(outcome), curves(outcome), people(outcome)]


def areas(outcome: Outcome) -> Drawing:
    """AUC of each classifier with its interval, over its permutations."""
    figure, (axes,) = blank_panels(1, width=1.6 + 1.1 * len(outcome.names), height=3.4)
    for at, name in enumerate(outcome.names):
        found, null = auc_interval(outcome.mean_scores(name), outcome.positive), outcome.null(name)[:, 0]
        if len(null):
            low, high = np.quantile(null, [0.025, 0.975])
            axes.bar(at, high - low, 0.6, low, color="#cccccc", zorder=1)
            axes.plot([at - 0.3, at + 0.3], [null.mean()] * 2, color="#888888", zorder=2)
        color = COLORS["chance"] if name == COVARIATES else PALETTE[at % len(PALETTE)]
        ends = [[found.mean - found.low], [found.high - found.mean]]
        axes.errorbar(at, found.mean, ends, fmt="o", color=color, capsize=3, zorder=3)
    axes.axhline(0.5, color=COLORS["chance"], linestyle=":")
    if outcome.best is not None:
        axes.axhline(outcome.best, color=COLORS["ceiling"], linestyle=(0, (6, 1.5)), label="best possible")
        axes.legend(loc="lower right", frameon=False)
    axes.set(xticks=range(len(outcome.names)), ylabel="AUC", ylim=(0, 1.02))
    axes.set_xticklabels([label(name) for name in outcome.names], rotation=25, ha="right")
    caption = "AUC of held-out people with its interval over people; grey: 2.5 to 97.5% and mean with permuted labels; dotted: chance."
    return Drawing("AUC", figure, caption)


def curves(outcome: Outcome) -> Drawing:
    """ROC curves of all classifiers."""
    figure, (axes,) = blank_panels(1, width=4.2, height=4.0)
    for at, name in enumerate(outcome.names):
        false, true, _ = roc_curve(outcome.positive, outcome.mean_scores(name))
        style = (
            {"color": COLORS["chance"], "linestyle": "--"}
            if name == COVARIATES
            else {"color": PALETTE[at % len(PALETTE)]}
        )
        axes.step(false, true, where="post", label=label(name), **style)
    axes.plot([0, 1], [0, 1], color=COLORS["chance"], linestyle=":", linewidth=1)
    axes.set(
        xlabel=f"'{outcome.groups[0]}' said to be '{outcome.groups[1]}'",
        ylabel=f"'{outcome.groups[1]}' found",
        aspect="equal",
    )
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    return Drawing("ROC curves", figure, "Each step is a person, scored by a classifier that has not seen the person.")


def people(outcome: Outcome) -> Drawing:
    """The held-out score of each person, by group."""
    figure, panels = blank_panels(len(outcome.names), width=1.2 + 1.5 * len(outcome.names), height=3.2)
    rng = np.random.default_rng(0)
    for axes, name in zip(panels, outcome.names, strict=True):
        scores = outcome.mean_scores(name)
        for place, kind in enumerate((False, True)):
            own = scores[outcome.positive == kind]
            axes.plot(
                place + rng.uniform(-0.15, 0.15, len(own)), own, "o", color=PALETTE[place], markersize=3.5, alpha=0.8
            )
        axes.axhline(0, color=COLORS["chance"], linestyle=":", linewidth=1)
        axes.set(xticks=[0, 1], xlim=(-0.5, 1.5), title=label(name))
        axes.set_xticklabels(outcome.groups, fontsize=8)
        axes.title.set_fontsize(9)
    panels[0].set_ylabel("held-out score")
    return Drawing(
        "Scores of people",
        figure,
        "Mean over repetitions; above 0 the second group is said. Each panel has its own unit.",
    )
