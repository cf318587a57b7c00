import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sounds import noise
from transformers import BertConfig, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from n2s.errors import UserError
from n2s.features import HashedBagOfWords, Mel, TinyUntrainedWav2Vec2, UntrainedWav2Vec2, Wav2Vec2
from n2s.studies.study import Stimulus


def naive_hidden_states(folder, audio: np.ndarray) -> list[np.ndarray]:
    """The published steps, one by one: normalise, convolve, project, add positions, then layer after layer."""
    network = Wav2Vec2Model.from_pretrained(folder).eval()
    prepared = Wav2Vec2FeatureExtractor(do_normalize=True)(audio, sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        hidden = prepared.input_values[:, None]
        for layer in network.feature_extractor.conv_layers:
            hidden = layer(hidden)
        hidden, _ = network.feature_projection(hidden.transpose(1, 2))
        hidden = hidden + network.encoder.pos_conv_embed(hidden)
        states = [hidden]
        for layer in network.encoder.layers:
            attended = layer.attention(layer.layer_norm(states[-1]))[0] + states[-1]
            states.append(attended + layer.feed_forward(layer.final_layer_norm(attended)))
    return [state[0].numpy() for state in states]


@pytest.mark.parametrize("layers", [(2,), (0, 1, 3), (4,)])
def test_mean_of_layers_against_the_network_layer_by_layer(wav2vec2_folder, stimulus_of, layers):
    audio = 0.3 + noise(2.0)
    frames = Wav2Vec2(str(wav2vec2_folder), layers).extract(stimulus_of(audio))
    states = naive_hidden_states(wav2vec2_folder, audio)
    expected = np.mean([states[layer] for layer in layers], axis=0)
    assert frames.values.shape == expected.shape == (99, 32)
    np.testing.assert_allclose(frames.values, expected, atol=1e-4 * np.abs(expected).max())


def test_frames_lie_in_the_middle_of_what_they_see(stimulus_of):
    feature = TinyUntrainedWav2Vec2(layers=(0,))
    audio = noise(3.0)
    plain = feature.extract(stimulus_of(audio))
    assert (plain.rate_hz, plain.start_s) == (50.0, 200 / 16000)
    for frame in (20, 77, 120):
        centre = 200 + 320 * frame
        changed = audio.copy()
        piece = slice(centre - 40, centre + 40)
        changed[piece] = audio[piece][::-1]  # the mean and the variance stay
        difference = np.abs(feature.extract(stimulus_of(changed, name="changed")).values - plain.values).sum(1)
        assert difference.argmax() == frame
        # 8 frames: half of the positional convolution, the only thing below layer 0 that looks around
        assert np.flatnonzero(difference > 1e-2 * difference.max()).min() >= frame - 8
        assert np.flatnonzero(difference > 1e-2 * difference.max()).max() <= frame + 8


def test_a_stretch_has_the_stimulus_clock_and_hears_only_itself(stimulus_of):
    feature, audio = TinyUntrainedWav2Vec2(), noise(3.0)
    part = feature.extract(stimulus_of(audio), 1.0, 2.0)
    alone = feature.extract(stimulus_of(audio[16000:32000], name="alone"))
    np.testing.assert_array_equal(part.values, alone.values)
    assert part.start_s == 1.0 + 200 / 16000
    assert feature.extract(stimulus_of(audio), 1.0, 1.02).values.shape == (0, 64)  # shorter than one frame sees


def test_windows_do_not_show_in_what_is_local(stimulus_of):
    stimulus = stimulus_of(noise(11.3))
    whole = TinyUntrainedWav2Vec2(layers=(0,), window_s=60).extract(stimulus)
    pieces = TinyUntrainedWav2Vec2(layers=(0,), window_s=4, context_s=0.5).extract(stimulus)
    np.testing.assert_allclose(pieces.values, whole.values, atol=1e-5)
    # without context the positional convolution lacks its neighbours: the test above can fail
    bare = TinyUntrainedWav2Vec2(layers=(0,), window_s=4, context_s=0).extract(stimulus)
    assert np.abs(bare.values - whole.values).max() > 0.01


def test_windows_change_the_transformer_little(wav2vec2_folder, stimulus_of):
    stimulus = stimulus_of(noise(24.0))
    whole = Wav2Vec2(str(wav2vec2_folder), (3, 4), window_s=60).extract(stimulus).values
    pieces = Wav2Vec2(str(wav2vec2_folder), (3, 4), window_s=12, context_s=3).extract(stimulus).values
    assert pieces.shape == whole.shape
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(whole.T, pieces.T, strict=True)]
    assert min(alike) > 0.9
    assert not np.array_equal(whole, pieces)


