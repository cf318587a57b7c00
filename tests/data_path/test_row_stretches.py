"""Stretches of rows: no lag crosses a gap or the border of a recording."""

import numpy as np
import pandas as pd

from n2s.data.row_stretches import row_stretches


def test_gaps_and_borders_of_recordings_part_them():
    rows = pd.DataFrame({"recording": pd.Categorical(["a"] * 5 + ["b"] * 5)})
    numbers = np.array([0, 1, 3, 4, 5, 6, 9])
    found = [numbers[part].tolist() for part in row_stretches(rows, numbers)]
    assert found == [[0, 1], [3, 4], [5, 6], [9]]
    assert row_stretches(rows, np.array([], int)) == []
