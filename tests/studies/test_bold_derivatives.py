"""Folders as fMRIPrep writes them: spaces, masks, echoes, confounds of both names, clips in the raw folder; and odd arrays."""

import json

import nibabel
import numpy as np
import pytest
from builders import write_tsv
from trees_fmri.generic import ATLAS, MASK, N_TR, SHAPE, TR_S, clips, volumes, write_image, write_tree

from n2s.data.bold_preparation import BoldPreparation
from n2s.data.bold_steps import cleaned
from n2s.data.recordings import prepare
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.readers.bold_files import BoldFiles

T1W = "_space-T1w_desc-preproc_bold.nii.gz"
STEM = "sub-01_task-listen_run-1"


@pytest.fixture
def root(tmp_path):
    root = write_tree(tmp_path / "own", ".nii.gz")
    (root / "task-listen_bold.json").write_text(json.dumps({"RepetitionTime": TR_S}))
    return root


@pytest.fixture
def arrays(tmp_path):
    return write_tree(tmp_path / "own", rate_hz=8000)


def func(root, subject=1):
    return root / f"sub-0{subject}" / "func"


def told(call, *given):
    with kept() as findings:
        result = call(*given)
    return result, [f"{one.kind}: {one.text}" for one in findings]


def test_voxels_in_the_masks_beside_all_runs_of_a_subject(root):
    """Masks of runs differ by voxels at the border; voxels have to be the same ones in all runs."""
    for run in (1, 2):
        mask = MASK.copy()
        mask[4, 3, run] = False
        write_image(func(root) / f"sub-01_task-listen_run-{run}_space-T1w_desc-brain_mask.nii.gz", mask)
    study = GenericFMRI(str(root))
    both = MASK.copy()
    both[4, 3, 1:] = False
    for one in study.recordings()[:2]:
        bold, findings = told(study.load, one)
        assert np.array_equal(bold.data, volumes(1, int(one.run))[both].T)
        assert "odd: no mask is set: n2s takes the 22 voxels that are in the masks beside all 2 runs" in findings[0]
        assert sum("desc-brain_mask" in path.name for path in study.sources(one)) == 2
    with pytest.raises(UserError, match=r"needs a mask .*sub-02_task-listen_run-1_space-T1w_desc-brain_mask.nii.gz"):
        study.load(study.recordings()[2])
    (func(root) / f"{STEM}_space-T1w_desc-brain_mask.nii.gz").unlink()
    study = GenericFMRI(str(root))
    with pytest.raises(UserError, match="run-1.*: no mask .* beside it, as other runs of the subject have"):
        study.load(study.recordings()[1])
    chosen = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii.gz"))
    assert chosen.load(chosen.recordings()[0]).data.shape[1] == MASK.sum()


def test_files_beside_a_run_are_no_runs(root):
    """A wide pattern finds the reference, the mask, the echoes and the phase, too."""
    for name in ("space-T1w_boldref", "space-T1w_desc-brain_mask", "space-T1w_desc-aseg_dseg"):
        write_image(func(root) / f"{STEM}_{name}.nii.gz", MASK)
    for part in ("echo-1", "echo-2", "part-phase"):
        write_image(func(root) / f"{STEM}_{part}_space-T1w_desc-preproc_bold.nii.gz", volumes(1, 1))
    study, findings = told(lambda: GenericFMRI(str(root), bold="**/*_space-T1w_*.nii.gz"))
    found = {path.name for one in study.recordings() for path in study._runs[one].bold}
    assert found == {f"sub-0{subject}_task-listen_run-{run}{T1W}" for subject in (1, 2) for run in (1, 2)}
    assert len(study.recordings()) == 4 and len(findings) == 6 and all(one.startswith("left out: ") for one in findings)
    (func(root) / f"{STEM}{T1W}").unlink()
    with pytest.raises(UserError, match="run-1 has 2 echoes .*does not combine echoes.*`bold`"):
        GenericFMRI(str(root), bold="**/*_space-T1w_*.nii.gz")


def test_several_spaces_name_patterns_that_tell_them_apart(root):
    for space in ("T1w", "MNI152NLin2009cAsym_res-2"):
        for subject in (1, 2):
            for run in (1, 2):
                name = f"sub-0{subject}_task-listen_run-{run}_space-{space}_desc-preproc_bold.nii.gz"
                write_image(func(root, subject) / name, volumes(subject, run))
    with pytest.raises(UserError) as error:
        GenericFMRI(str(root))
    pattern = "**/*_space-MNI152NLin2009cAsym_res-2_desc-preproc_bold.nii.gz"
    assert f"`bold`: {pattern} or **/*{T1W}." in str(error.value)
    study = GenericFMRI(str(root), bold=pattern)
    assert len(study.recordings()) == 4 and "res-2" in study.sources(study.recordings()[0])[0].name


