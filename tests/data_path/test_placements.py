"""Where windows start, what they are of, and what lies between them: by hand, at the borders."""

import numpy as np
import pandas as pd
import pytest

from n2s.data.placements import Grid, WordOnsets
from n2s.data.spans import lengths, merged, minus
from n2s.data.windows import Windows, WindowShape, instants, lay_windows
from n2s.errors import UserError


def _words(*onset):
    return pd.DataFrame({"onset": onset})


def test_a_grid_is_of_the_sound_and_inside_the_interval():
    grid = Grid(0.5)
    assert grid.starts(1.0, 5.0, 3.0, None).tolist() == [1.0, 1.5, 2.0]  # both ends fit exactly
    assert grid.starts(1.2, 4.9, 3.0, None).tolist() == [1.5]
    assert grid.starts(1.0 + 1e-7, 5.0 - 1e-7, 3.0, None).tolist() == [1.0, 1.5, 2.0]  # rounding is forgiven
    assert grid.starts(1.0 + 1e-5, 5.0 - 1e-5, 3.0, None).tolist() == [1.5]
    assert grid.starts(0.0, 2.9, 3.0, None).tolist() == []
    assert (Grid().step_s, Grid().jitter_s, Grid(2.0, jitter=True).jitter_s) == (0.5, 0.0, 2.0)
    assert Grid(0.001).step_s == 0.001 and not grid.needs_words
    for step_s in (0.0, -1.0):
        with pytest.raises(UserError, match="Grid: step_s"):
            Grid(step_s)


def test_a_window_begins_half_a_second_before_its_word():
    onsets = WordOnsets()
    words = _words(2.0, 1.5, 2.0, 0.4, 4.5)
    assert onsets.starts(1.0, 7.0, 3.0, words).tolist() == [1.0, 1.5, 4.0]  # each once, sorted, both ends exactly
    assert onsets.starts(1.01, 6.99, 3.0, words).tolist() == [1.5]
    assert WordOnsets(0.0).starts(0.0, 9.0, 3.0, words).tolist() == [0.4, 1.5, 2.0, 4.5]
    assert onsets.needs_words


def test_the_shape_of_a_window_in_samples():
    shape = WindowShape(120.0)
    assert (shape.n_window, shape.n_offset, shape.n_baseline, shape.n_times) == (360, 18, 60, 342)
    assert shape.duration_s == 342 / 120.0
    WindowShape(100.0, 1.0, 0.0, 0.0)
    WindowShape(100.0, 1.0, 0.5, 1.0)  # a baseline as long as the window
    for wrong in ((1.0, 1.0, 0.0), (1.0, -0.1, 0.0), (1.0, 0.0, 1.1), (1.0, 0.0, -0.1)):
        with pytest.raises(UserError, match="the offset must be shorter|_s is -0.1"):
            WindowShape(100.0, *wrong)


def _laid(bad, *, jitter=False, placement=None, same_s=0.01):
    intervals = pd.DataFrame({"recording": ["a", "b"], "stimulus": ["s", "s"], "audio": "x", "onset": [10.0, 0.0]})
    intervals = intervals.assign(stimulus_onset=[0.0, 1.0], duration=[6.0, 3.0])
    return lay_windows(
        intervals, placement or Grid(1.0, jitter=True), window_s=2.0, words={"s": None}, bad_spans=bad, jitter=jitter,
        same_s=same_s,
    )  # fmt: skip


def test_windows_touch_nothing_that_is_bad():
    good = {"a": [], "b": []}
    windows = _laid(good)
    assert windows.start_s.tolist() == [0.0, 1, 2, 3, 4, 1, 2] and windows.interval.tolist() == [0] * 5 + [1] * 2
    assert windows.segment.tolist() == [0, 1, 2, 3, 4, 1, 2] and windows.jitter_s == 0.0
    # the bad stretch of a is 13 to 14 on its own clock, 3 to 4 of the sound: a window may touch its ends
    assert _laid({"a": [(13.0, 1.0)], "b": []}).start_s.tolist() == [0.0, 1, 4, 1, 2]
    assert _laid({"a": [(12.0, 1e-3), (15.0, 1e-3)], "b": []}).start_s.tolist() == [0.0, 3, 1, 2]
    assert _laid({"a": [], "b": [(0.0, 9.0)]}).start_s.tolist() == [0.0, 1, 2, 3, 4]
    moved = _laid({"a": [(13.0, 1.0)], "b": []}, jitter=True)
    assert moved.jitter_s == 0.99 and moved.start_s.tolist() == [0.0, 4, 1, 2]  # moved ones would reach it
    assert _laid(good, jitter=True, same_s=2.0).jitter_s == 0.0
    nothing = _laid(good, placement=Grid(50.0))
    assert len(nothing) == 1 and nothing.start_s.tolist() == [0.0]


