"""Where a voice begins in each trial: planted voices are found, and nothing else is."""

import mne
import numpy as np
import pandas as pd
import pytest

from n2s.data import at_voice_onsets, voice_onsets
from n2s.data.filtering import Resampler
from n2s.data.rectified import Rectified, smoothed
from n2s.errors import UserError
from n2s.findings import kept

SFREQ = 100.0


def envelope_of(spoken, *, duration_s=60.0, room=0.01, seed=0, clicks=()) -> np.ndarray:
    """The envelope of a room's noise and of (start, length) s of voice, 20 times louder, with a rise of 20 ms."""
    rng, rate = np.random.default_rng(seed), 2000
    t = np.arange(round(duration_s * rate)) / rate
    gain = np.full(len(t), room)
    for start, length in spoken:
        gain += 20 * room * np.clip((t - start) / 0.02, 0, 1) * np.clip((start + length - t) / 0.02, 0, 1)
    for at in clicks:
        gain += 20 * room * (np.abs(t - at) < 0.005)
    sound = (gain * rng.standard_normal(len(t)))[None]
    stretch = (0, len(t))
    magnitude = Rectified(lambda first, last: sound[:, first:last], stretch, rate, 80.0, None)
    found = np.zeros(-(-len(t) // 20))
    for first, values in smoothed(rate, 1, 20, 20.0)(magnitude, *stretch):
        found[first : first + values.shape[1]] = np.maximum(values[0], 0)
    return found


def trials(onsets, duration=3.0) -> pd.DataFrame:
    return pd.DataFrame({"onset": np.asarray(onsets, float), "duration": duration})


CUES = np.arange(5.0, 55.0, 5.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [0.15, 0.6, 2.0])
def test_planted_voices_are_found(seed, length):
    """Clicks of 10 ms before them, as loud, are none."""
    delays = np.random.default_rng(seed).uniform(0.3, 0.9, len(CUES))
    envelope = envelope_of([(at, length) for at in CUES + delays], seed=seed, clicks=CUES + 0.1)
    with kept() as found:
        onsets = voice_onsets(envelope, SFREQ, trials(CUES), where="here")
    np.testing.assert_allclose(onsets, CUES + delays, atol=0.035)
    assert not found


def test_trials_without_a_voice_are_told():
    spoken = [(at + 0.5, 1.0) for at in CUES[::2]]
    with kept() as found:
        onsets = voice_onsets(envelope_of(spoken), SFREQ, trials(CUES), where="sub-01")
    assert np.isnan(onsets[1::2]).all() and np.isfinite(onsets[::2]).all()
    assert found[0].where == "sub-01 (5 of 10 trials)" and "no voice is heard" in found[0].text


@pytest.mark.parametrize("seed", range(20))
def test_a_room_without_a_voice(seed):
    with kept() as found:
        assert np.isnan(voice_onsets(envelope_of([], seed=seed), SFREQ, trials(CUES), where="here")).all()
    assert len(found) == 1


def test_a_voice_that_began_before_the_trial_is_not_its_own():
    envelope = envelope_of([(9.0, 1.5), (11.5, 0.5), (19.9, 1.0), (29.0, 5.0)])
    with kept():
        onsets = voice_onsets(envelope, SFREQ, trials([10.0, 20.0, 30.0]), where="here")
    assert onsets[0] == pytest.approx(11.5, abs=0.035)
    assert onsets[1] == pytest.approx(19.9, abs=0.035)  # its trigger is 100 ms late
    assert np.isnan(onsets[2])


def test_trials_without_a_duration_last_until_the_next():
    envelope = envelope_of([(12.0, 0.5), (16.0, 0.5), (58.0, 0.5)])
    with kept():
        onsets = voice_onsets(envelope, SFREQ, trials([10.0, 15.0, 50.0, 59.9], duration=0.0), where="here")
    np.testing.assert_allclose(onsets[:2], [12, 16], atol=0.035)
    assert np.isnan(onsets[2:]).all()  # 8 s later; none after it


def test_what_is_no_envelope():
    for wrong in (np.zeros((5, 2)), np.array([1.0, -1.0]), np.array([1.0, np.nan])):
        with pytest.raises(UserError, match=r"lab: expected an envelope \(t,\)"):
            voice_onsets(wrong, SFREQ, trials([0.0]), where="lab")
    with kept() as found:
        assert np.isnan(voice_onsets(np.zeros(100), SFREQ, trials([0.0]), where="lab")).all()
        assert voice_onsets(np.ones(100), SFREQ, trials([]), where="lab").shape == (0,)
    assert len(found) == 1


def test_rows_move_with_the_voice_of_their_trial():
    rows = [
        ("sentence", "overt", 5.0, 3.0), ("word", "overt", 5.0, 1.0), ("phone", "overt", 5.5, 0.2), ("word", "imagined", 10.0, 2.0),
        ("word", "overt", 15.0, 2.0), ("word", "overt", 20.0, 2.0), ("sound", "listen", 25.0, 2.0),
    ]  # fmt: skip
    events = pd.DataFrame(rows, columns=["kind", "condition", "onset", "duration"])
    with kept() as found:
        moved = at_voice_onsets(events, envelope_of([(5.7, 1.0), (20.4, 1.0)]), SFREQ, where="here")
    assert [tuple(row) for row in moved[["kind", "condition"]].to_numpy()] == [
        ("sentence", "overt"), ("word", "overt"), ("phone", "overt"), ("word", "imagined"), ("word", "overt"), ("sound", "listen"),
    ]  # fmt: skip
    np.testing.assert_allclose(moved.onset, [5.7, 5.7, 6.2, 10, 20.4, 25], atol=0.035)
    assert moved.duration.tolist() == [3, 1, 0.2, 2, 2, 2]
    assert [one.kind for one in found] == ["odd", "left out"] and "1 of 5 rows" in found[1].where
    assert events.onset.tolist() == [row[2] for row in rows]  # as it was


def test_the_envelope_is_the_naive_one():
    rng = np.random.default_rng(3)
    sound = rng.standard_normal((1, 6000))
    naive = np.abs(mne.filter.filter_data(sound, 1000, 80, None, verbose="error"))
    made = Rectified(lambda first, last: sound[:, first:last], (0, 6000), 1000.0, 80.0, None)
    np.testing.assert_allclose(made(0, 6000), naive, atol=1e-9)
    np.testing.assert_allclose(np.hstack([made(0, 17), made(17, 4000), made(4000, 6000)]), naive, atol=1e-9)
    assert not smoothed(1000.0, 1, 10, None).kernels and len(smoothed(1000.0, 1, 10, 20.0).kernels) == 1
    assert not smoothed(1000.0, 1, 25, 20.0).kernels  # the rate itself holds 20 Hz
    assert isinstance(smoothed(1000.0, 1, 10, 20.0), Resampler)
