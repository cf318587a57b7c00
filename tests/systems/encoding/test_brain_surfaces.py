"""Values come to the right vertices of fsaverage5, and meshes are told apart."""

import numpy as np
import pandas as pd
import pytest
from encoding_results import AFFINE, SHAPE, of_networks, on_vertices
from nibabel import Nifti1Image
from nilearn.datasets import load_fsaverage
from nilearn.surface import vol_to_surf

from n2s.errors import UserError
from n2s.systems.encoding.cortex.surface_views import Scale, scale_of, vertex_colors
from n2s.systems.encoding.cortex.surfaces import (
    DEPTHS,
    FSAVERAGE,
    N,
    brought,
    check_mesh,
    fsaverage5,
    largest,
    not_drawn,
    onto_cortex,
)
from n2s.systems.encoding.figures.drawings import drawings


def table(places: np.ndarray | None = None, index: np.ndarray | None = None) -> pd.DataFrame:
    n = len(places) if places is not None else len(index)
    places = np.full((n, 3), np.nan) if places is None else places
    index = np.full(n, -1) if index is None else index
    return pd.DataFrame({"index": index} | dict(zip("xyz", places.T, strict=True)))


@pytest.fixture(scope="module")
def volume() -> tuple[np.ndarray, pd.DataFrame]:
    """Random values of a whole image, and its voxels in C order."""
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    at = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).reshape(-1, 3)
    return values, table((AFFINE @ np.c_[at, np.ones(len(at))].T)[:3].T, np.arange(len(at)))


