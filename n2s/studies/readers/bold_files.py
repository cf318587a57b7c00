"""Files of BOLD as [TR, voxel] arrays: .npy, HDF5, NIfTI through a mask, CIFTI and GIFTI; regions of interest beside them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from n2s.errors import UserError, nearest, reading
from n2s.findings import tell
from n2s.options import check_number
from n2s.studies.fmri import Bold, Space
from n2s.studies.readers.arrays import open_npy
from n2s.studies.readers.fetched import check_fetched
from n2s.studies.readers.grayordinates import mesh_of_models
from n2s.studies.readers.masks import mask_image, read_image, through_mask
from n2s.studies.readers.surfaces import (
    CIFTI,
    GIFTI,
    NO_RUNS,
    cifti_models,
    cifti_times,
    gifti_times,
    mesh_of,
    n_grayordinates,
    n_vertices,
    read_cifti,
    read_gifti,
)
from n2s.studies.readers.volume_times import HeaderTime, repetition_s

if TYPE_CHECKING:
    import nibabel

HDF5 = (".h5", ".hf5", ".hdf5")
NIFTI = (".nii", ".nii.gz")
#: Names of spaces that are a subject's own brain: of fMRIPrep and of BIDS.
OWN_SPACES = ("T1w", "T2w", "func", "boldref", "fsnative", "orig", "individual", "native")
KINDS = (".npy", *HDF5, *NIFTI, CIFTI, GIFTI)


@dataclass(frozen=True)
class BoldFiles:
    """How a run's file becomes an array [TR, voxel].

    Structures of CIFTI and hemispheres of GIFTI are regions (CortexLeft, CortexRight, ThalamusLeft, ...).

    Paths are absolute or below the data set's root; ``{subject}`` in one is replaced by the subject's label.

    Parameters
    ----------
    key
        The array in an HDF5 file.
    tr_s
        Seconds between volumes; None: RepetitionTime of the run's JSON file, or else the header (arrays have none). What
        contradicts it is an error or reported: see `n2s.studies.readers.volume_times.repetition_s`.
    mask
        NIfTI: the voxels to take, one image for all runs of a subject, so that voxels mean the same in each. Without mask
        and atlas, the masks beside the subject's runs (``*_desc-brain_mask.nii.gz``): voxels that are in all of them.
    atlas
        A label image of the same grid: each of its labels becomes a ROI. Without a mask its labelled voxels are taken.
    atlas_labels
        A table with the columns ``index`` and ``name``; without it ROIs are named by their numbers.
    resample_mask
        Resample a mask or atlas to the grid of the run (nearest neighbour); otherwise another grid is an error.
    rois
        A folder with ``<subject>/<name>.npy``: one ROI each, as a mask (one value a voxel) or as voxels' indices.
    """

    key: str = "data"
    tr_s: float | None = None
    mask: str | None = None
    atlas: str | None = None
    atlas_labels: str | None = None
    resample_mask: bool = False
    rois: str | None = None

    def __post_init__(self) -> None:
        check_number("files.tr_s", self.tr_s, above=0)

    def count(self, path: Path, *others: Path) -> tuple[int, float]:
        """Volumes of a run, and the seconds between them, from the header and the JSON files; ``others``: its other hemisphere."""
        check_kind(path)
        header = None
        if path.name.endswith(CIFTI):
            n, header = cifti_times(path)
        elif path.name.endswith(GIFTI):
            n, header = gifti_times((path, *others))
        elif path.name.endswith(NIFTI):
            image = read_image(path, 4)
            n, header = image.shape[3], _nifti_time(image, path)
        else:
            n = _rows_of_voxels(path, self.key)[0]
        return n, repetition_s(path, n, header=header, given_s=self.tr_s)

    def read(self, path: Path, *others: Path, root: Path, subject: str, own_masks: list[Path] | None = None) -> Bold:
        """Read a run, not cleaned. The places of its voxels are only known for a NIfTI image.

        Parameters
        ----------
        path, others
            The file; of GIFTI also its other hemisphere.
        root, subject
            Where relative paths begin, and what ``{subject}`` stands for.
        own_masks
            The masks beside the subject's runs: if neither mask nor atlas is set, voxels in all of them are taken.
        """
        n, tr_s = self.count(path, *others)
        places = None
        if path.name.endswith(CIFTI):
            data, rois = read_cifti(path)
        elif path.name.endswith(GIFTI):
            data, rois = read_gifti((path, *others))
        elif path.name.endswith(NIFTI):
            data, rois, places = self._through_mask(path, root, subject, own_masks or [])
        else:
            data, rois = read_array(path, self.key), {}
        if len(data) != n:
            raise UserError(f"{path}: its header promises {n} volumes, but {len(data)} were read. Copy it again.")
        if places is None:
            self._tell_unused(path, root, subject, data.shape[1])
        if self.rois is not None:
            rois |= read_rois(self._path(self.rois, root, subject) / subject, data.shape[1])
        return Bold(data, tr_s, rois, places)

    def space(
        self, path: Path, *others: Path, root: Path, subject: str, own_masks: list[Path] | None = None
    ) -> Space | None:
        """Where the voxels of a run lie, as `read` gives them; None for arrays and a hemisphere alone."""
        template = template_of(path)
        if path.name.endswith(GIFTI):
            return Space(mesh=mesh_of((path, *others)), template=template) if others else None
        if path.name.endswith(CIFTI):
            models = cifti_models(path)
            return Space(mesh=mesh_of_models(models), template=template, grayordinates=models)
        if not path.name.endswith(NIFTI):
            return None
        masks, atlas = self._masks(path, root, subject, own_masks or [])
        return Space(mask=mask_image(path, masks, atlas, resample=self.resample_mask), template=template)

    def needs_mask(self, path: Path) -> bool:
        """Whether the voxels of a run have to be taken by the mask beside it."""
        return path.name.endswith(NIFTI) and not path.name.endswith(CIFTI) and not (self.mask or self.atlas)

    def n_columns(self, path: Path) -> int | None:
        """The second axis of an array, which could be the first by mistake; None for images, which name their axes."""
        return None if path.name.endswith((*NIFTI, GIFTI)) else array_shape(path, self.key)[-1]

    def n_voxels(self, path: Path, *others: Path) -> int | None:
        """Voxels of a run, without reading its data; None if a mask decides."""
        if path.name.endswith(CIFTI):
            return n_grayordinates(path)
        if path.name.endswith(GIFTI):
            return n_vertices((path, *others))
        return self.n_columns(path)

    def sources(self, *, root: Path, subject: str) -> list[Path]:
        """Every other file that is read for the run."""
        named = [self._path(one, root, subject) for one in (self.mask, self.atlas, self.atlas_labels) if one]
        folder = self._path(self.rois, root, subject) / subject if self.rois else None
        return named + (sorted(folder.glob("*.npy")) if folder else [])

    def _path(self, given: str, root: Path, subject: str) -> Path:
        return root / Path(given.replace("{subject}", subject)).expanduser()

    def _through_mask(
        self, path: Path, root: Path, subject: str, own_masks: list[Path]
    ) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        if self.needs_mask(path) and not own_masks:
            raise UserError(
                f"{path}: a NIfTI image needs a mask or an atlas that says which voxels to take. Set one, or put a mask "
                f"beside each run ({own_mask_name(path)})."
            )
        masks, atlas = self._masks(path, root, subject, own_masks)
        labels = self._path(self.atlas_labels, root, subject) if self.atlas_labels else None
        return through_mask(path, masks, atlas, labels, resample=self.resample_mask)

    def _masks(self, path: Path, root: Path, subject: str, own_masks: list[Path]) -> tuple[list[Path], Path | None]:
        """The masks that a NIfTI run is read through, and the atlas."""
        mask, atlas = (self._path(one, root, subject) if one else None for one in (self.mask, self.atlas))
        return [mask] if mask else own_masks if self.needs_mask(path) else [], atlas

    def _tell_unused(self, path: Path, root: Path, subject: str, n_columns: int) -> None:
        """Report a mask or atlas that nothing uses; a `UserError` if the mask contradicts the array."""
        for given in (self.mask, self.atlas):
            if not given:
                continue
            file = self._path(given, root, subject)
            if given == self.mask and not path.name.endswith((CIFTI, GIFTI)):
                image = read_image(file, 3)
                with reading(file, "a whole NIfTI image"):
                    n_inside = int((image.get_fdata() > 0).sum())
                if n_inside != n_columns:
                    raise UserError(
                        f"{path} has {n_columns} voxels, but {file} has {n_inside}. Give the mask that the array was made "
                        "with, or none: an array is used with all its voxels."
                    )
            tell("left out", file, "not used: arrays and surfaces have no grid. Give regions as files (rois).")


def check_kind(path: Path) -> None:
    """A `UserError` if the file is of a kind that has no volumes, or that n2s does not read."""
    other = next((kind for kind in NO_RUNS if path.name.endswith(kind)), None)
    if other or not path.name.endswith(KINDS):
        what = NO_RUNS.get(other, "a kind of file that n2s does not read")
        raise UserError(f"{path}: {what}; expected a run of volumes: {', '.join(KINDS)}.")


def template_of(path: Path) -> str | None:
    """The brain whose coordinates a run has, by the entity ``space`` of its name; None: the subject's own, or not said."""
    found = re.search(r"_space-([A-Za-z0-9]+)", path.name)
    return None if found is None or found[1] in OWN_SPACES else found[1]


