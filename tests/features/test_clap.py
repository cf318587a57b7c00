"""CLAP against calling transformers directly, and what keeps it deterministic."""

import numpy as np
import pytest
import torch
from small_weights import save_clap
from sounds import noise
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

from n2s.errors import UserError
from n2s.features import CLAP, FeatureStore, TinyClap
from n2s.features.audio import read_audio

RATE = 48000


@pytest.fixture(scope="module")
def unfused(tmp_path_factory):
    return save_clap(tmp_path_factory.mktemp("clap"), fused=False)


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    return save_clap(tmp_path_factory.mktemp("clap-fused"), fused=True)


def directly(folder, clip: np.ndarray) -> np.ndarray:
    """One clip through transformers alone, by the folder's own settings."""
    inputs = ClapFeatureExtractor.from_pretrained(folder)(clip, sampling_rate=RATE, return_tensors="pt")
    inputs["is_longer"] = torch.zeros_like(inputs["is_longer"])
    with torch.no_grad():
        found = ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs)
    return found.pooler_output[0].numpy()


@pytest.mark.parametrize("kind", ["unfused", "fused"])
def test_audio_is_as_transformers_embeds_it(kind, request, stimulus_of):
    folder, samples = request.getfixturevalue(kind), noise(9.0, RATE)
    feature = CLAP(str(folder), device="cpu")
    found = feature.extract(stimulus_of(samples, RATE), np.array([0.0, 2.5, 5.0]), 3.2)
    assert found.shape == (3, 512) == (3, feature.n_features)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    for row, start_s in zip(found, (0.0, 2.5, 5.0), strict=True):
        clip = samples[round(start_s * RATE) : round((start_s + 3.2) * RATE)]
        np.testing.assert_allclose(row, directly(folder, clip), atol=2e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("kind", ["unfused", "fused"])
def test_neighbours_and_the_random_numbers_do_not_matter(kind, request, stimulus_of):
    # transformers calls one short clip of each batch long, at random: a fused model then embeds it another way
    feature = CLAP(str(request.getfixturevalue(kind)), device="cpu")
    stimulus = stimulus_of(noise(6.0, RATE), RATE)
    np.random.seed(0)
    together = feature.extract(stimulus, np.array([0.0, 1.0, 2.0]), 2.0)
    np.random.seed(1)
    alone = np.concatenate([feature.extract(stimulus, np.array([start]), 2.0) for start in (0.0, 1.0, 2.0)])
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_of_a_long_clip_the_middle_is_heard(unfused, stimulus_of):
    samples = noise(14.0, RATE)
    feature = CLAP(str(unfused), device="cpu")
    stimulus = stimulus_of(samples, RATE)
    found = feature.extract(stimulus, np.array([1.0]), 12.0)[0]
    np.testing.assert_allclose(found, directly(unfused, samples[2 * RATE : 12 * RATE]), atol=2e-6)
    np.testing.assert_array_equal(found, feature.extract(stimulus, np.array([1.0]), 12.0)[0])
    np.testing.assert_array_equal(found, feature.extract(stimulus, np.array([2.0]), 10.0)[0])  # exactly 10 s: all of it


def test_audio_of_another_rate_is_resampled(unfused, stimulus_of):
    stimulus = stimulus_of(noise(3.0, 16000), 16000)
    found = CLAP(str(unfused), device="cpu").extract(stimulus, np.array([0.5]), 2.0)[0]
    clip = read_audio(stimulus.audio, RATE, 0.5, 2.5).numpy()
    assert len(clip) == 2 * RATE
    np.testing.assert_allclose(found, directly(unfused, clip), atol=2e-6)


def test_text_is_as_transformers_embeds_it(unfused):
    prompts = ["man speaking", "woman speaking", "pop music"]
    found = CLAP(str(unfused), device="cpu").text(prompts)
    tokenizer, network = RobertaTokenizer.from_pretrained(unfused), ClapModel.from_pretrained(unfused).eval()
    for row, prompt in zip(found, prompts, strict=True):  # one by one: nothing is padded
        tokens = tokenizer(prompt, return_tensors="pt")
        assert tokens["input_ids"].shape == (1, len(prompt) + 2)
        with torch.no_grad():
            np.testing.assert_allclose(row, network.get_text_features(**tokens).pooler_output[0], atol=2e-6)
    assert not np.allclose(found[0], found[2], atol=1e-3)


@pytest.mark.parametrize("feature", ["unfused", "tiny"])
def test_many_and_long_texts(feature, request):
    feature = TinyClap() if feature == "tiny" else CLAP(str(request.getfixturevalue(feature)), device="cpu")
    prompts = [f"sound {i}" for i in range(9)] + ["x" * 2000, ""]
    found = feature.text(prompts)
    assert found.shape == (11, 512) and feature.text([]).shape == (0, 512)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(feature.text(["x" * 510])[0], found[9], atol=1e-5)  # 512 tokens with both ends
    with pytest.raises(UserError, match=r"Give \['pop music'\]"):
        feature.text("pop music")


def test_the_store_keeps_it_by_the_folders_content(unfused, fused, stimulus_of, tmp_path):
    feature, stimulus = CLAP(str(unfused), device="cpu"), stimulus_of(noise(3.0, RATE), RATE)
    store = FeatureStore(feature, tmp_path / "kept")
    first = store.clips(stimulus, np.array([0.0, 1.0]), 1.5)
    feature.extract = None  # read back, not computed
    np.testing.assert_array_equal(store.clips(stimulus, np.array([0.0, 1.0]), 1.5), first)
    assert CLAP(str(fused)).settings() != feature.settings()


def test_another_model_and_no_window(wav2vec2_folder, unfused, stimulus_of):
    with pytest.raises(UserError, match=r"is a wav2vec2 model; expected a CLAP"):
        CLAP(str(wav2vec2_folder)).n_features  # noqa: B018
    assert CLAP(str(unfused)).extract(stimulus_of(noise(1.0), 16000), np.zeros(0), 1.0).shape == (0, 512)


def tone(hz: float, seed: int) -> np.ndarray:
    """2 s of a tone in noise of its own."""
    return 0.1 * np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE) + 0.2 * noise(2.0, RATE, seed)


