"""Exchanged brain and speech: a bijection of what each subject heard, that keeps neighbours and never the own segment."""

import numpy as np
import pandas as pd

from n2s.metrics.exchange import exchanged_targets


def table(stimulus, start_s, duration_s=3.0):
    return pd.DataFrame({"stimulus": stimulus, "start_s": start_s, "duration_s": duration_s})


def test_a_circle_is_turned_alike_for_all_and_nobody_meets_what_overlaps():
    candidates = table("a", np.arange(40) * 1.0)  # 3 s, every second
    target = np.tile(np.arange(40), 2)
    subject = np.repeat(["s/a", "s/b"], 40)
    asked = exchanged_targets(target, subject, candidates)
    assert (asked[:, :40] == asked[:, 40:]).all()
    assert len(asked) == 39 - 4  # turns by 1, 2, 38, 39: windows that overlap
    for row in asked:
        used = row[:40][row[:40] >= 0]
        assert len(np.unique(used)) == len(used) and (row[:40] >= 0).mean() > 0.9
    kept = asked[:, :40] >= 0
    assert (np.abs(asked[:, :40] - np.arange(40))[kept] >= 3).all()
    neighbours = np.diff(asked[:, :40], axis=1)
    assert (neighbours == 1).mean() > 0.9


def test_each_is_asked_only_for_what_it_heard_and_twice_heard_is_one_segment():
    candidates = table(np.repeat(["b", "a"], 10), np.tile(np.arange(10) * 3.0, 2))
    first = np.r_[np.arange(10), np.arange(10)]  # s/a heard story b twice
    second = np.arange(5, 20)
    target, subject = np.r_[first, second], np.repeat(["s/a", "s/b"], [20, 15])
    asked = exchanged_targets(target, subject, candidates)
    assert len(asked) > 5
    assert set(np.unique(asked[:, :20])) <= {-1, *range(10)}
    assert set(np.unique(asked[:, 20:])) <= {-1, *range(5, 20)}
    np.testing.assert_array_equal(asked[:, :10], asked[:, 10:20])


def test_sentences_are_exchanged_whole_with_as_long_ones():
    length = np.r_[np.full(10, 2), np.full(9, 5), [7]]
    sentence = np.repeat(np.arange(20), length)
    target = np.arange(len(sentence))
    asked = exchanged_targets(target, np.array(["s/a"] * len(target)), table("a", 3.0 * target), sentence)
    assert len(asked)
    for row in asked:
        for one in range(20):
            (other,) = np.unique(sentence[row[sentence == one]])
            assert other != one
            if length[one] == 2:
                assert length[other] == 2
                assert np.diff(row[sentence == one]).tolist() == [1]
            else:
                assert length[other] in (5, 7)


def test_nothing_to_exchange_is_no_exchange():
    assert exchanged_targets(np.array([0]), np.array(["s/a"]), table(["a"], [0.0])).shape == (0, 1)
    all_overlap = table(["a"] * 4, np.arange(4) * 0.5)
    assert exchanged_targets(np.arange(4), np.array(["s/a"] * 4), all_overlap).shape == (0, 4)


def test_each_turn_is_a_turn():
    """Segments that touch do not overlap: every turn of the circle, in order, and as many as are asked for."""
    candidates, target = table("a", np.arange(10) * 3.0), np.arange(10)
    asked = exchanged_targets(target, np.array(["s/a"] * 10), candidates)
    np.testing.assert_array_equal(asked, (target + np.arange(1, 10)[:, None]) % 10)
    few = exchanged_targets(target, np.array(["s/a"] * 10), candidates, most=3)
    np.testing.assert_array_equal(few, (target + np.array([[1], [5], [9]])) % 10)
    at_once = exchanged_targets(target, np.array(["s/a"] * 10), table([*"aabbccddee"], np.zeros(10)))
    np.testing.assert_array_equal(at_once, (target + np.arange(2, 9)[:, None]) % 10)  # of one stimulus, at one time


def test_a_circle_is_in_order_of_time_stimulus_by_stimulus():
    order = np.array([4, 1, 7, 0, 5, 2, 6, 3])  # place of each candidate in the circle
    candidates = table(np.array([*"aaaabbbb"])[order], np.tile(np.arange(4) * 3.0, 2)[order])
    asked = exchanged_targets(np.arange(8), np.array(["s/a"] * 8), candidates)
    np.testing.assert_array_equal(order[asked], (order + np.arange(1, 8)[:, None]) % 8)


def test_who_heard_less_turns_by_the_same_share_of_the_circle():
    candidates = table("a", np.arange(12) * 3.0)
    target, subject = np.r_[np.arange(12), np.arange(0, 12, 2)], np.repeat(["s/a", "s/b"], [12, 6])
    asked = exchanged_targets(target, subject, candidates)
    for row in asked:
        whole = (row[0] - 0) % 12
        step = min(max(round(whole / 12 * 6), 1), 5)
        np.testing.assert_array_equal(row[12:], 2 * ((np.arange(6) + step) % 6))
    assert len(asked) == 11