def own_mask_name(path: Path) -> str:
    """The name of the mask that derivatives put beside a NIfTI run."""
    parts = [part for part in path.name.split(".")[0].split("_")[:-1] if not part.startswith("desc-")]
    return "_".join([*parts, "desc-brain_mask.nii.gz"])


def own_mask(path: Path) -> Path | None:
    """The mask beside a NIfTI run, by its name."""
    zipped = path.with_name(own_mask_name(path))
    return next((one for one in (zipped, zipped.with_suffix("")) if one.is_file() or one.is_symlink()), None)


def _nifti_time(image: "nibabel.Nifti1Image", path: Path) -> HeaderTime:
    with reading(path, "a NIfTI image whose units are known"):
        offset = float(image.header["toffset"])
        found = HeaderTime(float(image.header.get_zooms()[3]), image.header.get_xyzt_units()[1])
    if np.isfinite(offset) and offset:
        tell("odd", path, f"its header puts the first volume at {offset:g} {found.unit} (toffset). n2s takes it for 0 s, as "
                          "clips' times do.")  # fmt: skip
    return found


def _rows_of_voxels(path: Path, key: str) -> tuple[int, int]:
    shape = array_shape(path, key)
    if len(shape) != 2 or 0 in shape:
        grid = " Save volumes with a grid as NIfTI, and give a mask." if len(shape) in (3, 4) else ""
        raise UserError(f"{path}: an array of shape {shape}; expected [TR, voxel].{grid}")
    return shape


