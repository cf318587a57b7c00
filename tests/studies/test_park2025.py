"""Park et al. 2025 in miniature, with its traps."""

import h5py
import numpy as np
import pytest
from builders import write_audio
from trees_fmri.park2025 import (
    LABELS,
    LEFT,
    N_VOXELS,
    OTHER,
    RIGHT,
    TRAIN,
    samples,
    volumes,
    write_bdata,
    write_tree,
)  # fmt: skip

from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.studies.fmri import clip_table
from n2s.studies.public.park2025 import AREAS, Park2025
from n2s.studies.readers.clips import count_samples


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "sounds")


def test_a_sample_is_a_row_and_a_window_of_4_s(root):
    study = Park2025(str(root))
    assert [one.name for one in study.recordings()] == [f"sub-S{s}_task-{t}" for s in (1, 2) for t in ("test", "train")]
    test, train = study.recordings()[:2]
    clips, names = clip_table(study.clips(train), where=""), samples(TRAIN, 2)
    assert [f"{c.stimulus}_slide{c.start_s / 2:.0f}" for c in clips.itertuples()] == names
    assert (clips.duration_s == 4).all() and sorted(set(clips.start_s)) == [0, 2, 4]
    bold = study.load(train)
    rows = (clips.time_s / bold.tr_s).to_numpy().astype(int)  # with no lag, the window is one row
    assert bold.tr_s == 4 and np.array_equal(rows, np.arange(len(names))) and bold.data.shape[0] == len(names)
    assert clips["repeat"].tolist() == [0] * 12 + [1] * 12 and set(clips.split) == {"train"}
    assert clips.label[:12].tolist() == [LABELS[sound] for sound in TRAIN for _ in range(3)]  # one has a comma
    assert clips.group[3] == clips.group[6] == "0-jDld11jhw"  # two parts of one video stay together
    heard = study.clips(test)
    assert heard["repeat"].max() == 2 and count_samples([heard, clips]) == {"train_clips": 24, "test_clips": 6}
    assert study.audio(TRAIN[0]) is None and len(study.events(train)) == 24


def test_regions_are_columns_by_metadata(root):
    every = Park2025(str(root), region=None)
    train = every.recordings()[1]
    bold, wanted = every.load(train), volumes(samples(TRAIN, 2), 1).astype(np.float32)
    assert np.array_equal(bold.data, wanted) and bold.data.shape[1] == N_VOXELS
    assert np.flatnonzero(bold.rois["A1"]).tolist() == LEFT + RIGHT
    assert np.flatnonzero(bold.rois["AC"]).tolist() == LEFT + RIGHT + OTHER and len(AREAS) == 13
    assert "voxel_x" not in bold.rois and "Run" not in bold.rois and "VoxelData" not in bold.rois
    ac = Park2025(str(root)).load(train)
    assert np.array_equal(ac.data, wanted[:, LEFT + RIGHT + OTHER])
    assert np.array_equal(ac.data[:, ac.voxels("TA2", "")], wanted[:, OTHER])
    assert np.array_equal(Park2025(str(root), region="A1").load(train).data, wanted[:, LEFT + RIGHT])
    with pytest.raises(UserError, match="no ROI 'A2'. Nearest: .*A1"):
        Park2025(str(root), region="A2").load(train)


def test_sounds_that_are_missing_are_counted(root):
    options = {"audio_dir": str(root / "audio"), "subjects": ["S1"]}
    study = Park2025(str(root), **options)
    test, train = study.recordings()
    with pytest.warns(UserWarning, match=f"1 of 4 sounds .* '{TRAIN[3]}': 6 of 24 samples are left out"):
        clips = study.clips(train)
    assert len(clips) == 18 and TRAIN[3] not in set(clips.stimulus) and clips.time_s.tolist()[9] == 4 * 12
    assert set(clips.stimulus[6:9]) == {"vggsound/0-jDld11jhw_000093"}  # as VGGSound names clips
    assert study.audio(clips.stimulus[6]).name == "0-jDld11jhw_000093.wav" and len(study.clips(test)) == 18
    with pytest.raises(UserError, match="1 of 4 sounds have no file"):
        Park2025(str(root), missing="error", **options).clips(train)
    write_audio(root / "audio" / f"{TRAIN[0]}.wav", 5.0, rate_hz=100)
    with (
        pytest.raises(UserError, match=f"a clip of '{TRAIN[0]}' ends at 8 s, but .* lasts 5 s"),
        pytest.warns(UserWarning, match="left out"),
    ):
        Park2025(str(root), **options).clips(train)
    (root / "empty").mkdir()
    with pytest.raises(UserError, match="4 of 4 sounds have no file in .*empty"):
        Park2025(str(root), audio_dir=str(root / "empty")).clips(train)


def test_files_of_another_form(root):
    path = root / "fmri_data" / "S1_VGGishishTrain_volume_native.h5"
    train = Park2025(str(root)).recordings()[1]
    write_bdata(path, ["someone_30000_38000"] * 3, np.zeros((3, N_VOXELS)))
    with pytest.raises(UserError, match="a sample is named 'someone_30000_38000'"):
        Park2025(str(root)).clips(train)
    with h5py.File(path, "a") as file:
        del file["vmap/sample_name/1.0"]
    with pytest.raises(UserError, match="/vmap/sample_name has no label for 1 numbers, as 1"):
        Park2025(str(root)).clips(train)
    path.write_bytes(b"no HDF5")
    with pytest.raises(UserError, match="not a whole BData file"):
        Park2025(str(root)).load(train)
    data = volumes(samples(TRAIN, 2), 1)
    data[2, 0] = np.nan
    write_bdata(path, samples(TRAIN, 2), data)
    bold = Park2025(str(root)).load(train)
    assert np.isnan(bold.data[2, 0])  # a reader changes nothing
    with pytest.raises(UserError, match="1 of 6 voxels have values that are NaN"):
        cleaned(bold, Park2025(str(root)).cleaning, "here")
    assert cleaned(bold, Park2025(str(root), nan="zero").cleaning, "here").data[2, 0] == 0
    for file in (root / "fmri_data").iterdir():
        file.rename(f"{file}-00")
    with pytest.raises(UserError, match=r"Join its parts: cat S1.*-0\? > S1_\w+\.h5\."):
        Park2025(str(root))


def test_where_it_lies():
    files = Park2025.card.source.files
    assert len(files) == 20 and len({file.url for file in files}) == 20
    assert all(len(file.checksum.removeprefix("md5:")) == 32 for file in files)
