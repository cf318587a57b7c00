"""Tables of the linear decoder's page."""

import pandas as pd

from n2s.systems.linear.summary import tables


def test_many_measures_are_in_tables_that_fit_on_a_page():
    measures = ["r", *(f"match, {one} s" for one in (2, 5, 10)), *(f"attended, {one} s" for one in (5, 10, 30, 60))]
    line = {"target": "mel", "value": 0.5, "low": 0.4, "high": 0.6, "p": 0.01}
    values = pd.DataFrame([line | {"subject": who, "measure": one} for who in ("a", "b") for one in measures])
    found = tables(values, pd.DataFrame({"target": [], "fold": [], "subject": [], "r": []}))
    assert list(found) == ["mel, each subject (1)", "mel, each subject (2)"]
    assert all(len(heads) == 9 and [row[0] for row in rows] == ["a", "b"] for heads, rows in found.values())
    few = tables(values[values.measure.isin(measures[:4])], pd.DataFrame({"target": [], "fold": []}))
    assert list(few) == ["mel, each subject"]
