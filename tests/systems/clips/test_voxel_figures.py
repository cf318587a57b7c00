"""Where a ridge's weights lie: a map with each weight at the place of its voxel."""

import numpy as np
import pandas as pd
import pytest

from n2s.systems.clips.voxel_figures import VIEWS, has_places, voxel_maps, voxel_table


@pytest.fixture
def grid():
    """Voxels of 4 mm, of which one has all the weight."""
    places = 4.0 * np.stack(np.meshgrid(np.arange(5), np.arange(4), np.arange(3), indexing="ij"), -1).reshape(-1, 3)
    strength = np.full(len(places), 0.5)
    strength[(places == [12, 4, 8]).all(1)] = 20.0
    return voxel_table("sim/01", strength, places - [8, 6, 4])


def test_the_strongest_voxel_is_in_its_place_in_front(grid):
    nowhere = voxel_table("sim/02", np.ones(3), None)
    figure = voxel_maps(pd.concat([grid, nowhere], ignore_index=True)).figure
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
    assert len(figure.axes) == 3 + 1  # one subject and its colour bar
    assert voxel_maps(nowhere) is None and has_places(grid) and not has_places(nowhere)