def test_the_stand_in_tells_sounds_apart(stimulus_of):
    feature, pitches = TinyClap(device="cpu"), [150, 300, 600, 1200, 2400, 4800]
    once, again = (
        feature.extract(
            stimulus_of(np.concatenate([tone(hz, seed + i) for i, hz in enumerate(pitches)]), RATE), starts, 2
        )
        for seed in (0, 100)
        for starts in [2.0 * np.arange(6)]
    )
    np.testing.assert_allclose(np.linalg.norm(once, axis=1), 1, atol=1e-5)
    assert ((once @ again.T).argmax(1) == np.arange(6)).all()
    np.testing.assert_array_equal(TinyClap(device="cpu").text(["a"]), feature.text(["a"]))
    assert not np.allclose(TinyClap(seed=1, device="cpu").text(["a"]), feature.text(["a"]), atol=1e-3)
    assert TinyClap(seed=1).settings() != feature.settings()


class FullSize(TinyClap):
    """The published architecture (HTSAT and RoBERTa base) with random weights."""

    def _load_config(self):
        return ClapConfig()


@pytest.mark.slow
def test_the_full_architecture_on_one_clip(stimulus_of):  # 3 s
    feature = FullSize(device="cpu")
    found = feature.extract(stimulus_of(noise(2.0), 16000), np.array([0.0]), 2.0)
    assert found.shape == (1, 512) and np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    assert feature.text(["a dog barks"]).shape == (1, 512)
    n_parameters = sum(p.numel() for p in feature._network.parameters())
    assert n_parameters == pytest.approx(153.5e6, rel=0.01)  # of laion/clap-htsat-unfused, by its 615 MB of float32
