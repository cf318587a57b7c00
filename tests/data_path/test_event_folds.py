"""Every window once, folds of runs, and steps of the cleaning that have not seen the run that is tested."""

import numpy as np
import pytest
from lips_study import LipsStudy

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.data.event_folds import every_window, folds_of
from n2s.data.side_signals import SideSignals
from n2s.data.steps import Learned, LearnedStep
from n2s.data.window_cuts import CLAMP, cut_windows
from n2s.systems.contamination.reach import _read


class MeanOff(LearnedStep):
    """Takes the mean of the training runs off all channels; keeps it in its notes."""

    support_s, stops_at_edges = 0.0, True

    def __init__(self, fit_on: str = "training"):
        self.fit_on = fit_on

    def settings(self):
        return {"fit_on": self.fit_on}

    def fit(self, raws):
        return Learned({"mean": np.mean([raw.get_data("eeg").mean() for raw in raws], keepdims=True)}, {})

    def apply(self, raw, learned):
        raw.apply_function(lambda x: x - learned.arrays["mean"][0], picks="eeg")
        return raw


class Louder(LipsStudy):
    """Each run has an offset of its own, which tells what was learned."""

    def load(self, recording):
        raw = super().load(recording)
        raw.apply_function(lambda x: x + 1e-5 * 3.0 ** int(recording.run), picks="eeg")
        return raw


def data_of(root, steps=(), study=LipsStudy, **options) -> EventDataModule:
    cleaning = Preprocessing(sfreq=50.0, picks=["eeg"], steps=list(steps))
    windows = AtEvents(Labels(["up", "down", "stop"]), kind="word")
    return EventDataModule({"lab": study(root, **options)}, windows, split=SplitByRun(), preprocessing=cleaning, window_s=0.4, n_jobs=1)  # fmt: skip


def test_every_window_is_tested_once_and_runs_stay_whole(tmp_path):
    every = every_window(data_of(tmp_path, n_subjects=2, n_trials=9))
    assert len(every.table) == 2 * 3 * 9
    table = every.table[every.table.subject == "lab/02"].reset_index(drop=True)
    unit, folds = folds_of(table, every.recordings, n_folds=5, window_s=0.4)
    assert len(folds) == 3 and sorted(np.concatenate([one.test for one in folds])) == list(range(27))
    for fold in folds:
        assert not set(unit[fold.train]) & set(unit[fold.test])
        assert set(unit[fold.test]) == fold.units and len(fold.train) == 18


def test_windows_are_those_of_the_recording(tmp_path):
    every = every_window(data_of(tmp_path, n_trials=6))
    row = every.table.iloc[4]
    item = every.recordings[row.recording]
    (found,) = cut_windows({row.recording: item.brain}, [row.recording], np.array([row["first"]]), 20)
    assert row["first"] == round(row.start_s * 50)
    middle = np.median(item.brain, 0)
    spread = np.subtract(*np.quantile(np.asarray(item.brain), [0.75, 0.25], axis=0))
    np.testing.assert_allclose(found, ((item.brain[row["first"] : row["first"] + 20] - middle) / spread).T, rtol=1e-4, atol=1e-4)  # fmt: skip


def test_a_tested_run_teaches_no_step_of_the_cleaning(tmp_path):
    """Offsets of runs are 30, 90 and 270 uV: the mean that is taken off says whose they were."""
    every = every_window(data_of(tmp_path, [MeanOff()], Louder, n_trials=6))
    for number in (1, 2, 3):
        held_out = f"task-say_run-{number}"
        items = every.cleaned_for("lab/01", {held_out})
        others = [10 * 3.0**one for one in (1, 2, 3) if one != number]
        for key, item in items.items():
            own = 10 * 3.0 ** int(key[-1])
            assert float(np.median(item.brain)) == pytest.approx(own - np.mean(others), abs=1.0)


@pytest.mark.parametrize("first", [-5, 95])
def test_cuts_at_the_ends_hold_the_last_value_and_oddities_are_clamped(first):
    rng = np.random.default_rng(0)
    array = rng.standard_normal((100, 3)).astype(np.float32)
    array[50, 0], array[:, 2] = np.nan, 7.0
    array[60, 1] = 1e6
    found = cut_windows({"a": array}, ["a", "a"], np.array([first, 45]), 20, columns={"a": np.array([1, 0, -1])})
    assert np.isfinite(found).all() and np.abs(found).max() <= CLAMP and (found[:, 2] == 0).all()
    ends = found[0, 0, :6] if first < 0 else found[0, 0, 4:]
    assert np.ptp(ends) == 0 and np.ptp(found[0, 0]) > 0
    assert found[1, 0].max() == CLAMP and found[1, 1, 5] == 0
    steady = cut_windows({"a": array}, ["a"], np.array([10]), 20)
    assert (steady[0, 2] == 0).all()
    assert abs(cut_windows({"a": array}, ["a"], np.array([10]), 20, n_baseline=4)[0, :, :4].mean(1)).max() < 1e-6


def test_sensors_are_looked_at_as_they_are_cleaned_where_they_are_tested(tmp_path):
    """Offsets of runs are 30, 90 and 270 uV: the mean that is taken off says which runs a step has learned from."""
    every = every_window(data_of(tmp_path, [MeanOff()], Louder, n_trials=6))
    table = every.table.reset_index(drop=True)
    folds = folds_of(table, every.recordings, n_folds=3, window_s=0.4)[1]
    study = every.data.studies["lab"]
    _, wide = _read(every, study, "lab/01", study.recordings(), SideSignals(sfreq=50.0), folds, 250.0, "overt")
    found = sorted(round(float(np.median(one.brain))) for one in wide)
    assert found == pytest.approx(sorted(10 * 3.0**one - np.mean([10 * 3.0**i for i in (1, 2, 3) if i != one]) for one in (1, 2, 3)), abs=1.0)  # fmt: skip
