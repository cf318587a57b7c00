import numpy as np
import pytest

from n2s.errors import UserError
from n2s.features import FeatureStore, Ready
from n2s.studies.study import Frames, Stimulus

VALUES = np.arange(40.0).reshape(20, 2)


def stimulus(values=VALUES, rate_hz=64.0, start_s=0.0) -> Stimulus:
    return Stimulus("a", None, ready=Frames(values, rate_hz, start_s))


def test_the_studys_array_is_passed_on():
    frames = Ready(2).extract(stimulus(start_s=0.25))
    assert frames.values.dtype == np.float32
    np.testing.assert_array_equal(frames.values, VALUES)
    assert (frames.rate_hz, frames.start_s) == (64.0, 0.25)
    assert Ready(2).n_features == 2


def test_a_stretch_keeps_the_clock():
    frames = Ready(2).extract(stimulus(), 4 / 64, 8 / 64)
    np.testing.assert_array_equal(frames.values, VALUES[4:8])
    assert frames.start_s == 4 / 64
    between = Ready(2).extract(stimulus(), 4.5 / 64, 7.5 / 64)
    np.testing.assert_array_equal(between.values, VALUES[5:8])
    assert between.start_s == 5 / 64


def test_nothing_is_cached(tmp_path):
    store = FeatureStore(Ready(2), tmp_path / "cache")
    found = store.frames(stimulus(), cuts_s=[0.1])
    assert len(found) == 1
    np.testing.assert_array_equal(found[0].values, VALUES)
    assert not (tmp_path / "cache").exists()


def test_what_is_wrong_is_said():
    with pytest.raises(UserError, match="no ready features"):
        Ready(2).extract(Stimulus("a", None))
    with pytest.raises(UserError, match=r"'a'.*\(20, 2\); expected \(frames, 3\)"):
        Ready(3).extract(stimulus())
    with pytest.raises(UserError, match="rate_hz is 0; expected a number above 0"):
        Ready(2).extract(stimulus(rate_hz=0.0))
    broken = VALUES.copy()
    broken[5, 1] = np.nan
    with pytest.raises(UserError, match="1 of 20 frames .* frame 5, at 0.078 s"):
        Ready(2).extract(stimulus(broken))
