"""Grayordinates of CIFTI: vertices of the cortex and voxels below it, in the order of a file's columns."""

import base64
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nibabel.cifti2 import BrainModelAxis

#: Vertices of a hemisphere -> the mesh (HCP's, left and right in register).
MESHES = {32492: "fsLR32k", 59292: "fsLR59k", 163842: "fsLR164k"}
STRUCTURES = {"L": "CIFTI_STRUCTURE_CORTEX_LEFT", "R": "CIFTI_STRUCTURE_CORTEX_RIGHT"}


def mesh_of_models(models: "BrainModelAxis") -> str | None:
    """The mesh of the cortex, by its number of vertices; None if it has none that is known."""
    sizes = {models.nvertices[one] for one in STRUCTURES.values() if one in models.nvertices}
    return MESHES.get(sizes.pop()) if len(sizes) == 1 else None


def cortex_of(models: "BrainModelAxis") -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """``L`` and ``R``, if they are there -> (k,) columns, (k,) their vertices, and how many vertices the hemisphere has."""
    names, found = np.asarray(models.name).astype(str), {}
    for side, name in STRUCTURES.items():
        columns = np.flatnonzero(names == name)
        if len(columns):
            found[side] = columns, np.asarray(models.vertex)[columns], int(models.nvertices[name])
    return found


def packed(models: "BrainModelAxis") -> str:
    """Text for JSON: the axis as CIFTI's XML, compressed; some 100 kB for 91,282 grayordinates."""
    from nibabel.cifti2 import Cifti2Header, ScalarAxis

    header = Cifti2Header.from_axes((ScalarAxis(["map"]), models))
    return base64.b64encode(zlib.compress(header.to_xml(), 9)).decode("ascii")


def unpacked(text: str) -> "BrainModelAxis":
    """See `packed`."""
    from nibabel.cifti2.parse_cifti2 import Cifti2Parser

    parser = Cifti2Parser()
    parser.parse(string=zlib.decompress(base64.b64decode(text)))
    return parser.header.get_axis(1)
