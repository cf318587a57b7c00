"""Features that are computed on each side of a border: every moment has one frame, of its own side."""

import numpy as np
import pytest
import soundfile

from n2s.data import Lags
from n2s.data.encoding_designs import in_turn
from n2s.features import FeatureStore, Mel, TinyUntrainedSpeechLayers, UntrainedSpeechNetLayers
from n2s.studies.study import Frames, Stimulus


def layer(layers):
    return next(iter(layers.members().values()))[0]


FEATURES = {
    "transform": lambda: Mel(8, hop=160, standardize=True),
    "network of 50 Hz": lambda: layer(
        UntrainedSpeechNetLayers((0,), layers=["conv1"], channels=(2, 2, 2), device="cpu")
    ),
    "both sides": lambda: layer(TinyUntrainedSpeechLayers([0], causal=False, device="cpu")),
    "causal": lambda: layer(TinyUntrainedSpeechLayers([0], window_s=0.5, device="cpu")),
}


@pytest.mark.parametrize("name", FEATURES)
def test_each_moment_has_one_frame_of_its_own_side(name, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(6 * 16000) * 0.1, 16000)
    stimulus = Stimulus("a", tmp_path / "a.wav")
    for cut_s in (3.0, 3.0137):
        found = FeatureStore(FEATURES[name](), tmp_path).frames(stimulus, cuts_s=[cut_s])
        assert len(found) == 2
        # which side a frame is of, in the place of its values
        sides = [Frames(np.eye(2)[[i] * len(one.values)], one.rate_hz, one.start_s) for i, one in enumerate(found)]
        for sfreq in (50, 100, 250):
            rows_s = np.arange(5 * sfreq) / sfreq
            columns = sum(Lags(0, 0).columns(one, len(rows_s), 1 / sfreq) for one in in_turn(sides, [cut_s]))
            heard = rows_s > sides[0].start_s
            expected = np.eye(2)[(rows_s >= cut_s - 1e-9).astype(int)]
            np.testing.assert_allclose(columns[heard], expected[heard], atol=1e-5)
        before, after = in_turn(sides, [cut_s])
        assert before.stop_s < after.start_s + 1 / after.rate_hz - 1e-6  # sums over volumes count no frame twice


def test_a_sound_without_a_border_stays_as_it_is():
    whole = [Frames(np.ones((10, 1)), 10.0, 0.5)]
    assert in_turn(whole, [0.7]) is whole
