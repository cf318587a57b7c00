"""The commands of a cross-validation: they continue, share the work, refuse what leaks, and say what is missing."""

import json
import re
import shutil
from pathlib import Path

import fold_recipe
import numpy as np
import pytest
import yaml
from filelock import FileLock

from n2s.cli.cross_validation import waits_for_validation
from n2s.errors import UserError
from n2s.training.fold_runs import pooled
from n2s.training.run import UNFINISHED, Run, runs_of

BEST = {
    "callbacks": [
        {
            "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
            "init_args": {"monitor": "val/loss", "mode": "min"},
        }
    ]
}


@pytest.fixture
def n2s(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    fold_recipe.write()
    return lambda verb, *words: run_n2s(verb, "--config", "tiny.yaml", *words)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("folds") / "checkpoints"


@pytest.fixture
def validated(n2s, kept) -> Run:
    """A finished cross-validation of two folds in the folder: made once, then copied."""
    if not kept.exists():
        status, _, err = n2s("fit", "--cross_validate", 2)
        assert status == 0, err
        shutil.copytree("checkpoints", kept)
    else:
        shutil.copytree(kept, "checkpoints")
    return the_run()


def the_run() -> Run:
    (run,) = runs_of(Path("checkpoints/tiny"))
    return run


def folds(run: Run, n: int = 2) -> list[Run]:
    return [Run(run.folder / "folds" / str(k)) for k in range(1, n + 1)]


@pytest.mark.slow
def test_every_fold_is_a_normal_run_and_the_page_shows_all(validated, run_n2s):
    run = validated
    assert run.finished and run.read()["cross_validate"] == 2 and run.read()["data"] == {"vectors": "0123abcd"}
    scores = json.loads((run.folder / "metrics.json").read_text())["test"]["scores"]["error"]["model"]
    own = [
        json.loads((one.folder / "metrics.json").read_text())["test"]["scores"]["error"]["model"] for one in folds(run)
    ]
    assert scores["all subjects"]["mean"] == pytest.approx(np.mean([one["all subjects"]["mean"] for one in own]))
    for k, one in enumerate(folds(run)):
        config = yaml.safe_load(one.config.read_text())
        assert (
            config["data"]["init_args"] | {"fold": k, "n_folds": 2, "validation": False} == config["data"]["init_args"]
        )
        assert "cross_validate" not in config and one.last.is_file() and not one.best.exists()
        assert (one.folder / "report.html").is_file()
    page = run.folder / "report.html"
    text = page.read_text()
    assert "Each fold" in text and all(f'href="folds/{k}/report.html"' in text for k in (1, 2))
    page.unlink()
    assert run_n2s("report", run.folder)[0] == 0 and "Each fold" in page.read_text()


@pytest.mark.slow
def test_folds_are_tested_again_on_the_same_data_only(validated, n2s):
    before = (validated.folder / "metrics.json").read_text()
    status, _, err = n2s("test", "--cross_validate", 2, "--data.batch_size", 8)
    assert status == 2 and "other data settings (data.batch_size)" in err
    status, out, err = n2s(
        "test", "--cross_validate", 2, "--model.temperature", 2
    )  # the model's may differ, and it is noted
    assert status == 0 and "note: trained with other settings (model.temperature)" in out, err
    assert (validated.folder / "metrics.json").read_text() == before
    status, _, err = n2s("test")
    assert status == 2 and "cross-validated ones: n2s test ... --cross_validate 2" in err


@pytest.mark.parametrize(
    ("trainer", "waits"),
    [
        (BEST, True),
        ({}, False),
        (BEST | {"limit_val_batches": 0}, False),
        ({"callbacks": {"class_path": "x", "init_args": {"monitor": "train/loss"}}}, False),
        ({"callbacks": [{"class_path": "x"}]}, False),
    ],
)
def test_a_part_to_validate_is_made_only_if_something_waits_for_its_score(trainer, waits):
    assert waits_for_validation(trainer) is waits


class Stop(BaseException):
    pass


@pytest.mark.slow
def test_the_same_command_continues_where_it_was_stopped(n2s, monkeypatch):
    step = fold_recipe.ScoredDecoder.training_step

    def stopped(self, batch, batch_index):
        if self.trainer.datamodule.fold == 1 and self.current_epoch == 1:
            raise Stop
        return step(self, batch, batch_index)

    fold_recipe.write(trainer=BEST)
    status, _, err = n2s("fit", "--cross_validate", 2)
    assert status == 2 and "none is left for training" in err and not Path("checkpoints").exists()
    with monkeypatch.context() as patch:
        patch.setattr(fold_recipe.ScoredDecoder, "training_step", stopped)
        with pytest.raises(Stop):
            n2s("fit", "--cross_validate", 3)
    run = the_run()
    assert not run.finished and not (run.folder / "metrics.json").exists()
    first = {path: path.stat().st_mtime_ns for path in folds(run, 1)[0].folder.rglob("*") if path.name != ".lock"}
    status, out, err = n2s("fit", "--cross_validate", 3)
    assert status == 0, err
    assert the_run().folder == run.folder and run.finished and "folds/2 (continues from last.ckpt)" in out
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert all(one.best.is_file() and "validates" not in one.read() for one in folds(run, 3))


@pytest.mark.slow
def test_several_jobs_share_the_folds(validated, n2s):
    run, (one, _) = validated, folds(validated)
    run.update(status=UNFINISHED)
    one.update(status=UNFINISHED, results={})
    with FileLock(one.folder / ".lock"):  # another job fits it
        status, out, err = n2s("fit", "--cross_validate", 2)
        assert (
            status == 0 and "fold 1 of 2: another process fits it" in out and "folds 1 are with other processes" in out
        ), err
        assert not run.finished
    shutil.rmtree(one.folder)
    with FileLock(one.folder.with_name(".1.lock")):  # another job has begun with it, and its folder is no run yet
        one.folder.mkdir()
        status, out, err = n2s("fit", "--cross_validate", 2)
        assert status == 0 and "fold 1 of 2: another process fits it" in out and not one.exists(), err
    one.folder.rmdir()
    status, out, err = n2s("fit", "--cross_validate", 2)
    assert status == 0 and the_run().finished and one.finished, err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fit", "--cross_validate", 1), "--cross_validate is 1; expected a whole number from 2 on"),
        (("fit", "--cross_validate", "half"), "cross_validate"),
        (("fit", "--cross_validate", 2, "--trainer.fast_dev_run", "true"), "fast_dev_run keeps nothing"),
        (("fit", "--cross_validate", 2, "--ckpt_path", "some.ckpt"), "may have been trained on what is held out"),
        (("validate", "--cross_validate", 2), "belongs to n2s fit"),
        (("test", "--cross_validate", 2), "has no run whose 2 folds are fitted"),
        (("fit", "--cross_validate", 3, "--data.root", "breaks in 0"), "fold 1 of 3: data.root breaks."),
        (("fit", "--cross_validate", 3, "--data", "tiny_recipe.TinyData"), "TinyData does not deal its data to folds"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(n2s, words, told):
    Path("some.ckpt").touch()
    status, _, err = n2s(*words)
    assert status == 2 and told in err and "Traceback" not in err
    assert not list(Path().glob("checkpoints/*/*"))  # nothing is left of it


@pytest.mark.slow
def test_a_fold_that_fails_later_is_named_and_the_others_stay(n2s):
    status, _, err = n2s("fit", "--cross_validate", 2, "--data.root", "breaks in 1")
    assert status == 2 and "fold 2 of 2: data.root breaks." in err
    assert [one.exists() for one in folds(the_run())] == [True, False]


def test_results_that_cannot_be_pooled_say_where_those_of_the_folds_are():
    with pytest.raises(UserError, match="results of Apart cannot be pooled. Each fold's own are in its folder"):
        pooled([{"test": fold_recipe.Apart(np.ones(2), np.ones(2))}])


@pytest.mark.slow
def test_rerun_repeats_a_cross_validation(validated, run_n2s):
    status, out, err = run_n2s("rerun", validated.folder)
    assert status == 0 and re.search(r"came out\s+metrics.json\s+equal", out), err
