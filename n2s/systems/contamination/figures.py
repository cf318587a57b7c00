"""Figures of a verdict: the brain beside its controls, same frequencies, heads, and windows before the voice."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from n2s.metrics.result import Drawing
from n2s.metrics.score import ALL
from n2s.report.figures import COLORS, PALETTE, blank_panels
from n2s.systems.contamination.sources import LABELS
from n2s.systems.contamination.verdict import SHARE
from n2s.systems.encoding.figures.sensor_figures import FEWEST_SENSORS, draw_topography

MOST_HEADS = 5


def drawings(
    table: pd.DataFrame,
    early: pd.DataFrame,
    sensors: pd.DataFrame,
    hz: np.ndarray | None,
    matrix: np.ndarray | None,
    matrix_of: str,
) -> list[Drawing]:
    """In reading order; those that there is something for. See `n2s.systems.contamination.result.ContaminationResult`."""
    found = [scores_figure(table), early_figure(early), spectrum_figure(hz, matrix, matrix_of), heads(sensors)]
    return [one for one in found if one is not None]


def scores_figure(table: pd.DataFrame) -> Drawing:
    """Balanced accuracy of each source, people as dots."""
    rows = table[(table.subject == ALL) & table.p.notna()].reset_index(drop=True)
    figure, (axes,) = blank_panels(1, width=max(4.5, 1.6 + 0.85 * len(rows)), height=4.2)
    for at, row in enumerate(rows.itertuples()):
        color = COLORS["model"] if row.source.startswith(("brain", "learned")) else "#999999"
        ends = None if not np.isfinite(row.low) else [[max(row.value - row.low, 0)], [max(row.high - row.value, 0)]]
        axes.bar(at, row.value, 0.62, color=color, yerr=ends, ecolor="black", capsize=3, alpha=0.85)
        axes.hlines(
            row.null_high,
            at - 0.36,
            at + 0.36,
            color=COLORS["encoding"],
            linewidth=1.6,
            label="reached by 5% of permutations" if not at else None,
        )
        own = table[(table.source == row.source) & (table.subject != ALL) & table.p.notna()]
        if len(own) > 1:
            axes.plot(at + np.linspace(-0.18, 0.18, len(own)), own.value, "o", color="black", markersize=3, alpha=0.6)
    brain = rows[rows.source == "brain"]
    if len(brain):
        lead = brain.chance.iloc[0] + SHARE * (brain.value.iloc[0] - brain.chance.iloc[0])
        axes.axhline(
            lead,
            color=COLORS["model"],
            linestyle="--",
            linewidth=1,
            label=f"{SHARE:.0%} of the brain's lead over chance",
        )
        axes.axhline(brain.chance.iloc[0], color=COLORS["chance"], linestyle=":", label="chance")
    axes.set(xticks=range(len(rows)), ylabel="balanced accuracy (%)", ylim=(0, 1.02))
    axes.set_xticklabels([LABELS.get(one, one) for one in rows.source], rotation=35, ha="right")
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    caption = "The same decoder, taught from each source at the same windows and folds; bars: mean and 95% interval; dots: people."
    return Drawing("The brain beside its controls", figure, caption)


def early_figure(early: pd.DataFrame) -> Drawing | None:
    """Scores in windows before the voice."""
    if not len(early):
        return None
    own = early[(early.subject == ALL) & early.p.notna()]
    if own.empty:
        return None
    figure, (axes,) = blank_panels(1, width=5.5, height=3.6)
    for number, (source, rows) in enumerate(own.groupby("source", sort=False)):
        rows = rows.sort_values("start_s")
        middle = 500 * (rows.start_s + rows.stop_s)
        color = COLORS["model"] if source == "brain" else PALETTE[1 + number % (len(PALETTE) - 1)]
        ends = np.nan_to_num([np.maximum(rows.value - rows.low, 0), np.maximum(rows.high - rows.value, 0)])
        axes.errorbar(
            middle + 6 * number,
            rows.value,
            ends,
            marker="o",
            color=color,
            capsize=2,
            label=LABELS[source],
            linewidth=2 if source == "brain" else 1,
        )
    axes.axhline(own.chance.mean(), color=COLORS["chance"], linestyle=":")
    axes.set(xlabel="middle of the window, ms from the onset of the voice", ylabel="balanced accuracy (%)")
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    caption = (
        "Windows of 200 ms before the voice; dotted: chance. Muscles begin to work some 300 ms before a voice, so that these windows are not clean by themselves: "
        "EMG and head position beside the brain say when they begin. Filters carry what comes later into them."
    )
    return Drawing("Before the voice", figure, caption)


def spectrum_figure(hz: np.ndarray | None, matrix: np.ndarray | None, matrix_of: str) -> Drawing | None:
    """Correlation of powers of a sensor and of the sound, frequency by frequency."""
    if matrix is None or hz is None or not len(hz):
        return None
    figure, panels = blank_panels(2, width=8.5, height=3.9)
    limit = max(float(np.abs(matrix).max()), 1e-3)
    step = np.median(np.diff(hz)) / 2 if len(hz) > 1 else 1
    ends = (hz[0] - step, hz[-1] + step)
    image = panels[0].imshow(
        matrix,
        origin="lower",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        extent=(*ends, *ends),
        aspect="equal",
        interpolation="nearest",
    )
    panels[0].plot(ends, ends, color="black", linewidth=0.6, linestyle=":")
    panels[0].set(xlabel="sound (Hz)", ylabel=f"sensor {matrix_of} (Hz)")
    figure.colorbar(image, ax=panels[0], label="correlation of power")
    n = len(hz)
    apart = np.arange(-(n // 2), n // 2 + 1)
    mean = [np.diagonal(matrix, offset).mean() for offset in apart]
    panels[1].plot(apart, mean, color=COLORS["model"])
    panels[1].axvline(0, color=COLORS["chance"], linestyle=":")
    panels[1].set(xlabel="sound's frequency minus the sensor's (bins)", ylabel="mean correlation")
    caption = (
        "Powers over frames of speech, of the sensor that follows the sound most. Sound in the sensors is a line along the diagonal and a peak at 0 on the right; "
        "broad stripes are loudness. Frequencies near multiples of 50 and 60 Hz are left out."
    )
    return Drawing("The same frequencies", figure, caption)


def heads(sensors: pd.DataFrame) -> Drawing | None:
    """Where sensors tell classes apart, and where side signals are found."""
    sensors = sensors[(sensors.x >= 0) & (sensors.y >= 0)]
    columns = {"separation": "classes told apart"}
    columns |= {name: f"{LABELS[name.removeprefix('reach_')]} found" for name in sensors if name.startswith("reach_")}
    columns = dict(list(columns.items())[:MOST_HEADS])
    kinds = [kind for kind, own in sensors.groupby("kind") if own.name.nunique() >= FEWEST_SENSORS]
    if not kinds:
        return None
    figure = Figure(figsize=(max(2.4 * len(columns), 5), 0.7 + 2.5 * len(kinds)), dpi=130, layout="constrained")
    panels = figure.subplots(len(kinds), len(columns), squeeze=False)
    for line, kind in zip(panels, kinds, strict=True):
        own = sensors[sensors.kind == kind]
        for axes, (column, title) in zip(line, columns.items(), strict=True):
            values = (
                own.assign(x=own.x.round(4), y=own.y.round(4), r=own[column].astype(float))
                .groupby(["x", "y"], as_index=False)
                .r.mean()
            )
            values = values[np.isfinite(values.r)]
            axes.set_title(f"{title}, {kind}", fontsize=9)
            if len(values) < FEWEST_SENSORS:
                axes.set_axis_off()
                continue
            most = max(float(values.r.max()), 1e-6)
            draw_topography(axes, pd.DataFrame(values).assign(q=1.0), most)
            axes.set_xlabel(f"0 to {most:.3f}", fontsize=8)
    caption = (
        "Left: share of each sensor's variance that lies between classes. Others: largest correlation with a side signal, looked for as the table says. Seen from above, "
        "the nose upwards; mean over people and over sensors of a place. Each map has its own scale."
    )
    return Drawing("Where", figure, caption)
