"""The figures of a fusion test, each with its caption."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from n2s.metrics.intervals import t_interval
from n2s.metrics.result import Drawing
from n2s.metrics.score import ALL, Score, Scores
from n2s.report.figures import COLORS, PALETTE, blank_panels, short_names
from n2s.systems.fusion.compared import Compared
from n2s.systems.fusion.differences import BEST, DIFFERENCES, Difference
from n2s.systems.fusion.summarized import SummarizedPairs
from n2s.systems.fusion.summary import ROWS

#: Okabe & Ito (2008): distinct for colour-blind readers.
PART_COLORS = {
    "both": "#0072B2",
    "meg": "#56B4E9",
    "fmri": "#E69F00",
    "meg_shuffled": "#BBBBBB",
    "fmri_shuffled": "#999999",
    "shuffled": "#777777",
}
BARS = {
    "meg": "MEG alone",
    "fmri": "fMRI alone",
    "both": "both",
    "meg_shuffled": "both, MEG of\nanother segment",
    "fmri_shuffled": "both, fMRI of\nanother segment",
    "shuffled": "brain of\nanother segment",
}


def drawings(result: SummarizedPairs) -> list[Drawing]:
    """The figures of one test set, in reading order."""
    scores = result.scores()
    found = [accuracy_by_part(scores), accuracy_by_rank(result)]
    if result.main == "both":
        if "top1" in result.differences:
            found.append(difference_points(result.differences["top1"]))
        found.append(people_lines(scores))
    return [one for one in found if one is not None]


def accuracy_by_part(scores: Scores, name: str = "top1") -> Drawing:
    """Bars of each modality, of both, and with one modality of another segment; the best possible of each as lines."""
    rows = [row for row in BARS if scores.get(name, row)]
    figure, (axes,) = blank_panels(1, width=8.5, height=4.2)
    for place, row in enumerate(rows):
        _bar(axes, place, scores.get(name, row), PART_COLORS[row])
        own = [score.mean for who, score in scores.values[name][row].items() if who != ALL and score.mean is not None]
        if len(own) > 1:
            axes.plot(place + np.linspace(-0.18, 0.18, len(own)), own, "o", color="#333333", markersize=3, alpha=0.6)
        best = scores.get(name, BEST.get(row, ""))
        if best:
            label = "best possible" if place == 0 else None
            axes.hlines(best.mean, place - 0.4, place + 0.4, color=COLORS["ceiling"], linewidth=2.4, label=label)
    axes.axhline(scores.get(name, "chance").mean, color=COLORS["chance"], linestyle=":", linewidth=1.8, label="chance")
    axes.set_xticks(range(len(rows)), [BARS[row] for row in rows], fontsize=9)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    _percent(axes, scores.measures[name].label)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    caption = (
        "How often the segment that was heard comes first, mean over subjects with its 95% interval; dots: subjects. With a response to another "
        "segment: mean and range of 95% of the exchanges."
    )
    return Drawing("MEG, fMRI, and both", figure, caption)


def accuracy_by_rank(result: SummarizedPairs) -> Drawing:
    """Share of segments found among the first k, against k: mean over subjects."""
    most = int(result.n_candidates.max())
    k, people = np.arange(1, most + 1), np.unique(result.subject)
    figure, (axes,) = blank_panels(1, width=8.5, height=4.6)
    for row in ("both", "meg", "fmri"):
        for own, style in ((row, "-"), (BEST[row], (0, (6, 1.5)))):
            if own not in result.ranks:
                continue
            curves = np.stack([_curve(result.ranks[own][result.subject == who], most) for who in people])
            best = own != row
            axes.plot(
                k,
                curves.mean(0),
                color=PART_COLORS[row],
                linestyle=style,
                linewidth=1.4 if best else 2.2,
                label=ROWS[own].label,
            )
            if len(people) > 1 and own == result.main:
                ends = np.array([t_interval(values)[1:] for values in curves.T])
                axes.fill_between(k, *ends.T, color=PART_COLORS[row], alpha=0.15, linewidth=0)
    guess = [np.minimum(1, k / result.n_candidates[result.subject == who][:, None]).mean(0) for who in people]
    axes.plot(k, np.mean(guess, 0), color=COLORS["chance"], linestyle=":", linewidth=2, label="chance")
    axes.set_xscale("log")
    ticks = [step * 10**power for power in range(6) for step in (1, 2, 5) if step * 10**power <= most]
    axes.set_xticks(ticks, labels=map(str, ticks))
    axes.minorticks_off()
    axes.set(xlim=(1, max(2, most)), xlabel="k (number of candidates looked at)")
    _percent(axes, "top-k accuracy (%)")
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    axes.legend(loc="lower right", frameon=False)
    caption = "How often the segment that was heard is among the first k: mean over subjects."
    if len(people) > 1:
        caption += f" Shaded: 95% t interval over subjects ({ROWS[result.main].label})."
    return Drawing("Accuracy by rank", figure, caption)


def difference_points(found: Mapping[str, Difference]) -> Drawing | None:
    """What each modality adds and costs, with intervals, beside those of the best possible decoder."""
    keys = [key for key in DIFFERENCES if key in found]
    if not keys:
        return None
    figure, (axes,) = blank_panels(1, width=8.5, height=0.9 + 0.62 * len(keys))
    for place, key in enumerate(keys):
        one = found[key]
        for shift, score, color, marker, label in (
            (0.15, one.segments, PART_COLORS["both"], "o", "over segments"),
            (-0.05, one.people, "#333333", "s", "over subjects"),
            (-0.25, one.best, COLORS["ceiling"], "D", "best possible, over segments"),
        ):
            if score is None:
                continue
            low, high = (score.mean, score.mean) if score.low is None else (score.low, score.high)
            axes.errorbar(
                100 * score.mean,
                -place + shift,
                xerr=[[100 * max(score.mean - low, 0)], [100 * max(high - score.mean, 0)]],
                fmt=marker,
                color=color,
                capsize=3,
                markersize=5,
                label=label if place == 0 else None,
            )
    axes.axvline(0, color="#444444", linewidth=1)
    axes.set_yticks([-place for place in range(len(keys))], [DIFFERENCES[key][2] for key in keys])
    axes.set_ylim(0.5 - len(keys), 0.5)
    axes.set_xlabel("difference in top-1 (percentage points)")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    caption = (
        "Differences on the same pairs, mean over subjects, with 95% intervals: of resampled segments (paired bootstrap), and over subjects. "
        "A modality is used if the interval of its cost lies right of 0: accuracy falls if its response is to another segment."
    )
    return Drawing("What each modality adds", figure, caption)


def people_lines(scores: Scores, name: str = "top1") -> Drawing:
    """A line for each subject: MEG alone, both, fMRI alone."""
    rows = ("meg", "both", "fmri")
    people = [who for who in scores.values[name]["both"] if who != ALL]
    figure, (axes,) = blank_panels(1, width=6.5, height=4.2)
    labels = people if any(" + " in who for who in people) else short_names(people)
    for place, (who, label) in enumerate(zip(people, labels, strict=True)):
        values = [scores.get(name, row, who).mean for row in rows]
        few = len(people) <= len(PALETTE)
        axes.plot(values, "o-", color=PALETTE[place] if few else "#777777", alpha=0.8, label=label if few else None)
    axes.plot([scores.get(name, row).mean for row in rows], "s-", color="black", linewidth=2.6, label="mean")
    axes.axhline(scores.get(name, "chance").mean, color=COLORS["chance"], linestyle=":", linewidth=1.8, label="chance")
    axes.set_xticks(range(3), [BARS[row] for row in rows])
    axes.set_xlim(-0.3, 2.3)
    _percent(axes, scores.measures[name].label)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return Drawing("Each person", figure, "How often the segment that was heard comes first, for each subject.")


def methods_bars(found: Compared, name: str = "top1") -> Drawing | None:
    """Bars of several results on the pairs that they share, with intervals over segments."""
    parts = [part for part in ("meg", "fmri", "both") if part in found.scores]
    if not parts:
        return None
    methods = list(dict.fromkeys(method for part in parts for method in found.scores[part]))
    figure, (axes,) = blank_panels(1, width=8.5, height=4.2)
    width = 0.8 / len(methods)
    for number, method in enumerate(methods):
        label = method
        for place, part in enumerate(parts):
            score = found.scores[part].get(method, {}).get(name)
            if score is not None:
                at = place + (number - (len(methods) - 1) / 2) * width
                _bar(axes, at, score, PALETTE[number % len(PALETTE)], width=0.9 * width, label=label)
                label = None
    counts = [f"{BARS[part]}\n({found.n_pairs[part]} pairs)" for part in parts]
    axes.set_xticks(range(len(parts)), counts)
    axes.set_xlim(-0.6, len(parts) - 0.4)
    _percent(axes, "top-1 (%)")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(methods)), frameon=False
    )
    caption = "How often the segment that was heard comes first, on the pairs that all results have; 95% intervals of resampled segments."
    return Drawing("Results compared", figure, caption)


def _bar(axes: Axes, place: float, score: Score, color: str, *, width: float = 0.6, label: str | None = None) -> None:
    low, high = (score.mean, score.mean) if score.low is None else (score.low, score.high)
    ends = [[max(score.mean - low, 0)], [max(high - score.mean, 0)]]
    axes.bar(place, score.mean, yerr=ends, color=color, ecolor="black", capsize=3, width=width, label=label)


def _curve(ranks: np.ndarray, most: int) -> np.ndarray:
    return np.cumsum(np.bincount(ranks, minlength=most)[:most]) / len(ranks)


def _percent(axes: Axes, label: str) -> None:
    axes.set(ylim=(0, 1.02), ylabel=label)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
