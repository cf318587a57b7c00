"""The mean response of several people is of the same moments of a sound, whenever it was paused for each."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from n2s.errors import UserError
from n2s.systems.cross_language.inputs import moments
from n2s.systems.cross_language.people import Trained


def inputs(subject, seconds, tr_s=2.0):
    """Rows of one run; NaN: nothing plays."""
    seconds = np.array(seconds, float)
    table = pd.DataFrame(
        {
            "recording": pd.Categorical([f"{subject}/run"] * len(seconds)),
            "stimulus": pd.Categorical(["two/a"] * len(seconds)),
            "repeat": 0,
            "stimulus_s": seconds,
            "row": np.arange(len(seconds)),
            "heard": ~np.isnan(seconds),
        }
    )
    brain = np.where(table.heard, seconds, -1.0).astype(np.float32)[:, None]
    data = SimpleNamespace(rate_hz={"a": 0.5, "b": 0.5, "c": 0.8})
    return SimpleNamespace(rows=SimpleNamespace(table=table), data=data, subject=subject, brain=brain)


NONE = np.nan
HEARD = {
    "a": [NONE, 0, 2, 4, NONE, NONE, 6, 8, NONE],  # paused after 4 s
    "b": [1, 3, 5, 7, 9, NONE, NONE],  # a second later on the scanner's clock
    "c": [0, 1.25, 2.5],
}


@pytest.fixture
def trained(monkeypatch):
    found = {name: inputs(name, seconds) for name, seconds in HEARD.items()}
    monkeypatch.setattr("n2s.systems.cross_language.people.Inputs", lambda data, name, fold, rate: found[name])
    one = Trained.__new__(Trained)
    one.data, one.rate, one._fold = found["a"].data, "", lambda name: None
    return one


def test_a_pause_moves_nothing(trained):
    mean = trained._mean(["a", "b"]).brain[:, 0]
    np.testing.assert_allclose(mean, [-1, 0, 1.5, 3.5, -1, -1, 5.5, 7.5, -1])
    assert moments(inputs("a", HEARD["a"])).get_level_values("moment").tolist() == [-1, 0, 1, 2, 3, 4, 3, 4, 5]


def test_people_of_other_rates_have_no_mean(trained):
    with pytest.raises(UserError, match="every 1.25 s.*every 2 s"):
        trained._mean(["a", "c"])
