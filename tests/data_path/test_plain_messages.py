"""Messages of data that a new user meets first: what went wrong alike is said once, one thing is one, and the remedy is named."""

import numpy as np
import pandas as pd
import pytest
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.data.gaps import empty_split
from n2s.data.recordings import _failed
from n2s.errors import UserError, counted
from n2s.features import Ready


def test_electrodes_that_are_not_picked_are_said_once(tmp_path):
    study = TinyStudy(tmp_path, n_subjects=2, n_stories=3, story_s=4.0)
    data = MEGDataModule({"lab": study}, Ready(4), preprocessing=Preprocessing(sfreq=50.0), n_jobs=1)
    with pytest.raises(UserError) as error:
        data.prepare_data()
    head, *lines = str(error.value).splitlines()
    assert head == "None of the 6 recordings could be prepared." and len(lines) == 1
    assert lines[0].startswith("- tiny, sub-01_task-story0 and 5 others: no channel of type meg; it has eeg.")
    assert "Set preprocessing.picks to [eeg]." in lines[0]


@pytest.mark.parametrize(
    ("failed", "n", "said"),
    [
        ({"a": "t, a: no"}, 1, ["The recording could not be prepared.", "- t, a: no"]),
        ({"a": "t, a: no"}, 2, ["1 of 2 recordings could not be prepared; the other one is there.", "- t, a: no"]),
        ({"a": "t, a: no", "b": "t, b: no"}, 5, ["2 of 5 recordings could not be prepared; the others are there.", "- t, a and 1 other: no"]),
        ({"a": "t, a: no", "b": "file b is empty"}, 2, ["None of the 2 recordings could be prepared.", "- t, a: no", "- file b is empty"]),
        ({"a": "no room", "b": "no room"}, 3, ["2 of 3 recordings could not be prepared; the other one is there.", "- no room"]),
        ({str(i): f"t, {i}: {i}" for i in range(7)}, 7, ["None of the 7 recordings could be prepared.", *[f"- t, {i}: {i}" for i in range(5)], "- ..."]),
    ],
)  # fmt: skip
def test_failures_are_counted_in_words(failed, n, said):
    assert _failed("t", failed, n).splitlines() == said


@pytest.mark.parametrize(
    ("stories", "said"),
    [
        (["lighthouse"], "the only story, lighthouse, is in train. Cut it with data.split SplitByTime"),
        (["a", "b"], "all 2 stories (a, b) are in train. Name stories for it, data.split.test: [b]"),
    ],
)
def test_a_split_without_a_story_names_those_there_are(stories, said):
    intervals = pd.DataFrame({"split": "train", "story": stories})
    error = empty_split("test", intervals, would_be=0, lost=[], window_s=3.0)
    assert f"the test split is empty: {said}, or change data.split's fractions or seed." == str(error)


def test_a_split_without_a_story_is_offered_one_of_training():
    intervals = pd.DataFrame({"split": ["train", "train", "test"], "story": ["a", "b", "c"]})
    assert "data.split.val: [b]" in str(empty_split("val", intervals, would_be=0, lost=[], window_s=3.0))


def test_a_split_whose_windows_are_too_long_names_its_story():
    intervals = pd.DataFrame({"split": ["train", "test"], "story": ["a", "b"]})
    error = empty_split("test", intervals, would_be=0, lost=[], window_s=30.0)
    assert "no window of 30 s fits its 1 interval (story b)" in str(error)


def test_a_misspelt_story_names_the_nearest(tmp_path):
    data = MEGDataModule(
        {"lab": TinyStudy(tmp_path, n_subjects=1, story_s=4.0)},
        Ready(4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["stroy3"], val=["story2"]),
        n_jobs=1,
    )
    with pytest.raises(UserError, match="test names the story 'stroy3', which no recording heard. Nearest: story3"):
        data.prepare_data()


def test_one_is_one():
    assert [counted(n, "story", "stories") for n in (0, 1, 2)] == ["0 stories", "1 story", "2 stories"]
    assert counted(np.int64(1), "window") == "1 window"


def test_a_summary_counts_one_as_one(tmp_path):
    data = MEGDataModule(
        {"lab": TinyStudy(tmp_path, n_subjects=1, n_stories=3, together=True, story_s=4.0)},
        Ready(4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story2"], val=["story1"]),
        n_jobs=1,
    )
    data.prepare_data()
    assert "lab: 1 recording of 1 subject" in str(data) and "test: 1 window, 1 segment, 1 story" in str(data)
