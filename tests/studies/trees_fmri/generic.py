"""An own fMRI study in miniature: two subjects, two runs of 40 volumes of 2 s, 5 x 4 x 3 voxels of which 24 are in the mask."""

from pathlib import Path

import h5py
import nibabel
import numpy as np
from builders import write_audio, write_tsv

N_TR, TR_S, SHAPE = 40, 2.0, (5, 4, 3)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
MASK = np.zeros(SHAPE, bool)
MASK[1:5, 1:4, 1:3] = True
ATLAS = np.zeros(SHAPE, np.int16)
ATLAS[1:3, 1:4, 1] = 7  # 6 voxels of the mask
ATLAS[0, 0, 0] = 9  # outside it


def volumes(subject: int, run: int) -> np.ndarray:
    """(x, y, z, TR): noise about 1000, with a slope."""
    rng = np.random.default_rng(10 * subject + run)
    return (1000 + rng.standard_normal((*SHAPE, N_TR)) + 0.05 * np.arange(N_TR)).astype(np.float32)


def clips(run: int) -> list[dict]:
    """Ten clips of 4 s from 10 s on; the last of run 2 is a test clip that is heard twice."""
    rows = [
        {"stimulus": f"train{run}", "start_s": 4.0 * i, "duration_s": 4.0, "time_s": 10.0 + 4 * i, "split": "train"}
        for i in range(10)
    ]
    test = {"stimulus": "test", "start_s": 0.0, "duration_s": 4.0, "split": "test"}
    return rows + [test | {"time_s": 60.0 + 6 * i, "repeat": i} for i in range(2)]


def write_image(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(data.astype(np.float32), affine)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], TR_S))
    nibabel.save(image, path)
    return path


def write_tree(root: Path, kind: str = ".npy", *, rate_hz: int = 500) -> Path:
    for subject in (1, 2):
        for run in (1, 2):
            folder = root / f"sub-0{subject}" / "func"
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"sub-0{subject}_task-listen_run-{run}"
            data = volumes(subject, run)
            flat = data[MASK].T
            if kind == ".npy":
                np.save(folder / f"{stem}_bold.npy", flat)
            elif kind == ".nii.gz":
                write_image(folder / f"{stem}_space-T1w_desc-preproc_bold.nii.gz", data)
            else:
                with h5py.File(folder / f"{stem}_bold{kind}", "w") as file:
                    file["responses"] = flat.astype(np.float64)
            rng = np.random.default_rng(run)
            confounds = [{"trans_x": x, "trans_y": y, "x_derivative1": np.nan if i == 0 else x} for i, (x, y) in
                         enumerate(rng.standard_normal((N_TR, 2)))]  # fmt: skip
            write_tsv(folder / f"{stem}_desc-confounds_timeseries.tsv", confounds)
    for run in (1, 2):
        write_tsv(root / f"task-listen_run-{run}_clips.tsv", clips(run))
    for seed, name in enumerate(("train1", "train2", "test")):
        write_audio(root / "stimuli" / f"{name}.wav", 40.0, rate_hz=rate_hz, seed=seed)
    write_image(root / "mask.nii.gz", MASK)
    write_image(root / "atlas.nii.gz", ATLAS)
    write_tsv(root / "atlas.tsv", [{"index": 7, "name": "A1"}, {"index": 9, "name": "V1"}])
    return root
