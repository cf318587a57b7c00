"""`n2s contamination` on a recipe: what it writes and prints, and what it refuses."""

import json
from pathlib import Path

import pytest
import yaml


def recipe(root, **options) -> dict:
    study = {"class_path": "lips_study.LipsStudy", "init_args": {"root": str(root / "study")} | options}
    windows = {"class_path": "n2s.data.AtEvents", "init_args": {"kind": "word", "classes": {"class_path": "n2s.data.Labels", "init_args": {"classes": ["up", "down", "stop"]}}}}  # fmt: skip
    data = {
        "studies": {"lab": study}, "windows": windows, "window_s": 0.4, "n_jobs": 1, "split": {"class_path": "n2s.data.SplitByRun"},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
    }  # fmt: skip
    network = {"class_path": "n2s.models.MEGConformer", "init_args": {"n_channels": 16, "dim": 8, "depth": 1, "n_heads": 2, "ffn_dim": 8, "kernel_size": 3}}  # fmt: skip
    model = {"class_path": "n2s.systems.EventClassifier", "init_args": {"network": network}}
    return {"data": {"class_path": "n2s.data.EventDataModule", "init_args": data}, "model": model}


def written(root, content: dict, name: str = "said"):
    path = root / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_a_recipe_gets_its_verdict(tmp_path, run_n2s, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, recipe(tmp_path, lips=1.0, leak=3.0))
    overlay = written(tmp_path, {"data": {"init_args": {"window_s": 0.36}}}, "shorter")
    status, out, err = run_n2s("contamination", "--config", path, "--n_permutations", "200", "--config", overlay)
    assert status == 0, err
    assert "Verdict: CONTAMINATED" in out and "EMG alone" in out
    folder = tmp_path / "contamination" / "shorter"
    content = json.loads((folder / "metrics.json").read_text())
    assert content["verdict"] == "contaminated" and content["options"]["window_s"] == 0.36
    page = (folder / "report.html").read_text()
    assert "CONTAMINATED" in page and "Controls beside the brain" in page and "LipsStudy" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml: no such recipe"),
        (["."], "has no config.yaml"),
        (["said.yaml", "--classifier", "n2s.models.MEGConformer"], "--classifier is n2s.models.MEGConformer"),
        (["said.yaml", "--classifier", "n2s.models.WindowClassifier"], "which has no decoder of its own"),
        (["said.yaml", "--out", "said.yaml/found"], "--out said.yaml/found cannot be made (Not a directory)"),
        (["said.yaml", "--seed", "-1"], "--seed is -1; expected a whole number from 0 on"),
        (["run", "--condition", "imagine"], "no window of the recipe is; there are overt"),
        (["run", "said.yaml"], "takes a run's folder, or recipes; got run, said.yaml"),
    ],
)
def test_wrong_words_are_refused(words, said, tmp_path, run_n2s, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, recipe(tmp_path))
    (tmp_path / "run").mkdir()
    written(tmp_path / "run", recipe(tmp_path), "config")
    status, _, err = run_n2s("contamination", *words)
    assert status == 2 and said in err


def test_other_data_are_refused(run_n2s):
    recipe = Path(__file__).parents[2] / "configs" / "tracking.yaml"
    status, _, err = run_n2s("contamination", recipe)
    assert status == 2 and "its data are EncodingDataModule" in err and "n2s.data.EventDataModule" in err
