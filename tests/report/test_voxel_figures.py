"""Where a ridge's weights lie: kept after a test, and put where the voxels are."""

import numpy as np
import pandas as pd
import pytest

from n2s.report.run_figures import throughput_curves
from n2s.systems.clips.voxel_figures import VIEWS, VoxelWeights, read_voxels, voxel_maps, write_voxels


@pytest.fixture
def grid():
    """Voxels of 4 mm, of which one has all the weight."""
    places = 4.0 * np.stack(np.meshgrid(np.arange(5), np.arange(4), np.arange(3), indexing="ij"), -1).reshape(-1, 3)
    strength = np.full(len(places), 0.5)
    strength[(places == [12, 4, 8]).all(1)] = 20.0
    return VoxelWeights("sim/01", strength, places - [8, 6, 4])


def test_what_was_written_is_read_again(grid, tmp_path):
    write_voxels(tmp_path / "voxels.npz", [grid, VoxelWeights("sim/02", np.arange(3.0), None)])
    one, two = read_voxels(tmp_path / "voxels.npz")
    np.testing.assert_array_equal(one.places, grid.places)
    np.testing.assert_array_equal(one.strength, grid.strength)
    assert (two.subject, two.places) == ("sim/02", None) and two.strength.tolist() == [0, 1, 2]


def test_the_strongest_voxel_is_in_its_place_in_front(grid):
    figure = voxel_maps([grid, VoxelWeights("sim/02", np.ones(3), None)]).figure
    figure.canvas.draw()
    panels = figure.axes[:3]
    for axes, (title, (across, up), _) in zip(panels, VIEWS, strict=True):
        (squares,) = axes.collections
        last = squares.get_paths()[-1].vertices  # drawn last
        np.testing.assert_allclose(last[:4].mean(0), np.array([4.0, -2.0, 4.0])[[across, up]])
        assert np.ptp(last[:, 0]) == pytest.approx(4.0)  # as wide as a voxel
        relative = squares.get_array()
        assert relative[-1] == pytest.approx(20 / grid.strength.mean()) and axes.get_title() == title
        assert axes.get_aspect() == 1
    assert voxel_maps([VoxelWeights("sim/02", np.ones(3), None)]) is None


def test_throughput_is_the_epochs_and_a_share_of_the_peak_takes_the_place_of_gflops():
    log = pd.DataFrame(
        {
            "epoch": [0, 0, 1],
            "train/loss": [1.0, 2.0, 3.0],
            "throughput/windows_per_s": [np.nan, 100.0, 200.0],
            "throughput/data_wait": [np.nan, 0.25, 0.5],
            "throughput/gflops_per_s": [np.nan, 5.0, 6.0],
        }
    )
    panels = throughput_curves(log).figure.axes
    shown = {axes.get_ylabel(): axes.lines[0].get_ydata().tolist() for axes in panels}
    assert shown == {"windows a second": [100, 200], "waiting for data (%)": [25, 50], "GFLOPS": [5, 6]}
    with_peak = throughput_curves(log.assign(**{"throughput/utilisation": 0.3})).figure.axes
    assert [axes.get_ylabel() for axes in with_peak][2:] == ["of the peak FLOPS (%)"]
    assert throughput_curves(log[["epoch", "train/loss"]]) is None
