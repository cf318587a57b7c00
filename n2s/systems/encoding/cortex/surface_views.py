"""Maps of fsaverage5: both hemispheres from outside and from the middle, gray where nothing is shown."""

from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import TriMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from n2s.systems.encoding.cortex.surfaces import N, fsaverage5

# Both are distinct for colour-blind readers
SCORE, DIFFERENCE = "plasma", "RdBu_r"
GYRUS, SULCUS = 0.86, 0.72  # gray of the cortex below the map
STEP_X, STEP_Y = 225.0, 150.0  # mm between the middles of two views
#: Side (0: left) and whether it is seen from outside -> column and row.
PLACES = {
    "square": {(0, True): (0, 0), (1, True): (1, 0), (0, False): (0, 1), (1, False): (1, 1)},
    "row": {(0, True): (0, 0), (0, False): (1, 0), (1, False): (2, 0), (1, True): (3, 0)},
}
Layout = Literal["square", "row"]


class Scale(NamedTuple):
    """Colours of a map: ``limit`` is the value of the last colour; a difference has as many colours below 0.

    ``below``: a score below 0 is shown, in the colour of 0.
    """

    limit: float
    difference: bool = False
    below: bool = False

    @property
    def mappable(self) -> ScalarMappable:
        """For colours and colour bars."""
        low = -self.limit if self.difference else 0.0
        return ScalarMappable(
            Normalize(low, self.limit), matplotlib.colormaps[DIFFERENCE if self.difference else SCORE]
        )


def scale_of(maps: Sequence[tuple[np.ndarray, np.ndarray]], *, difference: bool = False) -> Scale:
    """One scale for several maps: up to the 99.5% quantile of what they show, or of all values if nothing is shown.

    Parameters
    ----------
    maps
        (v,) values and (v,) bool, which are shown.
    difference
        Whether values below 0 have colours.
    """
    below = not difference and any((one[which] < 0).any() for one, which in maps)
    for every in (False, True):
        values = np.concatenate([one[np.isfinite(one) & (which | every)] for one, which in maps])
        values = np.abs(values) if difference else values[values > 0]
        if len(values):
            return Scale(max(float(np.quantile(values, 0.995)), 1e-6), difference, below)
    return Scale(1.0, difference, below)


def draw_brain(axes: Axes, values: np.ndarray, shown: np.ndarray, scale: Scale, *, layout: Layout = "square") -> None:
    """Draw four views of a map into an axes.

    Parameters
    ----------
    axes
        Its frame is taken away.
    values
        (20484,) Left hemisphere first.
    shown
        (20484,) bool; other vertices are gray.
    scale
        See `scale_of`.
    layout
        ``square``: left and right hemisphere beside each other, from outside above; ``row``: four views in a row.
    """
    colors = vertex_colors(values, shown, scale)
    places = PLACES[layout]
    for (side, outside), (column, row) in places.items():
        x, y, faces, light = _view(side, outside)
        own = colors[side * N : (side + 1) * N] * light[:, None]
        mesh = TriMesh(Triangulation(x + column * STEP_X, y - row * STEP_Y, faces), rasterized=True)
        mesh.set_facecolor(np.c_[own, np.ones(len(own))])
        mesh.set_in_layout(False)
        axes.add_collection(mesh, autolim=False)  # limits would cost half a second: a path for each triangle
        if outside:
            axes.text(
                column * STEP_X, 82 - row * STEP_Y, "LR"[side], ha="center", va="bottom", fontsize=8, color="#444444"
            )
    columns, rows = (1 + max(place[i] for place in places.values()) for i in (0, 1))
    axes.set_xlim(-STEP_X / 2, (columns - 0.5) * STEP_X)
    axes.set_ylim(-(rows - 0.5) * STEP_Y, STEP_Y / 2 + 25)
    axes.set_aspect("equal")
    axes.set_axis_off()


def vertex_colors(values: np.ndarray, shown: np.ndarray, scale: Scale) -> np.ndarray:
    """(20484, 3) The map's colours where it is shown, else the gray of gyri and sulci."""
    gray = np.where(fsaverage5().sulcus > 0, SULCUS, GYRUS)
    colors = np.repeat(gray[:, None], 3, axis=1)
    some = shown & np.isfinite(values)
    colors[some] = scale.mappable.to_rgba(values[some])[:, :3]
    return colors


def color_bar(figure: Figure, axes: Axes | Sequence[Axes], scale: Scale, label: str) -> None:
    """A bar with the unit of the map."""
    many = not isinstance(axes, Axes) and len(axes) > 1
    size = {"shrink": 0.3, "aspect": 28} if many else {"shrink": 0.55, "aspect": 22}
    extend = "both" if scale.difference or scale.below else "max"
    bar = figure.colorbar(scale.mappable, ax=axes, location="bottom", pad=0.02, extend=extend, **size)
    bar.set_label(f"{label}; below 0 as 0" if scale.below else label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=5)
    bar.outline.set_linewidth(0.4)


@cache
def _view(side: int, outside: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Horizontal and vertical place of each vertex (mm), the triangles in front from back to front, and how lit vertices are."""
    cortex = fsaverage5()
    places, faces = cortex.inflated[side * N : (side + 1) * N], cortex.faces[side]
    toward = (-1 if side == 0 else 1) * (1 if outside else -1)  # the x axis that looks at the reader
    corners = places[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    front = faces[normal[:, 0] * toward > 0]
    front = front[np.argsort(places[front, 0].mean(1) * toward, kind="stable")]
    smooth = np.zeros(places.shape)
    for corner in range(3):
        np.add.at(smooth, faces[:, corner], normal)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
    light = 0.62 + 0.38 * np.clip(smooth[:, 0] * toward, 0, 1)
    return places[:, 1] * toward, places[:, 2], front, light
