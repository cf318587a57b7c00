"""The word and character times of SMN4Lang's stories."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.matlab import read_mat, real_numbers

FMRI_LEAD_S = 10.65  # the published times count from the start of the fMRI scan, that long before the sound
Unit = Literal["word", "char"]


def times_file(root: Path, story: str, unit: Unit = "word") -> Path:
    """The file of a story (``story_1``)."""
    return root / "derivatives" / "annotations" / "time_align" / f"{unit}-level" / f"{story}_{unit}_time.mat"


def story_times(root: Path, story: str, unit: Unit = "word") -> pd.DataFrame:
    """``text``, ``stimulus_onset``, ``duration`` of each word or character, s in the sound.

    Raises
    ------
    UserError
        The file is not here, its arrays do not fit each other, or its times do not count from the start of the scan.
    """
    path = times_file(root, story, unit)
    if not path.is_file():
        raise UserError(f"no {unit} times at {path}. Download derivatives/annotations of ds004078.")
    found = read_mat(path, "", ("start", "end", unit))
    start, stop = (real_numbers(found, key, path).ravel() - FMRI_LEAD_S for key in ("start", "end"))
    text = [str(one).strip() for one in np.asarray(found[unit], object).ravel()]
    if not len(start) == len(stop) == len(text):
        raise UserError(
            f"{path}: {len(start)} starts, {len(stop)} ends, {len(text)} {unit}s; expected as many of each."
        )
    if (start < -0.01).any():
        raise UserError(
            f"{path}: a {unit} starts {start.min():.2f} s before the sound, once {FMRI_LEAD_S} s are taken off. Were the "
            "times shifted already?"
        )
    return pd.DataFrame({"text": text, "stimulus_onset": start.clip(0), "duration": stop - start})
