"""Maps of R beside each other: on the cortex, or as three views of voxels whose brain has no known place on it."""

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from n2s.metrics.ceilings import noise_ceiling
from n2s.metrics.group_tests import benjamini_hochberg
from n2s.metrics.result import Drawing
from n2s.systems.encoding.cortex.contrasts import Contrast, Networks, OnCortex, Q, Tested, over_subjects
from n2s.systems.encoding.cortex.surface_views import color_bar, draw_brain, scale_of
from n2s.systems.encoding.figures.bars import n_subjects, not_drawn
from n2s.systems.encoding.figures.network_figures import cortex_caption, threshold_caption
from n2s.systems.encoding.figures.region_figures import CEILINGS
from n2s.systems.encoding.results.scored import BrainScores

MOST_MAPS, MOST_SUBJECTS = 8, 4
#: Title of a view, its horizontal and vertical axis, and what is to the left and to the right.
VIEWS = (
    ("from the right", (1, 2), ("back", "front")),
    ("from behind", (0, 2), ("left", "right")),
    ("from above", (0, 1), ("left", "right")),
)


def shown_rows(result: BrainScores) -> dict[str, str]:
    """Row -> title: each network with all its levels, single spaces and controls."""
    found = {one.top: one.title for one in Networks(result.rows).all}
    return found | {row.row: row.label for row in result.rows[result.rows.network == ""].itertuples()}


def map_figure(result: BrainScores, cortex: OnCortex) -> Drawing | None:
    """R of each network and control on one scale, and the ceiling; None without a subject on the cortex."""
    if not cortex.weights:
        return None
    rows = shown_rows(result)
    maps = {title: cortex.tested(Contrast("R", row)) for row, title in list(rows.items())[:MOST_MAPS]}
    scores, told = dict(maps), ""
    for column, text in CEILINGS.items():
        if column in result.targets and any(cortex.tables[name][column].notna().any() for name in cortex.weights):
            maps["ceiling"] = _ceiling(cortex, column)
            told = f"{text[0].upper()}{text[1:]}, not thresholded."
            break
    columns = min(3, len(maps))
    lines = -(-len(maps) // columns)
    figure = Figure(figsize=(3.4 * columns, 0.9 + 2.35 * lines), dpi=130, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    scale = scale_of([(one.mean, one.shown) for one in maps.values()])
    for axes, (title, one) in zip(panels, maps.items(), strict=False):
        draw_brain(axes, one.mean, one.shown, scale)
        axes.set_title(title, fontsize=9, loc="left")
    for axes in panels[len(maps) :]:
        axes.set_axis_off()
    n = len(cortex.weights)
    color_bar(figure, panels.tolist(), scale, f"R, {n_subjects(n)}")
    more = not_drawn(len(rows) - MOST_MAPS, "rows are")
    caption = [
        f"R of each model and control, mean over subjects, all on one scale.{more}",
        told,
        threshold_caption(scores),
    ]
    return Drawing("Maps of R", figure, " ".join(filter(None, [*caption, *cortex_caption(cortex)])))


def _ceiling(cortex: OnCortex, column: str) -> Tested:
    """Mean over subjects; of what a perfect model reaches, from the mean explainable variance: see `region_ceiling`."""
    source = "ceiling:ev_corrected" if column == "ceiling:r" else column
    own = np.stack([cortex.subject(name, cortex.tables[name][source].to_numpy(float)) for name in cortex.weights])
    found = over_subjects(own, None)._replace(q=None)
    if column != "ceiling:r":
        return found
    n = np.mean([cortex.tables[name].n_presentations.iloc[0] for name in cortex.weights])
    return found._replace(mean=noise_ceiling(found.mean, n))


def places_figure(result: BrainScores, cortex: OnCortex) -> Drawing | None:
    """Three views of each subject's voxels, significant ones in colour; None if all subjects are on the cortex, or have no places."""
    row, title = next(iter(shown_rows(result).items()))
    known = {}
    for name, table in cortex.tables.items():
        places = table[["x", "y", "z"]].to_numpy(float)
        if (
            name not in cortex.weights
            and result.images.get(name, {}).get("kind") == "voxel"
            and np.isfinite(places).all(1).sum() > 1
        ):
            known[name] = (table, places)
    if not known:
        return None
    shown = dict(list(known.items())[:MOST_SUBJECTS])
    figure = Figure(figsize=(9.5, 0.4 + 2.7 * len(shown)), dpi=130, layout="constrained")
    panels = figure.subplots(len(shown), len(VIEWS), squeeze=False)
    values = {name: table[f"r:{row}"].to_numpy(float) for name, (table, _) in shown.items()}
    p = {name: Contrast("", row).p(table) for name, (table, _) in shown.items()}
    scale = scale_of([(one, np.isfinite(one)) for one in values.values()])
    for line, (name, (_, places)) in zip(panels, shown.items(), strict=True):
        inside = np.isfinite(places).all(1) & np.isfinite(values[name])
        places, own = places[inside], values[name][inside]
        found = np.ones(len(own), bool) if p[name] is None else benjamini_hochberg(p[name][inside]) < Q
        size = float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
        order = np.lexsort((own, found))  # significant and high ones in front
        colors = np.where(found[:, None], scale.mappable.to_rgba(own), (0.82, 0.82, 0.82, 1.0))[order]
        for axes, (view, (across, up), (low, high)) in zip(line, VIEWS, strict=True):
            corners = size / 2 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
            squares = places[order][:, None, [across, up]] + corners
            axes.add_collection(PolyCollection(squares, facecolors=colors, linewidths=0, rasterized=True))
            axes.autoscale_view()
            axes.set_aspect("equal")
            axes.tick_params(labelsize=7)
            axes.set_xlabel(f"{low}   (mm)   {high}", fontsize=8)
            if line is panels[0]:
                axes.set_title(view, fontsize=9)
        line[0].set_ylabel(name, fontsize=8)
    color_bar(figure, panels.ravel().tolist(), scale, "R")
    more = f" {len(known) - len(shown)} more subjects are not shown." if len(known) > len(shown) else ""
    gray = (
        f"Gray: not significant within the subject (permutation test, q >= {Q:g}). "
        if any(one is not None for one in p.values())
        else ""
    )
    caption = f"R of {title} in each voxel, the highest in front. {gray}{'; '.join(cortex.left_out)}.{more}"
    return Drawing("Maps of voxels", figure, caption)
