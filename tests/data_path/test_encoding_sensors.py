"""Sensors of encoding models are known by their names: runs may write them in another way, and have them in another order."""

import numpy as np
from tiny import TinyStudy

from n2s.data import EncodingDataModule, Lags, Preprocessing, SplitByStory
from n2s.data.bad_channels import Places
from n2s.features.ready import Ready
from n2s.findings import kept


class Renamed(TinyStudy):
    """Each story's recording writes its sensors in another way and order."""

    def load(self, recording):
        raw = super().load(recording)
        number = self.stories.index(recording.task)
        if number:
            raw.rename_channels(
                {name: f"EEG {name.upper()}-REF" if number == 1 else name.lower() for name in raw.ch_names}
            )
            raw.reorder_channels(raw.ch_names[::-1])
        return raw


def test_sensors_are_the_same_however_each_run_writes_them(tmp_path):
    found = []
    for kind in (TinyStudy, Renamed):
        study = kind(tmp_path / kind.__name__, n_stories=3, story_s=12.0, n_subjects=1)
        cleaning = Preprocessing(sfreq=50.0, picks=["eeg"])
        data = EncodingDataModule(
            {"s": study}, {"f": Ready(4)}, Lags(0.0, 0.2), preprocessing=cleaning, split=SplitByStory(test=["story1"], val=[])
        )  # fmt: skip
        with kept() as told:
            data.setup("fit")
            what = data.measured("s/01")
        assert len(what.names) == 8 and not any("absent" in one.text for one in told)
        (fold,) = data.folds("s/01")
        found.append(data.responses("s/01", fold))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_sensor_is_not_taken_for_one_that_differs_in_a_zero():
    assert [Places(["a1", "B"], ["A1", "A01", "B"]).of(name) for name in ("A1", "A01", "b")] == [None, None, 1]
    assert [Places(["a1", "B", "A01"], ["A1", "B"]).of(name) for name in ("A1", "A01", "C")] == [None, 2, None]
