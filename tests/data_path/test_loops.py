"""A file that plays one thing again and again: a split by time would train on what it tests."""

import numpy as np
import pytest
import soundfile
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.data.identity import shared_sound
from n2s.data.time_split import SplitByTime
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies.study import Frames, Stimulus

HZ = 8000


class Loops(TinyStudy):
    """Each story is one of ``seconds`` of noise, played until 30 s are over."""

    def __init__(self, root, seconds):
        super().__init__(root, n_subjects=1, n_stories=3)
        for i in range(3):
            noise = np.random.default_rng(i).normal(0, 0.1, round(seconds * HZ))
            soundfile.write(root / f"story{i}.wav", np.resize(noise, 30 * HZ), HZ)

    def audio(self, stimulus):
        return self.root / f"{stimulus}.wav"


def meg(root, seconds, split):
    preprocessing = Preprocessing(sfreq=50.0, picks=["eeg"])
    return MEGDataModule({"t": Loops(root, seconds)}, Mel(n_mels=8), preprocessing=preprocessing, split=split, n_jobs=1)


def test_a_loop_is_found_where_it_begins_again(tmp_path):
    Loops(tmp_path, 10.0)
    (one, two) = shared_sound({"a": Stimulus("a", tmp_path / "story0.wav")}).itertuples()
    assert one.one == one.other and one.exact
    lags = sorted(abs(row.one_start_s - row.other_start_s) for row in (one, two))
    assert lags == pytest.approx([10.0, 20.0], abs=1e-3)


def test_values_that_are_held_are_no_loop():
    """A word's vector in each of its ten frames: nearly every frame is the one before, and nothing is played again."""
    values = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32).repeat(10, 0)
    assert shared_sound({"a": Stimulus("a", None, ready=Frames(values, 10.0))}).empty
    twice = np.concatenate([values, values])
    found = shared_sound({"a": Stimulus("a", None, ready=Frames(twice, 10.0))})
    assert (found.other_start_s - found.one_start_s).iloc[0] == pytest.approx(60.0)


def test_a_split_by_time_of_a_loop_is_refused(tmp_path):
    """All of what was tested was trained on, sample by sample."""
    data = meg(tmp_path, 7.5, SplitByTime(n_folds=4, test_fold=3, val_fold=2))
    with pytest.raises(
        UserError, match=r"'t/story\d' at .* and 't/story\d' at .* plays it again: hold whole sounds out"
    ):
        data.setup("fit")


@pytest.mark.parametrize(
    ("seconds", "split"),
    [(30.0, SplitByTime(n_folds=3, test_fold=2, val_fold=1)), (7.5, SplitByStory(val=["story1"], test=["story2"]))],
)
def test_other_sounds_and_other_splits_are_none(tmp_path, seconds, split):
    data = meg(tmp_path, seconds, split)
    data.setup("fit")
    assert all(len(one) for one in data.windows.values()) and not data.notes
