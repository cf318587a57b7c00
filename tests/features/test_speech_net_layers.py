"""Layers of trained and untrained networks as features: found by seed, on their clock, with borders that do not matter."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from n2s.errors import UserError
from n2s.features import FeatureStore, LogSpectrogram, SpeechNetLayer, SpeechNetLayers, UntrainedSpeechNetLayers
from n2s.features.speech_net_runs import trained_nets
from n2s.models import SpeechNet
from n2s.models.speech_net import LAYERS
from n2s.studies.study import Stimulus

FRONT = {"n_bins": 20, "sfreq": 8000, "window_s": 0.01}
SMALL = {"channels": [2, 3, 3], "hidden": 5}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(round(9.37 * 8000)), 8000)
    return Stimulus("a", path)


def untrained(seeds=(0,), **options) -> UntrainedSpeechNetLayers:
    return UntrainedSpeechNetLayers(seeds, n_classes=5, spectrogram=LogSpectrogram(**FRONT), **SMALL, **options)


def write_run(folder: Path, seed: int, *, status: str = "finished", started: str = "2026-01-01", **shape) -> SpeechNet:
    """A run's folder as the command leaves it, with random weights."""
    options = SMALL | shape
    net = SpeechNet.seeded(100 + seed, n_classes=5, n_inputs=20, **options)
    config = {
        "seed_everything": seed,
        "model": {"init_args": {"network": {"class_path": "n2s.models.SpeechNet", "init_args": options}}},
        "data": {"init_args": {"spectrogram": {"class_path": "n2s.features.LogSpectrogram", "init_args": FRONT}}},
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "run.json").write_text(json.dumps({"status": status, "started": started}))
    torch.save({"state_dict": {f"network.{name}": one for name, one in net.state_dict().items()}}, folder / "best.ckpt")
    return net.eval()


def test_layers_come_50_times_a_second_on_the_stimulus_clock(sound):
    members = untrained(seeds=(0, 1)).members()
    assert list(members) == list(LAYERS) and all(len(one) == 2 for one in members.values())
    for features in members.values():
        frames = features[0].extract(sound, 0.5, 1.52)
        assert frames.values.shape == (52, features[0].n_features) and (frames.rate_hz, frames.start_s) == (50.0, 0.5)
    one, other = (feature.extract(sound, 0.0, 1.0).values for feature in members["rnn"])
    assert not np.allclose(one, other)


def test_a_frame_is_centred_at_its_time():
    """A click at 2.00 s moves the frames around number 100, as far on one side as on the other."""
    feature = untrained().members()["conv3"][0]
    quiet = torch.zeros(400, 20)
    click = quiet.clone()
    click[200] = 1
    moved = (feature._in_windows(click) - feature._in_windows(quiet)).abs().sum(1).nonzero()[:, 0]
    assert abs((moved.min() + moved.max()) / 2 - 100) <= 0.5


@pytest.mark.parametrize("n", [437, 637])
def test_borders_of_windows_do_not_matter(n):
    x = torch.randn(n, 20, generator=torch.Generator().manual_seed(n))
    for layer in LAYERS:
        whole = untrained(window_s=60.0).members()[layer][0]._in_windows(x)
        parts = untrained(window_s=4.0, context_s=1.4).members()[layer][0]._in_windows(x)
        assert whole.shape == parts.shape
        atol = 1e-5 if layer.startswith("conv") else 1e-3  # the GRU's memory has no end, but fades
        assert torch.allclose(whole, parts, atol=atol), layer


