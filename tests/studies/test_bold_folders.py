"""Folders of BOLD that are not as they should be: copies, hidden files, misplaced runs, other units, tables that do not fit."""

import json
import shutil

import nibabel
import numpy as np
import pytest
from builders import write_tsv
from trees_fmri.generic import AFFINE, MASK, N_TR, TR_S, volumes, write_image, write_tree

from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.findings import kept
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.readers.bold_files import BoldFiles

STEM = "sub-01_task-listen_run-1"
MASKED = BoldFiles(mask="mask.nii.gz", tr_s=TR_S)


@pytest.fixture
def arrays(tmp_path):
    return write_tree(tmp_path / "own", rate_hz=8000)


@pytest.fixture
def nifti(tmp_path):
    return write_tree(tmp_path / "own", ".nii.gz")


def told(study):
    with kept() as findings:
        bold = study.load(study.recordings()[0])
    return bold, [f"{one.kind}: {one.text}" for one in findings]


def test_hidden_files_of_macos_are_no_runs(arrays):
    func = arrays / "sub-01" / "func"
    for name in (f"{STEM}_bold.npy", f"{STEM}_desc-confounds_timeseries.tsv", f"{STEM}_bold.json"):
        (func / f"._{name}").write_bytes(b"\0\5\26\7")
    (arrays / "._task-listen_run-1_clips.tsv").write_bytes(b"\0\5\26\7")
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    assert len(study.recordings()) == 4 and len(study.clips(study.recordings()[0])) == 12


def test_a_run_in_the_folder_of_another_subject(arrays):
    (arrays / "sub-01" / "func" / f"{STEM}_bold.npy").rename(arrays / "sub-02" / "func" / f"{STEM}_bold.npy")
    with pytest.raises(UserError, match=f"{STEM}_bold.npy: named sub-01, but it lies in sub-02"):
        GenericFMRI(str(arrays))


def test_raw_runs_beside_two_derivatives_are_told_apart_by_folder(arrays):
    for name in ("fmriprep-20", "fmriprep-23"):
        func = arrays / "derivatives" / name / "sub-01" / "func"
        func.mkdir(parents=True)
        for name in (f"{STEM}_bold.npy", f"{STEM}_desc-confounds_timeseries.tsv"):
            shutil.copy(arrays / "sub-01" / "func" / name, func)
    with pytest.raises(UserError) as error:
        GenericFMRI(str(arrays))
    for folder in ("derivatives/fmriprep-20", "derivatives/fmriprep-23", "sub-*"):
        assert f"{folder}/**/*_bold.npy" in str(error.value)
        study = GenericFMRI(str(arrays), bold=f"{folder}/**/*_bold.npy", files=BoldFiles(tr_s=TR_S))
        run = study.recordings()[0]
        assert study.load(run).confounds.parent == study.sources(run)[0].parent  # of several, the one beside it


def test_a_run_that_is_a_copy_of_another(arrays, tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    func = arrays / "sub-02" / "func"
    shutil.copy(func / "sub-02_task-listen_run-1_bold.npy", func / "sub-02_task-listen_run-2_bold.npy")
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    with kept() as findings:
        FMRIDataModule({"own": study}, MelStatistics(n_mels=4)).setup("fit")
    (copy,) = [one for one in findings if "the same volumes" in one.text]
    assert (
        copy.where == "own/sub-02_task-listen_run-2" and "as own/sub-02_task-listen_run-1, value by value" in copy.text
    )


def test_runs_of_one_subject_with_two_trs(arrays):
    for run, tr_s in ((1, TR_S), (2, 2.5)):
        (arrays / f"task-listen_run-{run}_bold.json").write_text(json.dumps({"RepetitionTime": tr_s}))
    study = GenericFMRI(str(arrays))
    with kept() as findings:
        assert study.load(study.recordings()[1]).tr_s == 2.5
    assert "a TR of 2.5 s, but 2 s in the first run of the subject." in [one.text for one in findings]


def test_confounds_that_are_not_used_still_tell_of_volumes(arrays):
    path = arrays / "sub-01" / "func" / f"{STEM}_desc-confounds_timeseries.tsv"
    rows = [{"trans_x": 0.1 * i, "non_steady_state_outlier00": int(i == 0)} for i in range(N_TR + 4)]
    write_tsv(path, rows)
    study = GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S))
    _, findings = told(study)
    assert any("44 rows of confounds, but the run has 40 volumes" in one for one in findings)
    assert any("1 first volumes are not steady" in one for one in findings)
    write_tsv(path, rows[:N_TR])
    cleaning = BoldCleaning(confounds=("trans_x", "non_steady_state_outlier*"))
    assert told(GenericFMRI(str(arrays), files=BoldFiles(tr_s=TR_S), cleaning=cleaning))[1] == []


@pytest.mark.parametrize(("unit", "scale"), [("mm", 1.0), ("meter", 1e-3), ("unknown", 1.0)])
def test_places_are_in_mm_whatever_the_unit_of_the_header(nifti, unit, scale):
    affine = np.diag([2.0 * scale, 2.0 * scale, 2.0 * scale, 1.0])
    write_image(nifti / "mask.nii.gz", MASK, affine)
    path = nifti / "sub-01" / "func" / f"{STEM}_space-T1w_desc-preproc_bold.nii.gz"
    image = nibabel.Nifti1Image(volumes(1, 1), affine)
    image.header.set_xyzt_units(unit, "sec")
    nibabel.save(image, path)
    bold, _ = told(GenericFMRI(str(nifti), files=MASKED))
    assert np.allclose(bold.places, np.argwhere(MASK) * 2.0, atol=1e-3)


def test_meters_that_are_mm_and_an_image_without_a_place(nifti):
    path = nifti / "sub-01" / "func" / f"{STEM}_space-T1w_desc-preproc_bold.nii.gz"
    image = nibabel.Nifti1Image(volumes(1, 1), AFFINE)
    image.header.set_xyzt_units("meter", "sec")
    nibabel.save(image, path)
    bold, findings = told(GenericFMRI(str(nifti), files=MASKED))
    assert np.allclose(bold.places, np.argwhere(MASK) * 2.0)
    assert any(one.startswith("corrected: its unit is meter, but voxels of 2000 mm") for one in findings)
    image = nibabel.Nifti1Image(volumes(1, 1), None)
    image.header.set_zooms((2, 2, 2, TR_S))
    nibabel.save(image, path)
    found = nibabel.load(path)
    write_image(nifti / "mask.nii.gz", MASK, found.affine)
    assert any("neither qform nor sform" in one for one in told(GenericFMRI(str(nifti), files=MASKED))[1])


def test_the_phase_without_the_magnitude_is_refused(nifti):
    path = nifti / "sub-01" / "func" / f"{STEM}_space-T1w_desc-preproc_bold.nii.gz"
    nibabel.save(nibabel.Nifti1Image(volumes(1, 1).astype(np.complex64), AFFINE), path)
    study = GenericFMRI(str(nifti), files=MASKED)
    with pytest.raises(UserError, match="holds complex64; expected real numbers"):
        study.load(study.recordings()[0])
