"""Runs on the cortical surface: CIFTI series and pairs of GIFTI files, and what looks like them."""

import json

import nibabel
import numpy as np
import pytest
from builders import write_tsv
from nibabel import cifti2
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData
from trees_fmri.generic import N_TR, TR_S, clips, write_tree

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.surfaces import hemisphere

VALUES = np.random.default_rng(0).standard_normal((N_TR, 7)).astype(np.float32)
STRUCTURES = (("CortexLeft", 3), ("CortexRight", 2), ("CIFTI_STRUCTURE_THALAMUS_RIGHT", 2))


def models(parts=STRUCTURES):
    axes = [
        cifti2.BrainModelAxis.from_mask(np.ones(n, bool), name=name)
        if "CORTEX" in name.upper()
        else cifti2.BrainModelAxis.from_mask(np.ones((n, 1, 1), bool), affine=np.eye(4), name=name)
        for name, n in parts
    ]
    return sum(axes[1:], axes[0])


def write_cifti(path, values=VALUES, *, series=None, columns=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    series = cifti2.SeriesAxis(0, TR_S, len(values)) if series is None else series
    nibabel.save(cifti2.Cifti2Image(values, header=(series, models() if columns is None else columns)), path)
    return path


def write_gifti(path, values, *, step=None, side=None, intent="NIFTI_INTENT_TIME_SERIES", whole=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {} if step is None else {"TimeStep": str(step)}
    meta |= {} if side is None else {"AnatomicalStructurePrimary": side}
    rows = [np.ascontiguousarray(values.T)] if whole else list(values)
    arrays = [GiftiDataArray(row, intent=intent, datatype="NIFTI_TYPE_FLOAT32") for row in rows]
    nibabel.save(GiftiImage(darrays=arrays, meta=GiftiMetaData(meta)), path)
    return path


@pytest.fixture
def root(tmp_path):
    """Two runs of one subject, without volumes."""
    root = write_tree(tmp_path / "own")
    for path in root.rglob("*_bold.npy"):
        path.unlink()
    return root


def test_a_cifti_series_is_read_as_tr_by_grayordinate(root):
    func = root / "sub-01" / "func"
    write_cifti(func / "sub-01_task-listen_run-1_space-fsLR_den-91k_bold.dtseries.nii")
    (func / "sub-01_task-listen_run-1_space-fsLR_den-91k_bold.json").write_text(json.dumps({"RepetitionTime": TR_S}))
    study = GenericFMRI(str(root))
    (one,) = study.recordings()
    with kept() as findings:
        bold = study.load(one)
    assert not findings and bold.tr_s == TR_S and bold.places is None and np.array_equal(bold.data, VALUES)
    assert {name: np.flatnonzero(roi).tolist() for name, roi in bold.rois.items()} == {
        "CortexLeft": [0, 1, 2], "CortexRight": [3, 4], "ThalamusRight": [5, 6]
    }  # fmt: skip
    space = study.space("01")
    assert space.grayordinates == models() and (space.mask, space.mesh, space.template) == (None, None, "fsLR")
    assert len(study.clips(one)) == 12 and study.sources(one)[0].name.endswith(".dtseries.nii")


def test_the_step_of_a_cifti_series_against_its_json_file(tmp_path):
    """1 s as a placeholder (PennLINC/xcp_d#967), milliseconds, another unit, a start."""
    path = write_cifti(tmp_path / "sub-01_task-x_bold.dtseries.nii", series=cifti2.SeriesAxis(0, 1.0, N_TR))
    with pytest.raises(UserError, match="Set tr_s"):
        BoldFiles().count(path)
    (tmp_path / "sub-01_task-x_bold.json").write_text('{"RepetitionTime": 0.8}')
    assert BoldFiles().count(path) == (N_TR, 0.8)
    write_cifti(path, series=cifti2.SeriesAxis(0, 1.5, N_TR))
    with pytest.raises(UserError, match="1.5 sec in its header, but RepetitionTime .* is 0.8 s"):
        BoldFiles().count(path)
    write_cifti(path, series=cifti2.SeriesAxis(0, 0.8, N_TR, unit="HERTZ"))
    with pytest.raises(UserError, match="counts in HERTZ; expected SECOND"):
        BoldFiles().count(path)
    write_cifti(path, series=cifti2.SeriesAxis(8, 0.8, N_TR))
    with kept() as findings:
        assert BoldFiles().count(path) == (N_TR, 0.8)
    assert "its series starts at 8 s" in findings[0].text


def test_what_is_no_series_of_volumes_is_refused_by_name(root, tmp_path):
    scalar = cifti2.ScalarAxis(["a", "b"])
    path = write_cifti(tmp_path / "x_bold.dtseries.nii", VALUES[:2], series=scalar)
    with pytest.raises(UserError, match="its axes are Scalar, BrainModel; expected Series, BrainModel"):
        BoldFiles().count(path)
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2, 3)), np.eye(4))
    nibabel.save(image, tmp_path / "plain.nii")
    (tmp_path / "plain.nii").rename(path)
    with pytest.raises(UserError, match="a Nifti1Image under a name of CIFTI"):
        BoldFiles().count(path)
    func = root / "sub-01" / "func"
    write_cifti(func / "sub-01_task-listen_run-1_bold.dscalar.nii", VALUES[:2], series=scalar)
    with kept() as findings, pytest.raises(UserError, match="no file"):
        GenericFMRI(str(root))
    assert findings[0].kind == "left out" and "CIFTI maps; runs are .npy" in findings[0].text
    for kind, what in ((".dscalar.nii", "CIFTI maps"), (".surf.gii", "a GIFTI surface"), (".label.gii", "GIFTI labels"),
                       (".mgz", "a kind of file that n2s does not read")):  # fmt: skip
        with pytest.raises(UserError, match=f"{what}; expected a run of volumes"):
            BoldFiles().count(tmp_path / f"sub-01_bold{kind}")


