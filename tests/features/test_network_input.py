"""What lies beside a network's weights is followed as transformers follows it, or refused by name."""

import json
import shutil

import numpy as np
import pytest
import torch
from small_weights import save_clap
from sounds import noise
from test_sentence import bert_folder  # noqa: F401 (a fixture)
from transformers import (
    AutoModel,
    AutoTokenizer,
    ClapFeatureExtractor,
    ClapModel,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
)

from n2s.errors import UserError
from n2s.features import CLAP, SentenceEmbedding, TinyUntrainedWav2Vec2, UntrainedWav2Vec2, Wav2Vec2
from n2s.findings import kept

USUAL = {
    "do_normalize": True, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "padding_side": "right",
    "padding_value": 0.0, "return_attention_mask": True, "sampling_rate": 16000,
}  # fmt: skip


@pytest.fixture
def network(wav2vec2_folder, tmp_path):
    """Copy the small network, with some settings beside it."""

    def make(name="preprocessor_config.json", **changes):
        folder = tmp_path / f"net{len(list(tmp_path.iterdir()))}"
        shutil.copytree(wav2vec2_folder, folder)
        given = USUAL | changes
        (folder / name).write_text(json.dumps(given if name.startswith("pre") else {"feature_extractor": given}))
        return folder

    return make


def by_transformers(folder, audio, sfreq, layer):
    """The hidden state of the whole clip by transformers' own extractor and network."""
    prepared = Wav2Vec2FeatureExtractor.from_pretrained(folder)(audio, sampling_rate=sfreq, return_tensors="pt")
    with torch.no_grad():
        states = Wav2Vec2Model.from_pretrained(folder).eval()(**prepared, output_hidden_states=True).hidden_states
    return states[layer][0].numpy()


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("sfreq", [16000, 8000])
@pytest.mark.parametrize("name", ["preprocessor_config.json", "processor_config.json"])
def test_normalisation_and_rate_are_those_of_the_network(network, stimulus_of, normalize, sfreq, name):
    """Examples of networks trained without normalisation: facebookresearch/fairseq#4687, dhchoi99/NANSY#16."""
    folder = network(name, do_normalize=normalize, sampling_rate=sfreq)
    audio = 0.3 + noise(1.5, sfreq)
    found = Wav2Vec2(str(folder), (2,), device="cpu").extract(stimulus_of(audio, sfreq))
    expected = by_transformers(folder, audio, sfreq, 2)
    np.testing.assert_allclose(found.values, expected, atol=1e-4 * np.abs(expected).max())
    assert (found.rate_hz, found.start_s) == (sfreq / 320, 200 / sfreq)


def test_only_unusual_input_changes_the_key_of_the_cache(network):
    usual, plain = (Wav2Vec2(str(network(do_normalize=one)), (2,)) for one in (True, False))
    assert set(usual.settings()) == {"model", "layers", "window_s", "context_s"}
    assert plain.settings()["normalize"] is False
    assert UntrainedWav2Vec2(str(network(sampling_rate=8000)), (0,)).settings()["sfreq"] == 8000


def test_the_untrained_control_hears_the_same(network, stimulus_of):
    audio = 0.3 + noise(1.0)
    plain, usual = (UntrainedWav2Vec2(str(network(do_normalize=one)), (0,), device="cpu") for one in (False, True))
    assert np.abs(plain.extract(stimulus_of(audio)).values - usual.extract(stimulus_of(audio)).values).max() > 1e-3
    assert TinyUntrainedWav2Vec2().settings().keys() == usual.settings().keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"feature_extractor_type": "WhisperFeatureExtractor"},
            "is WhisperFeatureExtractor; expected Wav2Vec2FeatureExtractor",
        ),
        ({"feature_size": 80}, "feature_size is 80; expected 1"),
        ({"n_fft": 400, "hop_length": 160}, "does not know hop_length=160, n_fft=400"),
        ({"sampling_rate": "16k"}, "sampling_rate is '16k'; expected Hz"),
        ({"do_normalize": "no"}, "do_normalize is 'no'; expected true or false"),
    ],
)
def test_other_settings_are_refused_by_name(network, changes, words):
    with pytest.raises(UserError, match=words):
        Wav2Vec2(str(network(**changes)), (2,)).settings()