def test_trained_layers_are_the_networks(sound, tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_RUNS", str(tmp_path))
    nets = {seed: write_run(tmp_path / "dutch" / f"run{seed}", seed) for seed in (2, 0, 1)}
    write_run(tmp_path / "dutch" / "older", 0, started="2025-01-01")
    write_run(tmp_path / "dutch" / "unfinished", 3, status="unfinished")
    found = SpeechNetLayers(["dutch"], layers=["rnn", "conv1"])
    assert [net.seed for net in found.nets] == [0, 1, 2] and list(found.members()) == ["conv1", "rnn"]
    feature = found.members()["rnn"][1]
    spectrogram = LogSpectrogram(**FRONT).extract(sound, 1.0, 3.0).values
    known = nets[1].layers(torch.from_numpy(spectrogram)[None])["rnn"][0].detach().numpy()
    assert np.allclose(feature.extract(sound, 1.0, 3.0).values, known, atol=1e-5)
    assert SpeechNetLayers(["dutch"], seeds=[2, 0]).nets[0].seed == 2
    assert SpeechNetLayers([str(tmp_path / "dutch" / "run1")]).nets[0].digest == found.nets[1].digest


def test_the_weights_are_in_the_key_of_the_cache(sound, tmp_path):
    write_run(tmp_path / "one", 0), write_run(tmp_path / "two", 1)
    features = [SpeechNetLayers([str(tmp_path / name)]).members()["conv2"][0] for name in ("one", "two")]
    features += [untrained(seeds=(seed,)).members()["conv2"][0] for seed in (0, 1)]
    folders = {FeatureStore(one, tmp_path / "cache").folder for one in features}
    assert len(folders) == 4
    store = FeatureStore(features[0], tmp_path / "cache")
    (first,), (again,) = store.frames(sound), store.frames(sound)
    assert np.array_equal(first.values, again.values)
    assert len(store.frames(sound, [4.0])) == 2  # each side of a border by itself


def test_what_is_missing_is_said_with_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_RUNS", str(tmp_path))
    with pytest.raises(UserError, match="no finished run at .*n2s fit --config RECIPE --experiment dutch"):
        SpeechNetLayers(["dutch"])
    write_run(tmp_path / "dutch" / "a", 0)
    with pytest.raises(UserError, match="no finished runs of seed 4.*--seed_everything 4"):
        SpeechNetLayers(["dutch"], seeds=[0, 4])
    write_run(tmp_path / "other" / "a", 0, hidden=6)
    with pytest.raises(UserError, match="different shapes"):
        SpeechNetLayers(["dutch", "other"])
    (tmp_path / "dutch" / "a" / "best.ckpt").write_bytes(b"no")
    with pytest.raises(UserError, match="best.ckpt cannot be read"):
        SpeechNetLayers(["dutch"])
    for wrong in ({"layers": ["conv9"]}, {"layers": []}, {"seeds": ()}):
        with pytest.raises(UserError, match="expected some of|seeds is empty"):
            untrained(**({"seeds": (0,)} | wrong))
    with pytest.raises(UserError, match="context_s"):
        SpeechNetLayer(untrained().nets[0], "rnn", context_s=0.1)
    with pytest.raises(UserError, match="best.ckpt yet"):
        (tmp_path / "dutch" / "a" / "best.ckpt").unlink()
        trained_nets(str(tmp_path / "dutch" / "a"))


def test_a_run_of_another_system_is_named(tmp_path):
    write_run(tmp_path / "a", 0)
    (tmp_path / "a" / "config.yaml").write_text(yaml.safe_dump({"model": {"class_path": "n2s.systems.Semantic"}}))
    with pytest.raises(UserError, match="a run of n2s.systems.Semantic; expected a SpeechNet"):
        SpeechNetLayers([str(tmp_path / "a")])


@pytest.mark.parametrize(
    ("name", "content"), [("config.yaml", "a: [1"), ("config.yaml", None), ("run.json", "{"), ("best.ckpt", "no checkpoint")]
)  # fmt: skip
def test_a_damaged_run_is_named(tmp_path, name, content):
    write_run(tmp_path / "dutch" / "a", 0)
    file = tmp_path / "dutch" / "a" / name
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(UserError, match=f"{name} cannot be read: .*Fit that run again, or copy its whole folder"):
        SpeechNetLayers([str(tmp_path / "dutch")]).members()


def test_weights_of_another_network(tmp_path):
    write_run(tmp_path / "a", 0)
    torch.save({"state_dict": {"network.linear.bias": torch.zeros(5)}}, tmp_path / "a" / "best.ckpt")
    with pytest.raises(UserError, match=r"best.ckpt cannot be read: not the network of config.yaml"):
        SpeechNetLayers([str(tmp_path / "a")]).nets[0].network()
