"""A run of BOLD that is in no study, as the voxels of somebody of the training."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n2s.data.bold_steps import cleaned
from n2s.data.front import Front
from n2s.errors import UserError, first_of, nearest
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.masks import read_image

if TYPE_CHECKING:
    import nibabel

IMAGES = (".nii", ".nii.gz")
MOST_MM = 0.01  # between affines of one grid: rounding of headers
FAR, TOO_FAR = (
    3.0,
    20.0,
)  # deviations of training between the means of a voxel there and here, told and refused: another unit, or no cleaning
LARGE, TOO_LARGE = 5.0, 50.0  # by how much its spread may be another

#: A run: a NIfTI image, its file, or a `n2s.studies.fmri.Bold` whose voxels are those of the study.
Scanned = "Path | str | Bold | nibabel.Nifti1Image"


@dataclass(frozen=True)
class NewBold:
    """``data (TR, v)`` cleaned, the voxels that the decoder knows; ``tr_s`` seconds a TR; ``said``: what was found."""

    name: str
    data: np.ndarray
    tr_s: float
    said: list[str]

    @property
    def duration_s(self) -> float:
        """Its length, s."""
        return len(self.data) * self.tr_s


def new_bold(
    scanned: "Path | str | Bold | nibabel.Nifti1Image",
    front: Front,
    person: str,
    *,
    confounds: Path | None = None,
    tr_s: float | None = None,
    own_scale: bool = False,
) -> NewBold:
    """Read a run, take the voxels of a person, and clean them as their study does.

    Parameters
    ----------
    scanned
        A 4D NIfTI image on the grid of the training runs, its file, or `Bold` with all voxels of the study's runs in their order.
    front
        Of the training.
    person
        ``study/subject``.
    confounds
        The run's table of confounds, where the cleaning regresses some out.
    tr_s
        Seconds a TR; None: the image's own.
    own_scale
        Whether voxels are scaled by this run itself: then it may be in any unit.

    Raises
    ------
    UserError
        It cannot be read, its grid is another, the cleaning does not fit, values are no numbers or do not change, or are far from those of training.
    """
    number = list(front.plain["subjects"]).index(person)
    known = front.plain["people"][person]
    bold, name, said = _read(scanned, front, number, person, tr_s)
    cleaning = known["cleaning"]
    steps = None if cleaning is None else BoldCleaning(**{**cleaning, "confounds": tuple(cleaning["confounds"])})
    table = confounds if confounds is not None else bold.confounds
    if steps is not None and steps.confounds and table is None:
        raise UserError(
            f"{name}: in training {', '.join(steps.confounds)} were regressed out of each run. Give the run's table of them (--confounds "
            "sub-01_task-x_desc-confounds_timeseries.tsv; in Python confounds=...)."
        )
    voxels = front.arrays[f"voxels.{number}"]
    _check_values(np.asarray(bold.data)[:, voxels], name)
    whole = cleaned(Bold(bold.data, bold.tr_s, {}, None, table, bold.nuisances), steps, name)
    data = np.asarray(whole.data)[:, voxels]
    if abs(bold.tr_s / known["tr_s"] - 1) > 0.01:
        said.append(
            f"volumes of {bold.tr_s:g} s, in training {known['tr_s']:g} s: those in the same seconds after a sound are taken"
        )
    mean, deviation = front.arrays[f"mean.{number}"], front.arrays[f"deviation.{number}"]
    there = deviation > 0
    away = float(np.median(np.abs(data.mean(0)[there] - mean[there]) / deviation[there]))
    ratio = float(np.median(data.std(0)[there] / deviation[there]))
    if not own_scale and (away > FAR or not 1 / LARGE < ratio < LARGE):
        told = (
            f"the voxels' values differ from those of training: their means by {away:.3g} deviations (median), their spread is {ratio:.2g} times as large. Was "
            "the run cleaned in another way, or is it in other units?"
        )
        if away > TOO_FAR or not 1 / TOO_LARGE < ratio < TOO_LARGE:
            raise UserError(
                f"{name}: {told} Prepare it as the training runs were, or let the run be scaled by itself: --scale recording (in Python scale='recording')."
            )
        said.append(f"{told} --scale recording (in Python scale='recording') scales it by itself")
    return NewBold(name, data, bold.tr_s, said)


def _check_values(data: np.ndarray, name: str) -> None:
    """Raise a `UserError` where values (TR, v) are no numbers, or most voxels do not change."""
    broken = ~np.isfinite(data)
    if broken.any():
        volumes = np.flatnonzero(broken.any(1))
        raise UserError(
            f"{name}: {int(broken.any(0).sum())} of {data.shape[1]} voxels of the decoder have values that are no numbers (NaN or infinite), in "
            f"{len(volumes)} of {len(data)} volumes (from {volumes[0]}, counted from 0). Put the mean of the neighbouring volumes there, or cut them away."
        )
    flat = int((data == data[:1]).all(0).sum())
    if 2 * flat > data.shape[1]:
        raise UserError(
            f"{name}: {flat} of {data.shape[1]} voxels of the decoder have one value in all volumes: the image is empty there. Is it masked, or of another space?"
        )


def _read(scanned: object, front: Front, number: int, person: str, tr_s: float | None) -> tuple[Bold, str, list[str]]:
    import nibabel

    known = front.plain["people"][person]
    if isinstance(scanned, Bold):
        if scanned.data.ndim != 2 or scanned.data.shape[1] != known["n_voxels"]:
            raise UserError(
                f"the run has shape {scanned.data.shape}; expected [TR, voxel] with the {known['n_voxels']} voxels that runs of {person} have in their study."
            )
        return (
            scanned,
            "the run",
            [f"voxels: {len(front.arrays[f'voxels.{number}'])} of {person}, by their order in the study"],
        )
    if known["shape"] is None:
        of = f"vertices of {known['mesh']}" if known["mesh"] else "columns of arrays"
        raise UserError(
            f"the voxels of {person} are {of} in the study, and no image says where they are: give n2s.studies.fmri.Bold(data, tr_s) in Python, with the same "
            "columns."
        )
    if isinstance(scanned, nibabel.Nifti1Image):
        image, name, path = scanned, "the image", None
    elif isinstance(scanned, str | Path):
        path = Path(scanned).expanduser()
        name = path.name
        if not name.endswith(IMAGES):
            raise UserError(f"{path}: this run decodes fMRI; expected a NIfTI image ({', '.join(IMAGES)}).")
        if not path.is_file():
            beside = sorted(one.name for one in path.parent.glob("*")) if path.parent.is_dir() else []
            raise UserError(f"no image {path}.{nearest(name, beside)}")
        image = read_image(path, 4)
    else:
        raise UserError(
            f"this run decodes fMRI: expected a NIfTI image, its file or n2s.studies.fmri.Bold; got {type(scanned).__name__}."
        )
    if image.ndim != 4:
        raise UserError(f"{name}: an image of shape {image.shape}; expected volumes over time, 4 axes.")
    affine = front.arrays[f"affine.{number}"]
    if list(image.shape[:3]) != known["shape"] or np.abs(image.affine - affine).max() > MOST_MM:
        sizes = [np.sqrt((one[:3, :3] ** 2).sum(0)).round(2).tolist() for one in (image.affine, affine)]
        grids = [
            f"{'x'.join(map(str, shape))} voxels of {first_of(size, 3)} mm"
            for shape, size in zip((image.shape[:3], known["shape"]), sizes, strict=True)
        ]
        if grids[0] == grids[1]:
            ends = [", ".join(f"{one:.1f}" for one in of[:3, 3]) for of in (image.affine, affine)]
            turned = (
                " and its axes point elsewhere" if np.abs(image.affine[:3, :3] - affine[:3, :3]).max() > MOST_MM else ""
            )
            raise UserError(
                f"{name}: its grid has the size of training, but lies elsewhere: its first voxel is at {ends[0]} mm, in training of {person} at {ends[1]} mm{turned}. "
                "Bring it into the same space and grid (fMRIPrep's output space; nilearn.image.resample_img for the grid alone)."
            )
        raise UserError(
            f"{name}: its grid is {grids[0]}, and that of {person} in training was {grids[1]}. Bring it into the same space and grid (fMRIPrep's output "
            "space; nilearn.image.resample_img for the grid alone)."
        )
    seconds = _tr_s(image, path, tr_s, name)
    data = (
        np.asarray(image.dataobj, np.float32).reshape(-1, image.shape[3], order="C")[front.arrays[f"image.{number}"]].T
    )
    roi = front.plain["roi"]
    said = [
        f"voxels: {len(front.arrays[f'voxels.{number}'])} of {person}{f', region {roi}' if roi else ''}, on the grid of training"
    ]
    return Bold(np.ascontiguousarray(data), seconds), name, said


def _tr_s(image: "nibabel.Nifti1Image", path: Path | None, tr_s: float | None, name: str) -> float:
    if path is not None:
        return BoldFiles(tr_s=tr_s).count(path)[1]
    found = float(image.header.get_zooms()[3]) if tr_s is None else tr_s
    if not 0 < found < 60:
        raise UserError(f"{name}: a TR of {found:g} s. Say it (tr_s).")
    return found
