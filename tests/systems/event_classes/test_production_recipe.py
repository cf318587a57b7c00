"""The recipe of commands that are said aloud: muscles and jaw are decoded until they are cleaned away, and then the brain is."""

import json
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[3] / "configs"
SMALL = {"n_trials": 80, "n_runs": 4}
STRONG = {"reach": 1.0, "noise_level": 1.5}


def fitted_and_scored(run_n2s, name, *overlays, **changes):
    """Balanced accuracy of the brain, of permuted labels and of the best possible decoder; the page."""
    small = [f"--data.studies.simulated.init_args.{option}={value}" for option, value in (SMALL | changes).items()]
    words = ["--config", CONFIGS / "production.yaml", *(word for one in overlays for word in ("--config", one)), *small,
             "--data.split.init_args.test=[4]", "--data.n_jobs=1", "--trainer.logger=false", "--experiment", name]  # fmt: skip
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, *map(str, words))
        assert not status, (out + err)[-2000:]
    (run,) = (Path("checkpoints") / name).iterdir()
    scores = json.loads((run / "metrics.json").read_text())["transfer"]["scores"]["balanced_accuracy"]
    found = {row: own["all subjects"] for row, own in scores.items()}
    page = (run / "report.html").read_text("utf-8")
    return found["whole|overt|overt"], found["whole|overt|overt|permuted"]["high"], found["best|overt"]["mean"], page


@pytest.mark.slow
@pytest.mark.nightly
def test_the_score_falls_to_that_of_the_brain_and_not_to_chance(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    raw, _, best, page = fitted_and_scored(run_n2s, "raw", CONFIGS / "production_raw.yaml", **STRONG)
    assert raw["mean"] > 0.9 and raw["low"] > best
    assert "more than the brain alone allows" in page and "What cleaning removed" not in page
    cleaned, chance, best, page = fitted_and_scored(run_n2s, "cleaned")
    assert chance < cleaned["mean"] <= best
    assert "more than the brain alone allows" not in page
    for step in ("AnnotateMuscle", "RegressOut", "RemoveICA", "SSP"):
        assert step in page.split("What cleaning removed")[-1]


@pytest.mark.slow
@pytest.mark.nightly
def test_of_a_silent_brain_little_is_left(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    raw, chance, _, _ = fitted_and_scored(run_n2s, "raw", CONFIGS / "production_raw.yaml", signal_gain=0.0)
    assert raw["mean"] > chance + 0.2
    cleaned, _, _, _ = fitted_and_scored(run_n2s, "cleaned", signal_gain=0.0)
    assert cleaned["mean"] - 0.2 < (raw["mean"] - 0.2) / 2
