"""Runs on the cortical surface: CIFTI (.dtseries.nii) and pairs of GIFTI (.func.gii), as [TR, grayordinate] arrays."""

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.studies.readers.fetched import check_fetched
from n2s.studies.readers.volume_times import HeaderTime

if TYPE_CHECKING:
    import nibabel

CIFTI, GIFTI = ".dtseries.nii", ".func.gii"
#: Other files of the two formats, which are no runs of volumes.
NO_RUNS = {
    ".dscalar.nii": "CIFTI maps", ".dlabel.nii": "CIFTI labels", ".dconn.nii": "CIFTI connectivity",
    ".ptseries.nii": "CIFTI series of parcels", ".pscalar.nii": "CIFTI maps of parcels",
    ".surf.gii": "a GIFTI surface", ".label.gii": "GIFTI labels", ".shape.gii": "GIFTI maps",
}  # fmt: skip
HEMISPHERE = r"(?:^|[_.])(?:hemi-)?([LR])(?=[_.])|(?:^|[_.])(l|r)h(?=[_.])"  # _hemi-L_, .L., lh.
HEMISPHERES = {"L": "CortexLeft", "R": "CortexRight"}
#: Vertices of one hemisphere of FreeSurfer's meshes.
VERTICES = {"fsaverage3": 642, "fsaverage4": 2562, "fsaverage5": 10242, "fsaverage6": 40962, "fsaverage": 163842}


def cifti_times(path: Path) -> tuple[int, HeaderTime]:
    """Volumes of a CIFTI run, and the step that its header gives."""
    series = _axes(_cifti(path), path)[0]
    if series.unit != "SECOND":
        raise UserError(f"{path}: its series counts in {series.unit}; expected SECOND.")
    if series.start:
        tell(
            "odd",
            path,
            f"its series starts at {series.start:g} s. n2s takes its first volume for 0 s, as clips' times do.",
        )
    return series.size, HeaderTime(float(series.step))


def n_grayordinates(path: Path) -> int:
    """Columns of a CIFTI run."""
    return len(_axes(_cifti(path), path)[1])


def cifti_models(path: Path) -> "nibabel.cifti2.BrainModelAxis":
    """What the columns of a CIFTI run are."""
    return _axes(_cifti(path), path)[1]


