"""Figures: scores in the course of a story, the null and where scores lie in it, decoded against true windows."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS, short_names
from n2s.systems.story_text.rows import CEILING, METRICS, NULL, NULL_BESIDE, row_of
from n2s.systems.story_text.scored import StoryTextScores
from n2s.systems.story_text.summary import Q, main_metric, measure_of, metrics_of, rows_of, short

MOST = 4  # stories in a figure
#: Role -> line, and colours of its rows.
_STYLES = {
    "model": ("-", (COLORS["model"], "#7A3E9D")),  # a second decoder's text beside the model's
    "control": (":", ("#D55E00", "#CC79A7", "#A98600", "#56B4E9", "#8C564B")),
    "ceiling": ("--", (COLORS["ceiling"],)),
}


def drawings(result: StoryTextScores) -> list[Drawing]:
    """Those for which there is something to draw."""
    return [one for one in (course_figure(result), null_figure(result), similarity_figure(result)) if one is not None]


def _shown(result: StoryTextScores, table: pd.DataFrame) -> list[tuple[str, str]]:
    """(subject, story) to draw: the first stories of each subject in turn, the first subjects first."""
    pairs = table[["subject", "story"]].drop_duplicates()
    pairs = pairs.assign(place=pairs.groupby("subject").cumcount()).sort_values("place", kind="stable")
    return list(pairs[["subject", "story"]].itertuples(index=False, name=None))[:MOST]


def course_figure(result: StoryTextScores) -> Drawing | None:
    """The main metric of the first row in the course of stories, with the null and windows above chance."""
    metric = main_metric(result)
    known = result.windows[(result.windows.metric == metric) & result.windows.value.notna()]
    if not len(known):
        return None
    row, half = rows_of(result)[0], result.settings["window_s"] / 2
    pairs = _shown(result, known[known.row == row])
    names = dict(zip(result.stories.subject, short_names(list(result.stories.subject)), strict=True))
    figure = Figure(figsize=(9, 1.1 + 1.9 * len(pairs)), dpi=130, layout="constrained")
    panels = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    for axes, (subject, story) in zip(panels, pairs, strict=True):
        here = known[(known.subject == subject) & (known.story == story)]
        own, best = (_gaps(here[here.row == one], result.settings["hop_s"]) for one in (row, CEILING))
        middle = own.start_s + half
        axes.fill_between(
            middle, own.null_mean - 2 * own.null_sd, own.null_mean + 2 * own.null_sd, color="#bbbbbb", alpha=0.6, linewidth=0,
            label="null, mean and 2 standard deviations",
        )  # fmt: skip
        axes.plot(middle, own.null_mean, color="#666666", linewidth=0.8)
        if len(best):
            axes.plot(
                best.start_s + half,
                best.value,
                color=COLORS["ceiling"],
                linewidth=1,
                linestyle="--",
                label=row_of(CEILING).label,
            )
        axes.plot(middle, own.value, color=COLORS["model"], linewidth=1.4, label=row_of(row).label)
        above = own[own.q < Q]
        low = np.nanmin([here.value.min(), (own.null_mean - 2 * own.null_sd).min()])
        axes.plot(
            above.start_s + half, np.full(len(above), low), "|", color="#D55E00", markersize=6, label=f"q < {Q:g}"
        )
        axes.set_title(f"{names[subject]}, {story}", fontsize=8, loc="left", parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
    panels[-1].set_xlabel("middle of the window, s of the story", fontsize=8)
    figure.supylabel(short(metric), fontsize=8)
    handles = {label: one for axes in panels for one, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=4, frameon=False, fontsize=7)
    n = len(known[known.row == row][["subject", "story"]].drop_duplicates())
    told = f"{measure_of(metric, result).label} of windows of {2 * half:g} s."
    told += f" {len(pairs)} of {n} stories of all subjects are shown." if n > len(pairs) else ""
    return Drawing("Scores in the course of stories", figure, told)


def _gaps(windows: pd.DataFrame, hop_s: float) -> pd.DataFrame:
    """Windows in order, with an empty one where some have no score, so that no line is drawn there."""
    windows = windows.sort_values("start_s", kind="stable")
    jump = windows.start_s.diff() > 1.5 * hop_s
    blank = windows[jump].assign(start_s=windows[jump].start_s - hop_s / 2)
    for name in ("value", "null_mean", "null_sd", "q"):
        blank[name] = np.nan
    return pd.concat([windows, blank]).sort_values("start_s", kind="stable") if len(blank) else windows


def null_figure(result: StoryTextScores) -> Drawing | None:
    """How null texts score over all stories, and where each row lies; mean over subjects."""
    null = result.nulls[(result.nulls.story == "") & result.nulls.value.notna()]
    names = [name for name in metrics_of(result) if name in set(null.metric)]
    if not names:
        return None
    total = result.by_story[result.by_story.story == ""]
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(9, 0.7 + 2.1 * lines), dpi=130, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        for of, color in ((NULL, "#bbbbbb"), (NULL_BESIDE, "#c9b79c")):
            by_draw = null[(null.metric == name) & (null.row == of)].groupby("draw").value.mean()
            if len(by_draw):
                bins = min(30, max(5, len(by_draw) // 6))
                axes.hist(by_draw, bins=bins, color=color, alpha=0.8, label=row_of(of).label)
        for number, row in enumerate(rows_of(result)):
            value = total.value[(total.metric == name) & (total.row == row)].mean()
            if np.isfinite(value):
                role = row_of(row).role
                style, colors = _STYLES[role]
                color = colors[number % len(colors)]
                axes.axvline(value, color=color, linestyle=style, linewidth=1.8, label=row_of(row).label)
        axes.set_title(short(name) + ("" if METRICS[name] else ", lower is better"), fontsize=8)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(labelsize=7)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    handles = {label: one for axes in panels for one, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=4, frameon=False, fontsize=7)
    n = int(null.groupby(["subject", "row", "metric"]).size().max())
    told = f"Histograms: {n} texts of random likelihoods, each its mean over all windows of all subjects. Lines: what was decoded, controls, ceiling."
    return Drawing("Scores and their null", figure, told)


def similarity_figure(result: StoryTextScores) -> Drawing | None:
    """Decoded windows against true windows."""
    if not len(result.similarity):
        return None
    pairs = _shown(result, result.similarity)[:3]
    names = dict(zip(result.stories.subject, short_names(list(result.stories.subject)), strict=True))
    figure = Figure(figsize=(3.4 * len(pairs) + 0.6, 3.6), dpi=130, layout="constrained")
    for axes, (subject, story) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        own = result.similarity[(result.similarity.subject == subject) & (result.similarity.story == story)]
        matrix = own.pivot(index="found_s", columns="true_s", values="value")
        low, high = matrix.index.min(), matrix.index.max() + result.settings["hop_s"]
        image = axes.imshow(matrix, origin="lower", extent=(low, high, low, high), cmap="viridis", aspect="equal")
        axes.plot([low, high], [low, high], color="white", linewidth=0.6, linestyle=":")
        axes.set_title(f"{names[subject]}, {story}", fontsize=8, parse_math=False)
        axes.set_xlabel("true window, s", fontsize=8)
        axes.tick_params(labelsize=7)
        figure.colorbar(image, ax=axes, shrink=0.7).ax.tick_params(labelsize=7)
    figure.axes[0].set_ylabel("decoded window, s", fontsize=8)
    told = f"Embedding match ({result.settings['encoder']}) of every decoded window with every true one; dotted: the true window of each."
    return Drawing("Decoded against true windows", figure, told)
