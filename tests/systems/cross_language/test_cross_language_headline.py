"""What the page says of the people that models are learned from."""

from types import SimpleNamespace

import pandas as pd
import pytest
from cross_language_runs import data_of, outcome

from n2s.metrics.score import ALL
from n2s.systems.cross_language import page

HEARD = {"01": ["es"], "02": ["es"], "03": ["es"], "04": ["eu"], "05": ["eu"]}


@pytest.mark.slow
def test_unlike_numbers_of_others_are_said(tmp_path):
    """Who heard eu has one other listener of eu; who heard es has two of each."""
    data = data_of(tmp_path, n_subjects=5, heard=HEARD, n_each=1, n_folds=2)
    result = outcome(tmp_path, data, controls=[], decode=False, alphas=[10.0], n_shifts=2, n_bootstrap=2)
    assert "mean response of 1 to 2 of them" in " ".join(result.shown()[0].headline)
    # cells are of those who heard what they test, and the page says so
    assert all(one in " ".join(result.shown()[0].headline) for one in ("es → es: 3", "es → eu: 2", "other cells"))
    own = result.cells[(result.cells.subject == ALL) & (result.cells.region == "all")]
    assert own.set_index("cell").people[["es->es", "eu->eu"]].tolist() == [3, 2]
    # and so is each listener's scale of features, which is of one language here
    assert any("another scale in each language" in one for one in result.shown()[0].notes)


def test_who_heard_two_languages_is_not_denied():
    settings = {"languages": ["es", "eu"], "spaces": ["meaning"], "people": "others", "content": "held_out"}
    settings |= {"n_people": 2, "most_people": 2, "n_several": 3, "clean_features": True}
    cells = pd.DataFrame({"subject": ["a"], "role": "model", "design": "held_out", "label": "es → es"})
    told = page.headline(SimpleNamespace(settings=settings, cells=cells))
    assert not any("Nobody" in one for one in told) and any("learned from other people" in one for one in told)
    assert not any("other people in other cells" in one for one in told)
    assert "another scale" not in page.features_of(settings | {"people": "own"})[0]
