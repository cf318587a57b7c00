"""`n2s profile`: its numbers against computation by hand, what is kept, and what it refuses."""

import json
from pathlib import Path

import pytest
import yaml

from n2s.models import BrainEncoder
from n2s.profiling.clock import BACKWARD

ENCODER = {"n_virtual": 8, "n_fourier": 32, "hidden": 8, "depth": 2}
RECIPE = Path(__file__).parents[2] / "configs" / "meg_contrastive.yaml"


@pytest.fixture
def profile(tmp_path, monkeypatch, run_n2s):
    """Profile the MEG recipe on the tiny study; gives status, output, errors and the numbers."""
    monkeypatch.chdir(tmp_path)
    study = {"class_path": "tiny.TinyStudy", "init_args": {"root": str(tmp_path / "study")}}
    data = {
        "studies": {"tiny": study},
        "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
        "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story2"], "test": ["story3"]}},
        "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 3.0}},
        "batch_size": 8,
        "n_jobs": 1,
    }
    Path("data.yaml").write_text(yaml.safe_dump({"class_path": "n2s.data.MEGDataModule", "init_args": data}))
    model = {"encoder": {"init_args": ENCODER | {"spatial_dropout": 0.2}}, "target_encoder": None}
    more = {"model": {"init_args": model}, "trainer": {"accelerator": "cpu"}}
    Path("more.yaml").write_text(yaml.safe_dump(more))

    def run(*words):
        given = ["--config", RECIPE, "--config", "more.yaml", "--data", "data.yaml", "--steps", "3", "--warmup", "1"]
        status, out, err = run_n2s("profile", *given, "--out", "profile.json", *words)
        return status, out, err, json.loads(Path("profile.json").read_text()) if status == 0 else None

    return run


def test_numbers_are_those_of_the_recipe(profile):
    status, out, err, found = profile()
    assert status == 0, err
    assert found["windows_per_step"] == 8
    assert found["windows_per_s"] == pytest.approx(8 / found["step_s"])
    parts_s = found["parts_s"]
    assert sum(parts_s.values()) == pytest.approx(found["parts_step_s"]) and min(parts_s.values()) >= 0
    assert parts_s["backward"] > parts_s["transfer"]
    encoder = BrainEncoder(2, 4, **ENCODER)
    n = sum(one.numel() for one in encoder.parameters())
    assert found["memory"]["parameters"] == found["memory"]["gradients"] == 4 * n
    steps_kept = 4 * len(list(encoder.parameters()))
    assert found["memory"]["optimizer state"] == 2 * 4 * n + steps_kept  # AdamW: two moments, and a count each
    # operations of what can be written down: 2 per multiplication and addition
    b, t, parts = 8, 142, found["operations_of_parts"]
    assert parts["forward: encoder.initial"] == 2 * b * t * 8 * 8
    assert parts["forward: encoder.head"] == 2 * b * t * (8 * 16 + 16 * 4)
    assert parts["forward: encoder.convs"] == 2 * b * t * 3 * (8 * 8 + 8 * 8 + 8 * 16)
    assert parts["forward: loss"] == 2 * b * b * 4 * t
    assert found["operations"] == sum(parts.values()) and parts[BACKWARD] > parts["forward: encoder.convs"]
    assert 0 < found["utilisation"] < 1 and 0 < found["data_wait_share"] < 1
    for name in ("encoder.attention", "loss", "backward", "optimizer", "data wait", "windows/s", "GFLOP"):
        assert name in out
    assert not Path("checkpoints").exists()  # nothing is kept


def test_a_step_waits_for_nothing(profile):
    _, _, _, found = profile()
    # that the subjects are known is checked only where it costs nothing: on the CPU
    assert all(place.startswith("n2s/models/subject_layer.py") for place in found["host_waits"]), found["host_waits"]
