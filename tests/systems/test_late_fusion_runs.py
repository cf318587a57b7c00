"""Two finished runs, of two systems and two datamodules, and their late fusion: by the command, as a user does it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from n2s.metrics.segment_scores import SegmentScores
from n2s.systems.fusion.late import WEIGHTS
from n2s.systems.fusion.result import FusionResult

pytestmark = pytest.mark.slow

TINY = {"n_subjects": 2, "n_stories": 4, "story_s": 40.0}
SPLIT = {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story2"], "test": ["story3"]}}
PREPARED = {
    "class_path": "n2s.data.Preprocessing",
    "init_args": {"sfreq": 50.0, "highpass_hz": 0.1, "picks": ["eeg"]},
}
READY = {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}}
ENCODER = {
    "class_path": "n2s.models.BrainEncoder",
    "init_args": {"n_virtual": 8, "n_fourier": 32, "hidden": 16, "depth": 1},
}
QUIET = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 1,
}


def grid(step_s):
    return {"class_path": "n2s.data.Grid", "init_args": {"step_s": step_s}}


def written(name, data, model, epochs, **trainer):
    recipe = {"seed_everything": 0, "data": data, "model": model, "trainer": QUIET | {"max_epochs": epochs} | trainer}
    Path(f"{name}.yaml").write_text(yaml.safe_dump(recipe))
    return f"{name}.yaml"


def meg_recipe(root, segment_s=5.0, **split):
    """A decoder of MEG windows, which knows nothing of pairs; its study has another name than in pairs."""
    options = {
        "studies": {"helmet": {"class_path": "tiny.TinyStudy", "init_args": {"root": root} | TINY}},
        "target": READY, "preprocessing": PREPARED, "split": SPLIT | split, "window_s": segment_s, "offset_s": 0.1, "baseline_s": 0.0,
        "train_windows": grid(2.0), "test_windows": grid(segment_s), "batch_size": 32, "n_jobs": 1,
    }  # fmt: skip
    model = {"encoder": ENCODER, "encoding_model": False, "linear_decoder": False}
    return written(
        "meg",
        {"class_path": "n2s.data.MEGDataModule", "init_args": options},
        {"class_path": "n2s.systems.Contrastive", "init_args": model},
        1,
    )


def paired(root, modalities):
    shared = {"root": root} | TINY
    options = {
        "studies": {
            "meg": {"class_path": "tiny.TinyStudy", "init_args": shared},
            "fmri": {"class_path": "tiny_pairs.TinyScanner", "init_args": shared | {"bold_noise": 2.0}},
        },
        "target": READY, "preprocessing": PREPARED, "split": SPLIT, "modalities": modalities, "segment_s": 5.0, "offset_s": 0.1,
        "lags_s": [2.0, 8.0], "bin_s": 1.0, "response_s": 10.0, "n_components": 8, "train_windows": grid(2.0), "batch_size": 32, "n_jobs": 1,
    }  # fmt: skip
    return {"class_path": "n2s.data.PairedDataModule", "init_args": options}


def fmri_recipe(root):
    bins = {"n_slow": 5, "bin_s": 1.0, "lag_s": 2.0}
    model = {"encoder": ENCODER, "bold_encoder": {"class_path": "n2s.models.BoldEncoder", "init_args": bins}}
    model |= {"optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}}, "likelihoods": False}
    return written(
        "fmri", paired(root, ["fmri"]), {"class_path": "n2s.systems.JointContrastive", "init_args": model}, 4
    )


def late_recipe(root, **runs):
    model = {"class_path": "n2s.systems.LateFusion", "init_args": {"meg": "meg", "fmri": "fmri"} | runs}
    return written(
        "late",
        paired(root, ["meg", "fmri"]),
        model,
        1,
        limit_train_batches=1,
        limit_val_batches=0,
        limit_test_batches=1,
    )


@pytest.fixture
def commanded(run_n2s, tmp_path, monkeypatch):
    """Run a verb with a recipe in a folder of the test's own; it has to succeed, or to fail with a message."""
    monkeypatch.chdir(tmp_path)

    def command(verb, recipe, refused=None):
        status, out, err = run_n2s(verb, "--config", recipe)
        assert (status == 0) == (refused is None), err + out[-2000:]
        if refused is not None:
            assert refused in " ".join(err.split()) and "Traceback" not in err, err
        return out + err

    return command


def newest(experiment):
    return sorted(Path("checkpoints", experiment).iterdir())[-1]


def test_two_runs_are_fitted_tested_and_added(commanded, tmp_path):
    root = str(tmp_path / "study")
    meg, fmri, late = meg_recipe(root), fmri_recipe(root), late_recipe(root)
    commanded("fit", late, refused="model.meg: no trained run at")
    commanded("fit", meg)
    commanded("fit", fmri)
    commanded("test", meg)
    commanded("test", fmri)
    commanded("fit", late)
    kept = torch.load(newest("late") / "last.ckpt", weights_only=True)[WEIGHTS]
    assert kept["n_rows"] == 16 and set(kept["weights"]) == {"meg", "fmri"}
    out = commanded("test", late)
    assert "(method: late fusion)" in " ".join(out.split()) and "both with MEG of another segment" in out
    result = FusionResult.load(newest("late") / "test" / "test")
    assert result.weights == kept["weights"] and len(result.target) == 16 and len(result.candidates) == 8
    scores = SegmentScores.load(newest("meg") / "scores" / "test")
    person = scores.windows.subject.str[-2:].to_numpy()
    for row in range(16):  # the scores are those of the run, whatever its order and names
        (given,) = np.flatnonzero(
            (person == result.subject[row])
            & np.isclose(scores.candidates.start_s[scores.target], result.windows.stimulus_start_s[row], atol=1e-6)
        )
        at = [
            np.flatnonzero(np.isclose(scores.candidates.start_s, start_s, atol=1e-6))[0]
            for start_s in result.candidates.start_s
        ]
        expected = kept["weights"]["meg"] * scores.similarity[given, at]
        np.testing.assert_allclose(result.meg[row], expected - expected.mean(), rtol=1e-3, atol=1e-4)
    shown = json.loads((newest("late") / "metrics.json").read_text())["test"]["scores"]
    assert shown["top1"]["fmri"]["all subjects"]["mean"] > shown["top1"]["chance"]["all subjects"]["mean"]
    scores.split, scores.similarity = "val", scores.similarity + 1  # as another test would have left them
    scores.save(newest("meg") / "scores" / "val")
    commanded("test", late_recipe(root), refused="the weights were found with other validation scores")
