"""The real readers through the datamodule, on miniature trees: every row meets its volume, repeats are averaged, prompts left out."""

import numpy as np
import pytest
from builders import write_audio
from trees_fmri import generic, lebel2023, nakai2022, park2025

from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.public.lebel2023 import Lebel2023
from n2s.studies.public.nakai2022 import Nakai2022
from n2s.studies.public.park2025 import Park2025
from n2s.studies.readers.bold_files import BoldFiles


def set_up(study, **options):
    data = FMRIDataModule({"own": study}, MelStatistics(n_mels=3), val_fraction=0.3, **options)
    data.setup("fit")
    return data


def unscaled(data, split, subject=0):
    """Responses in the study's own units."""
    scale = data.scales[subject]
    return data.splits[split].brain[subject] * scale.deviation + scale.mean


def test_lebel2023_pairs_a_clip_with_the_volume_4_s_later(tmp_path):
    data = set_up(Lebel2023(str(lebel2023.write_tree(tmp_path))), lag_s=4.0)
    assert data.n_voxels == [6, 5] and data.subjects == ["own/UTS01", "own/UTS02"]
    test = sum(lebel2023.STORIES[story] - 30 for story in ("hangtime", "wheretheressmoke"))
    rest = sum(lebel2023.STORIES[story] - 20 for story in ("adollshouse", "legacy", "life"))
    n = {split: len(part.rows_of(0)) for split, part in data.splits.items()}
    assert n["test"] == test and n["train"] + n["val"] == rest and min(n.values()) > 10
    for split, part in data.splits.items():
        table = part.table.iloc[part.rows_of(0)]
        # row i, whose first voxel holds i, is of the audio 6 + 2i s on
        np.testing.assert_allclose(unscaled(data, split)[:, 0], (table.start_s - 6) / 2, atol=1e-3)
        assert (part.brain[0][:, 1] != 0).any()


def test_lebel2023s_presentations_are_averaged(tmp_path):
    study = Lebel2023(str(lebel2023.write_tree(tmp_path)), subjects=["UTS01"], repeats=True)
    data = set_up(study, lag_s=4.0)
    part = data.splits["test"]
    smoke = np.flatnonzero(part.table.stimulus == "own/wheretheressmoke")
    assert (part.heard.row.value_counts().loc[smoke] == 10).all() and len(smoke) == 41 - 30
    rows = (part.table.start_s.iloc[smoke] - 6) / 2
    np.testing.assert_allclose(unscaled(data, "test")[smoke, 0], rows + 4.5, atol=1e-3)  # + 0 to 9


def test_nakai2022_counts_what_has_no_volume(tmp_path):
    root = nakai2022.write_tree(tmp_path)
    study = Nakai2022(str(root), audio_dir=str(root / "genres"), volumes=str(root / "volumes"), cleaning=BoldCleaning())
    data = set_up(study, lag_s=4.5)
    listed = [study.clips(run) for run in study.recordings()]
    n_rows = sum(len(part.heard) for part in data.splits.values())
    assert n_rows == sum(map(len, listed)) - 3 * len(listed)  # the last three clips of a run
    assert f"{3 * len(listed)} presentations left out: their window reaches" in str(data)
    for split, part in data.splits.items():
        volume = part.heard.groupby("row").time_s.mean() / 1.5 + 3
        np.testing.assert_allclose(unscaled(data, split)[:, 0], volume.iloc[part.rows_of(0)], atol=1e-2)


def test_park2025_reads_its_samples_as_they_are(tmp_path):
    root = park2025.write_tree(tmp_path)
    for seed, path in enumerate(sorted((root / "audio").rglob("*.wav"))):  # the tree's sounds are all one
        write_audio(path, 10.0, rate_hz=100, seed=seed)
    study = Park2025(str(root), audio_dir=str(root / "audio"))
    data = set_up(study, lag_s=0.0, roi="AC")
    assert len(data.splits["test"].rows_of(0)) == 6  # two sounds, three windows; heard three times
    assert len(data.splits["test"].heard) == 2 * 18
    n = {split: len(part.rows_of(0)) for split, part in data.splits.items()}
    assert n["train"] + n["val"] == 12  # two of four sounds are in that folder, heard twice
    groups = [set(part.table.group) for part in data.splits.values()]
    assert not groups[0] & groups[1] and data.splits["test"].table.label.nunique() == 2


@pytest.mark.parametrize("kind", [".npy", ".h5"])
def test_an_own_study_whose_sounds_are_one_file_is_refused_until_they_are_not(tmp_path, kind):
    root = generic.write_tree(tmp_path, kind)
    files = BoldFiles(key="responses", tr_s=generic.TR_S)
    study = GenericFMRI(str(root), files=files, cleaning=BoldCleaning(detrend=True))
    for name in ("train1", "train2", "test"):
        write_audio(root / "stimuli" / f"{name}.wav", 40.0, rate_hz=500, seed=9)
    with pytest.raises(UserError, match="one sound is in two splits: .own/t.* are the same samples"):
        set_up(study, lag_s=4.0)
    for seed, name in enumerate(("train1", "train2", "test")):
        write_audio(root / "stimuli" / f"{name}.wav", 40.0, rate_hz=500, seed=10 + seed)
    data = set_up(study, lag_s=4.0)
    assert data.n_voxels == [24, 24]
    assert {split: len(part.rows_of(0)) for split, part in data.splits.items()} == {"train": 10, "val": 10, "test": 1}
    assert len(data.splits["test"].heard) == 2 * 4  # twice in each of two runs
