"""Blocks of time: consecutive, of one stimulus, long enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n2s.metrics.blocks import time_blocks


def test_a_long_stimulus_is_cut_and_a_short_one_is_not():
    start_s = np.r_[np.arange(0, 300, 0.5), np.arange(0, 10, 0.5)]
    stimulus = np.r_[np.repeat("long", 600), np.repeat("short", 20)]
    block = time_blocks(stimulus, start_s, duration_s=3.0)
    # 315 s in 20 blocks of 15.7 s: 19 of the long one, and the short one
    assert np.unique(block).tolist() == list(range(20))
    assert len(np.unique(block[600:])) == 1
    np.testing.assert_allclose(np.bincount(block[:600]), 32, atol=3)  # windows every half second
    assert len(np.unique(time_blocks(stimulus, start_s, duration_s=3.0, n_blocks=7))) == 7
    assert len(np.unique(time_blocks(stimulus, start_s, duration_s=3.0, least_s=100.0))) == 3 + 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 500)), min_size=1, max_size=60),
    st.floats(0.1, 20.0),
    st.integers(1, 40),
)
@settings(max_examples=200, deadline=None)
def test_blocks_are_consecutive_windows_of_one_stimulus(windows, duration_s, n_blocks):
    stimulus, start_s = np.array([w[0] for w in windows]), np.array([w[1] for w in windows])
    block = time_blocks(stimulus, start_s, duration_s=duration_s, n_blocks=n_blocks)
    assert np.unique(block).tolist() == list(range(block.max() + 1))
    for number in range(block.max() + 1):
        (own,) = np.unique(stimulus[block == number])
        inside = start_s[block == number]
        others = start_s[(stimulus == own) & (block != number)]
        assert not ((others > inside.min()) & (others < inside.max())).any()
    assert len(np.unique(block)) <= n_blocks + 3


def test_what_is_no_window_is_refused():
    with pytest.raises(ValueError, match="the same length"):
        time_blocks(np.array(["a"]), np.array([0.0, 1.0]), duration_s=3.0)
    with pytest.raises(ValueError, match="finite starts"):
        time_blocks(np.array(["a"]), np.array([np.nan]), duration_s=3.0)


def test_borders_by_hand():
    """A window is where its middle is; numbers go on from one stimulus to the next, in the order of their names."""
    whole = time_blocks(np.repeat("a", 100), np.arange(100.0), duration_s=1.0, n_blocks=4)
    np.testing.assert_array_equal(whole, np.repeat(np.arange(4), 25))
    late = time_blocks(np.repeat("a", 100), 7 + np.arange(100.0), duration_s=1.0, n_blocks=4)
    np.testing.assert_array_equal(late, whole)
    both = time_blocks(np.repeat(["b", "a"], 50), np.tile(np.arange(50.0), 2), duration_s=1.0, n_blocks=4)
    np.testing.assert_array_equal(both, np.r_[np.repeat([2, 3], 25), np.repeat([0, 1], 25)])
    assert time_blocks(np.repeat("a", 100), np.arange(100.0), duration_s=1.0).max() == 19
    assert time_blocks(np.repeat("a", 40), np.arange(40.0), duration_s=1.0).max() == 7  # of five windows at least
    for wrong in ({"duration_s": 0.0}, {"duration_s": 1.0, "n_blocks": 0}):
        with pytest.raises(ValueError, match="expected positive numbers"):
            time_blocks(np.array(["a"]), np.array([0.0]), **wrong)
