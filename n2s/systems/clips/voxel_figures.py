"""Locations of the weights of an fMRI decoder: a table of voxels, and their map."""

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from n2s.metrics.result import Drawing

MOST_SUBJECTS = 6
#: Title of a view, its horizontal and vertical axis, and the ends of the horizontal one.
VIEWS = (
    ("from the right", (1, 2), ("back", "front")),
    ("from behind", (0, 2), ("left", "right")),
    ("from above", (0, 1), ("left", "right")),
)


PLACES = ["right_mm", "front_mm", "up_mm"]


def voxel_table(subject: str, strength: np.ndarray, places: np.ndarray | None) -> pd.DataFrame:
    """Make a table with one row per voxel of one subject's ridge.

    Parameters
    ----------
    subject
        ``study/id``.
    strength
        (v,) The norm of each voxel's weights over dimensions.
    places
        (v, 3) In mm, to the right, to the front and upwards; None if the study does not provide them.
    """
    places = np.full((len(strength), 3), np.nan) if places is None else places
    return pd.DataFrame({"subject": subject, "strength": strength}).assign(**dict(zip(PLACES, places.T, strict=True)))


def has_places(table: pd.DataFrame) -> bool:
    """Whether the positions of some subject's voxels are known."""
    return bool(table[PLACES].notna().any(axis=None))


def voxel_maps(table: pd.DataFrame) -> Drawing | None:
    """Draw three views of each subject's voxels, the strongest in front; None if no positions are known.

    Strengths are relative to the mean over voxels. All views have one scale. For the table see `voxel_table`.
    """
    known = [
        (str(subject), rows.strength.to_numpy(), rows[PLACES].to_numpy())
        for subject, rows in table.groupby("subject", sort=False)
        if has_places(rows)
    ]
    shown = known[:MOST_SUBJECTS]
    if not shown:
        return None
    places = np.concatenate([own for _, _, own in shown])
    size = max(_spacing(own) for _, _, own in shown)
    low, high = places.min(0) - size, places.max(0) + size
    widths = [(high - low)[across] for _, (across, _), _ in VIEWS]
    height = max((high - low)[up] for _, (_, up), _ in VIEWS) / sum(widths)
    figure = Figure(figsize=(9.0, 0.4 + len(shown) * (0.6 + 7.4 * height)), dpi=120, layout="constrained")
    panels = figure.subplots(len(shown), len(VIEWS), squeeze=False, width_ratios=widths)
    for i, (row, (subject, strength, places)) in enumerate(zip(panels, shown, strict=True)):
        relative = strength / max(strength.mean(), 1e-12)
        order = np.argsort(relative)
        top = max(1.0, float(np.quantile(relative, 0.995)))
        for axes, (title, (across, up), ends) in zip(row, VIEWS, strict=True):
            corners = size / 2 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
            squares = PolyCollection(places[order][:, None, [across, up]] + corners, cmap="YlOrRd", linewidths=0)
            squares.set(array=relative[order], clim=(0, top))
            axes.add_collection(squares)
            axes.set(xlim=(low[across], high[across]), ylim=(low[up], high[up]), aspect="equal")
            axes.set_facecolor("#f4f4f4")
            axes.tick_params(labelsize=7)
            axes.set_xlabel(f"{ends[0]}   (mm)   {ends[1]}", fontsize=8)
            if i == 0:
                axes.set_title(title, fontsize=10)
        row[0].set_ylabel(subject, fontsize=9)
        bar = figure.colorbar(squares, ax=row.tolist(), shrink=0.8, aspect=15)
        bar.set_label("weight / mean", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    left_out = f" {len(known) - len(shown)} more subjects are not shown." if len(known) > len(shown) else ""
    caption = (
        "Norm of each voxel's weights in the ridge, over the dimensions that it decodes; the strongest voxels in front. "
        f"Weights say where a decoder reads, not where the brain responds (Haufe et al. 2014).{left_out}"
    )
    return Drawing("Voxels", figure, caption)


def _spacing(places: np.ndarray) -> float:
    """Median distance of voxels to their nearest neighbour, mm."""
    if len(places) < 2:
        return 1.0
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
