"""One listener's real EEG, by the command alone: the envelope of what they heard, decoded from the delta band.

Contiguous folds, purged at their borders; scales, penalties and decoders of training rows. An own pipeline of MNE and scikit-learn
finds .27 to .28 for any gap of .7 to 7 s between training and test.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

CONFIGS = Path(__file__).parents[1] / "configs"
RECIPES = ["--config", CONFIGS / "linear.yaml", "--config", CONFIGS / "data_linear" / "own_eeg.yaml"]
QUICK = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--model.n_permutations", 100]


@pytest.fixture
def scores(real_data, tmp_path, monkeypatch, run_n2s):
    """Run the recipe; the scores of its test: measure -> row -> value over all subjects."""
    root = tmp_path / "data"
    root.mkdir()
    os.symlink(real_data / "eeg_speech", root / "my_eeg")
    monkeypatch.setenv("N2S_DATA", str(root))
    monkeypatch.chdir(tmp_path)

    def run(*options: object) -> dict:
        for verb in ("fit", "test"):
            status, out, err = run_n2s(verb, *RECIPES, *QUICK, *options)
            assert status == 0, err + out[-2000:]
        (written,) = Path("checkpoints").rglob("metrics.json")
        found = json.loads(written.read_text())
        return found["test"]["scores"] | {"forward": found.get("forward", {}).get("scores", {})}

    return run


@pytest.mark.slow
def test_the_envelope_is_decoded_from_the_delta_band(scores):
    found = scores()
    r = found["r"]["envelope"]["all subjects"]
    null = found["r"]["envelope (shifted)"]["all subjects"]
    match = {length: found[f"match, {length} s"]["envelope"]["all subjects"]["mean"] for length in (2, 5, 10)}
    print(f"r {r}, shifted {null}, match-mismatch {match}")
    assert 0.24 <= r["mean"] <= 0.32
    assert r["low"] > null["high"] and null["high"] < 0.15
    assert 0.7 < match[2] < match[5] < match[10]
    assert np.abs(found["match, 5 s"]["envelope (shifted)"]["all subjects"]["mean"] - 0.5) < 0.05
    assert (
        found["top-1, 5 s"]["envelope"]["all subjects"]["mean"]
        > 4 * found["top-1, 5 s"]["chance"]["all subjects"]["mean"]
    )


@pytest.mark.slow
def test_the_brain_before_the_sound_says_nothing(scores):
    found = scores("--data.response.tmin", -0.4, "--model.lags_s", "[-0.4, -0.1]", "--model.forward", "false")
    assert abs(found["r"]["envelope"]["all subjects"]["mean"]) < 0.1
