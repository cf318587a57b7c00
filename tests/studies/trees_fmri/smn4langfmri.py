"""SMN4Lang's fMRI in miniature: two people, two runs of 50 volumes of 0.71 s, as CIFTI and in MNI."""

from pathlib import Path

import nibabel
import numpy as np
from builders import write_audio, write_tsv
from nibabel import cifti2
from scipy.io import savemat
from trees_fmri.fmriprep import write_volumes
from trees_fmri.generic import SHAPE

from n2s.studies.public.smn4lang_words import FMRI_LEAD_S

TR_S, N_TR, SOUND_S = 0.71, 50, 20.0
WORDS = (("今天", 0.2, 0.5), ("天气", 0.6, 1.0), ("很好", 2.0, 2.4))  # text, start, end in the sound


def write_cifti(path: Path, data: np.ndarray) -> Path:
    """[TR, grayordinate]: two thirds left cortex, the rest right cortex."""
    path.parent.mkdir(parents=True, exist_ok=True)
    n = data.shape[1]
    axes = [
        cifti2.BrainModelAxis.from_mask(np.ones(size, bool), name=name)
        for name, size in (("CortexLeft", 2 * n // 3), ("CortexRight", n - 2 * n // 3))
    ]
    header = (cifti2.SeriesAxis(0, TR_S, len(data)), axes[0] + axes[1])
    nibabel.save(cifti2.Cifti2Image(data.astype(np.float32), header=header), path)
    return path


def write_times(root: Path, run: int, unit: str, rows: tuple) -> None:
    """Published with the lead of the scan."""
    folder = root / "derivatives" / "annotations" / "time_align" / f"{unit}-level"
    folder.mkdir(parents=True, exist_ok=True)
    text, start, stop = zip(*rows, strict=True)
    times = {"start": [np.add(start, FMRI_LEAD_S)], "end": [np.add(stop, FMRI_LEAD_S)]}
    savemat(folder / f"story_{run}_{unit}_time.mat", {**times, unit: np.array(text)})


def write_tree(root: Path) -> Path:
    for subject in (1, 2):
        for run in (1, 2):
            rng = np.random.default_rng(10 * subject + run)
            stem, folder = (
                f"sub-0{subject}_task-RDR_run-{run}",
                root / "derivatives" / "preprocessed_data" / f"sub-0{subject}",
            )
            write_cifti(folder / "CIFTI" / f"{stem}_bold.dtseries.nii", rng.standard_normal((N_TR, 9)))
            write_volumes(folder / "MNI" / f"{stem}_bold.nii.gz", rng.standard_normal((*SHAPE, N_TR)), tr_s=TR_S)
            rows = [{"onset": FMRI_LEAD_S, "duration": SOUND_S, "stim_file": f"audio/story_{run}.wav"}]
            rows.append({"onset": FMRI_LEAD_S + SOUND_S + 8, "duration": 2.0, "stim_file": "images/hurryup.png"})
            write_tsv(root / f"sub-0{subject}" / "func" / f"{stem}_events.tsv", rows)
    for run in (1, 2):
        write_audio(root / "stimuli" / "audio" / f"story_{run}.wav", SOUND_S, rate_hz=4000, seed=run)
        write_times(root, run, "word", WORDS)
        characters = tuple((one, start, (start + stop) / 2) for text, start, stop in WORDS for one in text)
        write_times(root, run, "char", characters)
    return root
