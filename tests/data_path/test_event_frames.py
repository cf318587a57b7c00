"""Frames of speech and silence: their class, their condition, and which are left out."""

import numpy as np
import pandas as pd
import pytest
from said_study import SaidStudy

from n2s.data import EventDataModule, Frames
from n2s.data.event_frames import nearest_condition, played_spans
from n2s.data.event_windows import Counts
from n2s.data.windows import WindowShape
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.events import events_table

SHAPE = WindowShape(100.0, 0.2, 0.0, 0.0)
#: Heard from 1 to 2 and 3 to 4 s, said from 10 to 11 s; sound plays all the while.
SAID = [("listen", 1.0), ("listen", 3.0), ("overt", 10.0)]


def events() -> pd.DataFrame:
    shared = {"story": "s", "stimulus": "a", "stimulus_onset": 0.0}
    words = [
        shared | {"kind": "word", "onset": onset, "duration": 1.0, "text": "w", "condition": one} for one, onset in SAID
    ]
    return events_table([shared | {"kind": "sound", "onset": 0.0, "duration": 15.0, "text": ""}, *words], where="here")


def rows(first_s: float = 0.0, **options) -> tuple[pd.DataFrame, list]:
    windows, counts = Frames(step_s=0.1, **options), Counts()
    territory = pd.DataFrame({"onset": [first_s], "duration": [15.0 - first_s]})
    found = windows.rows(events(), "train", territory, SHAPE, counts)
    with kept() as told:
        windows.tell(counts, "study s")
    return found, told


def test_each_frame_has_the_condition_of_the_event_that_it_is_in_or_next_to():
    found, told = rows()
    middle = found.onset.to_numpy()
    said = [(1.0 <= t < 2.0) or (3.0 <= t < 4.0) or (10.0 <= t < 11.0) for t in (middle + 1e-9)]
    assert (found.label == said).all() and not told
    assert (found.condition == np.where(middle <= 7.0 + 1e-6, "listen", "overt")).all()  # 7 s: between 4 and 10


def test_what_is_said_is_no_silence_for_those_who_ask_for_what_is_heard():
    every = rows()[0]
    found, told = rows(conditions=["listen"])
    expected = every[every.condition == "listen"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    assert found.onset.max() < 7.01 and set(found.label) == {0, 1}
    assert told[0].text.startswith(f"{len(every) - len(found)} frames are in words of other conditions than listen")


def test_an_event_within_another_and_one_of_a_condition_that_is_asked_for():
    table = events_table(
        [
            {"kind": "word", "text": "w", "story": "s", "stimulus": "a", "stimulus_onset": 0.0} | one
            for one in (
                {"onset": 0.0, "duration": 9.0, "condition": "listen"},
                {"onset": 1.0, "duration": 1.0, "condition": "overt"},
                {"onset": 20.0, "duration": 1.0, "condition": "overt"},
            )
        ],
        where="here",
    )
    time_s = np.array([0.5, 1.5, 8.0, 14.0, 15.0])
    assert nearest_condition(time_s, table, ["overt"]).tolist() == ["listen", "overt", "listen", "listen", "overt"]
    assert nearest_condition(time_s, table, ["listen"]).tolist() == ["listen", "listen", "listen", "listen", "overt"]


def test_frames_are_on_one_grid_wherever_a_gap_ends():
    late = rows(first_s=0.537)[0]
    assert np.isin(late.at_s.round(6), rows()[0].at_s.round(6)).all() and late.at_s.min() == pytest.approx(0.6)


def test_silence_between_words_alone_is_silence():
    words = events()[lambda table: table.kind == "word"]
    assert played_spans(words).tolist() == [[1.0, 11.0]]
    assert played_spans(events()).tolist() == [[0.0, 15.0]]


def test_what_is_said_is_kept_in_a_run_that_plays_sounds_too():
    """Sounds play from 0 to 5 s; one word is heard there, two are said later; a sentence is said between 8 and 11 s in another run."""
    table = events()
    table.loc[table.kind == "sound", "duration"] = 5.0
    later = table[table.onset == 10.0].assign(onset=12.0)
    table = pd.concat([table, later], ignore_index=True)
    assert played_spans(table).tolist() == [[0.0, 5.0], [10.0, 13.0]]
    said = table[table.onset == 10.0].assign(kind="sentence", onset=8.0, duration=3.0)
    assert played_spans(pd.concat([table, said])).tolist() == [[0.0, 5.0], [8.0, 11.0], [12.0, 13.0]]
    windows, counts = Frames(step_s=0.1, conditions=["overt"]), Counts()
    territory = pd.DataFrame({"onset": [0.0], "duration": [15.0]})
    found = windows.rows(table, "train", territory, SHAPE, counts)
    assert (found.label == 1).sum() == 20 and (found.label == 0).sum() == 10


def test_an_offset_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data.offset_s is 0.1, and data.windows are Frames"):
        EventDataModule({"lab": SaidStudy(tmp_path)}, Frames(), offset_s=0.1)
