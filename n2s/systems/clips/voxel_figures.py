"""Where the weights of an fMRI decoder lie: what is kept of them after a test, and their map."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from n2s.paths import written_whole
from n2s.report.figures import Drawing

MOST_SUBJECTS = 6
#: Title of a view, the axes that run across and up in it, and the ends of the first.
VIEWS = (
    ("from the right", (1, 2), ("back", "front")),
    ("from behind", (0, 2), ("left", "right")),
    ("from above", (0, 1), ("left", "right")),
)


@dataclass(frozen=True)
class VoxelWeights:
    """Of one subject's ridge: ``strength (v,)``, the norm of each voxel's weights over dimensions, and ``places (v, 3)``.

    Places are in mm, to the right, to the front and upwards; None where the study does not know them.
    """

    subject: str
    strength: np.ndarray
    places: np.ndarray | None


def write_voxels(path: Path, weights: list[VoxelWeights]) -> None:
    """Write them as one ``.npz``."""
    arrays = {"subject": np.array([one.subject for one in weights])}
    for i, one in enumerate(weights):
        arrays[f"strength_{i}"] = one.strength
        if one.places is not None:
            arrays[f"places_{i}"] = one.places
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def read_voxels(path: Path) -> list[VoxelWeights]:
    """What `write_voxels` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return [
            VoxelWeights(str(name), arrays[f"strength_{i}"], arrays.get(f"places_{i}"))
            for i, name in enumerate(arrays["subject"])
        ]


def voxel_maps(weights: list[VoxelWeights]) -> Drawing | None:
    """Three views of each subject's voxels, the strongest in front; None where no subject's places are known.

    Strengths are shown in multiples of the mean voxel's. All views have one scale.
    """
    known = [one for one in weights if one.places is not None]
    shown = known[:MOST_SUBJECTS]
    if not shown:
        return None
    places = np.concatenate([one.places for one in shown])
    size = max(_spacing(one.places) for one in shown)
    low, high = places.min(0) - size, places.max(0) + size
    widths = [(high - low)[across] for _, (across, _), _ in VIEWS]
    height = max((high - low)[up] for _, (_, up), _ in VIEWS) / sum(widths)
    figure = Figure(figsize=(9.0, 0.4 + len(shown) * (0.6 + 7.4 * height)), dpi=120, layout="constrained")
    panels = figure.subplots(len(shown), len(VIEWS), squeeze=False, width_ratios=widths)
    for i, (row, one) in enumerate(zip(panels, shown, strict=True)):
        relative = one.strength / max(one.strength.mean(), 1e-12)
        order = np.argsort(relative)
        top = max(1.0, float(np.quantile(relative, 0.995)))
        for axes, (title, (across, up), ends) in zip(row, VIEWS, strict=True):
            corners = size / 2 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
            squares = PolyCollection(one.places[order][:, None, [across, up]] + corners, cmap="YlOrRd", linewidths=0)
            squares.set(array=relative[order], clim=(0, top))
            axes.add_collection(squares)
            axes.set(xlim=(low[across], high[across]), ylim=(low[up], high[up]), aspect="equal")
            axes.set_facecolor("#f4f4f4")
            axes.tick_params(labelsize=7)
            axes.set_xlabel(f"{ends[0]}   (mm)   {ends[1]}", fontsize=8)
            if i == 0:
                axes.set_title(title, fontsize=10)
        row[0].set_ylabel(one.subject, fontsize=9)
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
    """Distance of the nearest neighbour, mm, of the median voxel."""
    if len(places) < 2:
        return 1.0
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
