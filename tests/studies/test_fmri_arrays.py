"""The user's own runs of BOLD: files, masks, ROIs, cleaning, clips; and a real image."""

import nibabel
import numpy as np
import pytest
from builders import write_audio, write_tsv
from trees_fmri.generic import AFFINE, ATLAS, MASK, N_TR, SHAPE, TR_S, clips, volumes, write_image, write_tree

from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold, clip_table
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.readers.bold_files import BoldFiles, read_rois
from n2s.studies.readers.clips import count_samples

MASKED = BoldFiles(mask="mask.nii.gz", atlas="atlas.nii.gz", atlas_labels="atlas.tsv")


@pytest.fixture
def nifti(tmp_path):
    return write_tree(tmp_path / "own", ".nii.gz")


@pytest.fixture
def arrays(tmp_path):
    return write_tree(tmp_path / "own")


@pytest.mark.parametrize("kind", [".npy", ".h5", ".hf5", ".nii.gz"])
def test_every_kind_of_file_gives_the_same_numbers(tmp_path, kind):
    files = BoldFiles(mask="mask.nii.gz") if kind == ".nii.gz" else BoldFiles(key="responses", tr_s=TR_S)
    study = GenericFMRI(str(write_tree(tmp_path / "own", kind)), files=files)
    assert [one.name for one in study.recordings()] == [f"sub-0{s}_task-listen_run-{r}" for s in (1, 2) for r in (1, 2)]
    for one in study.recordings():
        bold = cleaned(study.load(one), study.cleaning, one.name)
        wanted = volumes(int(one.subject), int(one.run))[MASK].T
        assert bold.data.dtype == np.float32 and bold.tr_s == TR_S
        assert np.array_equal(bold.data, wanted)
        assert len(clip_table(study.clips(one), where="")) == 12
        assert len(study.events(one)) == 12 and study.audio("test").name == "test.wav"
        assert all(path.is_file() for path in study.sources(one))
    one = study.recordings()[:2]
    assert count_samples([study.clips(run) for run in one]) == {"train_clips": 20, "test_clips": 1}


def test_labels_of_an_atlas_are_regions(nifti):
    study = GenericFMRI(str(nifti), files=MASKED)
    bold = study.load(study.recordings()[0])
    assert set(bold.rois) == {"A1"}  # V1 lies outside the mask
    assert np.array_equal(bold.data[:, bold.voxels("A1", "")], volumes(1, 1)[(ATLAS == 7) & MASK].T)
    with pytest.raises(UserError, match="no ROI 'A2'. Nearest: A1. There are: A1"):
        bold.voxels("A2", "here")
    alone = GenericFMRI(str(nifti), files=BoldFiles(atlas="atlas.nii.gz"))
    bold = alone.load(alone.recordings()[0])
    assert bold.data.shape[1] == 7 and {name: int(roi.sum()) for name, roi in bold.rois.items()} == {"7": 6, "9": 1}


def test_places_are_those_of_the_voxels_in_mm(tmp_path):
    """Volumes that hold where each voxel is: what is read through the mask has to say what ``places`` says."""
    affine = np.array([[0, -2, 0, 30], [2.5, 0, 0.5, -40], [0, 0, 3, 10], [0, 0, 0, 1.0]])  # turned, sheared, shifted
    i, j, k = np.indices(SHAPE)
    mm = [sum(affine[axis, n] * index for n, index in enumerate((i, j, k))) + affine[axis, 3] for axis in range(3)]
    path = write_image(tmp_path / "bold.nii.gz", np.stack(mm, -1), affine)
    write_image(tmp_path / "mask.nii.gz", MASK, affine)
    bold = BoldFiles(mask="mask.nii.gz", tr_s=TR_S).read(path, root=tmp_path, subject="01")
    np.testing.assert_allclose(bold.places, bold.data.T, atol=1e-4)
    assert bold.places.shape == (MASK.sum(), 3) and bold.tr_s == TR_S
    np.save(tmp_path / "bold.npy", bold.data)
    assert BoldFiles(tr_s=TR_S).read(tmp_path / "bold.npy", root=tmp_path, subject="01").places is None


