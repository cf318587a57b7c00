"""Two talkers by the command: who was attended, by length of window, beside shifted time; nothing where one sound plays at a time."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

RECIPE = Path(__file__).parents[3] / "configs" / "linear.yaml"


def run(at, run_n2s, *, study="talkers.TinyTalkers", gain=0.35):
    recipe = yaml.safe_load(RECIPE.read_text())
    own = recipe["data"]["init_args"]
    options = {"root": str(at / "study"), "n_stories": 6, "gain": gain, "story_s": 60.0}
    own["studies"] = {"s": {"class_path": study, "init_args": options}}
    own["features"] = {"f": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}}}
    own["preprocessing"]["init_args"] = {"sfreq": 32.0, "highpass_hz": None, "picks": ["eeg"]}
    own["n_folds"] = 3
    recipe["model"]["init_args"] |= {
        "targets": None, "n_components": None, "n_shifts": 100, "forward": False, "n_folds": 2, "attention_s": [5.0, 10.0, 90.0],
    }  # fmt: skip
    recipe["trainer"] |= {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}
    recipe["experiment"] = "small"
    (at / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, "--config", at / "recipe.yaml")
        assert status == 0, err + out
    (run,) = (at / "checkpoints" / "small").iterdir()
    return run, json.loads((run / "metrics.json").read_text())["test"], out


@pytest.fixture
def at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    return tmp_path


@pytest.mark.slow
def test_the_attended_talker_is_found(at, run_n2s):
    folder, found, out = run(at, run_n2s)
    scores = found["scores"]
    for length in ("5 s", "10 s"):
        rows = scores[f"attended, {length}"]
        assert rows["f"]["all subjects"]["mean"] > 0.9 and rows["chance"]["all subjects"]["mean"] == 0.5
        assert 0.3 < rows["f (shifted)"]["all subjects"]["mean"] < 0.7
        assert all(rows["f"][subject]["low"] > 0.6 for subject in ("s/01", "s/02"))
    r = {row: by_subject["all subjects"]["mean"] for row, by_subject in scores["r"].items()}
    assert r["f"] > r["f (unattended)"] + 0.1
    assert "Attended talker of f" in (folder / "report.html").read_text()
    assert "attended, 90 s" not in scores  # no stretch is so long
    values = pd.read_csv(next(folder.rglob("values.csv"))).set_index(["subject", "measure"])
    assert values.n[:, "attended, 5 s"].tolist() == [36, 36] and (values.p[:, "attended, 5 s"] < 0.01).all()
    assert "attended against unattended" in out


@pytest.mark.slow
def test_noise_is_at_chance(at, run_n2s):
    _, found, _ = run(at, run_n2s, gain=0.0)
    rows = found["scores"]["attended, 5 s"]["f"]
    assert all(rows[subject]["low"] < 0.5 < rows[subject]["high"] for subject in ("s/01", "s/02"))


@pytest.mark.slow
def test_where_one_sound_plays_at_a_time_nothing_is_said(at, run_n2s):
    _, found, out = run(at, run_n2s, study="tiny.TinyStudy")
    assert not [name for name in found["scores"] if name.startswith("attended")] and "unattended" not in out