def test_both_hemispheres_are_one_run_left_first(root):
    func = root / "sub-01" / "func"
    for run, named in ((1, "_hemi-{}_space-fsaverage5_bold.func.gii"), (2, "_bold.{}.func.gii")):
        for side, columns in (("R", slice(3, 7)), ("L", slice(0, 3))):
            path = func / f"sub-01_task-listen_run-{run}{named.format(side)}"
            write_gifti(path, VALUES[:, columns], step=1000 * TR_S, whole=run == 2)
    study = GenericFMRI(str(root))
    assert len(study.recordings()) == 2
    for one in study.recordings():
        bold = study.load(one)
        assert bold.tr_s == TR_S and np.array_equal(bold.data, VALUES) and bold.places is None
        assert {name: int(roi.sum()) for name, roi in bold.rois.items()} == {"CortexLeft": 3, "CortexRight": 4}
        assert [hemisphere(path) for path in study.sources(one)[:2]] == ["L", "R"]
    write_gifti(path, VALUES[:, :2], step=1000 * TR_S)  # fewer vertices in one run
    study = GenericFMRI(str(root))
    with pytest.raises(UserError, match="has 6 voxels, but .*run-1.* has 7"):
        study.load(study.recordings()[1])
    alone = GenericFMRI(str(root), bold="**/*run-1_hemi-R_*.func.gii")
    with kept() as findings:
        alone = GenericFMRI(str(root), bold="**/*run-1_hemi-R_*.func.gii")
    assert "one hemisphere alone" in findings[0].text
    assert np.array_equal(alone.load(alone.recordings()[0]).data, VALUES[:, 3:])


def test_spaces_of_a_run_name_the_option(root):
    func = root / "sub-01" / "func"
    for space in ("fsaverage5", "fsaverage6"):
        for side in "LR":
            write_gifti(func / f"sub-01_task-listen_run-1_hemi-{side}_space-{space}_bold.func.gii", VALUES, step=2000)
    with pytest.raises(
        UserError, match=r"are all of .*Say which in `bold`: .*_space-fsaverage5_bold.func.gii or .*6_bold"
    ):
        GenericFMRI(str(root))
    study = GenericFMRI(str(root), bold="**/*_space-fsaverage6_bold.func.gii")
    assert study.load(study.recordings()[0]).data.shape == (N_TR, 14)


def test_hemispheres_that_do_not_fit(tmp_path):
    left, right = (tmp_path / f"sub-01_task-x_hemi-{side}_bold.func.gii" for side in "LR")
    write_gifti(left, VALUES, step=2000, side="CortexLeft")
    write_gifti(right, VALUES[:-3], step=2000)
    with pytest.raises(UserError, match="hemi-L_bold.func.gii has 40 and .*hemi-R_bold.func.gii has 37 volumes"):
        BoldFiles().count(right, left)
    write_gifti(right, VALUES, step=2000, side="CortexLeft")
    with pytest.raises(UserError, match="its name says CortexRight, but the file itself CortexLeft"):
        BoldFiles().count(left, right)
    write_gifti(right, VALUES, step=1500)
    with pytest.raises(UserError, match="TimeStep is 2000 and 1500 ms"):
        BoldFiles().count(left, right)
    write_gifti(right, VALUES)
    assert BoldFiles().count(left, right) == (N_TR, 2.0)
    write_gifti(left, VALUES, intent="NIFTI_INTENT_POINTSET")
    with pytest.raises(UserError, match="holds a surface or labels"):
        BoldFiles().count(left)
    left.write_bytes(right.read_bytes()[:400])
    with pytest.raises(UserError, match="cannot be read: not a whole GIFTI file"):
        BoldFiles().count(left)


def test_a_table_may_name_both_hemispheres(root):
    for side in "LR":
        write_gifti(root / f"{side}.func.gii", VALUES[:, :3], step=2000)
    write_tsv(
        root / "runs.tsv", [{"subject": "1", "bold": "R.func.gii;L.func.gii", "clips": "task-listen_run-1_clips.tsv"}]
    )
    study = GenericFMRI(str(root), runs="runs.tsv")
    assert len(study.clips(study.recordings()[0])) == len(clips(1))
    assert list(study.load(study.recordings()[0]).rois) == ["CortexLeft", "CortexRight"]
