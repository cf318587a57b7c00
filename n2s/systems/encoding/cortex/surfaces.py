"""The cortical surface that maps are drawn on, and how values of voxels or vertices come onto it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from n2s.errors import UserError

#: FreeSurfer's meshes -> vertices of a hemisphere. They nest: vertex i of one is vertex i of every finer one.
FSAVERAGE = {
    "fsaverage3": 642,
    "fsaverage4": 2562,
    "fsaverage5": 10242,
    "fsaverage6": 40962,
    "fsaverage": 163842,
    "fsaverage7": 163842,
}
#: Meshes that are written but not drawn -> vertices of both hemispheres; of fsLR with and without the medial wall.
WRITTEN = {"fsLR": (64984, 59412), "fsLR32k": (64984, 59412)}
DRAWN, N = "fsaverage5", 10242
#: Where a vertex reads a volume: shares of the way from white matter to pia.
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_REACH = 2.5  # in spacings: decimated meshes have holes of up to that size


@dataclass(frozen=True, eq=False)
class Cortex:
    """fsaverage5: coordinates (20484, 3) in mm, left hemisphere first; triangles (m, 3) of each; depth of the sulci (20484,)."""

    inflated: np.ndarray
    white: np.ndarray
    pial: np.ndarray
    sphere: np.ndarray
    faces: tuple[np.ndarray, np.ndarray]
    sulcus: np.ndarray


@cache
def fsaverage5() -> Cortex:
    """The surface that comes inside nilearn: nothing is downloaded."""
    from nilearn.datasets import load_fsaverage, load_fsaverage_data  # half a second

    meshes, sulcus = load_fsaverage(DRAWN), load_fsaverage_data(mesh=DRAWN, data_type="sulcal")
    places = {
        name: np.concatenate([meshes[key].parts[side].coordinates for side in ("left", "right")])
        for name, key in {"inflated": "inflated", "white": "white_matter", "pial": "pial", "sphere": "sphere"}.items()
    }
    faces = tuple(np.asarray(meshes["inflated"].parts[side].faces) for side in ("left", "right"))
    depth = np.concatenate([sulcus.data.parts[side] for side in ("left", "right")])
    return Cortex(**places, faces=faces, sulcus=depth)


def check_mesh(mesh: str, n_vertices: int, where: str) -> None:
    """Check that a surface of that name has so many vertices, both hemispheres together; names that are not known pass.

    Raises
    ------
    UserError
        It is another mesh.
    """
    sizes = {name: (2 * n,) for name, n in FSAVERAGE.items()} | WRITTEN
    if mesh not in sizes or n_vertices in sizes[mesh]:
        return
    like = [name for name, numbers in sizes.items() if n_vertices in numbers]
    remedy = (
        f"That is the size of {' or '.join(like)}: give this mesh" if like else "Give the mesh that the data are on"
    )
    raise UserError(
        f"{where}: a surface of {n_vertices} vertices cannot be '{mesh}', which has {' or '.join(map(str, sizes[mesh]))} (left and "
        f"right hemisphere together). {remedy} as `mesh` of the study's space."
    )


def not_drawn(image: Mapping, table: pd.DataFrame) -> str | None:
    """Why a subject's targets are not drawn on the cortex, for a sentence; None: they are.

    Parameters
    ----------
    image
        Of the subject: see `n2s.systems.encoding.results.scored.BrainScores`.
    table
        The subject's targets.
    """
    kind, mesh, template = image.get("kind"), image.get("mesh") or "", image.get("template") or ""
    if image.get("grayordinates"):
        return (
            f"grayordinates of CIFTI, their cortex on {mesh or 'a mesh that is not known'}, are only written to files"
        )
    if kind == "vertex" or mesh:
        if mesh in FSAVERAGE:
            return None
        known = "only written to files" if mesh in WRITTEN else "not known"
        drawn = ", ".join(FSAVERAGE)
        return f"the mesh '{mesh or 'unnamed'}' is {known}; drawn are {drawn}"
    if kind != "voxel":
        return "sensors have no place on the cortex"
    if not table[["x", "y", "z"]].notna().all(axis=1).any():
        return "the places of its voxels are not known"
    if not template.startswith("MNI"):
        return f"its voxels are {f'in {template}' if template else 'not said to be in MNI'}; only those of MNI are drawn on the cortex"
    return None


def onto_cortex(table: pd.DataFrame, image: Mapping, where: str) -> csr_array:
    """Weights that bring a subject's values onto fsaverage5.

    Vertices of FreeSurfer's meshes keep their place. A coarser or decimated mesh gives each vertex the value of its nearest one. A
    vertex reads the voxels at five depths between white matter and pia, each the nearest, and takes their mean.

    Parameters
    ----------
    table, image
        See `not_drawn`, which must have given None.
    where
        The subject, for messages.

    Returns
    -------
    (20484, v) Rows sum to 1, or are empty where nothing was measured: see `brought`.

    Raises
    ------
    UserError
        The vertices are not those of the mesh.
    """
    if image.get("mesh"):
        return _vertices(table["index"].to_numpy(), image, where)
    return _voxels(table[["x", "y", "z"]].to_numpy(np.float64), image)


def brought(weights: csr_array, values: np.ndarray) -> np.ndarray:
    """(v,) values -> (20484,): the weighted mean of those that are not NaN; NaN where there is none."""
    known = np.isfinite(values)
    total = weights @ known.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, weights @ np.where(known, values, 0.0) / total, np.nan)


def largest(weights: csr_array, values: np.ndarray) -> np.ndarray:
    """(v,) values -> (20484,): the largest of those that a vertex reads, NaN if there is none. For p: no target's is made smaller."""
    read = np.diff(weights.indptr) > 0
    found = np.full(weights.shape[0], np.nan)
    if read.any():
        found[read] = np.fmax.reduceat(values[weights.indices], weights.indptr[:-1][read])
    return found