def array_shape(path: Path, key: str) -> tuple[int, ...]:
    """The shape of an array in a .npy or HDF5 file, without reading it."""
    check_fetched(path)
    if path.suffix == ".npy":
        return open_npy(path).shape
    with reading(path, "a whole HDF5 file"), h5py.File(path, "r") as file:
        return _dataset(file, key, path).shape


def read_array(path: Path, key: str, index: int | None = None) -> np.ndarray:
    """An array of a .npy or HDF5 file; with ``index`` only that part of its first axis. It holds real numbers."""
    part = ... if index is None else index
    if path.suffix == ".npy":
        values = np.array(open_npy(path)[part])
    else:
        with reading(path, "a whole HDF5 file"), h5py.File(path, "r") as file:
            values = np.asarray(_dataset(file, key, path)[part])
    if values.dtype.kind not in "biuf":
        raise UserError(f"{path}: holds {values.dtype}; expected real numbers.")
    return values


def read_rois(folder: Path, n_voxels: int) -> dict[str, np.ndarray]:
    """Every ``<name>.npy`` of a folder as a ROI, name -> (voxel,) bool.

    Raises
    ------
    UserError
        There is none, or one is neither a mask of all voxels nor voxel indices.
    """
    files = sorted(path for path in folder.glob("*.npy") if not path.name.startswith("."))
    if not files:
        raise UserError(f"{folder}: no ROIs (*.npy) there. Expected a folder of masks or indices a subject.")
    rois = {}
    for path in files:
        given = np.asarray(open_npy(path))
        if given.ndim != 1 or given.dtype.kind not in "biuf" or not (given == np.trunc(given)).all():
            raise UserError(f"{path}: {given.dtype} of shape {given.shape}; expected a mask or indices, one axis.")
        if given.dtype == bool or (len(given) == n_voxels and np.isin(given, (0, 1)).all()):
            if len(given) != n_voxels:
                raise UserError(f"{path}: a mask of {len(given)} voxels, but the runs have {n_voxels}.")
            rois[path.stem] = given.astype(bool)
            continue
        if len(given) == 0 or given.min() < 0 or given.max() >= n_voxels:
            reach = f"from {given.min():g} to {given.max():g}" if len(given) else "of no voxel"
            raise UserError(f"{path}: {len(given)} indices {reach}, but the runs have {n_voxels} voxels, from 0.")
        rois[path.stem] = np.zeros(n_voxels, bool)
        rois[path.stem][given.astype(np.int64)] = True
    return rois


def _dataset(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    if not key or not isinstance(file.get(key), h5py.Dataset) or file[key].shape is None:
        raise UserError(f"{path}: no array '{key}'; there are {', '.join(file) or 'none'}.{nearest(key, list(file))}")
    return file[key]
