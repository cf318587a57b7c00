"""The scale of channels that stand still for a part, or all, of the training windows."""

from types import SimpleNamespace

import numpy as np
import pytest
from tiny import SILENCE_S, TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.data.scaler import fit_scaler
from n2s.features.ready import Ready
from n2s.findings import kept


def scaler(brain: np.ndarray, key: str, *, n_baseline: int = 0, n_window: int = 150):
    starts = np.arange(0, len(brain) - n_window, 25)
    return fit_scaler(
        SimpleNamespace(brain=brain, key=key), starts, n_window=n_window, n_baseline=n_baseline, source="x"
    )


@pytest.mark.parametrize("n_baseline", [0, 25])
@pytest.mark.parametrize("share", [0.3, 0.49, 0.8, 0.95])
def test_what_stands_still_does_not_count(share, n_baseline):
    """The quartiles of a channel that is 0 half of the time are 0, and all else was divided by 1e-12."""
    rng = np.random.default_rng(round(100 * share) + n_baseline)
    brain = rng.standard_normal((20_000, 3)).astype(np.float32) * 50 + 7
    dead = np.arange(20_000) < share * 20_000
    brain[dead, 1] = 0.0
    brain[:, 2] = np.where(np.arange(20_000) % 100 < 100 * share, 3.0, brain[:, 2])  # within each window
    found = scaler(brain, f"still {share} {n_baseline}", n_baseline=n_baseline)
    np.testing.assert_allclose(found.scale / found.scale[0], 1, atol=0.2)
    np.testing.assert_allclose(found.centre, 7, atol=6)


def test_a_channel_that_moves_is_scaled_by_its_quartiles():
    rng = np.random.default_rng(1)
    brain = rng.standard_normal((5000, 2)).astype(np.float32)
    brain[1000:1010] *= 1e4  # an artefact does not make the rest stand still
    found = scaler(brain, "moves")
    taken = np.stack([brain[start : start + 150 : 4] for start in range(0, 4850, 25)]).reshape(-1, 2)
    np.testing.assert_allclose(found.scale, np.subtract(*np.percentile(taken, [75, 25], axis=0)), rtol=0.02)


class Loose(TinyStudy):
    """Channel 2 is dead in the first two stories."""

    def load(self, recording):
        raw = super().load(recording)
        raw._data[2, : round((SILENCE_S + 2 * self.story_s) * 100)] = 0
        return raw


def test_a_channel_that_is_dead_in_training_and_alive_in_test_has_the_scale_of_the_others(tmp_path):
    study = Loose(tmp_path, n_subjects=1, n_stories=6, story_s=20.0, together=True)
    data = MEGDataModule(
        {"t": study}, Ready(4), preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]), baseline_s=0.0, n_jobs=1,
        split=SplitByStory(val=["story2"], test=["story3", "story4", "story5"]), window_s=2.0,
    )  # fmt: skip
    with kept() as found:
        data.setup("fit")
        spread = next(iter(data.test_dataloader())).brain.std((0, 2)).numpy()
    dead = data.recordings["t/sub-01_task-all"].meta["ch_names"][2]
    assert 0.3 < spread[2] < 3 and np.isfinite(spread).all()
    assert any(
        f"never change in what their scale is taken from (own training windows): {dead}." in one.text for one in found
    )