def _vertices(index: np.ndarray, image: Mapping, where: str) -> csr_array:
    mesh = image["mesh"]
    n = FSAVERAGE[mesh]
    if image.get("shape"):
        check_mesh(mesh, int(np.prod(image["shape"])), where)
    if len(index) and (index.min() < 0 or index.max() >= 2 * n):
        raise UserError(
            f"{where}: vertices {index.min()} to {index.max()} are not those of '{mesh}', which has {2 * n} (left and right hemisphere "
            "together, from 0). Give the mesh that the data are on as `mesh` of the study's space."
        )
    sphere, rows, columns = fsaverage5().sphere, [], []
    for side in (0, 1):
        own = np.flatnonzero((index // n == side) & (index % n < N))
        if not len(own):
            continue
        places, every = sphere[side * N + index[own] % n], sphere[side * N : (side + 1) * N]
        spacing = np.median(cKDTree(places).query(places, k=2)[0][:, 1]) if len(own) > 1 else 0.0
        usual = np.median(cKDTree(every).query(every[:100], k=2)[0][:, 1])
        distance, nearest = cKDTree(places).query(every)
        near = distance <= (_REACH * spacing if 1.5 * usual < spacing < np.inf else 1e-6)
        rows.append(side * N + np.flatnonzero(near))
        columns.append(own[nearest[near]])
    return _mean(rows, columns, len(index))


def _voxels(places: np.ndarray, image: Mapping) -> csr_array:
    known = np.flatnonzero(np.isfinite(places).all(1))
    tree = cKDTree(places[known])
    if image.get("affine") is not None:
        size = np.linalg.norm(np.asarray(image["affine"], np.float64)[:3, :3], axis=0)
        reach = np.linalg.norm(size) / 2  # half a voxel's diagonal: every point inside it
    else:
        reach = np.median(tree.query(places[known], k=2)[0][:, 1]) * 3**0.5 / 2 if len(known) > 1 else 2.0
    cortex, rows, columns = fsaverage5(), [], []
    for depth in DEPTHS:
        distance, nearest = tree.query(
            cortex.white + depth * (cortex.pial - cortex.white), distance_upper_bound=reach + 1e-6
        )
        near = np.isfinite(distance)
        rows.append(np.flatnonzero(near))
        columns.append(known[nearest[near]])
    return _mean(rows, columns, len(places))


def _mean(rows: list[np.ndarray], columns: list[np.ndarray], n_targets: int) -> csr_array:
    """(20484, v) Each row the mean of the columns listed for it."""
    if not rows:
        return csr_array((2 * N, n_targets))
    at = np.concatenate(rows), np.concatenate(columns)
    count = np.bincount(at[0], minlength=2 * N)
    return csr_array((1.0 / count[at[0]], at), shape=(2 * N, n_targets))
