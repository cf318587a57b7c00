"""Classifiers that see no brain: sound, durations, what came before; and the best possible one."""

import numpy as np
import pandas as pd
import pytest
import torch
from loud_study import LoudStudy
from said_study import COMMANDS, SaidStudy

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.systems.event_classes.controls import AUDIO, DURATION, PREVIOUS, control_likelihoods
from n2s.systems.event_classes.heard import heard_windows, played
from n2s.systems.event_classes.tested import Logits, event_result


def data_of(study, **options) -> EventDataModule:
    settings = {
        "split": SplitByRun(test=["3"], val_fraction=0.0),
        "window_s": 0.4,
        "n_jobs": 1,
        "test_averages": [4],
    } | options
    windows = AtEvents(Labels(list(COMMANDS)), kind="word")
    data = EventDataModule({"lab": study}, windows, preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]), **settings)
    data.prepare()
    return data


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    return data_of(LoudStudy(tmp_path_factory.mktemp("loud"), n_subjects=1, n_runs=3, gain=0.0))


def test_the_recorded_sound_tells_what_is_said(loud):
    names, found, _ = control_likelihoods(loud)
    label = loud.events("test").label.to_numpy()
    hits = {name: (one.argmax(1) == label).mean() for name, one in zip(names, found, strict=True)}
    assert hits[AUDIO] > 0.9 and hits[PREVIOUS] < 0.7
    sound = heard_windows(loud)
    assert sound["test"].shape == (36, sound["test"].shape[1], 20)
    level = [sound["test"][label == k].mean() for k in range(3)]
    assert level[0] < level[1] < level[2]


def test_without_a_sound_it_is_said_why(tmp_path):
    data = data_of(SaidStudy(tmp_path, n_subjects=1, n_runs=3))
    names, _, told = control_likelihoods(data)
    assert AUDIO not in names
    assert any("no sound was recorded beside the brain" in one and "no sound file" in one for one in told)


def test_the_result_has_the_order_of_the_table_and_the_best_possible(loud):
    rng, table = np.random.default_rng(0), loud.events("test")
    averages = loud.averages("test", 1)
    row = rng.permutation(len(averages))
    windows = averages.windows(row, 0)[0]
    logits = 5 * np.eye(3)[table.label.to_numpy()[windows]]
    result = event_result(loud, Logits(torch.from_numpy(row), torch.from_numpy(logits)), 1, seed=0, n_permutations=20)
    assert (result.predicted == table.label).all() and (result.events.onset == table.onset).all()
    scores = result.scores()
    assert scores.get("f1_macro", "ideal").mean == 1.0 and scores.rows["ideal"].role == "ceiling"
    four = loud.averages("test", 4)
    logits = torch.from_numpy(5 * np.eye(3)[four.label])
    mean = event_result(loud, Logits(torch.arange(len(four)), logits), 4, seed=0, n_permutations=20)
    assert (
        mean.ideal is None
        and mean.average == 4
        and (mean.n_averaged == 4).all()
        and (mean.predicted == mean.labels).all()
    )
    sound = dict(zip(mean.control_names, mean.controls, strict=True))[AUDIO]
    single = dict(zip(result.control_names, result.controls, strict=True))[AUDIO]
    assert np.exp(sound).max(1).mean() >= np.exp(single).max(1).mean()  # four windows tell more


def test_durations_tell_classes_of_other_lengths(loud):
    names, found, _ = control_likelihoods(loud)
    label = loud.events("test").label.to_numpy()
    assert abs((found[names.index(DURATION)].argmax(1) == label).mean() - 1 / 3) < 0.3  # all last 0.4 s
    longer = {split: table.assign(duration=0.2 + 0.1 * table.label) for split, table in loud.tables.items()}
    before, loud.tables = loud.tables, longer
    names, found, _ = control_likelihoods(loud)
    loud.tables = before
    assert (found[names.index(DURATION)].argmax(1) == label).all()


def test_what_plays_in_a_window():
    rows = pd.DataFrame({"kind": "sound", "onset": [1.0, 5.0, 5.0], "duration": [2.0, 3.0, 3.0], "stimulus": ["a", "b", "c"], "stimulus_onset": [10.0, 0.0, 0.0],
                         "story": "", "language": "", "sequence": "", "text": "", "attended": ["", "yes", "no"]})  # fmt: skip
    stimulus, at_s = played(rows, np.array([0.2, 1.5, 2.9, 3.5, 4.8, 5.5, 9.0]), 0.5)
    assert stimulus.tolist() == ["", "a", "a", "", "b", "b", ""]
    assert at_s[[1, 5]] == pytest.approx([10.5, 0.5]) and at_s[4] == pytest.approx(-0.2)
