"""Scores that a run leaves: kept whole, and matched by what was heard and by whom, in any order."""

import numpy as np
import pandas as pd
import pytest

from n2s.errors import UserError
from n2s.metrics.segment_scores import SegmentScores, matched_people, matched_rows, matched_segments, overlaps


def scores(n=6, k=3, **changes):
    rng = np.random.default_rng(0)
    fields = {
        "split": "test",
        "modality": "meg",
        "similarity": rng.standard_normal((n, k)),
        "target": np.arange(n) % k,
        "windows": pd.DataFrame({"subject": "lab/01", "recording": "lab/01_a", "start_s": np.arange(n) * 10.0}),
        "candidates": pd.DataFrame(
            {"sound": "abc", "stimulus": "a", "start_s": np.arange(k) * 10.0, "duration_s": 9.85}
        ),
        "trained": pd.DataFrame({"sound": ["abc"], "start_s": [30.0], "stop_s": [60.0]}),
    }
    return SegmentScores(**fields | changes)


def test_scores_are_kept_whole(tmp_path):
    one = scores()
    one.save(tmp_path / "val")
    again = SegmentScores.load(tmp_path / "val")
    assert again.split == "test" and again.modality == "meg" and again.similarity.dtype == np.float32
    np.testing.assert_array_equal(again.similarity, one.similarity)
    np.testing.assert_array_equal(again.target, one.target)
    for name in ("windows", "candidates", "trained"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(one, name))


def test_scores_that_do_not_fit_and_damaged_ones_are_refused(tmp_path):
    with pytest.raises(ValueError, match="do not fit 6 windows and 3 candidates"):
        scores(similarity=np.zeros((6, 4)))
    with pytest.raises(ValueError, match="there are 3 candidates"):
        scores(target=np.full(6, 3))
    with pytest.raises(ValueError, match=r"trained lack the columns \['stop_s'\]"):
        scores(trained=pd.DataFrame({"sound": [], "start_s": []}))
    scores().save(tmp_path)
    (tmp_path / "arrays.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match="arrays.npz|whole SegmentScores"):
        SegmentScores.load(tmp_path)


def test_segments_are_the_same_by_sound_and_start_whatever_their_order():
    rng = np.random.default_rng(1)
    own = pd.DataFrame({"sound": ["a"] * 4 + ["b"] * 3, "start_s": [0, 10, 20, 30, 0, 10, 20.0]})
    order = rng.permutation(len(own))
    given = own.iloc[order].assign(start_s=lambda table: table.start_s + rng.uniform(-0.009, 0.009, len(own)))
    np.testing.assert_array_equal(order[matched_segments(own, given, 0.01)], np.arange(len(own)))
    np.testing.assert_array_equal(matched_segments(own, given[given.sound == "b"], 0.01)[:4], -1)
    apart = own.assign(start_s=own.start_s + 0.011)
    np.testing.assert_array_equal(matched_segments(own, apart, 0.01), -1)  # more than half a sample
    np.testing.assert_array_equal(matched_segments(own, given.iloc[:0], 0.01), -1)


def test_responses_are_matched_by_person_segment_recording_and_order():
    own = pd.DataFrame(
        {
            "subject": ["01", "01", "01", "02"],
            "segment": [0, 0, 1, 0],
            "recording": ["x", "x", "x", "y"],
            "start_s": [5.0, 95.0, 15.0, 5.0],  # heard twice in one recording
        }
    )
    order = np.array([3, 1, 2, 0])
    np.testing.assert_array_equal(order[matched_rows(own, own.iloc[order])], np.arange(4))
    other = own.assign(recording=["p", "p", "p", "q"])  # another name for each recording: in their order
    np.testing.assert_array_equal(order[matched_rows(own, other.iloc[order])], np.arange(4))
    np.testing.assert_array_equal(matched_rows(own, own.assign(segment=[0, 0, -1, 0]))[2], -1)
    np.testing.assert_array_equal(matched_rows(own, own.assign(subject="03")), -1)
    np.testing.assert_array_equal(
        matched_rows(own, own.iloc[1:2]), [-1, 0, -1, -1]
    )  # the second of two is all there is
    np.testing.assert_array_equal(
        matched_rows(own, other.iloc[1:2]), [0, -1, -1, -1]
    )  # and its recording has another name


def test_people_are_the_same_by_study_and_id_or_by_an_id_that_is_unique():
    assert matched_people(["meg/01", "meg/02"], ["meg/02", "lab/01"]) == {"meg/02": "meg/02", "meg/01": "lab/01"}
    assert matched_people(["a/01", "b/01"], ["lab/01"]) == {}
    assert matched_people(["a/01"], ["x/01", "y/01"]) == {}
    assert matched_people(["a/01", "b/01"], ["a/01", "c/01"]) == {"a/01": "a/01"}


def test_what_overlaps_more_than_it_may_is_found():
    segments = pd.DataFrame({"sound": ["a", "a", "a", "b"], "start_s": [0.0, 10.0, 20.0, 10.0], "duration_s": 10.0})
    trained = pd.DataFrame({"sound": ["a", "c"], "start_s": [19.0, 0.0], "stop_s": [20.005, 99.0]})
    np.testing.assert_array_equal(overlaps(segments, trained, 0.01), [False, True, False, False])
    assert not overlaps(segments, trained.iloc[:0], 0.01).any()
