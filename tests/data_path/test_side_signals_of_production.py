"""Side signals of the simulated production study, whose muscles, voice and head are known."""

import numpy as np
import pytest

from n2s.data import SideSignals, voice_onsets
from n2s.findings import kept
from n2s.studies import SimulatedProduction

SFREQ = 100.0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    study = SimulatedProduction(
        n_subjects=1, n_runs=1, n_trials=8, n_sensors=6, gestures=False, root=tmp_path_factory.mktemp("sounds")
    )
    recording = next(one for one in study.recordings() if one.run)
    with kept() as found:
        made = SideSignals(sfreq=SFREQ).make(study, recording, "here")
    assert not found
    return made, study.events(recording).query("kind == 'word'")


def around(values, onsets, start_s, stop_s) -> float:
    """The mean of a signal in a window after each onset."""
    at = np.arange(round(start_s * SFREQ), round(stop_s * SFREQ))
    return float(values[np.round(np.asarray(onsets) * SFREQ).astype(int)[:, None] + at].mean())


@pytest.mark.slow
def test_every_group_is_there(run):
    made, _ = run
    assert made.meta["groups"] == ["audio"] + ["emg"] * 3 + ["eog", "ecg"] + ["head"] * 6
    assert made.brain.std(0).min() > 0


def test_voices_begin_where_they_were_put(run):
    made, words = run
    overt = words[words.condition == "overt"]
    early = overt.assign(onset=overt.onset - 1.0, duration=overt.duration + 1.0)
    with kept() as found:
        onsets = voice_onsets(made.brain[:, 0], SFREQ, early, where="here")
        quiet = words[words.condition.isin(["silent", "imagined"])]
        assert np.isnan(voice_onsets(made.brain[:, 0], SFREQ, quiet, where="here")).all()
    np.testing.assert_allclose(onsets, overt.onset, atol=0.08)  # at 500 Hz, of an s only the vowel after it is heard
    assert len(found) == 1


def test_muscles_are_earlier_than_the_voice(run):
    """Where something is spoken or mouthed, they work 300 ms before; not where it is heard or imagined."""
    made, words = run
    emg = made.brain[:, 1:4].mean(1)
    before = {
        kind: around(emg, own.onset, -0.25, -0.05) / around(emg, own.onset, -1.2, -0.8)
        for kind, own in words.groupby("condition")
    }
    assert min(before["overt"], before["silent"]) > 2 and max(before["listen"], before["imagined"]) < 1.3
