"""Figures of brain scores: those whose rows exist, with what was planted in them."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from encoding_results import of_networks, on_sensors, on_vertices, on_voxels
from matplotlib.collections import TriMesh

from n2s import findings
from n2s.systems.encoding.cortex.contrasts import Contrast, Networks, OnCortex, subject_means
from n2s.systems.encoding.figures.drawings import drawings
from n2s.systems.encoding.figures.network_figures import colors_of, levels_figure
from n2s.systems.encoding.figures.sensor_figures import sensor_types
from n2s.systems.encoding.results.result import BrainScoreResult


def by_title(result: BrainScoreResult) -> dict:
    found = drawings(result)
    assert all(one.caption.endswith(".") and ".." not in one.caption for one in found)
    return {one.title: one for one in found}


def bars(axes) -> list[float]:
    return [patch.get_height() for patch in axes.patches if np.isfinite(patch.get_height())]


@pytest.fixture(scope="module")
def voxels() -> tuple[BrainScoreResult, dict]:
    result = on_voxels(2)
    return result, by_title(result)


@pytest.mark.slow
def test_figures_of_networks(voxels):
    result, found = voxels
    assert list(found) == [
        "Maps of R", "Levels of untrained", "Levels of scenes", "Levels of bengali", "Levels of dutch", "What training adds",
        "Profile over layers", "Regions and networks", "Shares of feature spaces",
    ]  # fmt: skip
    axes = {one.get_title(loc="left").split(",")[0]: one for one in found["Levels of dutch"].figure.axes}
    expected = [
        np.mean(list(subject_means(result.targets, result.targets[f"r:dutch/{one}"]).values()))
        for one in ("mel", "conv1", "conv2", "gru")
    ]
    np.testing.assert_allclose(bars(axes["D  levels"]), expected, rtol=1e-6)
    axes = {one.get_title(loc="left").split(",")[0]: one for one in found["What training adds"].figure.axes}
    a1 = bars(axes["D  A1"])
    assert np.argmax(a1) == 0 and np.argmax(bars(axes["TPJ"])) == 2, "scenes at A1 and Dutch at TPJ were planted"
    difference = Contrast("", "dutch/gru", "untrained/gru").of(result.targets)
    assert a1[2] == pytest.approx(np.mean(list(subject_means(result.targets, difference, "A1").values())))
    assert "No tests: they need 6 subjects" in found["What training adds"].caption


def test_a_map_is_gray_where_it_is_not_significant(voxels):
    result, _ = voxels
    result = of_networks(result, ["dutch"])
    cortex, network = OnCortex(result), Networks(result.rows).all[0]
    tested = cortex.tested(Contrast("", network.top))
    assert 0.02 < tested.shown.mean() < 0.5
    drawn = levels_figure(result.targets, network, cortex, colors_of([network])["dutch"])
    meshes = [one for one in drawn.figure.axes[0].collections if isinstance(one, TriMesh)]
    assert len(meshes) == 4  # two hemispheres from two sides
    left = meshes[0].get_facecolors()[:, :3]
    np.testing.assert_array_equal(np.ptp(left, axis=1) > 1e-6, tested.shown[: len(left)])
    assert "q >= 0.05" in drawn.caption and "Fisher" in drawn.caption


def test_levels_are_compared_by_their_layer():
    result = of_networks(on_vertices(1, index=np.arange(0, 20484, 90)), ["untrained", "dutch"])
    result.rows = result.rows[~result.rows.row.isin(["dutch/conv1", "dutch/conv2"])]
    axes = {one.get_title(loc="left").split(",")[0]: one for one in by_title(result)["What training adds"].figure.axes}
    difference = result.targets["r:dutch/gru"].astype(float) - result.targets["r:untrained/gru"]
    assert bars(axes["B  levels"]) == [pytest.approx(difference.mean())]
    assert [one.get_text() for one in axes["B  levels"].get_xticklabels()] == ["+ gru"]


@pytest.mark.slow
def test_stars_of_many_subjects():
    some = np.arange(0, 20484, 60)
    found = by_title(of_networks(on_vertices(8, index=some), ["untrained", "dutch"]))
    axes = {one.get_title(loc="left").split(",")[0]: one for one in found["What training adds"].figure.axes}
    assert "**" in [text.get_text() for text in axes["C  all targets"].texts]
    assert "corrected p >= 0.05: signs of 8 subjects flipped, two-sided" in found["What training adds"].caption


def test_a_voxel_whose_brain_is_not_mni_is_drawn_by_its_place():
    result = of_networks(on_voxels(1, template="T1w"), ["dutch"])
    with findings.kept() as told:
        found = by_title(result)
    assert list(found) == [
        "Levels of dutch",
        "Profile over layers",
        "Regions and networks",
        "Shares of feature spaces",
        "Maps of voxels",
    ]
    assert told[0].kind == "left out" and told[0].where == "lebel/UTS01" and "T1w" in told[0].text
    assert "T1w" in found["Maps of voxels"].caption


@pytest.mark.slow
def test_sensors_have_topographies_lags_and_kernels():
    result = on_sensors(6)
    found = by_title(result)
    assert list(found) == [
        "Regions and networks",
        "Topographies of R",
        "Scores by lag",
        "Response functions of mel",
        "Response functions of word_rate",
    ]
    assert (
        "gradiometers" in found["Topographies of R"].figure.axes[0].get_title()
        and "two of a place" in found["Topographies of R"].caption
    )
    curve = found["Scores by lag"].figure.axes[1].lines[0]
    mean = result.lags.groupby("lag_s")["r:mel"].mean()
    np.testing.assert_allclose(curve.get_ydata(), mean, rtol=1e-6)
    assert curve.get_xdata()[np.argmax(curve.get_ydata())] == pytest.approx(150, abs=21)
    names = [one.get_title() for one in found["Response functions of mel"].figure.axes[:3]]
    best = result.targets[result.targets.name.isin(result.kernels.name)].groupby("name")["r:mel"].mean().nlargest(3)
    assert names == list(best.index)
    for one in found.values():
        one.figure.savefig(BytesIO(), format="png", dpi=40)


@pytest.mark.slow
def test_contacts_of_one_name_in_two_heads_are_not_averaged():
    two = on_sensors(2)
    one = replace(two, images={name: image | {"own_names": True} for name, image in two.images.items()})
    lines = [by_title(of)["Response functions of word_rate"].figure.axes[0].lines for of in (two, one)]
    assert len(lines[1]) - len(lines[0]) == two.kernels.name.nunique()
    assert "Topographies of R" in by_title(two) and "Topographies of R" not in by_title(one)
    assert "612 sensors" in by_title(one)["Scores by lag"].figure.axes[0].get_ylabel()


def test_voxels_are_named_by_their_number_in_the_mask_of_each_subject():
    one = on_voxels(2)
    moved = one.targets.assign(index=one.targets["index"] + (one.targets.subject == one.targets.subject.iloc[-1]))
    assert one.group.one_name and not replace(one, targets=moved).group.one_name


def test_sensors_of_other_systems_are_of_one_type():
    assert sensor_types(["MEG 0111", "MEG0112"]) == {"MEG 0111": "magnetometers", "MEG0112": "gradiometers"}
    assert set(sensor_types(["MLC11-1609", "MEG 0111"]).values()) == {"sensors"}
    assert set(sensor_types(["Fz", "Cz"]).values()) == {"sensors"}


def test_sparse_results_have_the_figures_that_they_can():
    result = on_sensors(1)
    targets = result.targets.drop(columns=["p:mel", "p:word_rate", "roi:temporal"]).assign(x=np.nan, y=np.nan)
    bare = BrainScoreResult(targets, result.rows, result.images, result.lags, None)
    assert list(by_title(bare)) == ["Regions and networks", "Scores by lag"]
    nothing = targets.assign(**{"r:mel": np.nan, "r:word_rate": np.nan})
    for one in by_title(BrainScoreResult(nothing, result.rows)).values():
        one.figure.savefig(BytesIO(), format="png", dpi=40)
    assert drawings(BrainScoreResult(targets.iloc[:0], result.rows)) == []