def test_a_nifti_needs_a_mask(nifti):
    study = GenericFMRI(str(nifti))
    with pytest.raises(UserError, match="needs a mask or an atlas"):
        study.load(study.recordings()[0])


def test_a_mask_of_another_shape_is_told_and_resampled_only_if_asked(nifti):
    fine = np.repeat(np.repeat(np.repeat(MASK, 2, 0), 2, 1), 2, 2)  # the same places in voxels of 1 mm
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -0.5  # centres of the halves: a voxel of 2 mm at 0 spans -1 to 1
    write_image(nifti / "fine.nii.gz", fine, affine)
    study = GenericFMRI(str(nifti), files=BoldFiles(mask="fine.nii.gz"))
    with pytest.raises(UserError) as told:
        study.load(study.recordings()[0])
    assert "(10, 8, 6)" in str(told.value) and str(SHAPE) in str(told.value) and "resample_mask" in str(told.value)
    assert "-0.5" in str(told.value) and str(AFFINE.tolist()) in str(told.value)
    study = GenericFMRI(str(nifti), files=BoldFiles(mask="fine.nii.gz", resample_mask=True))
    assert np.array_equal(study.load(study.recordings()[0]).data, volumes(1, 1)[MASK].T)


def test_labels_are_resampled_as_labels(nifti):
    coarse = np.random.default_rng(0).choice([0, 3, 5], (3, 2, 2))  # 4 mm, each holding two voxels a side
    write_image(nifti / "coarse.nii.gz", coarse, np.array([[4, 0, 0, 1], [0, 4, 0, 1], [0, 0, 4, 1], [0, 0, 0, 1]]))
    study = GenericFMRI(str(nifti), files=BoldFiles(mask="mask.nii.gz", atlas="coarse.nii.gz", resample_mask=True))
    rois = study.load(study.recordings()[0]).rois
    wanted = np.kron(coarse, np.ones((2, 2, 2)))[: SHAPE[0], : SHAPE[1], : SHAPE[2]][MASK]
    assert sorted(rois) == ["3", "5"] and all(np.array_equal(rois[name], wanted == int(name)) for name in rois)


def test_a_mask_of_another_shape_and_the_same_affine(nifti):
    write_image(nifti / "short.nii.gz", MASK[:-1])
    study = GenericFMRI(str(nifti), files=BoldFiles(mask="short.nii.gz"))
    with pytest.raises(UserError, match=r"shape \(4, 4, 3\) against \(5, 4, 3\)"):
        study.load(study.recordings()[0])


def test_a_mask_of_another_affine_is_told(nifti):
    moved = AFFINE.copy()
    moved[0, 3] = 2.0
    write_image(nifti / "moved.nii.gz", MASK, moved)
    study = GenericFMRI(str(nifti), files=BoldFiles(mask="moved.nii.gz"))
    with pytest.raises(UserError, match="not on the grid"):
        study.load(study.recordings()[0])


def clean_run(study, recording):
    """One run's data after the cleaning that its study says."""
    return cleaned(study.load(recording), study.cleaning, recording.name).data


def projected(data, *columns):
    """What least squares leaves of each voxel."""
    design = np.column_stack(columns)
    return data - design @ np.linalg.lstsq(design, data, rcond=None)[0]


def cosines(n, tr_s, highpass_hz):
    order = np.arange(1, int(np.floor(2 * n * tr_s * highpass_hz)) + 1)
    return np.cos(np.pi * order * (np.arange(n)[:, None] + 0.5) / n)


