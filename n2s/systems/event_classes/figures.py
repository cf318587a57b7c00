"""Figures of a classifier's test."""

import numpy as np

from n2s.features.phone_names import ARPABET, CLASSES
from n2s.metrics.classification import chance_by_balance, per_class
from n2s.metrics.result import Drawing
from n2s.metrics.score import ALL, Score
from n2s.report.figures import COLORS, PALETTE, blank_panels
from n2s.systems.event_classes.outcome import Outcome
from n2s.systems.event_classes.summary import MEASURES, MODEL, Summary

MOST_NAMED = 60  # classes whose names fit beside a figure
MANNERS = ("vowel", "approximant", "nasal", "fricative", "plosive")
SHOWN_S = 60.0  # of frames


def drawings(summary: Summary) -> list[Drawing]:
    """In reading order."""
    result = summary.result
    found = [scores(summary), *([timeline(result)] if result.frames else [])]
    return [*found, confusions(summary), classes(result), null(summary)]


def articulated(names: list[str]) -> np.ndarray:
    """(k,) The order of classes: phones by how and where they are articulated, others as they are."""
    if not all(name in ARPABET for name in names):
        return np.arange(len(names))
    letters = [set(CLASSES[ARPABET[name][0]]) for name in names]
    rank = [next((i for i, manner in enumerate(MANNERS) if manner in one), len(MANNERS)) for one in letters]
    return np.array(sorted(range(len(names)), key=lambda i: (rank[i], sorted(letters[i] - {"voiced"}), names[i])))


def scores(summary: Summary) -> Drawing:
    """Each score of the network, with its interval, beside the controls."""
    found = summary.scores
    known = [
        name for name in MEASURES if found.get(name, MODEL) is not None and found.get(name, MODEL).mean is not None
    ]
    figure, panels = blank_panels(len(known), width=2.6 * len(known) + 1.6, height=3.4)
    labels = [row.label for row in found.rows.values()]
    for axes, name in zip(panels, known, strict=True):
        measure = MEASURES[name]
        for place, (row, what) in enumerate(found.rows.items()):
            score = found.get(name, row) or Score(None)
            if score.mean is None:
                continue
            color = COLORS["model"] if what.role == "model" else PALETTE[1 + place % (len(PALETTE) - 1)]
            mean = measure.scale * score.mean
            ends = (
                None
                if score.low is None
                else [[max(0, mean - measure.scale * score.low)], [max(0, measure.scale * score.high - mean)]]
            )
            axes.errorbar(mean, -place, xerr=ends, fmt="o", color=color, capsize=3, markersize=5)
            if what.role == "model":
                own = [one.mean for who, one in found.values[name][row].items() if who != ALL]
                if len(own) > 1:
                    axes.plot(
                        measure.scale * np.array(own), np.full(len(own), -place - 0.22), "|", color=color, alpha=0.7
                    )
        axes.set(title=measure.label, yticks=-np.arange(len(labels)), ylim=(-len(labels) + 0.4, 0.6))
        axes.set_yticklabels(labels if axes is panels[0] else [])
        axes.title.set_fontsize(9)
        axes.grid(axis="x", alpha=0.3)
    caption = "Mean over subjects and 95% interval (of drawn labels: the middle 95% of draws); small marks: subjects."
    return Drawing("Scores beside controls", figure, caption)


def confusions(summary: Summary) -> Drawing:
    """What each class was taken for, in shares of its windows."""
    result = summary.result
    order = articulated(result.names)
    table = summary.confusions[np.ix_(order, order)].astype(float)
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    names, k = [result.names[i] for i in order], len(order)
    side = min(3.2 + 0.19 * k, 9.0)
    figure, (axes,) = blank_panels(1, width=side + 0.6, height=side)
    image = axes.imshow(100 * share, vmin=0, vmax=max(1.0, 100 * share.max()), cmap="Blues")
    if k <= MOST_NAMED:
        axes.set_xticks(range(k), labels=names, rotation=90, fontsize=8 if k < 30 else 6)
        axes.set_yticks(range(k), labels=names, fontsize=8 if k < 30 else 6)
    if k <= 8:
        for i, j in np.ndindex(k, k):
            axes.text(
                j,
                i,
                f"{100 * share[i, j]:.0f}",
                ha="center",
                va="center",
                color="white" if share[i, j] > 0.6 * share.max() else "black",
                fontsize=8,
            )
    axes.set(xlabel="said", ylabel="class")
    figure.colorbar(image, ax=axes, label="windows of the class (%)", shrink=0.7)
    ordered = " Phones are in the order of their articulation." if (order != np.arange(k)).any() else ""
    return Drawing(
        "Classes and what they are taken for", figure, f"Each row is a class, in shares of its test windows.{ordered}"
    )


