"""Clips that follow each other in two splits: a rounded time is no leak, 50 ms are."""

import json

import nibabel
import numpy as np
import pandas as pd
import pytest
import soundfile

from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.readers.bold_files import BoldFiles

N, LAG = 60, 3


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))


def lab(root, tr, *, decimals=3, longer_s=0.0, header=None):
    """One run; clips of two volumes that follow each other, their times rounded, ``longer_s`` too long."""
    func = root / "sub-01" / "func"
    func.mkdir(parents=True)
    data = np.random.default_rng(0).standard_normal((2, 2, 1, N)).astype(np.float32) + np.arange(N, dtype=np.float32)
    image = nibabel.Nifti1Image(data, np.eye(4))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((1, 1, 1, tr if header is None else header))
    nibabel.save(image, func / "sub-01_task-x_bold.nii")
    (root / "task-x_bold.json").write_text(json.dumps({"RepetitionTime": tr}))
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 1), np.uint8), np.eye(4)), root / "mask.nii")
    (root / "stimuli").mkdir()
    sound = 0.05 * np.random.default_rng(0).standard_normal(round(N * tr * 8000))
    soundfile.write(root / "stimuli" / "a.wav", sound, 8000)
    k = np.arange(0, N - 8, 2)
    begun_s = [round(float(i * tr), decimals) for i in k]
    splits = ("train", "train", "train", "val", "test")
    table = {"stimulus": "a", "start_s": begun_s, "duration_s": round(2 * tr, decimals) + longer_s, "time_s": begun_s,
             "group": [f"g{i}" for i in k], "split": [splits[i // 2 % 5] for i in k]}  # fmt: skip
    pd.DataFrame(table).to_csv(root / "task-x_clips.tsv", sep="\t", index=False)
    study = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii"))
    data = FMRIDataModule({"own": study}, MelStatistics(n_mels=4), lag_s=LAG * tr)
    data.prepare_data()
    data.setup("fit")
    return pd.concat([part.table for part in data.splits.values()]).sort_values("time_s")


@pytest.mark.parametrize(("tr", "decimals"), [(4 / 3, 3), (1.3, 6), (13 / 7, 2), (0.72, 3)])
def test_rounded_neighbours_are_taken_with_the_right_volumes(tmp_path, tr, decimals):
    """One ms of overlap in the table (poldracklab/fitlins#25): all clips stay, each with volumes k + 3 and k + 4."""
    table = lab(tmp_path / "own", tr, decimals=decimals)
    k = np.arange(0, N - 8, 2)
    assert table["first"].tolist() == (k + LAG).tolist() and table["stop"].tolist() == (k + LAG + 2).tolist()


def test_a_placeholder_in_the_header_moves_no_volume(tmp_path):
    table = lab(tmp_path / "own", 0.8, header=1.0)
    assert table["first"].tolist() == (np.arange(0, N - 8, 2) + LAG).tolist()


@pytest.mark.parametrize("longer_s", [0.03, 0.05])  # rounding makes 15 ms at most
def test_50_ms_of_one_sound_in_two_splits_are_a_leak(tmp_path, longer_s):
    with pytest.raises(UserError, match="one sound is in two splits"):
        lab(tmp_path / "own", 2.0, longer_s=longer_s)
