"""Fits that hold nothing out: every stage trains on all clips, and the last epoch's weights are the run's."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from fmri_runs import newest, scores

from n2s.cli.fold_stages import staged
from n2s.training.run import Run

NOTHING = {"val_fraction": 0.0}


@pytest.fixture
def unvalidated(semantic):
    """A finished semantic run that held nothing out."""
    status, _, err = semantic("fit", data=NOTHING)
    assert status == 0, err
    return newest("Semantic")


@pytest.mark.slow
def test_a_ridge_is_fitted_to_all_clips_and_tested_from_its_only_epoch(unvalidated, semantic):
    assert (unvalidated / "last.ckpt").is_file() and not (unvalidated / "best.ckpt").exists()
    assert json.loads((unvalidated / "run.json").read_text())["validates"] is False
    status, out, err = semantic("test", data=NOTHING)
    assert status == 0, err
    assert "last.ckpt (the last epoch's, because nothing was validated; run finished" in out
    assert scores("Semantic")["n_clips"] == 2 * 12
    kept = torch.load(unvalidated / "last.ckpt", weights_only=True)
    assert kept["epoch"] == 0 and kept["global_step"] == 2  # a step a subject


@pytest.mark.slow
def test_the_next_stages_take_the_last_epoch_of_a_finished_fit(unvalidated, acoustic):
    trainer = {"max_epochs": 2, "callbacks": [
        {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"monitor": "val/mel", "mode": "min"}}
    ]}  # fmt: skip
    status, out, err = acoustic(
        "fit", data=NOTHING, trainer=trainer
    )  # what would save the best epoch has nothing to do
    assert status == 0, err
    run = newest("Acoustic")
    assert sorted(path.name for path in run.glob("*.ckpt")) == ["last.ckpt"]
    assert torch.load(run / "last.ckpt", weights_only=True)["epoch"] == 1
    status, out, err = acoustic("test", data=NOTHING, trainer=trainer)
    assert status == 0 and "last.ckpt (the last epoch's" in out, err
    assert "--ckpt_path" not in out


@pytest.mark.slow
def test_an_unfinished_fit_without_validation_is_no_stage_and_tested_only_if_asked(unvalidated, semantic, acoustic):
    record = json.loads((unvalidated / "run.json").read_text())
    (unvalidated / "run.json").write_text(json.dumps(record | {"status": "unfinished"}))
    status, _, err = acoustic("fit", data=NOTHING)
    assert status != 0 and "no trained run at" in err
    status, _, err = semantic("test", data=NOTHING)
    assert status != 0 and "last.ckpt is used once the fit is finished" in err
    status, out, err = semantic("test", "--ckpt_path", "last", data=NOTHING)
    assert status == 0 and "run unfinished" in out, err


def test_what_waits_for_a_validation_score_is_refused_at_the_start(semantic, acoustic, unvalidated):
    stop = {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": {"monitor": "val/mel"}}
    status, _, err = acoustic("fit", data=NOTHING, trainer={"callbacks": [stop]})
    assert status != 0 and "EarlyStopping waits for val/mel, but nothing is validated" in err
    assert not list(Path("checkpoints").glob("Acoustic/*"))  # nothing is left of it


@pytest.mark.slow
def test_without_batches_of_validation_it_is_the_same(fitted, acoustic):
    status, _, err = acoustic("fit", trainer={"limit_val_batches": 0})
    assert status == 0, err
    run = Run(newest("Acoustic"))
    assert run.weights == run.last and run.last.is_file()


def test_a_fit_that_validates_has_its_best_epoch_as_ever(fitted):
    run = Run(newest("Semantic"))
    assert run.weights == run.best and run.best.is_file() and "validates" not in run.read()


@pytest.mark.slow
@pytest.mark.nightly
def test_folds_of_a_later_stage_build_on_the_same_folds_of_the_earlier_one(fitted, semantic, acoustic):
    """A run with another split may have been trained on what a fold holds out: it is not taken."""
    words = ("--cross_validate", "3")
    status, _, err = acoustic("fit", *words)
    assert (
        status == 2
        and "fold 1 of 3: model.semantic_run: no trained run at Semantic with --cross_validate 3, fold 1" in err
    )
    assert semantic("fit", *words)[0] == 0
    run = newest("Semantic")
    for number in (1, 2, 3):
        data = yaml.safe_load((run / "folds" / str(number) / "config.yaml").read_text())["data"]["init_args"]
        found = staged({"semantic_run": "Semantic", "semantic": True}, data, number, Path("checkpoints/Acoustic"))
        assert found == {"semantic_run": str((run / "folds" / str(number)).absolute())}
    data["split"]["init_args"]["seed"] = 5
    found = staged({"semantic_run": "Semantic"}, data, 1, Path("checkpoints/Acoustic"))
    assert found["semantic_run"] == "Semantic with the same folds (split.fold, split.seed differ)"