def test_trend_drift_and_confounds_go_out_in_one_projection(arrays):
    cleaning = BoldCleaning(detrend=True, highpass_hz=0.03, confounds=("trans_*", "x_derivative1"))
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S), cleaning=cleaning)
    motion = np.random.default_rng(1).standard_normal((N_TR, 2))
    derivative = motion[:, 0].copy()
    derivative[0] = derivative[1]  # n/a in the table
    raw = volumes(1, 1)[MASK].T.astype(np.float64)
    line = np.column_stack([np.ones(N_TR), np.arange(N_TR)])
    drift = cosines(N_TR, TR_S, 0.03)
    assert drift.shape[1] == 4
    wanted = projected(raw, line, drift, motion, derivative)
    assert np.abs(clean_run(study, study.recordings()[0]) - wanted).max() < 1e-4
    assert np.array_equal(study.load(study.recordings()[0]).data, raw)  # a reader cleans nothing
    plain = cleaned(Bold(raw, TR_S), BoldCleaning(detrend=True), "").data
    assert np.abs(plain - projected(raw, line)).max() < 1e-4
    kept = cleaned(Bold(raw, TR_S), BoldCleaning(highpass_hz=0.03), "").data
    assert np.allclose(kept.mean(0), raw.mean(0), atol=1e-2)  # without detrending the mean stays


def test_confounds_that_do_not_fit(arrays):
    path = arrays / "sub-01" / "func" / "sub-01_task-listen_run-1_desc-confounds_timeseries.tsv"

    def load(*columns):
        study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S), cleaning=BoldCleaning(confounds=columns))
        return clean_run(study, study.recordings()[0])

    with pytest.raises(UserError, match="no column 'trans_q'. Nearest: trans_"):
        load("trans_q")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-3]))
    with pytest.raises(UserError, match="37 rows, but .*sub-01.* has 40 volumes"):
        load("trans_x")
    path.write_text("\n".join([*lines[:9], "n/a\tn/a\tn/a", *lines[10:]]))
    with pytest.raises(UserError, match="n/a after the first row in trans_x"):
        load("trans_x")
    path.unlink()
    with pytest.raises(UserError, match="no table of confounds"):
        load("trans_x")


def test_voxels_with_nan_and_voxels_that_never_change():
    data = volumes(1, 1)[MASK].T.copy()
    data[3, 5], data[:, 9], data[:, 11] = np.inf, np.nan, 1000 / 3
    with pytest.raises(UserError, match=r"here: 2 of 24 voxels .* \(1 of them in all 40 volumes\)"):
        cleaned(Bold(data, 2.0), BoldCleaning(), "here")
    plain = cleaned(Bold(data, 2.0), BoldCleaning(nan="zero"), "here").data
    assert (
        plain.shape == data.shape
        and plain[3, 5] == 0
        and not plain[:, 9].any()
        and np.ptp(plain[:, 11]) == 0
        and plain[0, 11] > 333
    )
    detrended = cleaned(Bold(data, 2.0), BoldCleaning(nan="zero", detrend=True, highpass_hz=0.02), "here").data
    assert not detrended[:, [9, 11]].any()  # exactly 0: rounding would be z-scored into noise
    plain[:, 9:12] += np.arange(40)[:, None]
    with pytest.raises(UserError, match="highpass_hz is 0.3; at a TR of 2 s"):
        cleaned(Bold(plain, 2.0), BoldCleaning(highpass_hz=0.3), "here")


def test_clips_after_the_end_of_the_run(arrays):
    path = arrays / "task-listen_run-1_clips.tsv"
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=1.5))  # the wrong TR
    with pytest.raises(UserError, match="2 of 12 clips end after the run: the last at 70 s, .* 40 volumes of 1.5 s"):
        study.clips(study.recordings()[0])
    with pytest.raises(UserError, match="Set tr_s"):
        GenericFMRI(str(arrays)).clips(study.recordings()[0])
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    write_audio(arrays / "stimuli" / "train1.wav", 20.0, rate_hz=500)
    with pytest.raises(UserError, match="a clip of 'train1' ends at 40 s, but .*train1.wav lasts 20 s"):
        study.clips(study.recordings()[0])
    rows = clips(1)
    rows[0]["stimulus"] = "trian1"
    write_tsv(path, rows)
    with pytest.raises(UserError, match="'trian1'.*Nearest: train1"):
        study.clips(study.recordings()[0])
    write_tsv(path, [{"stimulus": "train1", "start_s": 0, "duration_s": 4}])
    with pytest.raises(UserError, match="no column time_s"):
        study.clips(study.recordings()[0])