def test_clips_may_lie_in_the_raw_folder(root, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for run in (1, 2):
        (root / f"task-listen_run-{run}_clips.tsv").rename(raw / f"task-listen_run-0{run}_clips.tsv")  # run-01 is run-1
    with pytest.raises(UserError, match=f"no {STEM}_clips.tsv.*set clips_dir"):
        GenericFMRI(str(root))
    study = GenericFMRI(str(root), clips_dir=str(raw))
    assert [len(study.clips(one)) for one in study.recordings()] == [12] * 4


def test_confounds_under_their_old_name_and_their_first_row(root):
    for path in root.rglob("*_desc-confounds_timeseries.tsv"):
        path.rename(path.with_name(path.name.replace("timeseries", "regressors")))
    cleaning = BoldCleaning(confounds=("trans_*", "x_derivative1"))
    study = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii.gz"), cleaning=cleaning)
    one = study.recordings()[0]
    raw = study.load(one)
    assert raw.confounds.name == f"{STEM}_desc-confounds_regressors.tsv"
    _, findings = told(cleaned, raw, cleaning, "here")
    assert findings == [
        "corrected: the first row is n/a in 1 confounds (x_derivative1); it takes the second row's values."
    ]


def test_confounds_that_never_change_and_too_many(tmp_path):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((30, 5))
    table = rng.standard_normal((30, 40))
    write_tsv(tmp_path / "c.tsv", [{"flat": 3.5} | {f"c{i}": x for i, x in enumerate(row)} for row in table])
    bold = Bold(data, 2.0, confounds=tmp_path / "c.tsv")
    left, findings = told(cleaned, bold, BoldCleaning(confounds=("flat", "c1")), "here")
    assert findings == ["odd: confounds that never change remove nothing: flat."]
    plain, _ = told(cleaned, bold, BoldCleaning(confounds=("c1",)), "here")
    assert np.allclose(left.data, plain.data, atol=1e-5) and np.ptp(left.data) > 1
    with pytest.raises(UserError, match=r"30 volumes less .*\(30 different regressors\) leave 0 degrees"):
        cleaned(bold, BoldCleaning(confounds=("c*",)), "here")
    with pytest.raises(UserError, match="30 rows, but here has 29 volumes.*dummy scans"):
        cleaned(Bold(data[1:], 2.0, confounds=tmp_path / "c.tsv"), BoldCleaning(confounds=("c1",)), "here")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mask: mask * 0.3, "24 values with fractions, such as 0.3; expected a mask"),
        (lambda mask: -mask, "values down to -1"),
        (lambda mask: mask * 0, "no voxel of the run is in it"),
        (lambda mask: np.stack([mask, mask], -1), "expected 3 axes"),
    ],
)
def test_what_is_no_mask(root, change, words):
    write_image(root / "mask.nii.gz", change(MASK.astype(float)))
    study = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii.gz"))
    with pytest.raises(UserError, match=words):
        study.load(study.recordings()[0])


def test_labels_of_one_name_are_one_region_and_absent_ones_are_counted(root):
    labels = np.where(MASK & (np.indices(SHAPE)[0] > 2), 3, ATLAS)
    write_image(root / "atlas.nii.gz", labels)
    rows = [{"index": 7, "name": "A1"}, {"index": 3, "name": "A1"}, {"index": 9, "name": "V1"}]
    write_tsv(root / "atlas.tsv", rows)
    files = BoldFiles(mask="mask.nii.gz", atlas="atlas.nii.gz", atlas_labels="atlas.tsv")
    study = GenericFMRI(str(root), files=files)
    bold, findings = told(study.load, study.recordings()[0])
    assert np.array_equal(bold.rois["A1"], np.isin(labels[MASK], (3, 7))) and list(bold.rois) == ["A1"]
    assert "left out: 1 of 3 named labels have no voxel in the runs: V1." in findings
    assert "odd: several labels are named 'A1'; their voxels are one region." in findings
    write_tsv(root / "atlas.tsv", rows[1:])
    bold, findings = told(study.load, study.recordings()[0])
    assert set(bold.rois) == {"A1", "7"} and any("1 labels have no name" in one for one in findings)
    write_tsv(root / "atlas.tsv", [*rows, rows[0]])
    with pytest.raises(UserError, match="line 5: a second row of index 7"):
        study.load(study.recordings()[0])


def test_a_region_without_voxels_is_refused():
    bold = Bold(np.zeros((3, 2)), 2.0, {"A1": np.zeros(2, bool)})
    with pytest.raises(UserError, match="the ROI 'A1' has no voxel of the 2"):
        bold.voxels("A1", "here")


def test_an_array_and_a_mask_that_does_not_fit(arrays):
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S, mask="mask.nii.gz", atlas="atlas.nii.gz"))
    bold, findings = told(study.load, study.recordings()[0])
    assert bold.data.shape == (N_TR, 24) and not bold.rois
    assert len(findings) == 2 and findings[0].startswith("left out: not used: arrays and surfaces have no grid")
    write_image(arrays / "mask.nii.gz", MASK & (ATLAS == 0))
    with pytest.raises(UserError, match="has 24 voxels, but .*mask.nii.gz has 18"):
        study.load(study.recordings()[0])


