"""AudioMAE's tokens as a feature: which tokens of which clip, kept, and what must not pass."""

import numpy as np
import pytest
import torch
from sounds import noise

from n2s.errors import UserError
from n2s.features import AudioMAETokens, FeatureStore, UntrainedAudioMAETokens
from n2s.features.audiomae import fbank
from n2s.models import AudioMAE

SMALL = {"dim": 24, "depth": 11, "n_heads": 2}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The weights of a small AudioMAE as the published file holds them, with a decoder of the published size."""
    path = tmp_path_factory.mktemp("audiomae") / "pretrained.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        torch.save({"model": AudioMAE(**SMALL).state_dict()}, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["last", "contextual"])
def test_the_first_tokens_of_the_repeated_clip(checkpoint, layer, stimulus_of):
    samples = noise(6.0)
    feature = AudioMAETokens(checkpoint, duration_s=2.0, layer=layer, device="cpu", **SMALL)
    found = feature.extract(stimulus_of(samples), np.array([0.0, 1.0, 3.5, 1.0, 4.0]), 2.0)
    assert found.shape == (5, 112 * 24) == (5, feature.n_features) and feature.shape == (112, 24)
    network = AudioMAE(**SMALL).load_upstream(checkpoint).eval()
    repeated = torch.from_numpy(np.tile(samples[3 * 16000 + 8000 : 5 * 16000 + 8000], 5))
    with torch.no_grad():
        expected = network.encode(fbank(repeated, 16000)[None, None], layer)[0, :112]
    np.testing.assert_allclose(found.reshape(-1, *feature.shape)[2], expected, atol=1e-5)
    np.testing.assert_allclose(found[1], found[3], atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize(("duration_s", "n_patch"), [(4, 208), (1.5, 80), (2, 112), (10, 512)])
def test_how_many_tokens_a_clip_has(duration_s, n_patch, stimulus_of):
    feature = UntrainedAudioMAETokens(duration_s=duration_s, device="cpu")
    found = feature.extract(stimulus_of(noise(10.0)), np.zeros(1), duration_s)
    assert feature.shape == (n_patch, 48) and found.shape == (1, n_patch * 48)


def test_the_store_keeps_them(stimulus_of, tmp_path):
    feature, stimulus = UntrainedAudioMAETokens(duration_s=1.5, device="cpu"), stimulus_of(noise(3.0))
    store = FeatureStore(feature, tmp_path / "kept", half=True)
    first = store.clips(stimulus, np.array([0.0, 1.5]), 1.5)
    assert first.dtype == np.float16 and first.shape == (2, feature.n_features)
    feature.extract = None  # read back, not computed
    np.testing.assert_array_equal(store.clips(stimulus, np.array([0.0, 1.5]), 1.5), first)


@pytest.mark.slow
def test_settings_say_what_changes_the_numbers(checkpoint, tmp_path):
    def settings(path=checkpoint, **options):
        return AudioMAETokens(path, **({"duration_s": 2.0} | SMALL | options)).settings()

    same = tmp_path / "copy.pth"
    same.write_bytes(checkpoint.read_bytes())
    assert settings(same) == settings()
    state = torch.load(checkpoint)["model"]
    torch.save(state | {"cls_token": state["cls_token"] + 1}, same)
    changed = [settings(same), settings(layer="last"), settings(duration_s=1.5), settings(n_heads=4)]
    assert all(other != settings() for other in changed)
    assert UntrainedAudioMAETokens(duration_s=2).settings() != UntrainedAudioMAETokens(duration_s=2, seed=1).settings()


def test_the_stand_in_is_its_seed_and_leaves_the_random_numbers(stimulus_of):
    stimulus, before = stimulus_of(noise(2.0)), torch.get_rng_state()
    one, same, other = (
        UntrainedAudioMAETokens(duration_s=2.0, seed=seed, device="cpu").extract(stimulus, np.zeros(1), 2.0)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
def test_full_size(stimulus_of):  # 2 s
    feature = UntrainedAudioMAETokens(duration_s=1.5, layer="contextual", dim=768, depth=12, n_heads=12, device="cpu")
    found = feature.extract(stimulus_of(noise(1.5)), np.zeros(1), 1.5)
    assert found.shape == (1, 80 * 768) and np.isfinite(found).all()


@pytest.mark.slow
def test_what_does_not_fit(checkpoint, stimulus_of, tmp_path):
    with pytest.raises(UserError, match=r"made for clips of 2 s.*'sound' has clips of 1.5 s"):
        AudioMAETokens(checkpoint, duration_s=2.0, **SMALL).extract(stimulus_of(noise(3.0)), np.zeros(1), 1.5)
    with pytest.raises(UserError, match=r"duration_s=12.0; expected 0.025 to 10 s"):
        UntrainedAudioMAETokens(duration_s=12.0)
    with pytest.raises(UserError, match="layer='first'"):
        AudioMAETokens(checkpoint, duration_s=2.0, layer="first")
    with pytest.raises(UserError, match="no AudioMAE checkpoint at"):
        AudioMAETokens(tmp_path / "absent.pth", duration_s=2.0).settings()
    with pytest.raises(UserError, match="does not fit AudioMAE"):
        AudioMAETokens(checkpoint, duration_s=2.0).extract(stimulus_of(noise(3.0)), np.zeros(1), 2.0)
    with pytest.raises(UserError, match="Expected a depth of 10 or more"):
        UntrainedAudioMAETokens(duration_s=2.0, layer="contextual")
