"""Voxels of a NIfTI run: which ones a mask or an atlas takes, where they are, and which regions they belong to."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.studies.readers.fetched import check_fetched
from n2s.studies.readers.tsv import read_table, whole

if TYPE_CHECKING:
    import nibabel

MM = {"meter": 1000.0, "micron": 1e-3}
VOXEL_MM = (0.1, 50.0)  # edges of voxels, from laminar fMRI to images that were averaged coarsely
WHOLE = 1e-3  # labels and masks are whole numbers but for the scaling of a header


def read_image(path: Path, n_axes: int) -> "nibabel.Nifti1Image":
    """Open a NIfTI image of 3 or 4 axes whose affine can be inverted; its values are not read."""
    import nibabel

    check_fetched(path)
    with reading(path, "a NIfTI image"):
        image = nibabel.load(path)
        if isinstance(image, nibabel.Cifti2Image):
            raise UserError(
                f"{path}: holds CIFTI (grayordinates) under a name of NIfTI. Runs of CIFTI are named .dtseries.nii; masks "
                "and atlases are NIfTI images."
            )
        if image.ndim == n_axes + 1 and image.shape[-1] == 1:
            image = image.slicer[..., 0]
        turnable = np.isfinite(image.affine).all() and np.linalg.det(image.affine) != 0
    if image.ndim != n_axes or min(image.shape) < 1:
        raise UserError(f"{path}: an image of shape {image.shape}; expected {n_axes} axes.")
    if not turnable:
        raise UserError(f"{path}: its affine is {image.affine.tolist()}, which is not invertible.")
    return image


def through_mask(
    path: Path, masks: list[Path], atlas: Path | None, labels: Path | None, *, resample: bool
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """A run's data [TR, voxel], its regions, and the places of its voxels (voxel, 3) in mm.

    Parameters
    ----------
    path
        The run.
    masks
        Voxels are taken that are in all of them; if there are none, those that the atlas labels.
    atlas, labels
        A label image, and the table of its names.
    resample
        Whether masks and atlas may be on another grid.
    """
    import nibabel
    from nilearn.masking import apply_mask

    bold = read_image(path, 4)
    inside, numbers = _inside(bold, path, masks, atlas, resample=resample)
    if bold.get_data_dtype().kind not in "biuf":
        raise UserError(
            f"{path}: holds {bold.get_data_dtype()}; expected real numbers: the magnitude, without the phase."
        )
    with reading(path, "a whole NIfTI image"):
        data = apply_mask(bold, nibabel.Nifti1Image(inside.astype(np.uint8), bold.affine), ensure_finite=False)
    # in apply_mask's order
    places = nibabel.affines.apply_affine(bold.affine, np.argwhere(inside)) * _unit_mm(bold, path)
    places = places.astype(np.float32)
    return data, {} if numbers is None else _regions(numbers[inside], atlas, labels), places


def mask_image(path: Path, masks: list[Path], atlas: Path | None, *, resample: bool) -> "nibabel.Nifti1Image":
    """The voxels that `through_mask` takes from a run, as an image on its grid, in mm; the run's values are not read."""
    import nibabel

    bold = read_image(path, 4)
    inside, _ = _inside(bold, path, masks, atlas, resample=resample)
    affine = np.diag([*[_unit_mm(bold, path)] * 3, 1.0]) @ bold.affine
    return nibabel.Nifti1Image(inside.astype(np.uint8), affine)


