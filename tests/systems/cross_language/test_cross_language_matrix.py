"""The matrix of cells where a region is only of people who heard some of the languages."""

from types import SimpleNamespace

import pandas as pd

from n2s.metrics.score import ALL
from n2s.systems.cross_language import figures


def test_a_region_of_some_people_alone_has_empty_cells():
    rows = [("all", one, one) for one in ("en", "es", "eu")] + [("A1", one, one) for one in ("es", "eu")]
    cells = pd.DataFrame(rows, columns=["region", "train", "test"]).assign(
        subject=ALL, role="model", design="held_out", measure="r", value=0.1, q=0.01
    )
    drawn = figures.matrix_figure(SimpleNamespace(cells=cells, settings={"spaces": ["meaning"]}))
    texts = [len(axes.texts) for axes in drawn.figure.axes if axes.get_visible()]
    assert texts == [3, 2]