@pytest.fixture(scope="module")
def sampled(volume) -> np.ndarray:
    """(10242,) nilearn's value of each vertex of the right hemisphere."""
    mesh = load_fsaverage("fsaverage5")
    each = [
        vol_to_surf(
            Nifti1Image(volume[0], AFFINE), mesh["pial"].parts["right"], inner_mesh=mesh["white_matter"].parts["right"],
            interpolation="nearest_most_frequent", kind="depth", depth=[depth],
        )
        for depth in DEPTHS
    ]  # fmt: skip
    return np.mean(each, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("known", [{"shape": SHAPE, "affine": AFFINE.tolist()}, {}], ids=["image", "places alone"])
def test_voxels_are_those_that_nilearn_finds(volume, sampled, known):
    values, voxels = volume
    image = {"kind": "voxel", "template": "MNI152NLin6Asym"} | known
    assert not_drawn(image, voxels) is None
    found = brought(onto_cortex(voxels, image, "sub-01"), values.ravel().astype(np.float64))
    assert np.isclose(found[N:], sampled, atol=1e-6).mean() > 0.999  # a point may lie on the border of two voxels


def test_voxels_that_were_not_measured_leave_vertices_empty(volume):
    values, voxels = volume
    left = voxels[voxels.x < 0]
    weights = onto_cortex(left, {"kind": "voxel", "affine": AFFINE.tolist(), "template": "MNI"}, "sub-01")
    found = brought(weights, np.ones(len(left)))
    middle = (fsaverage5().white + fsaverage5().pial) / 2
    assert np.isnan(found[middle[:, 0] > 6]).all() and (found[middle[:, 0] < -6] == 1).all()
    holes = np.where(np.arange(len(left)) % 2, 1.0, np.nan)
    assert (brought(weights, holes)[np.isfinite(brought(weights, holes))] == 1).all(), (
        "NaN is left out, not counted as 0"
    )
    p = np.random.default_rng(1).uniform(size=len(left))
    read = np.flatnonzero(np.diff(weights.indptr))[7]
    assert largest(weights, p)[read] == p[weights.indices[weights.indptr[read] : weights.indptr[read + 1]]].max()


def test_vertices_keep_their_place():
    values = np.random.default_rng(0).normal(size=2 * N)
    image = {"kind": "vertex", "mesh": "fsaverage5", "shape": [2 * N]}
    order = np.random.default_rng(1).permutation(2 * N)
    found = brought(onto_cortex(table(index=order), image, "sub-01"), values[order])
    np.testing.assert_array_equal(found, values)
    fine, n = FSAVERAGE["fsaverage6"], 2 * FSAVERAGE["fsaverage6"]
    values = np.random.default_rng(0).normal(size=n)
    found = brought(onto_cortex(table(index=np.arange(n)), {"kind": "vertex", "mesh": "fsaverage6"}, "sub-01"), values)
    np.testing.assert_array_equal(found, np.r_[values[:N], values[fine : fine + N]])


def test_coarse_and_decimated_meshes_take_the_nearest_vertex_and_regions_stay_regions():
    sphere = fsaverage5().sphere
    n = FSAVERAGE["fsaverage4"]
    found = brought(
        onto_cortex(table(index=np.arange(2 * n)), {"kind": "vertex", "mesh": "fsaverage4"}, "a"), np.arange(2.0 * n)
    )
    some = np.random.default_rng(0).choice(N, 50, replace=False)
    for vertex in some:
        distance = np.linalg.norm(sphere[:n] - sphere[vertex], axis=1)
        assert distance[int(found[vertex])] == pytest.approx(distance.min(), rel=1e-6)
        assert n <= found[N + vertex] < 2 * n
    tenth = np.arange(0, 2 * N, 10)
    image = {"kind": "vertex", "mesh": "fsaverage5"}
    assert np.isfinite(brought(onto_cortex(table(index=tenth), image, "a"), np.ones(len(tenth)))).mean() > 0.98
    region = np.flatnonzero(np.linalg.norm(sphere[:N] - sphere[100], axis=1) < 30)
    known = np.isfinite(brought(onto_cortex(table(index=region), image, "a"), np.ones(len(region))))
    assert set(np.flatnonzero(known)) == set(region)


def test_another_mesh_is_named():
    check_mesh("fsaverage5", 20484, "sub-01")
    check_mesh("fsLR", 59412, "sub-01")
    check_mesh("a mesh of the lab", 7, "sub-01")
    with pytest.raises(
        UserError, match=r"mous/sub-01: a surface of 81924 vertices cannot be 'fsaverage5'.*20484.*size of fsaverage6"
    ):
        check_mesh("fsaverage5", 81924, "mous/sub-01")
    wrong = of_networks(on_vertices(1), ["dutch"])
    wrong.images["mous/sub-01"] = {"kind": "vertex", "mesh": "fsaverage4"}
    with pytest.raises(
        UserError, match=r"mous/sub-01: vertices 0 to 20483 are not those of 'fsaverage4', which has 5124"
    ):
        drawings(wrong)


def test_what_is_not_drawn_says_why():
    own = table(np.zeros((3, 3)))
    assert "only written" in not_drawn({"kind": "vertex", "mesh": "fsLR"}, own)
    assert "fsaverage6" in not_drawn({"kind": "vertex", "mesh": "mine"}, own)
    assert "not said to be in MNI" in not_drawn({"kind": "voxel"}, own)
    assert "in T1w" in not_drawn({"kind": "voxel", "template": "T1w"}, own)
    assert "places" in not_drawn({"kind": "voxel", "template": "MNI152NLin6Asym"}, table(index=np.arange(3)))
    assert "sensors" in not_drawn({"kind": "sensor"}, own)


def test_colours_only_where_something_is_shown():
    values = np.linspace(0, 1, 2 * N)
    shown = values > 0.4
    values[-5:] = np.nan
    colors = vertex_colors(values, shown, Scale(0.9))
    gray = np.ptp(colors, axis=1) < 1e-9
    np.testing.assert_array_equal(~gray, shown & np.isfinite(values))
    both = vertex_colors(values - 0.7, np.ones(2 * N, bool), Scale(0.3, difference=True))
    assert both[N, 2] > both[N, 0] and both[-10, 0] > both[-10, 2], "below 0 blue, above red"


def test_one_scale_serves_several_maps():
    one, other = np.r_[np.linspace(0, 0.2, 1000), np.nan], np.r_[np.linspace(-0.5, 0.4, 1000), 9.0]
    every = [(one, np.isfinite(one)), (other, other < 1)]
    assert scale_of(every).limit == pytest.approx(
        np.quantile(np.r_[one[1:-1], other[(other > 0) & (other < 1)]], 0.995)
    )
    assert scale_of(every, difference=True).limit == pytest.approx(0.5, abs=0.01)
    assert scale_of([(one, np.zeros(len(one), bool))]).limit == pytest.approx(0.2, abs=0.01), (
        "nothing is significant: all values"
    )
    assert scale_of([(np.full(3, np.nan), np.ones(3, bool))]).limit == 1
