"""Files of maps: every value at its place when read again by nibabel, and what is not known is not there."""

import json
import re

import nibabel
import numpy as np
import pandas as pd
import pytest
from encoding_results import AFFINE, SHAPE, of_networks, on_sensors, on_vertices, on_voxels
from nibabel import cifti2

from n2s.data.encoding_data import Measured
from n2s.metrics.group_tests import benjamini_hochberg
from n2s.studies.fmri import Space
from n2s.studies.readers.grayordinates import mesh_of_models
from n2s.systems.encoding.ceilings import flat_places
from n2s.systems.encoding.cortex import maps
from n2s.systems.encoding.cortex.maps import files, write_maps
from n2s.systems.encoding.cortex.surfaces import N
from n2s.systems.encoding.scoring import image


@pytest.fixture(scope="module")
def voxels(tmp_path_factory):
    """Two networks of two subjects, and the folder of their files; two surfaces turn."""
    result = of_networks(on_voxels(2), ["untrained", "dutch"])
    folder = tmp_path_factory.mktemp("voxels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "MOST_INTERACTIVE", 2)
        return result, folder, write_maps(result, folder), files(result)


@pytest.mark.slow
def test_volumes_keep_every_value_and_the_affine(voxels):
    result, folder, written, _ = voxels
    assert all(path.is_file() and path.parent == folder / "maps" for path in written)
    image = nibabel.load(folder / "maps/sub-UTS02_space-MNI152NLin2009cAsym_stat-r_statmap.nii.gz")
    about = json.loads((folder / "maps/sub-UTS02_space-MNI152NLin2009cAsym_stat-r_statmap.json").read_text())
    np.testing.assert_array_equal(image.affine, AFFINE)
    assert image.shape == (*SHAPE, len(result.rows)) and image.header.get_xyzt_units()[0] == "mm"
    assert about["Maps"] == list(result.rows.row) and about["SpatialReference"] == "MNI152NLin2009cAsym"
    own = result.targets[result.targets.subject == "lebel/UTS02"]
    data = image.get_fdata()[..., about["Maps"].index("dutch/gru")]
    assert np.isfinite(data).sum() == len(own)
    for row in own.sample(40, random_state=0).itertuples():  # by its place in mm, not by its index
        at = np.linalg.inv(image.affine) @ [row.x, row.y, row.z, 1]
        assert data[tuple(np.round(at[:3]).astype(int))] == pytest.approx(own.loc[row.Index, "r:dutch/gru"])
    q = nibabel.load(folder / "maps/sub-UTS02_space-MNI152NLin2009cAsym_stat-q_statmap.nii.gz").get_fdata()
    expected = benjamini_hochberg(own["p:dutch/gru"].to_numpy())
    np.testing.assert_allclose(q[..., about["Maps"].index("dutch/gru")].ravel()[own["index"]], expected, rtol=1e-6)


def test_over_subjects_is_the_mean(voxels):
    result, folder, _, _ = voxels
    image = nibabel.load(folder / "maps/group_space-MNI152NLin2009cAsym_stat-gain_statmap.nii.gz")
    about = json.loads((folder / "maps/group_space-MNI152NLin2009cAsym_stat-gain_statmap.json").read_text())
    mean = result.targets.groupby("index")["gain:dutch/conv2"].mean()
    found = image.get_fdata()[..., about["Maps"].index("dutch/conv2")].ravel()
    np.testing.assert_allclose(found[mean.index], mean, atol=1e-6)
    assert about["Value"] == "mean over subjects"
    test = json.loads((folder / "maps/group_space-MNI152NLin2009cAsym_stat-q_statmap.json").read_text())["Test"]
    assert "Fisher" in test and not list(folder.glob("maps/*gainQ*")), "gains of two subjects have no test"


def test_surfaces_name_their_hemisphere_and_maps(voxels):
    result, folder, _, _ = voxels
    for hemi, structure in (("L", "CortexLeft"), ("R", "CortexRight")):
        image = nibabel.load(folder / f"maps/group_hemi-{hemi}_space-fsaverage5_stat-r_statmap.func.gii")
        assert image.meta["AnatomicalStructurePrimary"] == structure
        assert [array.meta["Name"] for array in image.darrays] == list(result.rows.row)
        assert all(array.data.shape == (N,) and array.data.dtype == np.float32 for array in image.darrays)


def test_vertices_are_written_on_their_mesh(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "MOST_INTERACTIVE", 0)
    some = np.r_[3, 70, N, N + 5, 2 * N - 1]
    result = of_networks(on_vertices(1, index=some), ["dutch"])
    write_maps(result, tmp_path)
    for hemi, side in (("L", 0), ("R", 1)):
        image = nibabel.load(tmp_path / f"maps/sub-01_hemi-{hemi}_space-fsaverage5_stat-r_statmap.func.gii")
        data = {array.meta["Name"]: array.data for array in image.darrays}["dutch/gru"]
        own = some // N == side
        np.testing.assert_array_equal(np.flatnonzero(np.isfinite(data)), some[own] % N)
        np.testing.assert_allclose(data[some[own] % N], result.targets["r:dutch/gru"][own])
    assert not list(tmp_path.glob("maps/group*")), "one subject is no group"
    fs_lr = {"kind": "vertex", "mesh": "fsLR", "shape": [64984]}
    result.images["mous/sub-01"] = fs_lr
    written = write_maps(result, tmp_path / "lr")
    left = nibabel.load(tmp_path / "lr/maps/sub-01_hemi-L_space-fsLR_stat-gain_statmap.func.gii")
    assert left.darrays[0].data.shape == (32492,) and not [path for path in written if "fsaverage5" in path.name]
    assert "only written to files" in (tmp_path / "lr/maps/README.md").read_text()


def test_grayordinates_keep_their_axis(tmp_path):
    """Of CIFTI: a part of the cortex on fsLR 32k, left and right, and voxels of the thalamus."""
    side, thalamus = np.arange(32492) % 9000 == 5, np.zeros((5, 6, 7), bool)
    thalamus[1:3, 2, 3:5] = True
    models = cifti2.BrainModelAxis.from_mask(side, name="CortexLeft")
    models += cifti2.BrainModelAxis.from_mask(np.roll(side, 3), name="CortexRight")
    models += cifti2.BrainModelAxis.from_mask(thalamus, affine=AFFINE, name="CIFTI_STRUCTURE_THALAMUS_LEFT")
    n = len(models)
    measured = [0, *range(2, n)]  # one never changed
    space = Space(mesh=mesh_of_models(models), template="fsLR", grayordinates=models)
    what = Measured("grayordinate", np.array(measured).astype(str), {}, None, space, np.array(measured))
    result = of_networks(on_vertices(5, index=flat_places(what)), ["dutch"])
    result.images = json.loads(json.dumps({name: image(what) for name in result.images}))
    assert "fsLR32k" in next(note for note in result.shown()[0].notes if "wb_view" in note)
    written = write_maps(result, tmp_path)
    assert all(path.is_file() for path in written) and not [path for path in written if "fsaverage5" in path.name]
    found = nibabel.load(tmp_path / "maps/sub-02_space-fsLR32k_stat-r_statmap.dscalar.nii")
    maps_, own = found.header.get_axis(0), result.targets[result.targets.subject == "mous/sub-02"]
    assert found.header.get_axis(1) == models and list(maps_.name) == list(result.rows.row)
    row = found.get_fdata()[list(maps_.name).index("dutch/gru")]
    np.testing.assert_allclose(row[measured], own["r:dutch/gru"])
    assert np.isnan(row[1])
    right = nibabel.load(tmp_path / "maps/sub-02_hemi-R_space-fsLR32k_stat-r_statmap.func.gii")
    data = {array.meta["Name"]: array.data for array in right.darrays}["dutch/gru"]
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(data)), np.flatnonzero(np.roll(side, 3)))
    np.testing.assert_allclose(data[np.roll(side, 3)], row[side.sum() : 2 * side.sum()])
    group = nibabel.load(tmp_path / "maps/group_space-fsLR32k_stat-r_statmap.dscalar.nii").get_fdata()[0]
    mean = result.targets.groupby("index")[f"r:{result.rows.row[0]}"].mean()
    np.testing.assert_allclose(group[mean.index], mean, atol=1e-6)
    assert result.group.shared.tolist() == measured


