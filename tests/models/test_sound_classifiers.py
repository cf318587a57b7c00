"""CNN14 and VGGish: front ends against numpy, weights by the published names and sizes, and what must not be loaded."""

import argparse

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models import vggish
from n2s.models.cnn14 import PUBLISHED, Cnn14
from n2s.models.vggish import VGGish, examples
from n2s.models.weights import read_weights


def sound(n: int, seed: int = 0) -> np.ndarray:
    """A sweep in noise, float64."""
    rng, time = np.random.default_rng(seed), np.arange(n) / 16000
    return 0.3 * np.sin(2 * np.pi * (200 + 900 * time) * time) + 0.02 * rng.normal(size=n)


def slaney_bands() -> np.ndarray:
    """(64, 257) of 50 to 8000 Hz: mels of 200 / 3 Hz to 1 kHz, above 27 for each factor 6.4; triangles of area 1."""
    step = np.log(6.4) / 27

    def hertz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(step * (mel - 15)))

    edges = hertz(np.linspace(50 * 3 / 200, 15 + np.log(8) / step, 66))
    bins = np.arange(257) * 16000 / 512
    rows = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        triangle = np.interp(bins, [low, centre, high], [0, 1, 0], left=0, right=0)
        rows.append(triangle * 2 / (high - low))
    return np.stack(rows)