def classes(result: Outcome) -> Drawing:
    """F1 of each class, beside that of a guess by frequency."""
    k, order = len(result.names), articulated(result.names)
    found = per_class(result.labels, result.predicted, k)
    trained = np.atleast_2d(result.trained).sum(0)
    guess = []
    for number in range(k):

        def f1(table: np.ndarray, number: int = number) -> np.ndarray:
            both = table[number].sum() + table[:, number].sum()
            return 2 * table[number, number] / max(both, 1e-9)

        guess.append(chance_by_balance(result.labels, trained, f1).proportion)
    figure, (axes,) = blank_panels(1, width=min(2.5 + 0.3 * k, 11.0), height=3.2)
    place = np.arange(k)
    axes.bar(place, 100 * np.nan_to_num(found.f1[order]), color=COLORS["model"], width=0.7, label="network")
    axes.hlines(
        100 * np.array(guess)[order],
        place - 0.42,
        place + 0.42,
        color="black",
        linewidth=1.6,
        label="a guess by frequency",
    )
    axes.set(ylabel="F1 (%)", xlim=(-0.7, k - 0.3))
    axes.set_xticks(
        place,
        labels=[result.names[i] for i in order] if k <= MOST_NAMED else [""] * k,
        rotation=90 if k > 6 else 0,
        fontsize=8,
    )
    axes.legend(frameon=False, fontsize=8)
    return Drawing(
        "F1 of each class", figure, "Of all test windows; lines: classes drawn as often as training has them."
    )


def null(summary: Summary) -> Drawing:
    """F1-macro of labels that do not belong, beside that of the network."""
    result = summary.result
    figure, (axes,) = blank_panels(1, width=5.0, height=3.0)
    axes.hist(100 * summary.nulls["f1_macro"][ALL], bins=30, color="#bbbbbb")
    axes.axvline(100 * summary.scores.get("f1_macro", MODEL).mean, color=COLORS["model"], linewidth=2, label="network")
    axes.set(xlabel="F1-macro (%)", ylabel="draws")
    axes.legend(frameon=False, fontsize=8)
    how = "turned" if result.frames else "permuted"
    return Drawing(
        "F1-macro by chance",
        figure,
        f"{result.n_permutations} draws of labels {how} within {summary.within}, mean over subjects.",
    )


def timeline(result: Outcome) -> Drawing:
    """A minute of frames: how likely speech was said to be, and where there was speech."""
    recording = result.recordings
    longest = max(dict.fromkeys(recording), key=lambda name: int((recording == name).sum()))
    rows = np.flatnonzero(recording == longest)
    time_s = result.events.onset.to_numpy(float)[rows]
    rows = rows[time_s < time_s[0] + SHOWN_S]
    time_s = result.events.onset.to_numpy(float)[rows]
    figure, (axes,) = blank_panels(1, width=9.0, height=2.4)
    axes.fill_between(time_s, 0, result.labels[rows], step="mid", color="#cccccc", label="speech", linewidth=0)
    axes.plot(time_s, np.exp(result.log_proba[rows, 1]), color=COLORS["model"], linewidth=1, label="probability")
    axes.plot(
        time_s,
        np.where(result.predicted[rows] == 1, 1.06, np.nan),
        color=PALETTE[1],
        linewidth=3,
        label="said to be speech",
    )
    axes.set(xlabel="s", ylabel="probability", ylim=(0, 1.12))
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower right")
    return Drawing("A minute of speech and silence", figure, f"The first {SHOWN_S:g} s of {longest.split('|')[0]}.")