def _inside(
    bold: "nibabel.Nifti1Image", path: Path, masks: list[Path], atlas: Path | None, *, resample: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """The voxels taken (x, y, z), and the atlas' numbers."""
    numbers = None if atlas is None else on_grid(atlas, bold, path, resample=resample).astype(int)
    inside = np.ones(bold.shape[:3], bool) if masks else numbers > 0
    for mask in masks:
        values = on_grid(mask, bold, path, resample=resample)
        if values.min() < 0:
            raise UserError(f"{mask}: values down to {values.min():g}; expected a mask: 0 outside, 1 inside.")
        if len(kinds := np.unique(values[values > 0])) > 1:
            tell("odd", mask, f"a mask with {len(kinds)} different values above 0; n2s takes them all for inside.")
        inside &= values > 0
    if not inside.any():
        given = ", ".join(map(str, masks or [atlas]))
        raise UserError(f"{given}: no voxel of the run is in it.")
    return inside, numbers


def _unit_mm(bold: "nibabel.Nifti1Image", path: Path) -> float:
    """How many mm one unit of the image's affine is; reports what makes places uncertain."""
    with reading(path, "a NIfTI image whose units are known"):
        unit = bold.header.get_xyzt_units()[0]
        unplaced = not (int(bold.header["qform_code"]) or int(bold.header["sform_code"]))
    if unplaced:
        tell(
            "odd",
            path,
            "its header has neither qform nor sform: where voxels are is only known relative to the image's middle.",
        )
    size_mm = float(np.abs(np.linalg.det(bold.affine[:3, :3])) ** (1 / 3)) * MM.get(unit, 1.0)
    if unit in MM and not VOXEL_MM[0] <= size_mm <= VOXEL_MM[1]:
        tell(
            "corrected",
            path,
            f"its unit is {unit}, but voxels of {size_mm:g} mm are none of a head; n2s takes it for mm.",
        )
        return 1.0
    return MM.get(unit, 1.0)


def _regions(numbers: np.ndarray, atlas: Path, labels: Path | None) -> dict[str, np.ndarray]:
    """Name -> (voxel,) bool, of the atlas' labels (voxel,). Labels of one name are one region."""
    names = {} if labels is None else _names(labels)
    present = [int(n) for n in np.unique(numbers) if n > 0]
    unnamed = [str(n) for n in present if n not in names]
    if names and unnamed:
        tell(
            "odd",
            atlas,
            f"{len(unnamed)} labels have no name in the table and are named by their numbers: {_first(unnamed)}.",
        )
    absent = [name for n, name in names.items() if n > 0 and n not in present]
    if absent:
        tell(
            "left out",
            atlas,
            f"{len(absent)} of {len(names)} named labels have no voxel in the runs: {_first(absent)}.",
        )
    found: dict[str, np.ndarray] = {}
    for n in present:
        name = names.get(n, str(n))
        if name in found:
            tell("odd", atlas, f"several labels are named '{name}'; their voxels are one region.")
        found[name] = found.get(name, False) | (numbers == n)
    return found


def _first(names: list[str], n: int = 5) -> str:
    return ", ".join(names[:n]) + (", ..." if len(names) > n else "")


def _names(path: Path) -> dict[int, str]:
    table = read_table(path, numbers=("index",))
    if not {"index", "name"} <= set(table):
        raise UserError(f"{path}: expected the columns index and name; there are {', '.join(table)}.")
    index = whole(table["index"], path)
    if index.duplicated().any():
        row = int(index.duplicated().argmax())
        raise UserError(f"{path}, line {row + 2}: a second row of index {index[row]}; expected one a label.")
    return dict(zip(index.tolist(), table["name"], strict=True))


def on_grid(path: Path, bold: "nibabel.Nifti1Image", bold_path: Path, *, resample: bool) -> np.ndarray:
    """Whole numbers of a mask or atlas on the run's grid.

    Raises
    ------
    UserError
        The image is on another grid (with both shapes and affines), unless it is resampled; or its values are no labels.
    """
    image = read_image(path, 3)
    with reading(path, "a whole NIfTI image"):
        values = image.get_fdata()
    if not np.isfinite(values).all():
        raise UserError(f"{path}: values that are not finite; expected a mask or labels.")
    parts = np.abs(values - np.rint(values)) > WHOLE
    if parts.any():
        raise UserError(
            f"{path}: {parts.sum()} values with fractions, such as {values[parts][0]:.4g}; expected a mask (0 and 1) or "
            "labels. Cut a map of probabilities at a threshold first, and resample labels with the nearest neighbour."
        )
    values = np.rint(values)
    shape, affine = bold.shape[:3], bold.affine
    # 1e-3: headers keep float32; a thousandth of a mm moves no voxel
    if image.shape == shape and np.allclose(image.affine, affine, atol=1e-3):
        return values
    if not resample:
        raise UserError(
            f"{path} is not on the grid of {bold_path}: shape {image.shape} against {shape}, affine "
            f"{np.round(image.affine, 3).tolist()} against {np.round(affine, 3).tolist()}. Give a mask in the run's "
            "space, or set resample_mask to true."
        )
    return _nearest(values, image.affine, shape, affine)


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
