"""What steps of the cleaning learn from windows' recordings: training runs alone, in this fold, or the block of gestures."""

import numpy as np
import pytest
from said_study import COMMANDS, SaidStudy

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.data.cleaning.learning import Told
from n2s.data.event_heard import heard_of, learning
from n2s.data.event_intervals import deal


class Learner(Preprocessing):
    """A preprocessing that learns: `learning` must tell it what from."""

    learns = True


def told(tmp_path, split) -> Told:
    study = SaidStudy(tmp_path)
    dealt = deal(split, heard_of({"lab": study}, split, AtEvents(Labels(list(COMMANDS)), kind="word")))
    preparation, recordings = learning(Learner(sfreq=100.0, picks=["eeg"]), dealt, "lab", study)
    assert len(recordings) == 10
    return preparation._told


@pytest.mark.parametrize("test", ["5", "2"])
def test_training_runs_are_told_and_no_other(tmp_path, test):
    found = told(tmp_path, SplitByRun(test=[test], val=["3"]))
    trained = {name[-1] for name, spans in found.training.items() if spans}
    assert trained == {"1", "2", "4", "5"} - {test}
    assert {name[-1] for name in found.held_out} == {test, "3"}
    study = SaidStudy(tmp_path)
    for one in study.recordings():
        for start, stop in found.training.get(one.name, ()):
            events = study.events(one)
            assert start <= events.onset.min() and stop >= (events.onset + events.duration).max() - 1e-6


@pytest.mark.slow
def test_data_with_a_step_that_learns_are_prepared_anew_for_another_split(tmp_path):
    keys = []
    for test in ("5", "2"):
        data = EventDataModule(
            {"lab": SaidStudy(tmp_path)}, AtEvents(Labels(list(COMMANDS)), kind="word"), preprocessing=Preprocessing(sfreq=100.0, picks=["eeg"]),
            split=SplitByRun(test=[test], val_fraction=0), window_s=0.4,
        )  # fmt: skip
        data.prepare()
        keys.append([item.key for item in data.recordings.values()])
        assert np.isfinite(data.arrays("test")).all()
    assert keys[0] == keys[1]  # nothing is learned here: one preparation serves both
