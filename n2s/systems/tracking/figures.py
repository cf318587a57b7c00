"""Figures of tracking: spectra, topographies, response functions, people beside chance, and the sound reconstructed."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS, PALETTE, blank_panels
from n2s.systems.encoding.figures.sensor_figures import FEWEST_SENSORS, draw_topography
from n2s.systems.tracking.measures import ALL_SENSORS
from n2s.systems.tracking.summary import controlled, label
from n2s.systems.tracking.tables import TrackingTables

MOST_PANELS = 6
MAPS = ("coherence", "information", "trf", "edges")


def drawings(result: TrackingTables) -> list[Drawing]:
    """Those that the data allow, in reading order."""
    every = (people(result), spectra(result), topographies(result), functions(result), reconstruction(result))
    return [one for one in every if one is not None]


def people(result: TrackingTables) -> Drawing | None:
    """Each person's value beside chance."""
    own = controlled(result.table)
    names = [one for one in own.measure.unique() if not one.startswith(("plv", "edges", "coupling"))][:MOST_PANELS]
    if not names:
        return None
    figure, panels = blank_panels(len(names), width=1.9 * len(names) + 0.6, height=2.9)
    for axes, name in zip(panels, names, strict=True):
        table = own[own.measure == name].reset_index(drop=True)
        for row in table.itertuples():
            if np.isfinite(row.chance):
                axes.plot([0, 1], [row.chance, row.value], color="#bbbbbb", linewidth=0.7, zorder=1)
                axes.scatter(0, row.chance, color=COLORS["chance"], s=12, zorder=2)
            axes.scatter(1, row.value, color=COLORS["model"] if not row.p >= 0.05 else "#9ecae1", s=16, zorder=3)
        axes.set_xticks([0, 1], ["shifted", "heard"], fontsize=8)
        axes.set_xlim(-0.4, 1.4)
        axes.set_title(label(name), fontsize=8)
        axes.tick_params(labelsize=7)
    caption = "Each line is a person, all sensors together: with the sound moved in a circle (mean over moves), and as it was heard. Dark blue: p < .05 among the moves."
    return Drawing("People beside chance", figure, caption)


def spectra(result: TrackingTables) -> Drawing | None:
    """Coherence over frequency."""
    table = result.spectra
    wide = {one: table.pivot(index="subject", columns="frequency_hz", values=one) for one in ("coherence", "chance")}
    hz = wide["coherence"].columns.to_numpy(float)
    if len(hz) < 3:
        return None
    figure, (axes,) = blank_panels(1, width=6.0, height=3.0)
    for name, color, text in (("coherence", COLORS["model"], "heard"), ("chance", COLORS["chance"], "shifted in time")):
        values = wide[name].to_numpy(float)
        if not np.isfinite(values).any():
            continue
        mean = np.nanmean(values, 0)
        axes.plot(hz, mean, color=color, linewidth=1.6, label=text, linestyle="-" if name == "coherence" else "--")
        if len(values) > 1:
            sem = np.nanstd(values, 0, ddof=1) / len(values) ** 0.5
            axes.fill_between(hz, mean - sem, mean + sem, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel("Hz", fontsize=8)
    axes.set_ylabel("coherence, mean over sensors", fontsize=8)
    axes.set_ylim(0)
    axes.tick_params(labelsize=7)
    axes.legend(frameon=False, fontsize=8)
    n = result.measures.subject.nunique()
    band = "; band: SEM over people" if n > 1 else ""
    return Drawing(
        "Coherence by frequency", figure, f"Mean over sensors and {n} {'person' if n == 1 else 'people'}{band}."
    )


def topographies(result: TrackingTables) -> Drawing | None:
    """Measures above chance at the sensors, mean over people."""
    table = result.sensors[result.sensors.x.notna() & result.sensors.y.notna()]
    if table.name.nunique() < FEWEST_SENSORS:
        return None
    names = [one for kind in MAPS for one in table.columns if one.startswith(f"{kind}_")][:MOST_PANELS]
    table = table.assign(at=table.x.round(3).astype(str) + " " + table.y.round(3).astype(str))
    found = {}
    for name in names:
        above = table[name] - table.get(f"chance:{name}", 0.0)
        # sensors at one place (of a Vectorview three) are one point
        means = table.assign(r=above).groupby("at")[["x", "y", "r"]].mean()
        means = means[np.isfinite(means.r)].assign(q=np.nan)
        if len(means) >= FEWEST_SENSORS:
            found[name] = means
    if not found:
        return None
    figure = Figure(figsize=(1.9 * len(found) + 0.6, 2.6), dpi=130, layout="constrained")
    for axes, (name, means) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        limit = float(np.abs(means.r).max()) or 1.0
        draw_topography(axes, means, limit)
        axes.set_title(f"{label(name)}\n0 to {limit:.3g}", fontsize=8)
    caption = "Above chance, mean over people, seen from above, the nose upwards; each map on its own scale. Sensors of one place are averaged."
    return Drawing("Topographies", figure, caption)


def functions(result: TrackingTables) -> Drawing | None:
    """Size of each response function over lags, by region."""
    if result.kernels is None:
        return None
    spaces = list(result.kernels.space.unique())[:3]
    figure, panels = blank_panels(len(spaces), width=3.4 * len(spaces) + 0.6, height=2.8)
    for axes, space in zip(panels, spaces, strict=True):
        own = result.kernels[result.kernels.space == space]
        for number, region in enumerate(list(own.region.unique())[:5]):
            wide = own[own.region == region].pivot_table(index="subject", columns="lag_s", values="size")
            at, mean = 1000 * wide.columns.to_numpy(float), wide.mean().to_numpy()
            axes.plot(
                at, mean, color=PALETTE[number], linewidth=1.5, label=region if region != ALL_SENSORS else "all sensors"
            )
            if len(wide) > 1:
                sem = wide.std(ddof=1).to_numpy() / len(wide) ** 0.5
                axes.fill_between(at, mean - sem, mean + sem, color=PALETTE[number], alpha=0.2, linewidth=0)
        for name, (first, last) in result.settings.get("peaks_s", {}).items():
            axes.axvspan(1000 * first, 1000 * last, color="#000000", alpha=0.04 if name else 0.0, linewidth=0)
        axes.axvline(0, color="black", linewidth=0.6, linestyle=":")
        axes.set_title(space, fontsize=9)
        axes.set_xlabel("ms after the sound", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.legend(frameon=False, fontsize=7)
    panels[0].set_ylabel("weight, root mean square over sensors", fontsize=8)
    caption = "Temporal response functions (of z-scored features and sensors), mean over folds and people. Grey: windows in which peaks are sought."
    return Drawing("Response functions", figure, caption)


def reconstruction(result: TrackingTables) -> Drawing | None:
    """The envelope that was heard, and its reconstruction."""
    table: pd.DataFrame | None = result.excerpt
    if table is None:
        return None
    figure, (axes,) = blank_panels(1, width=8.0, height=2.4)
    axes.plot(table.time_s, table.heard, color=COLORS["chance"], linewidth=1.2, label="heard")
    axes.plot(table.time_s, table.reconstructed, color=COLORS["model"], linewidth=1.2, label="reconstructed")
    axes.set_xlabel("time (s)", fontsize=8)
    axes.set_ylabel("envelope (SD)", fontsize=8)
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    who = result.settings.get("excerpt_of") or result.measures.subject.iloc[0]
    return Drawing(
        "Envelope",
        figure,
        f"The envelope in the measured bands and its reconstruction from held-out data, both z-scored; {who}.",
    )