def test_cnn14_hears_the_log_mel_of_torchlibrosa():
    audio = sound(16123)
    padded = np.pad(audio, 256, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    frames = np.stack([padded[i : i + 512] * window for i in range(0, len(padded) - 511, 160)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    expected = 10 * np.log10(np.maximum(power @ slaney_bands().T, 1e-10))
    found = Cnn14(width=1).log_mel(torch.from_numpy(audio).float()[None])[0, 0].detach().numpy()
    assert found.shape == (101, 64)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (Cnn14(width=1).log_mel(torch.zeros(1, 4000)) == -100).all()


def test_vggish_hears_the_log_mel_of_audioset():
    audio = sound(2 * 15360 + 700)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([audio[i : i + 400] * window for i in range(0, len(audio) - 399, 160)])
    magnitude = np.abs(np.fft.rfft(frames, 512))
    mel = 1127 * np.log(1 + np.arange(257) * 8000 / 256 / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    bands = np.stack([np.interp(mel, edges[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(64)], axis=1)
    expected = np.log(magnitude @ bands + 0.01)[:192].reshape(2, 96, 64)
    np.testing.assert_allclose(examples(torch.from_numpy(audio)).numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(examples(torch.from_numpy(audio).float()).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize(("seconds", "n"), [(0.9749, 0), (0.975, 1), (1.5, 1), (2.0, 2), (4.0, 4), (10.0, 10)])
def test_how_many_examples_a_sound_has(seconds, n):
    assert examples(torch.zeros(round(seconds * 16000))).shape == (n, 96, 64)


def test_cnn14_at_full_size():
    with torch.random.fork_rng(devices=[]):
        network = Cnn14().eval()
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    fixed = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    assert trained == 80_753_615 and fixed == 2 * 257 * 512 + 257 * 64  # the count of PANNs
    with torch.inference_mode():
        embedding, logits = network(torch.from_numpy(sound(32000)).float()[None])
    assert embedding.shape == (1, 2048) and logits.shape == (1, 527)
    assert (embedding >= 0).all() and (logits < 0).any() and torch.isfinite(logits).all()
    names = set(network.state_dict())
    assert {
        "spectrogram_extractor.stft.conv_real.weight",
        "spectrogram_extractor.stft.conv_imag.weight",
        "logmel_extractor.melW",
        "bn0.running_var",
        "conv_block1.conv1.weight",
        "conv_block6.bn2.num_batches_tracked",
        "fc1.bias",
        "fc_audioset.weight",
    } <= names
    assert len(names) == 3 + 5 + 6 * (2 + 2 * 5) + 4


def test_vggish_at_full_size():
    with torch.random.fork_rng(devices=[]):
        network = VGGish().eval()
    assert sum(p.numel() for p in network.parameters()) == 72_141_184  # 288.6 MB of float32, the published file's size
    with torch.inference_mode():
        found = network(examples(torch.from_numpy(sound(32000)).float()))
    assert found.shape == (2, 128) and (found < 0).any()
    layers = [f"features.{i}" for i in (0, 3, 6, 8, 11, 13)] + [f"embeddings.{i}" for i in (0, 2, 4)]
    assert set(network.state_dict()) == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


def test_vggish_reads_channels_last():
    with torch.random.fork_rng(devices=[]):
        network = VGGish(width=2, hidden=8).eval()
    given = torch.randn(3, 96, 64, generator=torch.Generator().manual_seed(0))
    maps = network.features(given[:, None])
    assert maps.shape == (3, 16, 6, 4)
    flat = torch.stack([maps[:, c, t, f] for t in range(6) for f in range(4) for c in range(16)], dim=1)
    torch.testing.assert_close(network(given), network.embeddings(flat))


def test_cnn14_pools_by_mean_and_maximum_and_forgets_its_neighbours():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Cnn14(width=2, n_classes=5).eval()
    audio = torch.from_numpy(np.stack([sound(16000, seed) for seed in range(3)])).float()
    caught = []
    handle = network.conv_block6.register_forward_hook(lambda *call: caught.append(call[2]))
    together = network(audio)
    handle.remove()
    over_bands = caught[0].mean(3)
    pooled = over_bands.max(2).values + over_bands.mean(2)
    torch.testing.assert_close(together[1], network.fc_audioset(network.fc1(pooled).relu()))
    torch.testing.assert_close(together[0][1:2], network(audio[1:2])[0], atol=1e-5, rtol=1e-4)


@pytest.fixture
def published(tmp_path):
    """A small CNN14 in a file as PANNs wrote theirs: old format, the sampler's numpy arrays, numpy 1's names."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Cnn14(width=2, n_classes=7)
    network.bn0.running_mean.normal_()
    network.logmel_extractor.melW.data *= 1.5
    path = tmp_path / PUBLISHED
    sampler = {"indexes": np.arange(9), "pointer": np.int64(3), "weights": np.ones(3), "queue": [1, 2]}
    checkpoint = {"iteration": 1, "model": network.state_dict(), "sampler": sampler}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert b"numpy._core" in content
    path.write_bytes(content.replace(b"numpy._core", b"numpy.core"))
    return path, network.eval()


def test_weights_as_they_are_published(published, tmp_path):
    path, network = published
    audio = torch.from_numpy(sound(16000)).float()[None]
    before = torch.get_rng_state()
    for place in (path, tmp_path, str(path)):
        loaded = Cnn14.load(place)
        assert not loaded.training
        torch.testing.assert_close(loaded(audio), network(audio), atol=0, rtol=0)  # with the file's own mel bands
    assert torch.equal(before, torch.get_rng_state())


def test_weights_of_vggish_with_and_without_its_pca(tmp_path):
    with torch.random.fork_rng(devices=[]):
        network = VGGish(width=2, hidden=8)
    given = torch.ones(1, 96, 64)
    for further in ({}, {"pproc.pca_means": torch.zeros(128, 1)}):
        torch.save(network.state_dict() | further, tmp_path / "any.pth")  # the only one in the folder
        torch.testing.assert_close(VGGish.load(tmp_path)(given), network.eval()(given))


def test_other_weights_are_told(published, tmp_path):
    path, network = published
    state = dict(network.state_dict())
    other = tmp_path / "elsewhere"
    other.mkdir()
    with pytest.raises(UserError, match=r"no weights at .*nowhere.*expected Cnn14_16k.*zenodo.org/records/3987831"):
        Cnn14.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="or one file of weights; found none"):
        Cnn14.load(other)
    torch.save(
        {name: value for name, value in state.items() if name != "bn0.bias"} | {"fc2.bias": 1 * state["fc1.bias"]},
        other / "a.pth",
    )
    with pytest.raises(
        UserError, match=r"not the weights of Cnn14: of 84 it lacks 1 \(bn0.bias\); has not known 1 \(fc2"
    ):
        Cnn14.load(other)
    torch.save(state | {"logmel_extractor.melW": torch.zeros(513, 64)}, other / "a.pth")  # that of 32 kHz
    with pytest.raises(UserError, match=r"melW \(513, 64\) in place of \(257, 64\)"):
        Cnn14.load(other)
    with pytest.raises(UserError, match="not the weights of VGGish"):
        VGGish.load(path)
    torch.save(state, other / "b.pth")
    with pytest.raises(UserError, match="found a.pth, b.pth"):
        Cnn14.load(other)


class Harm:
    """Unpickles into a call."""

    def __reduce__(self):
        return (argparse.ArgumentParser, ())


def test_nothing_in_a_file_is_run(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"model": {"a": torch.zeros(1)}, "harm": Harm()}, path)
    with pytest.raises(UserError, match="without running code"):
        read_weights(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="without running code"):
        read_weights(path)
    torch.save([1, 2], path)
    with pytest.raises(UserError, match="no weights by name"):
        read_weights(path)


def test_the_shortest_sound_is_what_torchvggish_needs():
    assert vggish.SHORTEST == 15600