def test_an_array_of_voxels_by_volumes(arrays):
    """HuthLab/encoding-model-scaling-laws#1: both readings are told."""
    path = func(arrays) / f"{STEM}_bold.npy"
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    one = study.recordings()[0]
    np.save(path, np.random.default_rng(0).standard_normal((5000, N_TR)))
    with pytest.raises(UserError, match=r"as \[TR, voxel\] the array has 5000 volumes of 40 voxels, a run of 10000 s, but the "
                                        r"last clip ends at 70 s; as \[voxel, TR\] it has 40 volumes of 5000 voxels, 80 s"):  # fmt: skip
        study.clips(one)
    np.save(path, np.zeros((24, N_TR)))  # fewer voxels than volumes
    with pytest.raises(
        UserError, match=r"24 volumes of 2 s, which end at 48 s. As \[voxel, TR\] the array has 40 volumes"
    ):
        study.clips(one)
    np.save(path, np.zeros((80_000, 20)))  # neither fits, but nobody lies in a scanner for 44 hours
    with pytest.raises(UserError, match="a run of 160000 s"):
        study.clips(one)
    np.save(path, np.zeros((N_TR, 5000)))
    assert told(study.clips, one)[1] == []
    np.save(path, np.zeros((200, 5000)))
    assert "odd: the run lasts 400 s, but its last clip ends at 70 s." in told(study.clips, one)[1]
    np.save(path, np.zeros((5, 4, 3, N_TR)))
    with pytest.raises(
        UserError, match=r"shape \(5, 4, 3, 40\); expected \[TR, voxel\]. Save volumes with a grid as NIfTI"
    ):
        study.clips(one)


def test_clips_before_the_first_volume_are_told(arrays):
    rows = clips(1)
    rows[0]["time_s"] = -6.0
    write_tsv(arrays / "task-listen_run-1_clips.tsv", rows)
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    assert told(study.clips, study.recordings()[0])[1] == [
        "odd: 1 of 12 clips begin before the first volume (time_s down to -6 s)."
    ]


def test_content_that_is_not_here(root, arrays):
    """Links of git-annex, pointers of git-annex and Git LFS, empty and cut files: named by what they are."""
    study = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii.gz"), bold="**/*.nii.gz")
    one, path = study.recordings()[0], func(root) / f"{STEM}{T1W}"
    content = path.read_bytes()
    for pointer, words in ((b"/annex/objects/MD5E-s1--0.nii.gz\n", "git-annex"), (b"", "an empty file"),
                           (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS")):  # fmt: skip
        path.write_bytes(pointer)
        with pytest.raises(UserError, match=f"{STEM}.*{words}"):
            study.clips(one)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"{STEM}.* cannot be read: not a whole NIfTI image"):
        study.load(one)
    path.unlink()
    path.symlink_to("../.git/annex/objects/nowhere")
    with pytest.raises(UserError, match=f"{STEM}.*a link to .*nowhere, which is not here"):
        study.clips(one)
    array = func(arrays) / f"{STEM}_bold.npy"
    array.unlink()
    array.symlink_to("../.git/annex/objects/nowhere")
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S), bold="**/*.npy")
    with pytest.raises(UserError, match=f"{STEM}_bold.npy.*a link to .*nowhere"):
        study.clips(study.recordings()[0])


def test_volumes_that_were_not_recorded_are_told(root, monkeypatch, tmp_path):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    data = volumes(1, 1)
    data[..., 30:33], data[..., 12] = 0, data[..., 11]
    image = nibabel.load(func(root) / f"{STEM}{T1W}")
    nibabel.save(nibabel.Nifti1Image(data, image.affine, image.header), func(root) / f"{STEM}{T1W}")
    study = GenericFMRI(str(root), files=BoldFiles(mask="mask.nii.gz"), subjects=["01"])
    first, second = prepare(study, BoldPreparation(study.cleaning))
    texts = [one.text for one in first.findings]
    assert any(
        text.startswith("3 of 40 volumes hold one value in all voxels, the first is volume 30") for text in texts
    )
    assert any(
        text.startswith("3 of 40 volumes equal the volume before them, the first is volume 12") for text in texts
    )
    assert not second.findings


def test_an_image_in_metres_is_written_in_mm(tmp_path):
    """Places were in mm, the image of maps kept the affine in metres and was written as mm: a brain of .1 mm."""
    from n2s.studies.readers.masks import mask_image, through_mask

    affine = np.diag([0.003, 0.003, 0.003, 1.0])
    run = nibabel.Nifti1Image(np.ones((3, 4, 5, 2), np.float32), affine)
    run.header.set_xyzt_units("meter", "sec")
    mask = nibabel.Nifti1Image(np.ones((3, 4, 5), np.uint8), affine)
    for image, name in ((run, "run"), (mask, "mask")):
        nibabel.save(image, tmp_path / f"{name}.nii.gz")
    paths = tmp_path / "run.nii.gz", [tmp_path / "mask.nii.gz"], None
    places = through_mask(*paths, None, resample=False)[2]
    found = mask_image(*paths, resample=False)
    at = np.argwhere(np.asarray(found.dataobj) > 0)
    np.testing.assert_allclose(nibabel.affines.apply_affine(found.affine, at), places, rtol=1e-6)
