"""A lab's BIDS folder with fMRIPrep's output in miniature: two subjects, two runs of 20 volumes of 2 s, in MNI and on fsaverage5."""

import json
from pathlib import Path

import nibabel
import numpy as np
from builders import write_audio, write_tsv
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData
from trees_fmri.generic import AFFINE, SHAPE

from n2s.studies.readers.textgrid import write_textgrid

N_TR, TR_S, N_VERTICES = 20, 2.0, 10242  # of one hemisphere of fsaverage5
MNI = "space-MNI152NLin2009cAsym_res-2"
#: Text, onset and end in the sound, s; the last is heard after the run's last volume.
WORDS = (
    ("Het", 0.5, 0.8),
    ("meisje", 0.8, 1.4),
    ("zingt.", 1.4, 2.0),
    ("Morgen", 3.0, 3.5),
    ("regent", 3.5, 4.1),
    ("het.", 33.0, 33.4),
)
PHONES = (("h", 0.5, 0.6), ("ɛ", 0.6, 0.7), ("t", 0.7, 0.8))
SOUND_S, ONSET_S = 35.0, 8.0


def write_surface(path: Path, data: np.ndarray, *, tr_s: float = TR_S) -> Path:
    """One hemisphere [TR, vertex] as fMRIPrep writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = [
        GiftiDataArray(one.astype(np.float32), intent="NIFTI_INTENT_TIME_SERIES", datatype="NIFTI_TYPE_FLOAT32")
        for one in data
    ]
    side = "CortexLeft" if "hemi-L" in path.name else "CortexRight"
    meta = GiftiMetaData({"AnatomicalStructurePrimary": side, "TimeStep": str(1000 * tr_s)})
    nibabel.save(GiftiImage(darrays=arrays, meta=meta), path)
    return path


def write_volumes(path: Path, data: np.ndarray, *, tr_s: float | None = TR_S) -> Path:
    """An image on the small grid of `trees_fmri.generic`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(data.astype(np.float32), AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr_s))
    nibabel.save(image, path)
    return path


def confounds(n_tr: int = N_TR, *, seed: int = 0, n_cosines: int = 6) -> list[dict]:
    """The columns of fMRIPrep that `millet18` and `motion24` name, and others; derivatives have no first value."""
    rng = np.random.default_rng(seed)
    table = {}
    for name in (f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"):
        one = rng.standard_normal(n_tr).cumsum()
        slope = np.r_[np.nan, np.diff(one)]
        table |= {
            name: one,
            f"{name}_derivative1": slope,
            f"{name}_power2": one**2,
            f"{name}_derivative1_power2": slope**2,
        }
    table |= {f"a_comp_cor_{i:02d}": rng.standard_normal(n_tr) for i in range(8)}
    table |= {f"cosine{i:02d}": np.cos(np.pi * (i + 1) * (np.arange(n_tr) + 0.5) / n_tr) for i in range(n_cosines)}
    table["framewise_displacement"] = np.r_[np.nan, rng.random(n_tr - 1)]
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def write_words(path: Path, words: tuple = WORDS, phones: tuple = PHONES, *, duration_s: float = SOUND_S) -> Path:
    """A TextGrid beside a sound."""
    import pandas as pd

    tiers = {
        name: pd.DataFrame([{"text": text, "onset": a, "duration": b - a} for text, a, b in rows])
        for name, rows in (("words", words), ("phones", phones)) if rows
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_textgrid(path, tiers, duration_s=duration_s)
    return path


def write_tree(root: Path, kinds: tuple[str, ...] = ("nifti", "gifti"), *, n_tr: int = N_TR) -> Path:
    folder = root / "derivatives" / "fmriprep"
    for subject in (1, 2):
        for run in (1, 2):
            rng = np.random.default_rng(10 * subject + run)
            stem = f"sub-0{subject}_task-listen_run-{run}"
            func = folder / f"sub-0{subject}" / "func"
            if "nifti" in kinds:
                write_volumes(
                    func / f"{stem}_{MNI}_desc-preproc_bold.nii.gz", 100 + rng.standard_normal((*SHAPE, n_tr))
                )
                mask = np.zeros(SHAPE)
                mask[1:5, 1:4, 1:3] = 1
                mask[4, 3, run] = 0  # one voxel less in each run
                write_volumes(func / f"{stem}_{MNI}_desc-brain_mask.nii.gz", mask)
                (func / f"{stem}_{MNI}_desc-preproc_bold.json").write_text(json.dumps({"RepetitionTime": TR_S}))
            if "gifti" in kinds:
                for side in "LR":
                    data = rng.standard_normal((n_tr, N_VERTICES))
                    write_surface(func / f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii", data)
            write_tsv(func / f"{stem}_desc-confounds_timeseries.tsv", confounds(n_tr, seed=run))
            events = [{"onset": ONSET_S, "duration": "n/a", "trial_type": "sound", "stim_file": f"story{run}.wav"}]
            write_tsv(root / f"sub-0{subject}" / "func" / f"{stem}_events.tsv", events)
    for run in (1, 2):
        write_audio(root / "stimuli" / f"story{run}.wav", SOUND_S, rate_hz=4000, seed=run)
        write_words(root / "stimuli" / f"story{run}.TextGrid")
    return root
