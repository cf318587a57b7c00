"""Sound at the very rate of a recording."""

from types import SimpleNamespace

import mne
import numpy as np
import pytest
import soundfile

from n2s.data.side_signals import SideSignals
from n2s.data.wide_band import at_rate, waveforms
from n2s.studies.events import events_table
from n2s.studies.study import RecordedSound


def test_sound_keeps_its_time_at_a_rate_that_is_no_whole_number():
    hz, rate_hz, tone_hz = 500, 499.6, 120.0
    values = np.sin(2 * np.pi * tone_hz * np.arange(60 * hz) / hz).astype(np.float32)
    found = at_rate(values, rate_hz)
    times_s = np.arange(len(found)) / rate_hz
    assert len(found) == pytest.approx(60 * rate_hz, abs=2)
    error = (found - np.sin(2 * np.pi * tone_hz * times_s))[200:-200]
    assert np.abs(error).max() < 0.02  # after a minute 24 samples would be missing
    assert at_rate(values, 500.0) is values


def test_a_microphone_and_what_is_heard_are_two_sounds(tmp_path):
    """Something is played from 2 s to 3 s, and somebody answers from 4 s on: the microphone's file does not hide what was played."""
    rng = np.random.default_rng(0)
    voice = np.concatenate([np.zeros(4 * 8000), rng.uniform(-0.5, 0.5, 8000)])
    soundfile.write(tmp_path / "mic.wav", voice, 8000)
    soundfile.write(tmp_path / "story.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
    raw = mne.io.RawArray(rng.standard_normal((2, 1500)), mne.create_info(["A", "EMG1"], 250.0, ["eeg", "emg"]), verbose="error")  # fmt: skip
    row = {"kind": "sound", "onset": 2.0, "duration": 1.0, "text": "", "story": "s", "stimulus": "story", "stimulus_onset": 0.0, "speaker": "", "condition": "listen"}  # fmt: skip
    study = SimpleNamespace(
        load=lambda one: raw, events=lambda one: events_table([row], where="here"), audio=lambda one: tmp_path / f"{one}.wav",
        recorded_sound=lambda one: RecordedSound(tmp_path / "mic.wav"),
    )  # fmt: skip
    found = waveforms(
        study, SimpleNamespace(name="here"), SideSignals(groups=["audio", "emg"]), sfreq=250.0, where="here"
    )
    values, names = found.groups["audio"]
    assert names == ["recorded", "heard"] and not found.pairs
    loud = np.abs(values).reshape(6, 250, 2).max(1) > 0.05
    assert np.flatnonzero(loud[:, 0]).tolist() == [4] and np.flatnonzero(loud[:, 1]).tolist() == [2]
    study.recorded_sound = lambda one: RecordedSound(tmp_path / "story.wav", 2.0)  # the file beside is what was played
    named = SideSignals(groups=["audio", "emg"], emg=["EMG1-A"])
    found = waveforms(study, SimpleNamespace(name="here"), named, sfreq=250.0, where="here")
    assert found.groups["audio"][1] == ["recorded"] and found.pairs == {"EMG1-A"}
