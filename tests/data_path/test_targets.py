"""The table of standardised targets."""

import numpy as np
import pandas as pd
import pytest

from n2s.data.targets import Targets, _moments, _standardised, split_borders
from n2s.data.windows import Windows, WindowShape
from n2s.errors import UserError
from n2s.features import Ready
from n2s.findings import kept
from n2s.studies.study import Frames, Stimulus


def test_a_dimension_that_never_changes_in_training_is_zero_everywhere(monkeypatch, tmp_path):
    """Else a rounding error is divided by: the first sound that differs would be infinite."""
    values = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
    values[:, 1] = 0.1 + 0.2  # not the same number in float32 sums
    values[150:, 1] = 7.0
    rows = [("train", 0.0, 10.0), ("val", 10.0, 5.0), ("test", 15.0, 5.0)]
    windows = {}
    for split, start_s, duration_s in rows:
        interval = {"stimulus": "a", "stimulus_onset": start_s, "duration": duration_s, "onset": start_s, "unit": split}
        interval |= {"story": split, "split": split, "audio": "a", "context_start_s": 0.0, "context_stop_s": np.inf}
        windows[split] = Windows(pd.DataFrame([interval]), np.zeros(1, int), np.array([start_s]), np.zeros(1, int))
    stimuli = {"a": Stimulus("a", None, ready=Frames(values, 10.0))}
    targets = Targets(Ready(2), stimuli, windows, WindowShape(10.0, 2.0, 0.0, 0.0), per_dimension=True)
    assert np.isfinite(targets.values).all() and not targets.values[:, 1].any()
    train = targets.values[:100, 0].astype(float)
    assert abs(train.mean()) < 1e-2 and abs(train.std() - 1) < 1e-2


def test_moments_in_pieces_are_those_of_all(monkeypatch):
    rng = np.random.default_rng(1)
    values, known = rng.normal([1.0, -20.0, 0.0], [1.0, 3.0, 0.1], (300, 3)).astype(np.float32), np.arange(0, 300, 2)
    exact = values[known].astype(float)
    for block in (2**24, 90):  # in one piece, and in five
        monkeypatch.setattr("n2s.data.targets.BLOCK", block)
        mean, deviation, largest = _moments(values, known, per_dimension=True)
        np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-6)
        np.testing.assert_allclose(deviation, exact.std(0), rtol=1e-6)
        np.testing.assert_array_equal(largest, np.abs(exact).max(0))
        mean, deviation, largest = _moments(values, known, per_dimension=False)
        assert (mean, deviation, largest) == pytest.approx((exact.mean(), exact.std(), np.abs(exact).max()))
        plain = _standardised(values, known, np.zeros(3), np.ones(3))
        assert plain.dtype == np.float16 and np.abs(plain - values).max() < 0.02
    offset = _standardised(values + np.float32(3000), known, np.zeros(3), np.ones(3))  # float16 has steps of 2 there
    assert offset.dtype == np.float32 and np.array_equal(offset, values + np.float32(3000))


def test_borders_are_inside_the_sound_and_each_once():
    table = pd.DataFrame({"context_start_s": [0.0, 4.0, 9.0, 4.0], "context_stop_s": [4.0, 9.0, np.inf, 9.0]})
    assert split_borders(table).tolist() == [4.0, 9.0]


def windows_of(rows):
    """One window of 2 s at each (split, start) of stimulus a."""
    found = {}
    for split, start_s in rows:
        interval = {"stimulus": "a", "stimulus_onset": start_s, "duration": 2.0, "onset": start_s, "unit": split}
        interval |= {"story": split, "split": split, "audio": "a", "context_start_s": 0.0, "context_stop_s": np.inf}
        found[split] = Windows(pd.DataFrame([interval]), np.zeros(1, int), np.array([start_s]), np.zeros(1, int))
    return found


def targets_of(values, rows, start_s=0.0):
    stimuli = {"a": Stimulus("a", None, ready=Frames(values, 10.0, start_s))}
    return Targets(Ready(2), stimuli, windows_of(rows), WindowShape(10.0, 2.0, 0.0, 0.0), per_dimension=True)


def test_a_window_is_not_filled_with_one_repeated_frame():
    values = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    rows = [("train", 0.0), ("val", 4.0), ("test", 8.0)]
    targets_of(values, rows)
    targets_of(values[:98], rows)  # 0.2 s are missing: a rounded time
    with pytest.raises(
        UserError,
        match=r"'a': 1 windows reach out of its Ready, .* 8\.00 to 10\.00 s: frames are there from 0\.00 to 8\.90",
    ):
        targets_of(values[:90], rows)
    with pytest.raises(UserError, match=r"frames are there from 1\.00 to"):
        targets_of(values, rows, start_s=1.0)


def test_windows_whose_target_never_changes_are_told():
    values = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    rows = [("train", 0.0), ("val", 4.0), ("test", 8.0)]
    with kept() as findings:
        targets_of(values, rows)
    assert not findings
    values[79:] = values[79]
    with kept() as findings:
        targets_of(values, rows)
    assert [one.where for one in findings] == ["1 of 1 test windows (the first: a, 8.00 s)"]
    assert findings[0].kind == "odd" and "never changes" in findings[0].text
