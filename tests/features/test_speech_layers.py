import numpy as np
import pytest
import torch
import transformers
from sounds import noise

from n2s.errors import UserError
from n2s.features import (
    FeatureStore,
    SpeechModelLayers,
    TinyUntrainedSpeechLayers,
    UntrainedSpeechModelLayers,
    Wav2Vec2,
)

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64, "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "initializer_range": 0.2,
}  # fmt: skip


def saved(folder, kind: str):
    """A small network of a kind with random weights, saved as the published ones are, and how it prepares audio."""
    torch.manual_seed(0)
    if kind == "whisper":
        config = transformers.WhisperConfig(
            d_model=32, encoder_layers=3, encoder_attention_heads=2, encoder_ffn_dim=64, decoder_layers=1,
            decoder_attention_heads=2, decoder_ffn_dim=64, vocab_size=64, num_mel_bins=80, init_std=0.2,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        )  # fmt: skip
        transformers.WhisperForConditionalGeneration(config).save_pretrained(folder)
        extractor = transformers.WhisperFeatureExtractor()
    else:
        name = {"hubert": "Hubert", "wavlm": "WavLM"}[kind]
        extra = {"feat_extract_norm": "group"} if kind == "hubert" else {}
        config = getattr(transformers, f"{name}Config")(**SMALL, **extra)
        getattr(transformers, f"{name}Model")(config).save_pretrained(folder)
        extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=kind == "hubert")
    extractor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=["hubert", "wavlm", "whisper"])
def network(request, tmp_path_factory):
    return request.param, saved(tmp_path_factory.mktemp(request.param), request.param)


