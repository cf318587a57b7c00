"""Where the voxels of LeBel et al.'s runs lie: the masks of their pycortex database."""

from pathlib import Path

import nibabel
import numpy as np

from n2s.errors import UserError
from n2s.studies.fmri import Space
from n2s.studies.readers.masks import read_image
from n2s.studies.readers.side_files import read_json


def pycortex_mask(root: Path, subject: str) -> Path | None:
    """The mask ``thick`` of a subject's functional space; None if the database is not here."""
    listed = root / "derivative" / "subject_xfms.json"
    transform = read_json(listed).get(subject) if listed.is_file() else f"{subject}_auto"
    path = root / "derivative" / "pycortex-db" / subject / "transforms" / str(transform) / "mask_thick.nii.gz"
    return path if path.is_file() else None


def pycortex_space(path: Path, n_voxels: int) -> Space:
    """The space of runs whose columns are the mask's voxels in pycortex's order: by z, then y, then x.

    `Space` counts voxels in C order, so the image's axes are turned round: (z, y, x). Each voxel keeps its place in mm.

    Raises
    ------
    UserError
        The mask has another number of voxels than the runs.
    """
    image = read_image(path, 3)
    inside = np.asanyarray(image.dataobj) > 0
    if inside.sum() != n_voxels:
        raise UserError(
            f"{path}: {inside.sum()} voxels, but the runs have {n_voxels}. Download derivative/pycortex-db of the same version."
        )
    turned = np.eye(4)[[2, 1, 0, 3]]  # its own inverse
    return Space(mask=nibabel.Nifti1Image(inside.transpose(2, 1, 0).astype(np.uint8), image.affine @ turned))
