"""The figures of decoded clips, each with its caption."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from n2s.metrics.identification import n_way_accuracy
from n2s.metrics.intervals import t_interval
from n2s.metrics.result import Drawing
from n2s.metrics.score import Measure, Row, Scores
from n2s.report.figures import COLORS, LINES, PALETTE, blank_panels, score_bars, short_names
from n2s.systems.clips.evaluation import ClipScores

LABELS = {
    "model": "model",
    "fine_only": "fine only",
    "shuffled": "shuffled brain",
    "mean_prediction": "mean of the training clips",
    "ceiling": "ceiling",
}
ROLES = {"model": "model", "ceiling": "ceiling"}
_MOST_POINTS = 40  # number of N in a curve


def correlation_quartiles(found: Mapping[str, Mapping[str, np.ndarray]], *, what: str = "decoded feature") -> Drawing:
    """Draw boxes over dimensions for each subject: the median, the quartiles, and whiskers from 5% to 95%.

    Parameters
    ----------
    found
        Decoders, then their controls: correlations (d,), or (p, d) for exchanges, by subject: the output
        of `n2s.metrics.feature_correlation.feature_correlations`, or several of them joined under other names.
    what
        Name of the feature, for the caption.
    """
    subjects = list(next(iter(found.values())))
    colors = iter(PALETTE)
    figure, (axes,) = blank_panels(1, width=max(8.5, 1.6 + 0.45 * len(found) * len(subjects)), height=4.0)
    width, handles = 0.8 / len(found), {}
    for place, (row, by_subject) in enumerate(found.items()):
        color = COLORS["shuffled"] if row == "shuffled" else next(colors)
        boxes = axes.boxplot(
            [by_subject[name][np.isfinite(by_subject[name])] for name in subjects],
            positions=np.arange(len(subjects)) + (place - (len(found) - 1) / 2) * width,
            widths=0.85 * width,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": color, "alpha": 0.75},
            medianprops={"color": "black"},
        )
        handles[LABELS.get(row, row)] = boxes["boxes"][0]
    axes.axhline(0, color=COLORS["chance"], linestyle=LINES["chance"], linewidth=1.5)
    axes.set_xticks(np.arange(len(subjects)), labels=short_names(subjects), rotation=60 if len(subjects) > 12 else 0)
    axes.set(xlabel="subject", ylabel="correlation over test clips")
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4, frameon=False)
    n_dimensions = next(iter(found.values()))[subjects[0]].shape[-1]
    caption = (
        f"Correlation of each of {n_dimensions} dimensions of the {what} with the true one, over the test clips of a "
        "subject. Boxes: median and quartiles over dimensions; whiskers: 5% to 95%."
    )
    return Drawing("Correlation of decoded dimensions", figure, caption)


def identification_curves(
    ranks: Mapping[str, np.ndarray], subject: np.ndarray, n_candidates: int | np.ndarray
) -> Drawing:
    """Draw the accuracy of N-way identification against N: mean over subjects, and a thin line for each subject.

    Parameters
    ----------
    ranks
        (n,) for each row, (p, n) for ``shuffled``: see `n2s.metrics.identification.identification_ranks`.
    subject
        (n,)
    n_candidates
        k, or (n,) for each clip if subjects heard different ones. The smallest is the largest N.
    """
    every, n_candidates = np.broadcast_to(n_candidates, subject.shape), int(np.min(n_candidates))
    n_ways = np.unique(np.geomspace(2, n_candidates, _MOST_POINTS).round().astype(int))
    names = np.unique(subject)
    figure, (axes,) = blank_panels(1, width=8.5, height=4.6)
    for row in ("ceiling", "model", "shuffled", "mean_prediction"):
        if row not in ranks:
            continue
        curves = np.array(
            [
                [n_way_accuracy(ranks[row][..., own], every[own], n_way).mean() for n_way in n_ways]
                for own in (subject == name for name in names)
            ]
        )
        style = "no_brain" if row == "mean_prediction" else row
        axes.plot(n_ways, curves.mean(0), color=COLORS[style], linestyle=LINES[style], linewidth=2, label=LABELS[row])
        if row == "model" and len(names) > 1:
            axes.plot(n_ways, curves.T, color=COLORS[style], linewidth=0.6, alpha=0.5)
            ends = np.array([t_interval(values)[1:] for values in curves.T])
            axes.fill_between(n_ways, *ends.T, color=COLORS[style], alpha=0.15, linewidth=0)
    axes.plot(n_ways, 1 / n_ways, color=COLORS["chance"], linestyle=LINES["chance"], linewidth=2, label="chance, 1 / N")
    axes.set_xscale("log")
    ticks = [n for n in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if 1.3 * n < n_candidates] + [n_candidates]
    axes.set_xticks(ticks, labels=map(str, ticks))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axes.set(ylim=(0, 1.02), xlabel="N (candidates)", ylabel="identified (%)")
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    caption = (
        f"How often the true clip is the most similar of N test clips, exact over all draws from the {n_candidates}"
        f"{'' if every.min() == every.max() else ' or more'} that the subject heard. Ties count as wrong. Mean over subjects"
        + ("; thin: single subjects; shaded: 95% t interval." if len(names) > 1 else ".")
    )
    return Drawing("Identification of the test clip", figure, caption)


def identification_by_subject(found: ClipScores) -> Drawing:
    """Draw bars of 2-way and 10-way identification with each subject's interval; the controls as lines."""
    n_ways, values = dict.fromkeys((2, min(10, found.n_candidates))), {}
    best = "ideal_observer" if "ideal_observer" in found.ranks else "ceiling"
    shown = {
        "model": "model",
        "ceiling": best,
        "no_brain": "mean_prediction",
        "shuffled": "shuffled",
        "chance": "chance",
    }
    for n_way in n_ways:
        own = found.rows[f"identification@{n_way}"]
        values[f"identification@{n_way}"] = {style: own[row] for style, row in shown.items()}
    rows = {
        style: Row(LABELS.get(style, LABELS.get(row, row)), ROLES.get(style, "control")) for style, row in shown.items()
    }
    measures = {f"identification@{n_way}": Measure(f"{n_way}-way identification (%)", 100, 1) for n_way in n_ways}
    caption = (
        f"Bars: how often each subject's clips are identified among {' and among '.join(map(str, n_ways))} test clips, with the 95% interval over "
        f"its {found.units.words}. Lines: the controls, mean over subjects. The line above a bar: the subject's own ceiling."
    )
    return Drawing("Identification by subject", score_bars(Scores(rows, measures, values), list(values)), caption)


