"""Values of voxels and vertices as NIfTI and GIFTI files that viewers open."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np

from n2s.paths import written_whole
from n2s.studies.readers.grayordinates import cortex_of, unpacked
from n2s.systems.encoding.cortex.surfaces import FSAVERAGE

#: Hemisphere -> its name in GIFTI.
STRUCTURES = {"L": "CortexLeft", "R": "CortexRight"}


def write_volumes(path: Path, maps: Mapping[str, np.ndarray], index: np.ndarray, image: Mapping) -> Path:
    """Write a 4D NIfTI file, one volume per map, NaN outside the voxels.

    Parameters
    ----------
    path
        Ends in ``.nii.gz``.
    maps
        Name -> (v,) values.
    index
        (v,) Flat place of each voxel in the image, C order; -1: none.
    image
        ``shape`` and ``affine`` (mm).
    """
    shape, inside = tuple(image["shape"][:3]), index >= 0
    block = np.full((len(maps), int(np.prod(shape))), np.nan, np.float32)
    for number, values in enumerate(maps.values()):
        block[number, index[inside]] = values[inside]
    data = np.moveaxis(block.reshape(len(maps), *shape), 0, -1)
    written = nibabel.Nifti1Image(data, np.asarray(image["affine"], np.float64))
    # 4: aligned to a template; 1: the scanner's own coordinates (NIfTI-1 standard, qform_code)
    code = 4 if str(image.get("template") or "").startswith("MNI") else 1
    written.set_sform(written.affine, code)
    written.set_qform(written.affine, code)
    written.header.set_xyzt_units("mm")
    with written_whole(path) as temporary:
        temporary.write_bytes(gzip.compress(written.to_bytes(), compresslevel=2, mtime=0))  # equal maps are equal files
    return path


def write_surfaces(stem: Path, maps: Mapping[str, np.ndarray], index: np.ndarray, n_vertices: int) -> list[Path]:
    """Write a GIFTI file per hemisphere, one data array per map, named, NaN at vertices that were not measured.

    Parameters
    ----------
    stem
        Path with ``{hemi}`` where ``L`` or ``R`` stands.
    maps
        Name -> (v,) values.
    index
        (v,) Vertex of each value, left hemisphere first.
    n_vertices
        Of one hemisphere.
    """
    paths = []
    for side, hemi in enumerate(STRUCTURES):
        own = index // n_vertices == side
        values = {name: every[own] for name, every in maps.items()}
        path = stem.with_name(stem.name.format(hemi=hemi))
        paths.append(_write_hemisphere(path, hemi, values, index[own] % n_vertices, n_vertices))
    return paths


def _write_hemisphere(
    path: Path, hemi: str, maps: Mapping[str, np.ndarray], vertices: np.ndarray, n_vertices: int
) -> Path:
    arrays = []
    for name, values in maps.items():
        data = np.full(n_vertices, np.nan, np.float32)
        data[vertices] = values
        arrays.append(
            nibabel.gifti.GiftiDataArray(data, "NIFTI_INTENT_NONE", "NIFTI_TYPE_FLOAT32", meta={"Name": name})
        )
    meta = nibabel.gifti.GiftiMetaData({"AnatomicalStructurePrimary": STRUCTURES[hemi]})
    with written_whole(path) as temporary:
        temporary.write_bytes(nibabel.gifti.GiftiImage(meta=meta, darrays=arrays).to_bytes())
    return path


def write_grayordinates(stem: Path, maps: Mapping[str, np.ndarray], index: np.ndarray, image: Mapping) -> list[Path]:
    """Write a ``.dscalar.nii`` with the axis of the runs, and a GIFTI file per hemisphere; NaN where nothing was measured.

    Parameters
    ----------
    stem
        Path without an ending, with ``{hemi}`` where ``_hemi-L`` or ``_hemi-R`` stands.
    maps
        Name -> (v,) values.
    index
        (v,) Column of each value among the grayordinates.
    image
        ``grayordinates``, and ``mesh`` of the cortex, if it is known.
    """
    models = unpacked(image["grayordinates"])
    data = np.full((len(maps), len(models)), np.nan, np.float32)
    data[:, index] = np.stack(list(maps.values()))
    header = (nibabel.cifti2.ScalarAxis(list(maps)), models)
    path = stem.with_name(stem.name.format(hemi="") + ".dscalar.nii")
    with written_whole(path) as temporary:
        temporary.write_bytes(nibabel.cifti2.Cifti2Image(data, header=header).to_bytes())
    paths = [path]
    for hemi, (columns, vertices, n_vertices) in cortex_of(models).items():
        values = {name: row[columns] for name, row in zip(maps, data, strict=True)}
        own = stem.with_name(stem.name.format(hemi=f"_hemi-{hemi}") + ".func.gii")
        paths.append(_write_hemisphere(own, hemi, values, vertices, n_vertices))
    return paths


def mesh_size(image: Mapping) -> int | None:
    """Vertices of a hemisphere of the image's mesh; None if it is not known."""
    mesh, shape = image.get("mesh") or "", image.get("shape")
    if mesh in FSAVERAGE:
        return FSAVERAGE[mesh]
    if (
        mesh.startswith("fsLR") and shape and int(np.prod(shape)) == 64984
    ):  # with the medial wall: vertices are in place
        return 32492
    return None
