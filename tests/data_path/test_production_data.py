"""Simulated production through the data path: windows of each condition, and the signals beside the brain."""

import numpy as np
import pytest

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SideSignals, SplitByRun
from n2s.data.recordings import prepare
from n2s.studies import SimulatedProduction
from n2s.studies.simulated.production_material import COMMANDS

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return SimulatedProduction(
        n_subjects=1,
        n_runs=2,
        n_trials=10,
        n_sensors=8,
        n_renditions=1,
        signal_gain=5.0,
        root=tmp_path_factory.mktemp("production"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["listen", "imagined"])
def test_windows_of_a_condition(study, condition):
    windows = AtEvents(Labels(list(COMMANDS)), kind="word", conditions=[condition])
    split = SplitByRun(test=["2"], val_fraction=0)
    data = EventDataModule({"sim": study}, windows, preprocessing=Preprocessing(sfreq=100.0), split=split, window_s=0.6, n_jobs=1, least_windows=2)  # fmt: skip
    data.prepare()
    assert data.shapes()["n_classes"] == 5
    for name, run in (("train", 0), ("test", 1)):
        table = data.events(name)
        trials = study.trials(study.recordings()[run]).query("condition == @condition")
        np.testing.assert_allclose(table.onset, trials.onset)
        assert list(table.text) == list(trials.text)
        assert data.arrays(name).shape == (10, 8, 60)


@pytest.mark.slow
def test_signals_beside_the_brain(study):
    one, *_, gestures = prepare(study, SideSignals(sfreq=100.0))
    for recording in (one, gestures):
        assert recording.groups == ["audio", "emg", "eog", "ecg", "head"]
        assert len(recording.brain) == len(study.load(recording.recording).times) // 5 + (len(study.load(recording.recording).times) % 5 > 0)  # fmt: skip
    muscles, sound = one.signals("emg").mean(1), one.signals("audio")[:, 0]
    parts = [np.zeros(260), np.zeros(260)]
    for onset in study.trials(one.recording).query("condition == 'overt'").onset:
        at = slice(round(onset * 100) - 130, round(onset * 100) + 130)
        parts = [part + signal[at] for part, signal in zip(parts, (muscles, sound), strict=True)]
    muscles, sound = (part - part[:60].mean() for part in parts)
    begins = [(part > 0.2 * part.max()).argmax() / 100 - 1.3 for part in (muscles, sound)]
    assert begins[0] == pytest.approx(-0.27, abs=0.05) and begins[1] == pytest.approx(0.0, abs=0.05)
    head = one.signals("head")
    assert head.shape[1] == 6 and np.abs(head - np.median(head, 0)).max() > 0.3
