"""ds003643 in miniature: a listener in each of three languages, nine sections with all their volumes of 12 voxels; or one of two."""

from pathlib import Path

import numpy as np
from builders import write_audio
from trees_fmri.fmriprep import write_volumes

from n2s.studies.public import li2022

SHAPE = (3, 2, 2)
SUBJECTS = {"EN057": 15, "CN001": 4, "FR001": 1}  # and the number of their first run
SPARE_TR = {"EN": 4, "CN": 0, "FR": 2}  # volumes after the end of the sound
#: Text, onset and offset of each section's words, s; a row without a word, and one after the end of most sounds.
WORDS = {
    "EN": (("once", 0.3, 0.6), ("when", 0.6, 0.9), (" ", 0.9, 1.0), ("six", 1.6, 2.0)),
    "CN": (("当", 0.2, 0.5), ("我", 0.5, 0.8)),
    "FR": (("lorsque", 0.1, 0.5), ("j'", 0.5, 0.6), ("avais", 0.6, 0.9)),
}


def write_run(root: Path, subject: str, number: int, n_tr: int) -> Path:
    language = subject[:2]
    name = f"sub-{subject}_task-lpp{language}_run-{number:02d}_space-MNIColin27_desc-preproc_bold.nii.gz"
    data = 100 + np.random.default_rng(number).standard_normal((*SHAPE, n_tr))
    return write_volumes(root / "derivatives" / f"sub-{subject}" / "func" / name, data)


def write_tree(root: Path, *, whole: bool = False) -> Path:
    for subject, first in SUBJECTS.items():
        language = subject[:2]
        for i, n_tr in enumerate(li2022.VOLUMES[language]):
            if not whole and (language != "FR" or i not in (0, 3)):
                continue
            write_run(root, subject, first + i, n_tr)
            mark = "-" if language == "EN" else "_"
            path = root / "stimuli" / f"task-lpp{language}_section{mark}{i + 1}.wav"
            write_audio(path, 2.0 * (n_tr - SPARE_TR[language]) - 0.5, rate_hz=100, seed=10 * i + first)
        lines = [",word,lemma,onset,offset,section"]
        rows = [(section, *word) for section in range(1, 10) for word in WORDS[language]]
        lines += [f"{k},{text},{text},{a},{b},{section}" for k, (section, text, a, b) in enumerate(rows)]
        folder = root / "annotation" / language
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"lpp{language}_word_information.csv").write_text("\n".join(lines) + "\n")
    write_volumes(root / "mask.nii.gz", np.ones(SHAPE))
    return root
