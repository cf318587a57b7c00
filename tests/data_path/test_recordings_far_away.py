"""A recording whose electrodes have another offset than in training, and no training window of its own."""

import pytest
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.features.ready import Ready
from n2s.findings import kept


class AnotherOffset(TinyStudy):
    """The electrodes of the test recording lie 500 uV from where they lay in training, as those of amplifiers without high-pass do."""

    def load(self, recording):
        raw = super().load(recording)
        raw._data += 5e-4 * (recording.task == "story2")
        return raw


@pytest.mark.parametrize(("baseline_s", "highpass_hz", "n"), [(0.0, None, 1), (0.5, None, 0), (0.0, 1.0, 0)])
def test_a_recording_beyond_the_clamp_is_told(tmp_path, baseline_s, highpass_hz, n):
    """Without a baseline all of its values were 20, and nothing said so."""
    data = MEGDataModule(
        {"t": AnotherOffset(tmp_path, n_subjects=1)}, Ready(4), split=SplitByStory(val=["story1"], test=["story2"]),
        preprocessing=Preprocessing(sfreq=50, picks=["eeg"], highpass_hz=highpass_hz), baseline_s=baseline_s, n_jobs=1,
    )  # fmt: skip
    with kept() as found:
        data.setup("fit")
    told = [one for one in found if "beyond data.clamp 20" in one.text]
    assert [one.where for one in told] == ["t/sub-01_task-story2"] * n
    brain = next(iter(data.test_dataloader())).brain
    assert bool((brain.abs() == 20).all()) == bool(n)