def test_segments_know_their_first_window():
    table = pd.DataFrame({"stimulus": ["p", "q"], "story": ["u", "v"], "study": ["m", "n"], "recording_index": [3, 1]})
    windows = Windows(
        table, np.array([0, 1, 0, 1]), np.array([0.5, 2.0, 4.0, 2.0]), np.array([0, 1, 2, 1]),
        sentence=np.array([0, 1, -1, 1]),
    )  # fmt: skip
    assert windows.first.tolist() == [0, 1, 2] and len(windows) == 4
    expected = {"stimulus": [*"pqp"], "start_s": [0.5, 2.0, 4.0], "story": [*"uvu"], "first": [0, 1, 2]}
    assert windows.segments.to_dict("list") == expected
    assert windows.segments_of(np.array([3, 2]))["first"].tolist() == [3, 2]
    assert windows.sentence_heard.tolist() == [6, 3, -1, 3]
    (m, own), (n, other) = windows.by_study().items()
    assert (m, own[0].tolist(), own[1].tolist()) == ("m", [0, 2], [0, 2])
    assert (n, other[0].tolist(), other[1].tolist()) == ("n", [1, 3], [1])


def test_the_first_sample_of_a_window():
    """The nearest one, none before the interval: of recordings of other rates."""
    table = pd.DataFrame({"onset": [1.006, 2.0], "stimulus_onset": [0.0, 5.0], "recording_index": [1, 0]})
    windows = Windows(table, np.array([0, 1]), np.array([0.0, 5.5]), np.array([0, 1]))
    sfreq = np.array([10.0, 100.0])
    rows = np.array([0, 1])
    assert windows.brain_start(windows.start_s, sfreq, rows).tolist() == [101, 25]
    assert windows.brain_start(np.array([5.56]), sfreq, rows[1:]).tolist() == [26]
    late = Windows(table.assign(onset=[1.004, 2.0]), np.array([0]), np.zeros(1), np.zeros(1, int))
    assert late.brain_start(late.start_s, sfreq, rows[:1]).tolist() == [101]  # 100 is nearer, but before it


def test_instants_by_hand():
    number, common_s = instants(np.array([*"bbaab"]), np.array([1.0, 1.5, 1.0, 0.9, 1.4]), 0.5)
    assert number.tolist() == [0, 1, 2, 2, 0] and common_s.tolist() == [1.0, 1.5, 0.9, 0.9, 1.0]
    number, common_s = instants(np.array([*"aaaaa"]), np.array([0.0, 0.3, 0.6, 0.9, 1.2]), 0.5)  # a chain is cut
    assert number.tolist() == [0, 0, 1, 1, 2] and common_s.tolist() == [0.0, 0.0, 0.6, 0.6, 1.2]


def test_the_union_of_stretches():
    spans = np.array([[4.0, 5.0], [0.0, 2.0], [0.5, 1.0], [2.0, 3.0]])  # inside, and touching
    assert merged(spans).tolist() == [[0.0, 3.0], [4.0, 5.0]]
    assert merged(pd.DataFrame({"stimulus_onset": [1.0, 2.5], "duration": [1.0, 1.0]})).tolist() == [[1, 2], [2.5, 3.5]]
    assert merged(np.zeros((0, 2))).shape == (0, 2)


def test_what_is_left_of_stretches():
    taken = np.array([[1.0, 2.0], [3.0, 4.0], [9.0, 10.0]])
    assert minus(np.array([[0.0, 5.0]]), taken).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert minus(np.array([[1.5, 3.0], [2.0, 3.5]]), taken).tolist() == [[2, 3], [2, 3]]
    assert minus(np.array([[1.0, 2.0], [3.2, 3.8]]), taken).shape == (0, 2)
    assert minus(np.array([[4.0, 9.0]]), taken).tolist() == [[4, 9]]
    assert minus(np.zeros((0, 2)), taken).shape == (0, 2)
    near = np.array([[1.0 + 5e-7, 2.0]])
    assert minus(np.array([[1.0, 2.0]]), near).shape == (0, 2)  # a rounding error is no stretch
    assert lengths(np.array([[1.0, 3.0], [2.0, 2.5]])).tolist() == [2.0, 0.5]