def test_a_network_that_says_nothing_is_told(wav2vec2_folder, network, stimulus_of):
    with kept() as findings:
        Wav2Vec2(str(wav2vec2_folder), (2,)).settings()
    assert findings[0].kind == "odd" and "no preprocessor_config.json" in findings[0].text
    folder = network()
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(UserError, match=r"preprocessor_config\.json: not JSON"):
        Wav2Vec2(str(folder), (2,)).settings()


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"sampling_rate": 32000, "frequency_max": 12000}, {"hop_length": 240, "max_length_s": 5}, {"fft_window_size": 2048},
        {"padding": "repeat"}, {"padding": "pad"}, {"frequency_min": 200},
    ],
)  # fmt: skip
def test_the_spectrogram_of_clap_is_that_of_its_file(tmp_path, stimulus_of, changes):
    folder = save_clap(tmp_path / "clap", fused=False)
    settings = json.loads((folder / "preprocessor_config.json").read_text()) | changes
    settings |= {"nb_max_samples": settings["max_length_s"] * settings["sampling_rate"]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    extractor, rate = ClapFeatureExtractor.from_pretrained(folder), settings["sampling_rate"]
    samples = noise(3.0, rate)
    found = CLAP(str(folder), device="cpu").extract(stimulus_of(samples, rate), np.array([0.5]), 1.7)[0]
    clip = samples[round(0.5 * rate) : round(2.2 * rate)]
    inputs = extractor(clip, sampling_rate=rate, return_tensors="pt")
    inputs["is_longer"] = torch.zeros_like(inputs["is_longer"])
    with torch.no_grad():
        expected = ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs).pooler_output[0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feature_extractor_type": "WhisperFeatureExtractor"}, "expected ClapFeatureExtractor"),
        ({"padding": "max_length"}, "padding is 'max_length'; expected repeatpad, repeat or pad"),
        ({"feature_size": 80}, r"80 mel bands .* network takes 64"),
    ],
)
def test_what_clap_cannot_follow_is_refused(tmp_path, changes, words):
    folder = save_clap(tmp_path / "clap", fused=False)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=words):
        CLAP(str(folder)).settings()


@pytest.fixture
def sentences(bert_folder, tmp_path):  # noqa: F811
    """Copy the small text model, with the files of sentence-transformers beside it."""

    def make(pooling=None, length=None, prompts=None, steps=("Transformer", "Pooling", "Normalize")):
        folder = tmp_path / f"text{len(list(tmp_path.iterdir()))}"
        shutil.copytree(bert_folder, folder)
        paths = {
            "Transformer": "",
            "Pooling": "1_Pooling",
            "Normalize": "2_Normalize",
            "Dense": "3_Dense",
            "LSTM": "3_LSTM",
        }
        modules = [
            {"idx": i, "path": paths[kind], "type": f"sentence_transformers.models.{kind}"}
            for i, kind in enumerate(steps)
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling or {"pooling_mode_mean_tokens": True}))
        (folder / "sentence_bert_config.json").write_text(json.dumps(length or {}))
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts or {}))
        return SentenceEmbedding(str(folder), device="cpu")

    return make


def states_of(feature, text, **options):
    tokens = AutoTokenizer.from_pretrained(feature.model)(text, return_tensors="pt", **options)
    with torch.no_grad():
        return AutoModel.from_pretrained(feature.model).eval()(**tokens).last_hidden_state[0].numpy()


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_pooling_length_case_and_prompt_of_a_text_model(sentences):
    text = "the old man and the sea"
    feature = sentences({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    found = feature.embed(["the", text])  # the first is padded
    np.testing.assert_allclose(found[1], unit(states_of(feature, text)[0]), atol=1e-5)
    np.testing.assert_allclose(found[0], unit(states_of(feature, "the")[0]), atol=1e-5)
    assert feature.settings()["pooling"] == "cls"
    feature = sentences(length={"max_seq_length": 5, "do_lower_case": True})
    expected = states_of(feature, text, truncation=True, max_length=5)
    assert len(expected) == 5
    np.testing.assert_allclose(feature.embed([text.upper()])[0], unit(expected.mean(0)), atol=1e-5)
    feature = sentences(prompts={"prompts": {"query": "query : "}, "default_prompt_name": "query"})
    np.testing.assert_allclose(feature.embed([text])[0], unit(states_of(feature, "query : " + text).mean(0)), atol=1e-5)
    assert feature.prefix == "query : " and feature.settings()["prefix"] == "query : "


def test_steps_of_a_text_model_that_n2s_lacks(sentences):
    with pytest.raises(UserError, match="n2s does not have LSTM"):
        sentences(steps=("Transformer", "Pooling", "LSTM")).settings()
    with pytest.raises(UserError, match="pooling is lasttoken; expected mean_tokens or cls_token"):
        sentences({"pooling_mode_lasttoken": True}).settings()
    with pytest.raises(UserError, match="pooling is cls_token, mean_tokens; expected"):
        sentences({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}).settings()
    with pytest.raises(UserError, match="no prompt is named 'query'"):
        sentences(prompts={"default_prompt_name": "query"}).settings()
