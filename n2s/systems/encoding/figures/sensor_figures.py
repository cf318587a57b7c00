"""Scores of sensors: topographies, and R at each lag."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.report.figures import PALETTE
from n2s.systems.encoding.cortex.contrasts import Q, over_subjects
from n2s.systems.encoding.cortex.surface_views import SCORE, color_bar, scale_of
from n2s.systems.encoding.figures.bars import n_subjects, not_drawn
from n2s.systems.encoding.figures.kernel_figures import lag_axis
from n2s.systems.encoding.figures.map_figures import shown_rows
from n2s.systems.encoding.results.scored import BrainScores

MOST_MAPS, MOST_LAGS, FEWEST_SENSORS = 6, 3, 8
#: Last digit of a Vectorview sensor's name -> its type.
TRIPLET = {"1": "magnetometers", "2": "gradiometers", "3": "gradiometers"}


def topographies(result: BrainScores) -> Drawing | None:
    """R of each model and control at the sensors, mean over subjects; None without sensors whose places are known."""
    targets = sensor_rows(result)
    if targets is None:
        return None
    types = sensor_types(targets.name.unique())
    every = list(shown_rows(result).items())
    rows = every[:MOST_MAPS]
    groups = {kind: [name for name, one in types.items() if one == kind] for kind in dict.fromkeys(types.values())}
    found = {(kind, row): _mean(targets, names, row) for kind, names in groups.items() for row, _ in rows}
    figure = Figure(figsize=(max(2.5 * len(rows), 5), 0.7 + 2.6 * len(groups)), dpi=130, layout="constrained")
    panels = figure.subplots(len(groups), len(rows), squeeze=False)
    scale = scale_of([(one.r.to_numpy(), np.ones(len(one), bool)) for one in found.values()])
    test = ""
    for line, kind in zip(panels, groups, strict=True):
        for axes, (row, title) in zip(line, rows, strict=True):
            one = found[kind, row]
            if len(one):
                test = one.test.iloc[0] or test
                draw_topography(axes, one, scale.limit)
            else:  # no sensor has a score
                axes.set_axis_off()
            axes.set_title(title if len(groups) == 1 else f"{title}, {kind}", fontsize=9)
    n = targets.subject.nunique()
    color_bar(figure, panels.ravel().tolist(), scale, f"R, {n_subjects(n)}")
    caption = [
        "R of each model and control at the sensors, mean over subjects, on one scale; seen from above, the nose upwards."
        + not_drawn(len(every) - MOST_MAPS, "rows are")
    ]
    if "gradiometers" in groups:
        caption.append("Gradiometers: the mean R of the two of a place.")
    if test:
        caption.append(f"Rings: significant sensors ({test}).")
    return Drawing("Topographies of R", figure, " ".join(caption))


def sensor_rows(result: BrainScores) -> pd.DataFrame | None:
    """Targets of subjects with sensors that have places; None if there are too few for a map."""
    alone = len(result.images) == 1
    own = [
        name
        for name, image in result.images.items()
        if image.get("kind") == "sensor" and (alone or not image.get("own_names"))
    ]
    targets = result.targets[result.targets.subject.isin(own)]
    targets = targets[targets.x.notna() & targets.y.notna()]
    return targets if targets.name.nunique() >= FEWEST_SENSORS else None


def sensor_types(names: list[str]) -> dict[str, str]:
    """Sensor -> its type: the three sensors of a Vectorview's place are told apart, all others are of one type."""
    matched = {name: re.fullmatch(r"MEG ?\d{3}([123])", str(name)) for name in names}
    if all(matched.values()):
        return {name: TRIPLET[one.group(1)] for name, one in matched.items()}
    return dict.fromkeys(names, "sensors")


def draw_topography(axes: Axes, table: pd.DataFrame, limit: float) -> None:
    """Draw values ``r`` at places ``x``, ``y``, and rings where ``q`` < .05."""
    from mne.viz import plot_topomap  # half a second

    places = table[["x", "y"]].to_numpy(float)
    middle = (places.max(0) + places.min(0)) / 2
    radius = np.linalg.norm(places - middle, axis=1).max()
    mask = (table.q < Q).to_numpy()
    plot_topomap(
        table.r.to_numpy(), places, axes=axes, show=False, cmap=SCORE, vlim=(0, limit), contours=0, sensors=True, mask=mask,
        mask_params={"marker": "o", "markerfacecolor": "none", "markeredgecolor": "black", "markersize": 2.6, "markeredgewidth": 0.5},
        sphere=(*middle, 0, 0.9 * radius), extrapolate="local",
    )  # fmt: skip
    axes.set_xlim(middle[0] - 1.15 * radius, middle[0] + 1.15 * radius)
    axes.set_ylim(middle[1] - 1.1 * radius, middle[1] + 1.2 * radius)


