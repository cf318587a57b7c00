"""Whether a word is said, and the drivers of simulated sEEG."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from n2s.errors import UserError
from n2s.features import SEEGDriver, Speaking
from n2s.studies.study import Frames, Stimulus


@pytest.fixture
def stimulus(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(48000), 16000)
    words = pd.DataFrame(
        {"text": ["one", "two", "over"], "onset": [0.5, 1.0, 1.2], "duration": [0.2, 0.4, 0.5], "sequence": ""}
    )
    return Stimulus("a", tmp_path / "a.wav", words)


def test_it_is_one_while_words_sound(stimulus):
    frames = Speaking().extract(stimulus)
    assert frames.values.shape == (300, 1) and frames.rate_hz == 100 and frames.start_s == 0
    times_s = np.arange(300) / 100
    said = ((times_s >= 0.5) & (times_s < 0.7)) | ((times_s >= 1.0) & (times_s < 1.7))  # two words overlap
    np.testing.assert_array_equal(frames.values[:, 0], said)
    part = Speaking(50.0).extract(stimulus, 0.61, 1.5)
    assert part.start_s == pytest.approx(0.62) and len(part.values) == 44
    np.testing.assert_array_equal(part.values[:, 0], said[62:150:2])


def test_without_words_there_is_nothing_to_say(stimulus):
    with pytest.raises(UserError, match="'b' has no words"):
        Speaking().extract(Stimulus("b", stimulus.audio))
    with pytest.raises(UserError, match="rate_hz is 0"):
        Speaking(0.0)


def test_drivers_are_columns_of_what_the_study_has():
    every = np.arange(39 * 4, dtype=np.float32).reshape(4, 39)
    stimulus = Stimulus("c", None, ready=Frames(every, 100.0))
    parts = [SEEGDriver(name) for name in ("envelope", "phones", "words")]
    assert [one.n_features for one in parts] == [1, 6, 32] and [one.events for one in parts] == [False, True, True]
    found = np.hstack([one.extract(stimulus).values for one in parts])
    np.testing.assert_array_equal(found, every)
    with pytest.raises(UserError, match="Nearest: words"):
        SEEGDriver("word")