def test_regions_from_masks_and_indices(tmp_path, arrays):
    folder = arrays / "rois" / "01"
    folder.mkdir(parents=True)
    mask = np.arange(24) < 5
    np.save(folder / "mask.npy", mask)
    np.save(folder / "ones.npy", mask.astype(int))
    np.save(folder / "indices.npy", np.flatnonzero(mask)[::-1])
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S, rois="rois"))
    first, *_, last = study.recordings()
    rois = study.load(first).rois
    assert sorted(rois) == ["indices", "mask", "ones"] and all(np.array_equal(roi, mask) for roi in rois.values())
    with pytest.raises(UserError, match="rois/02: no ROIs"):
        study.load(last)
    with pytest.raises(UserError, match="a mask of 24 voxels, but the runs have 23"):
        read_rois(folder, 23)
    np.save(folder / "mask.npy", np.array([3, 24]))
    with pytest.raises(UserError, match="2 indices from 3 to 24, but the runs have 24 voxels"):
        read_rois(folder, 24)


def test_files_that_are_not_what_they_should_be(tmp_path, arrays):
    path = arrays / "sub-01" / "func" / "sub-01_task-listen_run-1_bold.npy"
    np.save(path, np.zeros((N_TR, 23)))
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    with pytest.raises(
        UserError, match="run-2_bold.npy has 24 voxels, but .*run-1_bold.npy of the same subject has 23"
    ):
        study.load(study.recordings()[1])
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    np.save(path, np.zeros((3, 4, 5)))
    with pytest.raises(UserError, match=r"shape \(3, 4, 5\); expected \[TR, voxel\]"):
        study.load(study.recordings()[0])
    path.write_bytes(b"NUMPY")
    with pytest.raises(UserError, match="not an array"):
        study.load(study.recordings()[0])
    root = write_tree(tmp_path / "h5", ".h5")
    study = GenericFMRI(str(root), files=BoldFiles(key="data", tr_s=TR_S))
    with pytest.raises(UserError, match="no array 'data'; there are responses"):
        study.load(study.recordings()[0])


def test_subjects_tasks_and_files_of_one_run(nifti):
    assert {one.subject for one in GenericFMRI(str(nifti), subjects=["sub-02"]).recordings()} == {"02"}
    with pytest.raises(UserError, match="no subject '3'; there are 01, 02"):
        GenericFMRI(str(nifti), subjects=[3])
    own = nifti / "sub-01" / "func" / "sub-01_task-listen_run-1_space-MNI_desc-preproc_bold.nii.gz"
    write_image(own, volumes(1, 1))
    with pytest.raises(UserError, match="are both of sub-01_task-listen_run-1"):
        GenericFMRI(str(nifti))
    assert len(GenericFMRI(str(nifti), bold="**/*_space-T1w_desc-preproc_bold.nii.gz").recordings()) == 4
    write_tsv(nifti / "sub-01" / "sub-01_task-listen_run-1_clips.tsv", clips(1)[:3])  # its own, before everybody's
    study = GenericFMRI(str(nifti), bold="**/*_space-T1w_desc-preproc_bold.nii.gz")
    assert [len(study.clips(one)) for one in study.recordings()] == [3, 12, 12, 12]
    (nifti / "task-listen_run-2_clips.tsv").unlink()
    with pytest.raises(UserError, match="no sub-01_task-listen_run-2_clips.tsv"):
        GenericFMRI(str(nifti), bold="**/*_space-T1w_*.nii.gz")


