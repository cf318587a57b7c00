"""The command on listeners of whom one heard nothing that is tested, and a test of other options than those of the fit."""

import json
from pathlib import Path

import pytest
import yaml

RECIPE = {
    "seed_everything": 0,
    "experiment": "small",
    "data": {
        "class_path": "n2s.data.EncodingDataModule",
        "init_args": {
            "studies": {
                "s": {
                    "class_path": "encoding_runs.RunsOfStories",
                    "init_args": {
                        "plan": {name: [[story, 4.0]] for name, story in zip("1234", "abcd", strict=True)},
                        "plans": {"02": {"1": [["a", 4.0]], "2": [["b", 4.0]]}},
                        "n_subjects": 3,
                        "story_s": 60.0,
                    },
                }
            },
            "features": {"f": {"class_path": "n2s.features.ready.Ready", "init_args": {"n_features": 3}}},
            "response": {"class_path": "n2s.data.Glover"},
            "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"test": ["d"], "val": []}},
        },
    },
    "model": {
        "class_path": "n2s.systems.BrainScore",
        "init_args": {"n_folds": 2, "n_permutations": 0, "n_shifts": 0, "alphas": [1.0, 100.0]},
    },
    "trainer": {"max_epochs": 1, "accelerator": "cpu", "logger": False, "enable_progress_bar": False},
}


@pytest.mark.slow
def test_a_listener_who_heard_nothing_of_the_test_is_left_out(tmp_path, monkeypatch, run_n2s):
    """After hours of fits the test stopped: the run holds no fit of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    recipe, path = json.loads(json.dumps(RECIPE)), tmp_path / "recipe.yaml"
    recipe["data"]["init_args"]["studies"]["s"]["init_args"]["root"] = str(tmp_path / "root")
    path.write_text(yaml.safe_dump(recipe))
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, "--config", path)
        assert status == 0, err + out
    (metrics,) = Path("checkpoints").rglob("metrics.json")
    scores = json.loads(metrics.read_text())["test"]["scores"]["R, whole"]
    assert set(scores["model/f"]) == {"all subjects", "s/01", "s/03"}

    recipe["model"]["init_args"]["n_folds"] = 3
    path.write_text(yaml.safe_dump(recipe))
    status, _, err = run_n2s("test", "--config", path)
    assert status == 2 and "model.n_folds is 3, but the run was fitted with 2" in err
