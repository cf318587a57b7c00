"""A sound that begins or ends with its recording: times with two decimals put it up to 10 ms outside."""

import numpy as np
import pytest
from tiny import SFREQ, TinyStudy

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.features.ready import Ready


class Whole(TinyStudy):
    """Each recording is as long as its sound, whose row is ``late_s`` late."""

    def __init__(self, root, late_s):
        self.late_s = late_s
        super().__init__(root, n_subjects=1, n_stories=3, story_s=12.0)

    def settings(self):
        return {"late_s": self.late_s}

    def _played(self, recording):
        return dict.fromkeys(super()._played(recording), 0.0)

    def load(self, recording):
        return super().load(recording).crop(0, self.story_s - 1 / SFREQ, verbose="error")

    def events(self, recording):
        table = super().events(recording)
        return table.assign(onset=table.onset + self.late_s)


def test_windows_stay_inside_the_recording(tmp_path):
    scales = {}
    for late_s in (0.0, -0.01, 0.01):
        data = MEGDataModule(
            {"t": Whole(tmp_path, late_s)}, Ready(4), preprocessing=Preprocessing(sfreq=250, picks=["eeg"]), n_jobs=1,
            split=SplitByStory(val=["story1"], test=["story2"]), window_s=3.0, train_windows=Grid(1.0),
        )  # fmt: skip
        data.setup("fit")
        assert len(data.windows["train"]) == 10
        scales[late_s] = next(iter(data.scalers.values())).scale
    for late_s in (-0.01, 0.01):
        assert np.asarray(scales[late_s]) == pytest.approx(np.asarray(scales[0.0]), rel=0.1)
