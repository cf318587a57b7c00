"""Files of BOLD as [TR, voxel] arrays: .npy, HDF5, and NIfTI through a mask; regions of interest beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from n2s.errors import UserError, nearest, reading
from n2s.studies.fmri import Bold
from n2s.studies.readers.arrays import open_npy
from n2s.studies.readers.tsv import read_table, whole

if TYPE_CHECKING:
    import nibabel

HDF5 = (".h5", ".hf5", ".hdf5")
NIFTI = (".nii", ".nii.gz")
KINDS = (".npy", *HDF5, *NIFTI)


@dataclass(frozen=True)
class BoldFiles:
    """How a run's file becomes an array [TR, voxel].

    Paths are absolute or below the data set's root; ``{subject}`` in one is replaced by the subject's label.

    Parameters
    ----------
    key
        The array in an HDF5 file.
    tr_s
        Seconds between volumes; None: from the NIfTI header (arrays have none).
    mask
        NIfTI: the voxels to take, one image for all runs of a subject, so that voxels mean the same in each.
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

    def count(self, path: Path) -> tuple[int, float]:
        """Volumes of a run, and the seconds between them, from the file's header."""
        if path.name.endswith(NIFTI):
            image = _image(path, 4)
            return image.shape[3], self.tr_s or _header_tr_s(image.header, path)
        shape = array_shape(path, self.key)
        if len(shape) != 2 or 0 in shape:
            raise UserError(f"{path}: an array of shape {shape}; expected [TR, voxel].")
        if not self.tr_s:
            raise UserError(f"{path}: an array does not contain the TR. Set tr_s.")
        return shape[0], self.tr_s

    def read(self, path: Path, *, root: Path, subject: str) -> Bold:
        """Read a run, not cleaned. The places of its voxels are only known for a NIfTI image."""
        _, tr_s = self.count(path)
        if path.name.endswith(NIFTI):
            data, rois, places = self._through_mask(path, root, subject)
        else:
            data, rois, places = read_array(path, self.key), {}, None
        if self.rois is not None:
            rois |= read_rois(self._path(self.rois, root, subject) / subject, data.shape[1])
        return Bold(data, tr_s, rois, places)

    def sources(self, *, root: Path, subject: str) -> list[Path]:
        """Every other file that is read for the run."""
        named = [self._path(one, root, subject) for one in (self.mask, self.atlas, self.atlas_labels) if one]
        folder = self._path(self.rois, root, subject) / subject if self.rois else None
        return named + (sorted(folder.glob("*.npy")) if folder else [])

    def _path(self, given: str, root: Path, subject: str) -> Path:
        return root / Path(given.replace("{subject}", subject)).expanduser()

    def _through_mask(
        self, path: Path, root: Path, subject: str
    ) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        from nilearn.masking import apply_mask

        if not (self.mask or self.atlas):
            raise UserError(f"{path}: a NIfTI image needs a mask or an atlas that says which voxels to take. Set one.")
        bold = _image(path, 4)
        labels = None
        if self.atlas:
            labels = np.rint(self._on_grid(self._path(self.atlas, root, subject), bold, path)).astype(int)
        if self.mask:
            inside = self._on_grid(self._path(self.mask, root, subject), bold, path) > 0
        else:
            inside = labels > 0
        if not inside.any():
            raise UserError(f"{self._path(self.mask or self.atlas, root, subject)}: no voxel of the run is in it.")
        import nibabel

        with reading(path, "a whole NIfTI image"):
            data = apply_mask(bold, nibabel.Nifti1Image(inside.astype(np.uint8), bold.affine), ensure_finite=False)
        places = nibabel.affines.apply_affine(bold.affine, np.argwhere(inside)).astype(
            np.float32
        )  # in apply_mask's order
        if labels is None:
            return data, {}, places
        found = labels[inside]
        names = self._names(root, subject)
        return data, {names.get(int(n), str(n)): found == n for n in np.unique(found) if n > 0}, places

    def _names(self, root: Path, subject: str) -> dict[int, str]:
        if self.atlas_labels is None:
            return {}
        path = self._path(self.atlas_labels, root, subject)
        table = read_table(path, numbers=("index",))
        if not {"index", "name"} <= set(table):
            raise UserError(f"{path}: expected the columns index and name; there are {', '.join(table)}.")
        return dict(zip(whole(table["index"], path).tolist(), table["name"], strict=True))

    def _on_grid(self, path: Path, bold: "nibabel.Nifti1Image", bold_path: Path) -> np.ndarray:
        """A mask or atlas on the run's grid; if it is on another grid, a UserError with both shapes and affines, unless resampled."""
        image = _image(path, 3)
        with reading(path, "a whole NIfTI image"):
            values = image.get_fdata()
        if not np.isfinite(values).all():
            raise UserError(f"{path}: values that are not finite; expected a mask or labels.")
        shape, affine = bold.shape[:3], bold.affine
        # 1e-3: headers keep float32; a thousandth of a mm moves no voxel
        if image.shape == shape and np.allclose(image.affine, affine, atol=1e-3):
            return values
        if not self.resample_mask:
            raise UserError(
                f"{path} is not on the grid of {bold_path}: shape {image.shape} against {shape}, affine "
                f"{np.round(image.affine, 3).tolist()} against {np.round(affine, 3).tolist()}. Give a mask in the run's "
                "space, or set resample_mask to true."
            )
        return _nearest(values, image.affine, shape, affine)


def array_shape(path: Path, key: str) -> tuple[int, ...]:
    """The shape of an array in a .npy or HDF5 file, without reading it."""
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
    files = sorted(folder.glob("*.npy"))
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


def _image(path: Path, n_axes: int) -> "nibabel.Nifti1Image":
    import nibabel

    if not path.is_file():
        raise UserError(f"no {path}. If it is a broken link, its content was not downloaded.")
    with reading(path, "a NIfTI image"):
        image = nibabel.load(path)
        if image.ndim == n_axes + 1 and image.shape[-1] == 1:
            image = image.slicer[..., 0]
        turnable = np.isfinite(image.affine).all() and np.linalg.det(image.affine) != 0
    if image.ndim != n_axes or min(image.shape) < 1:
        raise UserError(f"{path}: an image of shape {image.shape}; expected {n_axes} axes.")
    if not turnable:
        raise UserError(f"{path}: its affine is {image.affine.tolist()}, which is not invertible.")
    return image


def _nearest(values: np.ndarray, own: np.ndarray, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """The values of an image (``own``: its affine) on another grid: each place takes the value of its voxel, 0 outside.

    nilearn is not used, because its resampling gives 0 in the outer half of the image's outermost voxels.
    """
    import nibabel

    places = nibabel.affines.apply_affine(np.linalg.inv(own) @ affine, np.moveaxis(np.indices(shape), 0, -1))
    places = np.rint(places)
    inside = ((places >= 0) & (places < values.shape)).all(axis=-1)
    found = np.zeros(shape)
    found[inside] = values[tuple(places[inside].astype(int).T)]
    return found


def _header_tr_s(header: "nibabel.Nifti1Header", path: Path) -> float:
    with reading(path, "a NIfTI image whose units are known"):
        tr, unit = float(header.get_zooms()[3]), header.get_xyzt_units()[1]
    tr_s = tr * {"msec": 1e-3, "usec": 1e-6}.get(unit, 1.0)
    if not 0 < tr_s < np.inf:
        raise UserError(f"{path}: its header gives a TR of {tr:g} {unit}. Set tr_s.")
    return tr_s