def test_surfaces_that_turn_need_no_network(voxels):
    _, folder, _, links = voxels
    pages = sorted(folder.glob("maps/*.html"))
    assert [page.name for page in pages] == ["surface_R-dutch.html", "surface_R-untrained.html"]
    text = pages[0].read_text("utf-8")
    assert not re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="https?:', text)
    assert "R, dutch, n = 2" in text and len(text) < 5e6
    assert {"maps/README.md", "maps/scores_by_region.tsv", "maps/surface_R-dutch.html"} <= set(links.values())


def test_the_table_holds_means_for_statistics(voxels):
    result, folder, _, _ = voxels
    table = pd.read_csv(folder / "maps/scores_by_region.tsv", sep="\t", na_values="n/a")
    assert len(table) == 2 * 4 * len(result.rows)
    one = table[(table.subject == "lebel/UTS01") & (table.region == "TPJ") & (table.row == "dutch/gru")].iloc[0]
    own = result.targets[(result.targets.subject == "lebel/UTS01") & result.targets["roi:TPJ"]]
    assert one.r == pytest.approx(own["r:dutch/gru"].mean()) and one.gain == pytest.approx(own["gain:dutch/gru"].mean())
    assert one.n_targets == len(own) and table[table.row == "dutch/mel"].gain.isna().all()


def test_what_has_no_place_is_only_in_the_table(tmp_path):
    written = write_maps(on_sensors(2), tmp_path)
    assert sorted(path.name for path in written) == ["README.md", "scores_by_region.tsv"]


def test_voxels_outside_mni_are_written_in_their_own_image_alone(tmp_path):
    result = of_networks(on_voxels(1, template=""), ["dutch"])
    names = {path.name for path in write_maps(result, tmp_path)}
    assert "sub-UTS01_stat-r_statmap.nii.gz" in names and not [
        name for name in names if "fsaverage5" in name or "html" in name
    ]
    assert "not said to be in MNI" in (tmp_path / "maps/README.md").read_text()


def test_native_images_of_one_shape_have_no_mean_over_subjects():
    """Two people's own images are alike if one scanner made them: a map of the mean of other voxels was written."""
    assert maps._shared_voxels(on_voxels(2, template="")) is None and maps._shared_voxels(on_voxels(2)) is not None


def test_subjects_of_one_number_in_two_studies_have_two_names():
    assert maps._labels(["a/sub-01", "b/sub-01"]) == {"a/sub-01": "sub-asub01", "b/sub-01": "sub-bsub01"}
    assert maps._labels(["a/sub-0 1", "a/sub-01"]) == {"a/sub-0 1": "sub-011", "a/sub-01": "sub-012"}