def test_a_table_of_runs(arrays):
    rows = [
        {"subject": "sub-01", "run": run, "bold": f"sub-01/func/sub-01_task-listen_run-{run}_bold.npy",
         "clips": f"task-listen_run-{run}_clips.tsv", "confounds": "n/a"} for run in (1, 2)
    ]  # fmt: skip
    write_tsv(arrays / "runs.tsv", rows)
    study = GenericFMRI(str(arrays), runs="runs.tsv", files=BoldFiles(tr_s=TR_S))
    assert [one.name for one in study.recordings()] == ["sub-01_run-1", "sub-01_run-2"]
    assert len(study.clips(study.recordings()[1])) == 12
    write_tsv(arrays / "runs.tsv", rows + [rows[0]])
    with pytest.raises(UserError, match="line 4: a second sub-01_run-1"):
        GenericFMRI(str(arrays), runs="runs.tsv")
    write_tsv(arrays / "runs.tsv", [rows[0] | {"clips": "gone.tsv"}])
    with pytest.raises(UserError, match="line 2: no .*gone.tsv"):
        GenericFMRI(str(arrays), runs="runs.tsv")


def test_a_real_image(tmp_path, real_data):
    """Four runs of Haxby et al. 2001 in voxels of 25 mm, its masks, its motion estimates."""
    source = real_data / "fmri_nifti" / "haxby" / "haxby2001" / "sub001"
    if not source.is_dir():
        pytest.skip(f"no {source}")
    rows = []
    for run in range(1, 5):
        folder = source / "BOLD" / f"task001_run00{run}"
        motion = np.loadtxt(folder / "bold_moest.txt")
        write_tsv(tmp_path / f"motion{run}.tsv", [dict(zip("abcdef", row, strict=True)) for row in motion])
        events = np.genfromtxt(folder / "bold_events.tsv", names=True, dtype=None, encoding=None)
        rows_clips = [
            {"stimulus": str(e["trial_type"]), "start_s": 0, "duration_s": 22.5, "time_s": e["onset"]} for e in events
        ]
        write_tsv(tmp_path / f"clips{run}.tsv", rows_clips)
        for clip in rows_clips:
            write_audio(tmp_path / "stimuli" / f"{clip['stimulus']}.wav", 22.5, rate_hz=200)
        rows.append({"subject": "001", "run": run, "bold": folder / "bold_25mm.nii.gz", "clips": f"clips{run}.tsv",
                     "confounds": f"motion{run}.tsv"})  # fmt: skip
    write_tsv(tmp_path / "runs.tsv", rows)
    masks = source / "masks" / "25mm"
    files = BoldFiles(mask=str(masks / "brain.nii.gz"), atlas=str(masks / "vt.nii.gz"))
    study = GenericFMRI(str(tmp_path), runs="runs.tsv", files=files)
    brain = nibabel.load(masks / "brain.nii.gz").get_fdata() > 0
    for one, row in zip(study.recordings(), rows, strict=True):
        bold = study.load(one)
        raw = nibabel.load(row["bold"])
        assert bold.tr_s == 2.5 and bold.data.shape == (121, 129) and bold.rois["1"].sum() == 1
        assert np.allclose(bold.data, raw.get_fdata()[brain].T, rtol=1e-6)
        assert len(study.clips(one)) == 8
    cleaning = BoldCleaning(detrend=True, highpass_hz=0.008, confounds=("?",))
    study = GenericFMRI(str(tmp_path), runs="runs.tsv", files=files, cleaning=cleaning)
    left = clean_run(study, study.recordings()[0])
    motion, raw = np.loadtxt(source / "BOLD" / "task001_run001" / "bold_moest.txt"), study.load(study.recordings()[0])
    assert np.abs(cosines(121, 2.5, 0.008).T @ left).max() < 1e-2
    assert np.abs(motion.T @ left).max() < 1e-3 * np.abs(motion.T @ (raw.data - raw.data.mean(0))).max()
    whole = nibabel.load(masks / "gray.nii.gz").shape
    with pytest.raises(UserError, match="not on the grid") as told:
        wrong = BoldFiles(mask=str(real_data / "fmri_nifti" / "haxby" / "mask.nii.gz"))
        GenericFMRI(str(tmp_path), runs="runs.tsv", files=wrong).load(study.recordings()[0])
    assert str(whole) in str(told.value) and "(40, 20, 1)" in str(told.value)