def last_frame(kind: str, folder: str, audio: np.ndarray) -> list[np.ndarray]:
    """The states of the last frame of one sound, by transformers alone."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    prepared = extractor(audio, sampling_rate=16000, return_tensors="pt")
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        if kind == "whisper":
            found = model.encoder(prepared.input_features, output_hidden_states=True).hidden_states
            return [state[0, -(-len(audio) // 320) - 1].numpy() for state in found]
        return [state[0, -1].numpy() for state in model(prepared.input_values, output_hidden_states=True).hidden_states]


def test_each_value_is_the_last_frame_of_a_window_that_ends_there(network, stimulus_of):
    kind, folder = network
    audio = 0.2 * noise(1.6)
    members = SpeechModelLayers(folder, window_s=1.0, stride_s=0.2, batch=3).members()
    assert list(members) == ["layer0", "layer1", "layer2", "layer3"] and {len(m) for m in members.values()} == {1}
    frames = members["layer0"][0].extract_together(stimulus_of(audio))
    assert {one.values.shape for one in frames} == {(8, 32)}
    assert (frames[0].rate_hz, frames[0].start_s) == (5.0, 0.2)
    for i, end_s in ((1, 0.4), (4, 1.0), (5, 1.2), (7, 1.6)):
        heard = audio[max(0, round((end_s - 1.0) * 16000)) : round(end_s * 16000)]
        for one, expected in zip(frames, last_frame(kind, folder, heard), strict=True):
            np.testing.assert_allclose(one.values[i], expected, atol=2e-4 * np.abs(expected).max())


def test_nothing_after_its_moment_is_heard(network, stimulus_of):
    kind, folder = network
    audio = noise(1.6)
    other = audio.copy()
    other[round(1.0 * 16000) :] = 5 * noise(0.6, seed=3)
    causal = SpeechModelLayers(folder, window_s=0.8, stride_s=0.2).members()["layer3"][0]
    ours, theirs = causal.extract(stimulus_of(audio)), causal.extract(stimulus_of(other, name="other"))
    np.testing.assert_array_equal(ours.values[:5], theirs.values[:5])
    assert np.abs(ours.values[5:] - theirs.values[5:]).min(1).max() > 1e-4
    # with context on both sides the future is heard: the test above can fail
    both = SpeechModelLayers(folder, causal=False, window_s=4, context_s=1).members()["layer3"][0]
    before = [both.extract(stimulus_of(x, name=n)).values[:49] for x, n in ((audio, "sound"), (other, "other"))]
    assert np.abs(before[0] - before[1]).max() > 1e-3


@pytest.mark.slow
def test_some_layers_are_those_of_all(network, stimulus_of):
    _, folder = network
    stimulus = stimulus_of(noise(1.0))
    every = SpeechModelLayers(folder, window_s=0.5, stride_s=0.25).members()
    some = SpeechModelLayers(folder, [2, 1], window_s=0.5, stride_s=0.25).members()
    assert list(some) == ["layer2", "layer1"]
    for name, (feature,) in some.items():
        np.testing.assert_allclose(feature.extract(stimulus).values, every[name][0].extract(stimulus).values, atol=1e-4)
        assert feature.settings() == every[name][0].settings()  # one file in the cache
    last = SpeechModelLayers(folder, [1, 3], causal=False, window_s=8, context_s=1).members()["layer3"][0]
    alone = SpeechModelLayers(folder, [3], causal=False, window_s=8, context_s=1).members()["layer3"][0]
    np.testing.assert_allclose(last.extract(stimulus).values, alone.extract(stimulus).values, atol=1e-4)


def test_in_overlapping_windows_as_wav2vec2_does(wav2vec2_folder, stimulus_of):
    stimulus = stimulus_of(noise(7.0))
    members = SpeechModelLayers(str(wav2vec2_folder), [0, 3], causal=False, window_s=4, context_s=1).members()
    for layer in (0, 3):
        expected = Wav2Vec2(str(wav2vec2_folder), (layer,), window_s=4, context_s=1).extract(stimulus)
        found = members[f"layer{layer}"][0].extract(stimulus)
        np.testing.assert_allclose(found.values, expected.values, atol=1e-4 * np.abs(expected.values).max())
        assert (found.rate_hz, found.start_s) == (expected.rate_hz, expected.start_s)


def test_whisper_in_overlapping_windows_is_on_the_clock(tmp_path, stimulus_of):
    folder = saved(tmp_path, "whisper")
    (feature,) = SpeechModelLayers(folder, [0], causal=False, window_s=4, context_s=1).members()["layer0"]
    audio = 0.001 * noise(6.3)
    audio[round(4.5 * 16000) : round(4.52 * 16000)] *= 500  # a click, in the second window
    quiet = audio.copy()
    quiet[round(4.5 * 16000) : round(4.52 * 16000)] /= 500
    both = [feature.extract(stimulus_of(x, name=n)) for x, n in ((audio, "a"), (quiet, "b"))]
    assert both[0].values.shape == (315, 32) and (both[0].rate_hz, both[0].start_s) == (50.0, 0.0)
    change = np.abs(both[0].values - both[1].values).sum(1)
    assert abs(both[0].start_s + change.argmax() / 50 - 4.51) <= 0.02


def test_one_pass_gives_all_layers_and_they_are_kept(tmp_path, stimulus_of):
    layers = TinyUntrainedSpeechLayers(seeds=(0, 1), window_s=0.5, stride_s=0.1)
    members = layers.members()
    assert list(members) == [f"layer{i}" for i in range(5)] and all(len(seeds) == 2 for seeds in members.values())
    stimulus = stimulus_of(noise(1.0))
    one, two = members["layer2"]
    found = FeatureStore(one, tmp_path).frames(stimulus, cuts_s=[0.55])
    # 0.5 and 0.4 s are heard: nothing across the border, values at 0.1, 0.2, ..
    assert [len(frames.values) for frames in found] == [5, 4]
    assert [round(frames.start_s, 6) for frames in found] == [0.1, 0.65]
    assert len(list(tmp_path.rglob("*.safetensors"))) == 10  # 5 layers of 2 stretches
    one._pass.run = None  # nothing is computed again
    for name, (feature, _) in members.items():
        assert len(FeatureStore(feature, tmp_path).frames(stimulus, cuts_s=[0.55])) == 2, name
    other = FeatureStore(two, tmp_path).frames(stimulus, cuts_s=[0.55])
    assert np.abs(other[0].values - found[0].values).max() > 0.01


def test_a_window_hears_no_further_back(stimulus_of):
    audio = noise(1.5)
    other = audio.copy()
    other[: round(0.5 * 16000)] = noise(0.5, seed=8)
    feature = TinyUntrainedSpeechLayers([2], window_s=0.5).members()["layer2"][0]
    ours, theirs = (feature.extract(stimulus_of(x, name=n)).values for x, n in ((audio, "a"), (other, "b")))
    np.testing.assert_array_equal(ours[9:], theirs[9:])  # windows from 0.5 s on
    assert np.abs(ours[8] - theirs[8]).max() > 1e-4


def test_float16_is_close_and_named_in_the_cache(wav2vec2_folder, stimulus_of):
    stimulus = stimulus_of(noise(0.6))
    whole, half = (
        SpeechModelLayers(str(wav2vec2_folder), [1], window_s=0.3, half=half).members()["layer1"][0]
        for half in (False, True)
    )
    a, b = whole.extract(stimulus).values, half.extract(stimulus).values
    assert b.dtype == np.float32 and 0 < np.abs(a - b).max() < 0.02 * np.abs(a).max()
    assert whole.settings() != half.settings()


def test_a_stretch_too_short_has_no_frames(stimulus_of):
    feature = TinyUntrainedSpeechLayers([1]).members()["layer1"][0]
    assert feature.extract(stimulus_of(noise(0.05))).values.shape == (0, 64)
    fine = TinyUntrainedSpeechLayers([1], window_s=1.0, stride_s=0.01).members()["layer1"][0]
    frames = fine.extract(stimulus_of(noise(0.05)))  # the first two strides are shorter than what a frame sees
    assert frames.values.shape == (3, 64) and round(frames.start_s, 6) == 0.03
    # a rate that does not divide the stride
    assert len(feature.extract(stimulus_of(noise(0.35, 44100), 44100)).values) == 3


def test_what_is_wrong_is_said(tmp_path, wav2vec2_folder):
    folder = str(wav2vec2_folder)
    with pytest.raises(UserError, match=r"layers \[5\], but '.*' has 4"):
        SpeechModelLayers(folder, [5]).members()
    for wrong in (
        {"layers": []},
        {"layers": [1, 1]},
        {"stride_s": 0},
        {"stride_s": 20},
        {"batch": 0},
        {"causal": False, "window_s": 10},
    ):
        with pytest.raises(UserError, match="expected|Expected"):
            SpeechModelLayers(folder, **wrong)
    with pytest.raises(UserError, match="seeds"):
        UntrainedSpeechModelLayers(folder, seeds=())
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a bert network; expected one that hears speech"):
        SpeechModelLayers(str(tmp_path)).members()
    transformers.SEWConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a sew network"):  # half as many frames as its convolutions have
        SpeechModelLayers(str(tmp_path)).members()
    whisper = tmp_path / "whisper"
    transformers.WhisperConfig().save_pretrained(whisper)
    with pytest.raises(UserError, match="takes at most 30 s"):
        SpeechModelLayers(str(whisper), window_s=31).members()
