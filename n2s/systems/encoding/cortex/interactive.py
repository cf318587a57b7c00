"""A map of fsaverage5 that turns in a browser, as one HTML file that needs no network."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n2s.paths import written_whole
from n2s.systems.encoding.cortex.contrasts import Contrast, Tested
from n2s.systems.encoding.cortex.surface_views import scale_of
from n2s.systems.encoding.cortex.surfaces import DRAWN, N, fsaverage5

if TYPE_CHECKING:
    from nilearn.surface import PolyMesh


def write_interactive(path: Path, contrast: Contrast, found: Tested, n_subjects: int) -> Path:
    """Write nilearn's viewer with a map: vertices that are not significant are gray.

    Parameters
    ----------
    path
        Ends in ``.html``; about 3 MB.
    contrast, found
        What is shown, and its values (20484,).
    n_subjects
        For the title.
    """
    from nilearn.plotting import view_surf
    from nilearn.surface import SurfaceImage

    shown = np.where(found.shown, found.mean, np.nan).astype(np.float32)
    signed = contrast.two_sided or bool(contrast.minus and found.q is None)
    scale = scale_of([(found.mean, found.shown)], difference=signed)
    cortex = fsaverage5()
    view = view_surf(
        surf_map=SurfaceImage(_mesh(), _sides(shown)),
        bg_map=SurfaceImage(_mesh(), _sides(cortex.sulcus)),
        hemi="both",
        cmap=scale.mappable.get_cmap().name,
        symmetric_cmap=signed,
        vmin=None if signed else 0.0,
        vmax=scale.limit,
        colorbar_fontsize=14,
        title=f"{contrast.title}, n = {n_subjects}",
        title_fontsize=18,
    )
    with written_whole(path) as temporary:
        temporary.write_text(re.sub(r'<link rel="icon".*?/>', "", view.html, flags=re.DOTALL), "utf-8")
    return path


@cache
def _mesh() -> "PolyMesh":
    from nilearn.datasets import load_fsaverage

    return load_fsaverage(DRAWN)["inflated"]


def _sides(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"left": values[:N], "right": values[N:]}
