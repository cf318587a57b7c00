"""offset_s holds to the millisecond, also where it is no whole number of the brain's samples."""

import mne
import numpy as np
import pandas as pd
import pytest
from tiny import RATE, SILENCE_S, TinyStudy

from n2s.data import EncodingDataModule, Grid, Lags, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.windows import Windows, WindowShape
from n2s.features.ready import Ready
from n2s.studies.study import Frames


@pytest.mark.parametrize(
    ("sfreq", "offset_s", "shift_s"),
    [
        (50.0, 0.15, 0.01), (120.0, 0.15, 0.0), (100.0, 0.15, 0.0), (32.0, 0.15, 0.00625), (128.0, 0.15, -0.0015625),
        (50.0, 0.0, 0.0), (50.0, 0.07, 0.01), (64.0, 0.1, -0.00625), (119.9, 0.15, 18 / 119.9 - 0.15),
    ],
)  # fmt: skip
def test_the_audio_moves_by_what_rounding_takes(sfreq, offset_s, shift_s):
    shape = WindowShape(sfreq, 3.0, offset_s)
    assert shape.shift_s == pytest.approx(shift_s, abs=1e-9) and abs(shape.shift_s) <= 0.5 / sfreq + 1e-9
    assert shape.n_offset / sfreq - shape.shift_s == pytest.approx(offset_s)


class Bumps(TinyStudy):
    """One bump of 60 ms in brain and feature each second, the brain's 150 ms later: ``event_s`` on the stimulus' clock."""

    def __init__(self, root, *, rate_hz=RATE, first_s=0.0, **more):
        self.rate_hz, self.first_s = rate_hz, first_s
        super().__init__(root, n_subjects=1, n_stories=4, story_s=30.0, **more)

    def settings(self):
        return {"rate_hz": self.rate_hz, "first_s": self.first_s}

    def bumps(self, stimulus, times):
        event_s = np.arange(1, 29) + np.random.default_rng(int(stimulus[5:])).uniform(-0.3, 0.3, 28)
        return np.exp(-(((times[:, None] - event_s) / 0.03) ** 2) / 2).sum(1)

    def features(self, stimulus):
        times = self.first_s + np.arange(round(self.story_s * self.rate_hz)) / self.rate_hz
        return Frames(self.bumps(stimulus, times)[:, None].astype(np.float32), self.rate_hz, self.first_s)

    def load(self, recording):
        montage, n = mne.channels.make_standard_montage("biosemi64"), round((self.story_s + 2) * 1000)
        heard = self.bumps(recording.task, np.arange(n) / 1000 - SILENCE_S - 0.15)
        noise = np.random.default_rng(0).standard_normal((4, n))
        info = mne.create_info(montage.ch_names[:4], 1000.0, "eeg")
        return mne.io.RawArray(1e-5 * (heard + 0.01 * noise), info, verbose="error").set_montage(montage)


def delay_s(sfreq: float, brain: np.ndarray, target: np.ndarray) -> float:
    """How much later the brain is: from the phase of the cross-spectrum below 3 Hz, (n, t) each."""
    n = 8 * brain.shape[1]
    window = np.hanning(brain.shape[1])
    pair = [np.fft.rfft((x - x.mean(1, keepdims=True)) * window, n) for x in (brain, target)]
    cross, hz = (pair[0] * pair[1].conj()).sum(0), np.fft.rfftfreq(n, 1 / sfreq)
    used = (hz > 0.5) & (hz < 3)
    return -np.average(np.angle(cross[used]) / (2 * np.pi * hz[used]), weights=abs(cross[used]))


@pytest.mark.parametrize(
    ("sfreq", "offset_s", "rate_hz", "first_s"),
    [
        (50.0, 0.15, 50.0, 0.0), (50.0, 0.15, 50.0, 0.01), (50.0, 0.15, 100.0, 0.0), (50.0, 0.07, 61.0, 0.003),
        (64.0, 0.1, 50.0, 0.0), (32.0, 0.15, 200.0, 0.0), (100.0, 0.15, 100.0, 0.0),
    ],
)  # fmt: skip
def test_brain_and_target_are_as_far_apart_as_asked(tmp_path, sfreq, offset_s, rate_hz, first_s):
    data = MEGDataModule(
        {"t": Bumps(tmp_path, rate_hz=rate_hz, first_s=first_s)}, Ready(1), n_jobs=1, offset_s=offset_s, baseline_s=0.0,
        preprocessing=Preprocessing(sfreq=sfreq, picks=["eeg"]), split=SplitByStory(val=["story2"], test=["story3"]),
        test_windows=Grid(1.0),
    )  # fmt: skip
    data.setup("fit")
    batch = next(iter(data.test_dataloader()))
    brain, target = batch.brain.mean(1).numpy(), batch.target[:, 0].numpy()
    assert brain.shape == target.shape
    # seen so, the brain is later by what the offset does not take of the planted 150 ms
    assert delay_s(sfreq, brain, target) == pytest.approx(0.15 - offset_s, abs=0.002)


@pytest.mark.parametrize(
    ("sfreq", "rate_hz", "first_s"), [(50.0, 50.0, 0.01), (50.0, 61.0, 0.003), (64.0, 50.0, 0.0), (32.0, 200.0, 0.0)]
)
def test_rows_have_no_offset(tmp_path, sfreq, rate_hz, first_s):
    data = EncodingDataModule(
        {"t": Bumps(tmp_path, rate_hz=rate_hz, first_s=first_s)}, {"f": Ready(1)}, Lags(0.0, 0.0),
        preprocessing=Preprocessing(sfreq=sfreq, picks=["eeg"]), split=SplitByStory(val=["story2"], test=["story3"]),
    )  # fmt: skip
    data.setup("fit")
    (fold,) = data.folds("t/01")
    playing = data.rows("t/01").stimulus_s.notna().to_numpy()[fold.test]
    brain, heard = (
        values[1][playing].mean(1)[None] for values in (data.recorded("t/01", fold), data.heard("t/01", fold, "f"))
    )
    assert delay_s(sfreq, brain, heard) == pytest.approx(0.15, abs=0.002)


def test_a_clip_feature_moves_too_but_not_out_of_its_interval():
    intervals = pd.DataFrame({"stimulus_onset": [0.0, 5.0], "onset": [0.0, 20.0], "duration": [5.0, 5.0]})
    windows = Windows(intervals, np.array([0, 0, 1]), np.array([0.0, 2.0, 5.0]), np.array([0, 1, 2]))
    assert windows.paired_s(0.01).tolist() == [0.01, 2.01, 5.01]
    assert windows.paired_s(-0.01).tolist() == [0.0, 1.99, 5.0]
    assert windows.paired_s(0.0) is windows.start_s
