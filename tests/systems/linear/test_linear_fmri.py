"""BOLD decoded by the command alone: the overlay: mel and the rate of words."""

import json
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[3] / "configs"
RECIPES = ["--config", CONFIGS / "linear.yaml", "--config", CONFIGS / "data_linear" / "simulated_fmri.yaml"]
QUICK = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--model.forward", "false"]


@pytest.mark.slow
def test_mel_and_word_rate_are_decoded_from_volumes(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, *RECIPES, *QUICK)
        assert status == 0, err + out[-2000:]
    (written,) = (tmp_path / "checkpoints").rglob("metrics.json")
    found = json.loads(written.read_text())["test"]["scores"]
    mean = {row: one["all subjects"]["mean"] for row, one in found["r"].items()}
    assert set(mean) == {"mel", "word_rate", "mel (shifted)", "word_rate (shifted)"}
    assert mean["mel"] > 0.15 and mean["word_rate"] > 0.1
    assert all(abs(mean[f"{name} (shifted)"]) < 0.05 for name in ("mel", "word_rate"))
    assert found["match, 20 s"]["mel"]["all subjects"]["mean"] > 0.55
