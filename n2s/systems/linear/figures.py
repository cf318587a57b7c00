"""Figures of decoding: the reconstruction beside the truth, r of subjects and folds beside its null, windows told apart."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.metrics.score import Scores
from n2s.report.figures import COLORS, LINES, PALETTE, blank_panels, short_names
from n2s.systems.linear.score_lines import CEILING

MOST_TARGETS, MOST_LINES = 4, 3
#: Start of a measure -> title and caption of its figure.
LENGTHS = (
    (
        "match",
        "Match-mismatch",
        "How often the reconstruction of a window correlates more with what was heard than with another window of the same length.",
    ),
    (
        "attended",
        "Attended talker",
        "How often the reconstruction of a window correlates more with the talker who was attended than with the other one.",
    ),
)
MOST_NAMES = 24  # subjects whose names are written below an axis


def drawings(values: pd.DataFrame, folds: pd.DataFrame, courses: pd.DataFrame | None, scores: Scores) -> list[Drawing]:
    """All figures of a result, in reading order."""
    found = []
    for target in list(values.target.unique())[:MOST_TARGETS]:
        own = values[values.target == target]
        if courses is not None and (courses.target == target).any():
            found.append(_course(target, own, courses[courses.target == target]))
        found.append(_by_subject(target, own, folds[folds.target == target]))
        for kind, title, caption in LENGTHS:
            shares = own[own.measure.str.startswith(kind)]
            if len(shares):
                found.append(_by_length(f"{title} of {target}", shares, caption))
    return found


def _course(target: str, own: pd.DataFrame, courses: pd.DataFrame) -> Drawing:
    """The subject whose r is the middle one: lines for one feature, images for many."""
    r = own[own.measure == "r"].set_index("subject").value.dropna().sort_values()
    subject = r.index[len(r) // 2] if len(r) else courses.subject.iloc[0]
    shown = courses[courses.subject == subject]
    features = list(shown.feature.unique())
    time_s = shown[shown.feature == features[0]].time_s.to_numpy()
    if len(features) <= MOST_LINES:
        figure, panels = blank_panels(len(features), width=9, height=1.4 + 1.5 * len(features), stacked=True)
        for axes, feature in zip(panels, features, strict=True):
            one = shown[shown.feature == feature]
            axes.plot(time_s, one.true, color="#888888", linewidth=1.6, label="truth")
            axes.plot(time_s, one.predicted, color=COLORS["model"], linewidth=1.4, label="reconstruction")
            axes.set_ylabel(f"{target}{f' {feature}' if len(features) > 1 else ''} (SD)", fontsize=8)
        panels[-1].set_xlabel("time in the recording (s)")
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False, fontsize=8
        )
    else:
        figure = Figure(figsize=(9, 4.4), dpi=150, layout="constrained")
        panels = figure.subplots(2, 1, sharex=True)
        for axes, (column, title) in zip(panels, (("true", "truth"), ("predicted", "reconstruction")), strict=True):
            image = shown.pivot(index="feature", columns="time_s", values=column).to_numpy()
            drawn = axes.imshow(
                image, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5, interpolation="nearest",
                extent=(time_s[0], time_s[-1], -0.5, len(features) - 0.5),
            )  # fmt: skip
            axes.set_title(title, fontsize=9)
            axes.set_ylabel(f"{len(features)} features", fontsize=8)
        panels[-1].set_xlabel("time in the recording (s)")
        figure.colorbar(drawn, ax=list(panels), label="SD", shrink=0.8)
    which = "the subject with the middle r" if own.subject.nunique() > 1 else "the subject"
    caption = (
        f"{target} as it was heard and as it is decoded from held-out brain activity, both in their own deviations: {which}, {subject}, the middle "
        f"of the longest held-out stretch ({shown.recording.iloc[0]})."
    )
    return Drawing(f"Reconstruction of {target}", figure, caption)


def _by_subject(target: str, own: pd.DataFrame, folds: pd.DataFrame) -> Drawing:
    lines = own[own.measure == "r"]
    subjects = list(lines.subject)
    figure, (axes,) = blank_panels(1, width=max(4.5, min(11, 1.5 + 0.6 * len(subjects))), height=3.4)
    at = np.arange(len(subjects))
    null = lines[["null_low", "null_high"]].to_numpy()
    axes.bar(at, null[:, 1] - null[:, 0], bottom=null[:, 0], width=0.8, color="#DDDDDD", label="null, central 95%")
    for number, subject in enumerate(subjects):
        r = folds[folds.subject == subject].r.to_numpy()
        axes.plot(np.full(len(r), number), r, "o", color=PALETTE[4], markersize=4, alpha=0.8,
                  label="a fold" if number == 0 and len(r) > 1 else None, zorder=2)  # fmt: skip
    ends = np.nan_to_num(np.abs(lines[["low", "high"]].to_numpy() - lines.value.to_numpy()[:, None])).T
    axes.errorbar(
        at,
        lines.value,
        yerr=ends,
        fmt="s",
        color=COLORS["model"],
        capsize=3,
        markersize=6,
        label="all folds joined",
        zorder=3,
    )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel(f"r of {target}")
    _names(axes, subjects)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    caption = "Correlation of reconstruction and truth for each subject, 95% interval over blocks of time; grey: r with the truth shifted in time."
    return Drawing(f"r of {target}", figure, caption)


def _by_length(title: str, matched: pd.DataFrame, caption: str) -> Drawing:
    """Shares of right decisions: a line over lengths, or with one length a point a subject."""
    matched = matched.assign(length_s=matched.measure.str.extract(r", ([\d.e+-]+) s$")[0].astype(float))
    lengths = np.sort(matched.length_s.unique())
    subjects = list(matched.subject.unique())
    if len(lengths) > 1:
        figure, (axes,) = blank_panels(1, width=5, height=3.4)
        for number, subject in enumerate(subjects):
            one = matched[matched.subject == subject].sort_values("length_s")
            axes.plot(one.length_s, 100 * one.value, color=COLORS["model"], alpha=0.35 if len(subjects) > 1 else 1, marker="o",
                      markersize=3, linewidth=1, label="a subject" if number == 0 and len(subjects) > 1 else None)  # fmt: skip
        mean = matched.groupby("length_s").value.mean()
        if len(subjects) > 1:
            axes.plot(mean.index, 100 * mean, color="black", linewidth=1.8, marker="s", markersize=4, label="mean")
        high = matched.groupby("length_s").null_high.mean()
        axes.plot(high.index, 100 * high, color="#999999", linestyle="--", linewidth=1, label="97.5% of the null")
        if CEILING[0] in matched and matched[CEILING[0]].notna().any():
            best = matched.drop_duplicates(["subject", "length_s"]).groupby("length_s")[CEILING[0]].mean()
            axes.plot(
                best.index, 100 * best, color=COLORS["ceiling"], linestyle=LINES["ceiling"], label="best possible"
            )
        axes.set_xlabel("length of a window (s)")
    else:
        figure, (axes,) = blank_panels(1, width=max(4.5, min(11, 1.5 + 0.6 * len(subjects))), height=3.4)
        at = np.arange(len(subjects))
        null = 100 * matched[["null_low", "null_high"]].to_numpy()
        axes.bar(at, null[:, 1] - null[:, 0], bottom=null[:, 0], width=0.8, color="#DDDDDD", label="null, central 95%")
        ends = 100 * np.nan_to_num(np.abs(matched[["low", "high"]].to_numpy() - matched.value.to_numpy()[:, None])).T
        axes.errorbar(
            at,
            100 * matched.value,
            yerr=ends,
            fmt="s",
            color=COLORS["model"],
            capsize=3,
            label=f"windows of {lengths[0]:g} s",
        )
        _names(axes, subjects)
    axes.axhline(50, color=COLORS["chance"], linestyle=":", linewidth=1.4, label="chance")
    axes.set_ylabel("right (%)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return Drawing(title, figure, caption)


def _names(axes: Axes, subjects: list[str]) -> None:
    axes.set_xlim(-0.8, len(subjects) - 0.2)
    if len(subjects) > MOST_NAMES:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(subjects)} subjects")
        return
    labels = short_names(subjects)
    rotation = 60 if max(map(len, labels)) * len(labels) > 50 else 0
    axes.set_xticks(range(len(subjects)), labels=labels, rotation=rotation, fontsize=8)
    axes.set_xlabel("subject")