def lags_figure(result: BrainScores) -> Drawing | None:
    """R of each lag alone: sensors by lags, and the mean over sensors."""
    lags = result.told_apart(result.lags)
    every = [row for row in shown_rows(result) if f"r:{row}" in lags] or [
        name[2:] for name in lags if name.startswith("r:")
    ]
    rows = every[:MOST_LAGS]
    if not rows or not len(lags):
        return None
    labels = result.rows.set_index("row").label
    order = _from_front(result, lags)
    figure = Figure(figsize=(10.5, 3.7 if len(rows) < 3 else 3.4), dpi=130, layout="constrained")
    panels = figure.subplots(1, len(rows) + 1)
    lag_s = np.sort(lags.lag_s.unique())
    at, label = lag_axis(lag_s)
    means = lags.groupby(["name", "lag_s"])[[f"r:{row}" for row in rows]].mean()
    images = [means[f"r:{row}"].unstack().reindex(index=order, columns=lag_s).to_numpy() for row in rows]
    scale = scale_of([(one.ravel(), np.ones(one.size, bool)) for one in images])
    step = np.median(np.diff(at)) / 2 if len(at) > 1 else 0.5
    for number, (axes, row, image) in enumerate(zip(panels, rows, images, strict=False)):
        axes.imshow(
            image, aspect="auto", cmap=SCORE, vmin=0, vmax=scale.limit, interpolation="nearest",
            extent=(at[0] - step, at[-1] + step, len(order) - 0.5, -0.5),
        )  # fmt: skip
        axes.axvline(0, color="white", linewidth=0.8, linestyle=":")
        axes.set_title(labels.get(row, row), fontsize=9)
        axes.set_xlabel(label, fontsize=8)
        axes.set_yticks([])
        if number == 0:
            axes.set_ylabel(f"{len(order)} {result.what}, front at the top", fontsize=8)
    color_bar(figure, panels[:-1].tolist(), scale, "R of a lag alone")
    axes = panels[-1]
    for number, row in enumerate(rows):
        own = lags.groupby(["subject", "lag_s"])[f"r:{row}"].mean().unstack().to_numpy()
        mean, n = own.mean(0), len(own)
        axes.plot(at, mean, color=PALETTE[number], linewidth=1.6, label=labels.get(row, row))
        if n > 1:
            sem = own.std(0, ddof=1) / n**0.5
            axes.fill_between(at, mean - sem, mean + sem, color=PALETTE[number], alpha=0.25, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.axvline(0, color="black", linewidth=0.6, linestyle=":")
    axes.set_xlabel(label, fontsize=8)
    axes.set_ylabel(f"R, mean over {result.what}", fontsize=8)
    axes.set_title(n_subjects(lags.subject.nunique()), fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    for one in panels:
        one.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    caption = (
        "R of models that see the features at a single lag (positive: the brain follows the sound). Left: each of the "
        f"{result.what}, mean over subjects, front at the top where places are known. Right: mean over all; band: SEM over subjects."
        + not_drawn(len(every) - MOST_LAGS, "rows are")
    )
    return Drawing("Scores by lag", figure, caption)


def _mean(targets: pd.DataFrame, names: list[str], row: str) -> pd.DataFrame:
    """A row per place: mean R over subjects and over the sensors at a place, q and its test."""
    own = targets[targets.name.isin(names)]
    pairs = TRIPLET["2"] in sensor_types(names).values()  # MEG 0112 and MEG 0113 are at one place
    own = own.assign(at=own.name.str[:-1] if pairs else own.name, r=own[f"r:{row}"])
    r = own.pivot_table(index="subject", columns="at", values="r", sort=False)
    p = None
    if f"p:{row}" in own and own[f"p:{row}"].notna().any():  # of two sensors at a place the larger: not made smaller
        p = own.pivot_table(index="subject", columns="at", values=f"p:{row}", aggfunc="max", sort=False).reindex(
            columns=r.columns
        )
    found = over_subjects(r.to_numpy(), None if p is None else p.to_numpy())
    places = own.groupby("at")[["x", "y"]].mean().loc[r.columns]
    q = np.nan if found.q is None else found.q
    test = f"{found.measure} < {Q:g}: {found.test}" if found.test else ""
    return places.assign(r=found.mean, q=q, test=test)[np.isfinite(found.mean)]


def _from_front(result: BrainScores, lags: pd.DataFrame) -> list[str]:
    """Names of the sensors of ``lags``, those at the front first, if places are known."""
    names = pd.unique(lags.name)
    height = result.told_apart(result.targets).drop_duplicates("name").set_index("name").y.reindex(names)
    return list(names[np.argsort(-height.to_numpy(float), kind="stable")])
