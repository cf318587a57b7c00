"""Fusion by likelihoods by the command: fit, test, an interrupted fit, and what a test refuses."""

from pathlib import Path

import pytest
import torch
import yaml

from n2s.systems.fusion import likelihoods
from n2s.systems.fusion.likelihoods import FITS
from n2s.systems.fusion.result import FusionResult

pytestmark = pytest.mark.slow

TINY = {"n_subjects": 2, "n_stories": 6, "story_s": 40.0}
QUIET = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0, "log_every_n_steps": 1}  # fmt: skip


def recipe(root, *, test=("story5",), model=None, **data):
    options = {
        "studies": {
            "meg": {"class_path": "tiny.TinyStudy", "init_args": {"root": root} | TINY},
            "fmri": {"class_path": "tiny_pairs.TinyScanner", "init_args": {"root": root, "bold_noise": 2.0} | TINY},
        },
        "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "highpass_hz": 0.1, "picks": ["eeg"]}},
        "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": [], "test": [*test], "val_fraction": 0.0}},
        "segment_s": 5.0, "offset_s": 0.1, "lags_s": [2.0, 8.0], "bin_s": 1.0, "response_s": 10.0, "n_components": 8,
        "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 2.0}}, "n_jobs": 1,
    } | data  # fmt: skip
    made = {
        "seed_everything": 0,
        "data": {"class_path": "n2s.data.PairedDataModule", "init_args": options},
        "model": {"class_path": "n2s.systems.LikelihoodFusion", "init_args": model or {}},
        "trainer": QUIET | {"max_epochs": 1, "limit_train_batches": 1, "limit_test_batches": 1, "limit_val_batches": 0},
        "experiment": "small",
    }
    Path("recipe.yaml").write_text(yaml.safe_dump(made))
    return Path("recipe.yaml")


def test_fit_test_and_what_is_refused(at, fit_and_test, run_n2s):
    folder, out = fit_and_test(recipe(str(at / "study")))
    assert "likelihoods" in out
    result = FusionResult.load(folder / "test" / "test")
    assert result.meg.shape == result.fmri.shape == (16, 8) and result.method == "likelihoods"
    assert ((result.meg + result.fmri).argmax(1) == result.target).mean() > 0.5
    kept = torch.load(folder / "last.ckpt", weights_only=True)[FITS]
    assert {one: set(people) for one, people in kept.items()} == {
        "meg": {"meg/01", "meg/02"},
        "fmri": {"fmri/01", "fmri/02"},
    }
    for changed, refused in (
        ({"model": {"delays_s": [1.0]}}, "model.delays_s is [1.0], but the run was fitted with"),
        ({"test": ("story4",)}, "fitted to other data"),
        ({"segment_s": 6.0}, "fitted to other data"),
    ):
        status, _, err = run_n2s("test", "--config", recipe(str(at / "study"), **changed))
        assert status == 2 and refused in " ".join(err.split()) and "Traceback" not in err, err


def test_an_interrupted_fit_takes_the_people_that_it_has(at, run_n2s, monkeypatch):
    begun, true = [], likelihoods.fit_person

    def fail(data, modality, subject, delays_s):
        begun.append((modality, subject))
        if len(begun) == 3:
            raise KeyboardInterrupt
        return true(data, modality, subject, delays_s)

    monkeypatch.setattr(likelihoods, "fit_person", fail)
    file = recipe(str(at / "study"))
    run_n2s("fit", "--config", file)
    assert len(begun) == 3
    status, out, err = run_n2s("fit", "--config", file)
    assert status == 0, err + out
    assert begun[3:] == [("fmri", "fmri/01"), ("fmri", "fmri/02")]  # both of MEG are there


def test_delays_are_needed(at, run_n2s):
    bad = recipe(str(at / "study"), model={"delays_s": []})
    status, _, err = run_n2s("fit", "--config", bad)
    assert status == 2 and "model.delays_s is empty" in err and "Traceback" not in err, err
