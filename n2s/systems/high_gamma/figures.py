"""Figures: r of every electrode, electrodes on a glass brain, recorded and predicted activity, flattened scores."""

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.report.figures import PALETTE
from n2s.systems.high_gamma.rows import MEAN
from n2s.systems.high_gamma.scored import HighGammaScores
from n2s.systems.high_gamma.summary import Q, filled, subject_values

AXES = (("y", "z", "front, mm"), ("x", "z", "right, mm"), ("x", "y", "right, mm"))


def drawings(result: HighGammaScores) -> list[Drawing]:
    """Those for which there is something to draw."""
    if not len(result.electrodes):
        return []
    found = [electrodes_figure(result), brain_figure(result), traces_figure(result), flattened_figure(result)]
    return [one for one in found if one is not None]


def electrodes_figure(result: HighGammaScores) -> Drawing:
    """R of all electrodes of all subjects, one curve a row, sorted."""
    figure = Figure(figsize=(7.5, 4.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    for number, row in enumerate(one for one in result.rows.itertuples() if f"r:{one.row}" in result.electrodes):
        own = result.electrodes
        r = np.sort(filled(own[f"r:{row.row}"], own.varies))[::-1]
        share = 100 * (np.arange(len(r)) + 0.5) / max(len(r), 1)
        style = "-" if row.role == "model" else "--"
        axes.plot(share, r, style, color=PALETTE[number % len(PALETTE)], linewidth=1.5, label=row.label)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlabel("electrodes, best first (%)", fontsize=9)
    axes.set_ylabel("r over held-out time", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    n = int(result.electrodes.varies.sum())
    caption = f"r of {n} electrodes of {result.electrodes.subject.nunique()} subjects, sorted for each row by itself. Dashed: baselines."
    return Drawing("r of every electrode", figure, caption)


def brain_figure(result: HighGammaScores) -> Drawing | None:
    """R of the first model at the places of electrodes: a glass brain for MNI, else plain coordinates; None without places."""
    row = result.rows.iloc[0]
    placed = result.electrodes.dropna(subset=["x", "y", "z", f"r:{row.row}"])
    frames = {result.frames.get(name, "own") for name in placed.subject}
    if not len(placed):
        return None
    r = placed[f"r:{row.row}"].to_numpy()
    limit = max(float(np.abs(r).max()), 1e-3)
    n, left = len(placed), len(result.electrodes) - len(placed)
    q = placed[f"q:{row.row}"] if f"q:{row.row}" in placed else pd.Series(np.nan, placed.index)
    small = np.where(q.isna() | (q < Q), 28.0, 8.0)
    told = f"r of '{row.label}' at {n} electrodes of {placed.subject.nunique()} subjects; small: q not below .05."
    if left:
        told += f" {left} more have no place or no r."
    figure = Figure(figsize=(10.5, 3.4), dpi=130)
    FigureCanvasAgg(figure)
    if frames == {"mni"}:
        from nilearn.plotting import plot_markers  # seconds

        plot_markers(
            r, placed[["x", "y", "z"]].to_numpy(), node_size=small, node_cmap="RdBu_r", node_vmin=-limit, node_vmax=limit,
            display_mode="lyrz", figure=figure, colorbar=True,
        )  # fmt: skip
        return Drawing("Electrodes on a glass brain", figure, f"{told} MNI space.")
    if len({*placed.subject}) > 1:
        told += " Places are those of each person's own brain, which differ."
    panels = figure.subplots(1, 3)
    for axes, (one, other, label) in zip(panels, AXES, strict=True):
        drawn = axes.scatter(
            placed[one],
            placed[other],
            c=r,
            s=small,
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            edgecolors="#777777",
            linewidths=0.3,
        )
        axes.set_xlabel(label, fontsize=8)
        axes.set_ylabel(f"{'up' if other == 'z' else 'front'}, mm", fontsize=8)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=7)
    figure.subplots_adjust(left=0.07, right=0.93, bottom=0.16, top=0.95, wspace=0.35)
    figure.colorbar(drawn, ax=list(panels), shrink=0.8, pad=0.02).set_label("r", fontsize=8)
    return Drawing("Electrodes", figure, f"{told} No glass brain: places are not in MNI space.")


def traces_figure(result: HighGammaScores) -> Drawing | None:
    """Recorded and predicted activity of the best electrodes of the subject with the highest r."""
    traces = result.traces
    if not len(traces):
        return None
    subject = traces.loc[traces.r.idxmax(), "subject"]
    own = traces[traces.subject == subject]
    names = list(dict.fromkeys(own.name))
    figure = Figure(figsize=(9.5, 1.5 * len(names) + 0.6), dpi=130, layout="constrained")
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
        part = own[own.name == name]
        step_s = np.median(np.diff(part.time_s)) if len(part) > 1 else 1.0
        place_s = np.arange(len(part)) * step_s
        axes.plot(place_s, part.recorded, color="#888888", linewidth=0.8, label="recorded")
        axes.plot(place_s, part.predicted, color=PALETTE[0], linewidth=1.4, label="predicted")
        for gap in np.flatnonzero(np.abs(np.diff(part.time_s)) > 1.5 * step_s):
            axes.axvline(place_s[gap] + step_s / 2, color="black", linewidth=0.5, linestyle=":")
        axes.set_title(f"{name}, r = {part.r.iloc[0]:.2f}", fontsize=8, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
    axes.set_xlabel("held-out time, s", fontsize=8)
    figure.axes[0].legend(frameon=False, fontsize=7, ncols=2, loc="upper right")
    label = result.rows.label.iloc[0]
    caption = (
        f"The best electrodes of {subject} by '{label}', in deviations of the training rows. Dotted: rows between are not held out here. "
        "They are the best of all: not an average picture."
    )
    return Drawing("Recorded and predicted activity", figure, caption)


def flattened_figure(result: HighGammaScores) -> Drawing | None:
    """For each row: flattened r beside r of the median electrode."""
    values = subject_values(result.electrodes, result.flat)
    rows = [one for one in result.rows.itertuples() if one.row in values["flattened_r"]]
    if not rows:
        return None
    figure = Figure(figsize=(8, 0.42 * len(rows) + 1.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    for line, row in enumerate(rows):
        for shift, measure, color, label in (
            (0.18, "flattened_r", PALETTE[1], "flattened r"),
            (-0.18, "r_median", PALETTE[0], "r of the median electrode"),
        ):
            own = list(values[measure].get(row.row, {}).values())
            axes.barh(
                -line + shift,
                np.mean(own) if own else 0,
                0.34,
                color=color,
                alpha=0.85,
                label=label if not line else None,
            )
            axes.plot(own, [-line + shift] * len(own), ".", color="#333333", markersize=3)
    axes.set_yticks([-line for line in range(len(rows))], [row.label for row in rows], fontsize=8)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel("r", fontsize=9)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    mean = next(row.label for row in rows if row.row == MEAN)
    caption = f"Mean over subjects; points: subjects. '{mean}' is a constant in each electrode: it has no r over time, and yet a flattened r."
    return Drawing("What a flattened r tells", figure, caption)