def decoded_spectrograms(rows: Mapping[str, np.ndarray], pcc: np.ndarray) -> Drawing:
    """Draw spectrograms of some clips, one column each.

    Parameters
    ----------
    rows
        (n, f, t) by label: true, decoded, ...; values from 0 to 1.
    pcc
        (n,) correlation of decoded and true spectrogram.
    """
    n = len(pcc)
    figure = Figure(figsize=(2.6 * n + 0.6, 1.7 * len(rows) + 0.4), dpi=130, layout="constrained")
    panels = figure.subplots(len(rows), n, squeeze=False)
    for axes, (label, values) in zip(panels, rows.items(), strict=True):
        low, high = np.quantile(next(iter(rows.values())), [0.01, 0.99])
        for column, (one, mel) in enumerate(zip(axes, values, strict=True)):
            one.imshow(mel.astype(np.float32), origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high)
            one.set(xticks=[], yticks=[])
            if column == 0:
                one.set_ylabel(label)
    for one, value in zip(panels[0], pcc, strict=True):
        one.set_title(f"PCC {value:.2f}")
    caption = (
        "Mel spectrograms of clips at fixed places in the order of all by correlation, the best on the left; time runs to "
        "the right, bands upwards, all on one scale."
    )
    return Drawing("Decoded spectrograms", figure, caption)