def test_memory_is_bounded_by_the_window(stimulus_of):
    feature = TinyUntrainedWav2Vec2(window_s=4, context_s=1)
    heard = []
    feature._network.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0].shape[-1] / 16000))
    n_frames = len(feature.extract(stimulus_of(noise(15.0))).values)
    assert n_frames == (15 * 16000 - 400) // 320 + 1
    assert len(heard) == 8 and max(heard) <= 4.01


def test_the_dimension_needs_no_weights(wav2vec2_folder, tmp_path):
    shutil.copy(wav2vec2_folder / "config.json", tmp_path)
    feature = Wav2Vec2(str(tmp_path), (1,))
    assert feature.n_features == 32
    with pytest.raises(UserError, match="cannot be loaded as Wav2Vec2Model"):
        feature._network  # noqa: B018


def test_an_untrained_network_has_the_shape_and_nothing_else(wav2vec2_folder, stimulus_of):
    folder, stimulus = str(wav2vec2_folder), stimulus_of(noise(1.0))
    trained = Wav2Vec2(folder, (1, 2)).extract(stimulus)
    before = torch.get_rng_state()
    untrained = UntrainedWav2Vec2(folder, (1, 2), seed=3)
    frames = untrained.extract(stimulus)
    assert torch.equal(before, torch.get_rng_state())
    assert frames.values.shape == trained.values.shape and frames.start_s == trained.start_s
    ours, theirs = untrained._network.state_dict(), Wav2Vec2(folder, (1, 2))._network.state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    np.testing.assert_array_equal(UntrainedWav2Vec2(folder, (1, 2), seed=3).extract(stimulus).values, frames.values)
    other = UntrainedWav2Vec2(folder, (1, 2), seed=4)
    assert np.abs(other.extract(stimulus).values - frames.values).max() > 0.1
    assert np.abs(trained.values - frames.values).max() > 0.1
    assert other.settings() != untrained.settings() != Wav2Vec2(folder, (1, 2)).settings()


def test_the_precision_of_the_training_does_not_matter(stimulus_of):
    stimulus = stimulus_of(noise(1.0))
    plain = TinyUntrainedWav2Vec2().extract(stimulus).values
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        np.testing.assert_array_equal(TinyUntrainedWav2Vec2().extract(stimulus).values, plain)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_release_drops_the_network_and_it_comes_back(stimulus_of):
    feature, stimulus = TinyUntrainedWav2Vec2(), stimulus_of(noise(0.5))
    values = feature.extract(stimulus).values
    assert "_network" in vars(feature)
    feature.release()
    assert "_network" not in vars(feature)
    np.testing.assert_array_equal(feature.extract(stimulus).values, values)


def test_another_network_in_the_same_folder_is_another_setting(wav2vec2_folder, tmp_path):
    copy = shutil.copytree(wav2vec2_folder, tmp_path / "copy")
    settings = Wav2Vec2(str(copy), (1,)).settings()
    assert settings == Wav2Vec2(str(wav2vec2_folder), (1,)).settings()
    assert json.loads(json.dumps(settings)) == settings
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert Wav2Vec2(str(copy), (1,)).settings() != settings


def test_what_is_wrong_is_said(wav2vec2_folder, tmp_path):
    with pytest.raises(UserError, match=r"layers=\(3, 5\), but the network has 4"):
        Wav2Vec2(str(wav2vec2_folder), (3, 5)).n_features  # noqa: B018
    with pytest.raises(UserError, match="layers"):
        Wav2Vec2(layers=())
    with pytest.raises(UserError, match="less than 1 s between"):
        TinyUntrainedWav2Vec2(window_s=10, context_s=5)
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a bert network"):
        Wav2Vec2(str(tmp_path)).n_features  # noqa: B018


CHILD = """
import sys, torch
from test_wav2vec2 import numbers
torch.set_num_threads(1)
print(*numbers(sys.argv[1]))
"""


def numbers(path: str) -> list[str]:
    """Hash of what each feature that needs no download makes of a sound with two words."""
    words = pd.DataFrame({"text": ["Kaixo", "mundua"], "onset": [0.1, 0.5]})
    stimulus = Stimulus("s", Path(path), words)
    values = [
        Mel().extract(stimulus).values,
        TinyUntrainedWav2Vec2().extract(stimulus).values,
        HashedBagOfWords().extract(stimulus, np.array([0.0, 0.4]), 0.5),
    ]
    return [hashlib.sha256(array).hexdigest() for array in values]


@pytest.mark.slow
@pytest.mark.nightly
def test_two_processes_give_the_same_numbers(stimulus_of):
    path = str(stimulus_of(noise(1.0)).audio)
    there = subprocess.run(
        [sys.executable, "-c", CHILD, path],
        env=os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.split() == numbers(path)
