"""Figures: the matrix of cells, shared and specific voxels, transfer ratios, the language probe."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.metrics.score import ALL
from n2s.report.figures import PALETTE
from n2s.systems.cross_language.cells import HELD_OUT
from n2s.systems.cross_language.scored import CrossLanguageScores
from n2s.systems.cross_language.scoring import EVERY, R
from n2s.systems.cross_language.tables import regions_shown

BANDS = ("shared", "first language alone", "second language alone", "none")
COLORS = ("#009E73", "#0072B2", "#D55E00", "#CCCCCC")
WIDEST = 2.0  # interval of a ratio that is drawn
MOST_DOTS = 4000  # voxels of a picture


def drawings(result: CrossLanguageScores) -> list[Drawing]:
    """Those for which there is something to draw."""
    found = [matrix_figure(result), transfer_figure(result), *voxel_figures(result), probe_figure(result)]
    return [one for one in found if one is not None]


def matrix_figure(result: CrossLanguageScores) -> Drawing:
    """Training by tested language: r in each region, and percentile rank, of the main features."""
    cells = result.cells[
        (result.cells.subject == ALL) & (result.cells.role == "model") & (result.cells.design == HELD_OUT)
    ]
    panels = [(R, region) for region in regions_shown(cells)] + (
        [("rank", "")] if (cells.measure == "rank").any() else []
    )
    tests, trains = list(dict.fromkeys(cells.test)), list(dict.fromkeys(cells.train))
    trains = sorted(trains, key=lambda name: name.count("+"))
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(
        figsize=(1.1 + 2.3 * columns, rows * (0.9 + 0.42 * len(trains)) + 0.3), dpi=130, layout="constrained"
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes, (measure, region) in zip(grid, panels, strict=False):
        own = cells[(cells.measure == measure) & (cells.region == region)]
        values, p = (
            own.pivot(index="train", columns="test", values=name).reindex(index=trains, columns=tests).to_numpy(float)
            for name in ("value", "q")
        )
        middle = 0.5 if measure == "rank" else 0.0
        limit = max(np.nanmax(np.abs(values - middle)), 1e-3)
        axes.imshow(values, cmap="RdBu_r", vmin=middle - limit, vmax=middle + limit, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{100 * value:.0f}%" if measure == "rank" else f"{value:.3f}"
                strong = abs(value - middle) > 0.6 * limit
                axes.text(
                    j,
                    i,
                    text + ("*" if p[i, j] < 0.05 else ""),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if strong else "black",
                )
        axes.set_xticks(range(len(tests)), tests, fontsize=8)
        axes.set_yticks(range(len(trains)), [name.replace("+", " + ") for name in trains], fontsize=8)
        axes.set_title(
            "percentile rank" if measure == "rank" else f"r, {'all voxels' if region == EVERY else region}", fontsize=9
        )
        axes.set_xlabel("tested on", fontsize=8)
    grid[0].set_ylabel("trained on", fontsize=8)
    return Drawing(
        "Cells", figure, f"Mean over subjects, features '{result.settings['spaces'][0]}', content held out. *: q < .05."
    )


def transfer_figure(result: CrossLanguageScores) -> Drawing | None:
    """Ratios with their intervals, main features and controls."""
    ratios = result.transfer[
        (result.transfer.subject == ALL) & (result.transfer.design == HELD_OUT) & result.transfer.ratio.notna()
    ]
    wide = (ratios.high - ratios.low) > WIDEST
    n_wide, ratios = int(wide.sum()), ratios[~wide]
    if not len(ratios):
        return None
    spaces = list(dict.fromkeys(ratios.space))
    lines = list(dict.fromkeys((one.region or "segments", one.train, one.test) for one in ratios.itertuples()))
    figure = Figure(figsize=(7.5, 0.36 * len(lines) + 1.3), dpi=130, layout="constrained")
    axes = figure.subplots()
    for number, space in enumerate(spaces):
        own = ratios[ratios.space == space]
        at = np.array(
            [lines.index((one.region or "segments", one.train, one.test)) for one in own.itertuples()]
        ) + 0.16 * (number - (len(spaces) - 1) / 2)
        ends = np.stack([(own.ratio - own.low).fillna(0), (own.high - own.ratio).fillna(0)]).clip(0)
        axes.errorbar(
            own.ratio,
            at,
            xerr=ends,
            fmt="o",
            markersize=4,
            linewidth=1.2,
            color=PALETTE[number % len(PALETTE)],
            label=space,
        )
    axes.set_yticks(range(len(lines)), [f"{region}: {train} → {test}" for region, train, test in lines], fontsize=8)
    axes.invert_yaxis()
    for value in (0, 1):
        axes.axvline(value, color="black", linewidth=0.6, linestyle="-" if value == 0 else ":")
    axes.set_xlim(*np.clip([min(-0.25, ratios.low.min()), max(1.25, ratios.high.max())], -1.5, 2.5))
    axes.set_xlabel("transfer ratio (1: as good as within the language)", fontsize=9)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(spaces), frameon=False, fontsize=8
    )
    axes.spines[["top", "right"]].set_visible(False)
    left = int(
        result.transfer[(result.transfer.subject == ALL) & (result.transfer.design == HELD_OUT)].ratio.isna().sum()
    )
    caption = "(cross - chance) / (within - chance), mean over subjects, 95% intervals." + (
        f" {left} ratios are undefined, {n_wide} have an interval wider than {WIDEST:g}: not drawn."
        if left or n_wide
        else ""
    )
    return Drawing("Transfer ratios", figure, caption)


def voxel_figures(result: CrossLanguageScores) -> list[Drawing]:
    """Shared against specific parts of every voxel; and where they lie, if places are known."""
    found = []
    for name in [one.removesuffix(":class") for one in result.voxels if one.endswith(":class")]:
        own = result.voxels.dropna(subset=[f"{name}:shared"])
        if len(own):
            found.append(_parts(own, name))
            if own[["x", "y", "z"]].notna().all(axis=None):
                found.append(_places(own, name))
    return found


def _parts(voxels: pd.DataFrame, name: str) -> Drawing:
    one, other = name.split("+")
    figure = Figure(figsize=(5.4, 4.4), dpi=130, layout="constrained")
    axes = figure.subplots()
    some = voxels if len(voxels) <= MOST_DOTS else voxels.sample(MOST_DOTS, random_state=0)
    for color, band in zip(COLORS, ("shared", one, other, "none"), strict=True):
        part = some[some[f"{name}:class"] == band]
        label = {"shared": "shared", "none": "nothing explained"}.get(band, f"{band} alone")
        n = int((voxels[f"{name}:class"] == band).sum())
        axes.scatter(
            part[f"{name}:shared"],
            part[[f"{name}:{one}", f"{name}:{other}"]].max(axis=1),
            s=8,
            color=color,
            alpha=0.7,
            label=f"{label} ({n})",
            linewidths=0,
        )
    axes.axline((0, 0), slope=1, color="black", linewidth=0.6, linestyle=":")
    axes.set_xlabel("shared part of R2", fontsize=9)
    axes.set_ylabel("larger specific part of R2", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return Drawing(
        f"Shared and specific voxels, {name}",
        figure,
        f"{len(voxels)} voxels of {voxels.subject.nunique()} subjects, held-out rows; colours: class.",
    )


def _places(voxels: pd.DataFrame, name: str) -> Drawing:
    one, other = name.split("+")
    figure = Figure(figsize=(9.5, 3.2), dpi=130, layout="constrained")
    first = voxels[voxels.subject == voxels.subject.iloc[0]]
    for axes, (across, up, label) in zip(
        figure.subplots(1, 3), (("y", "z", "front"), ("x", "z", "right"), ("x", "y", "right")), strict=True
    ):
        for color, band in reversed(list(zip(COLORS, ("shared", one, other, "none"), strict=True))):
            part = first[first[f"{name}:class"] == band]
            axes.scatter(part[across], part[up], s=5, color=color, alpha=0.6, linewidths=0, label=band)
        axes.set_xlabel(f"{label}, mm", fontsize=8)
        axes.set_ylabel(f"{'up' if up == 'z' else 'front'}, mm", fontsize=8)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelsize=7)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return Drawing(
        f"Where they lie, {name}", figure, f"Voxels of {first.subject.iloc[0]} by class, projected along each axis."
    )


def probe_figure(result: CrossLanguageScores) -> Drawing | None:
    """Accuracy of the language's classifier, each subject a dot."""
    if not len(result.probe):
        return None
    names = list(dict.fromkeys(result.probe.what))
    figure = Figure(figsize=(6.2, 0.5 * len(names) + 1.0), dpi=130, layout="constrained")
    axes = figure.subplots()
    for line, name in enumerate(names):
        own = result.probe[result.probe.what == name]
        axes.barh(line, 100 * own.accuracy.mean(), 0.6, color=PALETTE[0], alpha=0.85)
        axes.plot(100 * own.accuracy, [line] * len(own), ".", color="#333333", markersize=4)
    axes.axvline(100 * result.probe.chance.mean(), color="black", linestyle=":", linewidth=0.9, label="chance")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("language told from segments of held-out stories (%)", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return Drawing(
        "Language probe",
        figure,
        "A ridge classifier; dots: subjects. Centring takes the language out of the mean, not out of everything.",
    )