def read_cifti(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The data [TR, grayordinate] of a CIFTI run, and its structures as regions (CortexLeft, ThalamusRight, ...)."""
    image = _cifti(path)
    _, models = _axes(image, path)
    with reading(path, "a whole CIFTI image"):
        data = np.asanyarray(image.dataobj)
        names = np.array([str(name) for name in models.name])
    if data.shape != image.shape or data.ndim != 2 or data.dtype.kind not in "biuf":
        raise UserError(f"{path}: holds {data.dtype} of shape {data.shape}; expected real numbers, [TR, grayordinate].")
    return data, {_region(name): names == name for name in dict.fromkeys(names)}


def _cifti(path: Path) -> "nibabel.Cifti2Image":
    import nibabel

    check_fetched(path)
    with reading(path, "a CIFTI-2 image (.dtseries.nii)"):
        image = nibabel.load(path)
    if not isinstance(image, nibabel.Cifti2Image):
        raise UserError(f"{path}: a {type(image).__name__} under a name of CIFTI. Rename it to what it is.")
    return image


def _axes(image: "nibabel.Cifti2Image", path: Path) -> tuple:
    from nibabel.cifti2 import BrainModelAxis, SeriesAxis

    with reading(path, "a CIFTI-2 image whose axes are known"):
        axes = [image.header.get_axis(i) for i in range(image.ndim)]
    if len(axes) != 2 or not isinstance(axes[0], SeriesAxis) or not isinstance(axes[1], BrainModelAxis):
        kinds = ", ".join(type(axis).__name__.removesuffix("Axis") for axis in axes)
        raise UserError(f"{path}: its axes are {kinds}; expected Series, BrainModel: [TR, grayordinate].")
    if (axes[0].size, len(axes[1])) != image.shape or 0 in image.shape:
        raise UserError(f"{path}: axes of {axes[0].size} and {len(axes[1])}, but an array of shape {image.shape}.")
    return tuple(axes)


def _region(name: str) -> str:
    """CIFTI_STRUCTURE_CORTEX_LEFT -> CortexLeft."""
    return "".join(part.capitalize() for part in name.removeprefix("CIFTI_STRUCTURE_").split("_"))


def hemisphere(path: Path) -> str | None:
    """``L`` or ``R``, from the name of a GIFTI file."""
    found = re.search(HEMISPHERE, path.name)
    return None if found is None else (found[1] or found[2]).upper()


def in_order(paths: tuple[Path, ...]) -> list[Path]:
    """The files of a run, the left hemisphere first; a `UserError` if they are not one or both hemispheres."""
    sides = [hemisphere(path) for path in paths]
    if len(paths) == 1:
        return list(paths)
    if sorted(side or "" for side in sides) != ["L", "R"]:
        raise UserError(f"{', '.join(map(str, paths))}: expected one file of hemi-L and one of hemi-R for a run.")
    return [path for _, path in sorted(zip(sides, paths, strict=True))]


def gifti_times(paths: tuple[Path, ...]) -> tuple[int, HeaderTime | None]:
    """Volumes of a run of one or two GIFTI files, and the TimeStep in them, which is in ms."""
    return _about(paths, _changed(paths))[:2]


def n_vertices(paths: tuple[Path, ...]) -> int:
    """Vertices of all files of a GIFTI run."""
    return _about(paths, _changed(paths))[2]


def mesh_of(paths: tuple[Path, ...]) -> str | None:
    """The mesh of a run of both hemispheres, by its number of vertices; None if it is none of FreeSurfer's averages.

    Raises
    ------
    UserError
        The files' names say another mesh (``space-fsaverage5``).
    """
    n = n_vertices(paths)
    mesh = next((name for name, each in VERTICES.items() if 2 * each == n), None)
    said = re.search(r"_space-(fsaverage[3-6]?)(?=_)", paths[0].name)
    density = re.search(r"_den-([0-9]+k)(?=_)", paths[0].name)  # space-fsaverage_den-10k is fsaverage5
    named = None if said is None else {"10k": "fsaverage5", "41k": "fsaverage6", "3k": "fsaverage4", "164k": "fsaverage"}.get(
        density[1] if density else "", said[1]
    )  # fmt: skip
    if named is not None and named != mesh:
        raise UserError(
            f"{paths[0]}: {n} vertices in both hemispheres ({mesh or 'no mesh of FreeSurfer'}), but its name says {named}, which has "
            f"{2 * VERTICES[named]}. Rename it, or project the run again."
        )
    return mesh


def _changed(paths: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


@lru_cache(maxsize=4096)  # a GIFTI file has to be parsed whole for it
def _about(paths: tuple[Path, ...], changed: tuple[int, ...]) -> tuple[int, HeaderTime | None, int]:
    parts, n, header = _read(paths)
    return n, header, sum(values.shape[1] for _, values in parts)


def read_gifti(paths: tuple[Path, ...]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The data [TR, vertex] of a run, left hemisphere first, and its regions CortexLeft and CortexRight."""
    parts = _read(paths)[0]
    data = np.concatenate([values for _, values in parts], axis=1)
    sides = np.concatenate([np.full(values.shape[1], side) for side, values in parts])
    return data, {side: sides == side for side in dict.fromkeys(sides.tolist()) if side}


def _read(paths: tuple[Path, ...]) -> tuple[list[tuple[str, np.ndarray]], int, HeaderTime | None]:
    parts, steps = [], []
    for path in in_order(paths):
        values, step, said = _one(path)
        side = HEMISPHERES.get(hemisphere(path) or "", "")
        if side and said and said != side:
            raise UserError(f"{path}: its name says {side}, but the file itself {said}. Rename it, or export it again.")
        parts.append((side or said, values))
        steps.append(step)
    lengths = [len(values) for _, values in parts]
    if len(set(lengths)) > 1:
        told = " and ".join(f"{path.name} has {n}" for path, n in zip(in_order(paths), lengths, strict=True))
        raise UserError(f"{paths[0].parent}: {told} volumes; expected as many in both hemispheres of a run.")
    known = [step for step in steps if step is not None]
    if len(set(known)) > 1:
        raise UserError(
            f"{paths[0]} and the other hemisphere: TimeStep is {known[0]:g} and {known[1]:g} ms. Correct one."
        )
    return parts, lengths[0], HeaderTime(known[0], "msec") if known else None


def _one(path: Path) -> tuple[np.ndarray, float | None, str]:
    """[TR, vertex], TimeStep in ms and AnatomicalStructurePrimary of one GIFTI file."""
    import nibabel

    check_fetched(path)
    with reading(path, "a whole GIFTI file (.func.gii)"):
        image = nibabel.load(path)
        if not isinstance(image, nibabel.GiftiImage):
            raise UserError(f"{path}: a {type(image).__name__} under a name of GIFTI. Rename it to what it is.")
        arrays = [np.asarray(one.data) for one in image.darrays]
        meta = [dict(image.meta), *(dict(one.meta) for one in image.darrays)]
        intents = {one.intent for one in image.darrays}
    geometry = {nibabel.nifti1.intent_codes[name] for name in ("pointset", "triangle", "label")} & intents
    shapes = {array.shape for array in arrays}
    if geometry or len(shapes) != 1 or arrays[0].dtype.kind not in "iuf":
        kind = "a surface or labels" if geometry else f"arrays of shapes {sorted(shapes)}"
        raise UserError(f"{path}: holds {kind}; expected one array of all vertices a volume (.func.gii).")
    if len(arrays) == 1 and arrays[0].ndim == 2:
        values = arrays[0].T  # GIFTI's first axis is the vertex
    elif arrays[0].ndim == 1:
        values = np.stack(arrays)
    else:
        raise UserError(
            f"{path}: {len(arrays)} arrays of shape {arrays[0].shape}; expected one of all vertices a volume."
        )
    if 0 in values.shape:
        raise UserError(f"{path}: {values.shape[0]} volumes of {values.shape[1]} vertices; expected at least one.")
    step = next((one["TimeStep"] for one in meta if one.get("TimeStep")), None)
    try:
        step = None if step is None else float(step)
    except ValueError:
        raise UserError(f"{path}: TimeStep is '{step}'; expected ms between two volumes.") from None
    named = [one["AnatomicalStructurePrimary"] for one in meta if one.get("AnatomicalStructurePrimary")]
    return values, step, named[0] if named else ""
