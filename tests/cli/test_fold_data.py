"""Folds are dealt from all that was heard: a recording that comes later deals other ones, and no fold is tested or fitted on these."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_folds import QUIET, RECIPE, meg_recipe, newest

from n2s.systems.contrastive.result import RetrievalResult
from n2s.training.run import UNFINISHED, Run

WORDS = ("--config", RECIPE, "--config", "own.yaml", "--cross_validate", 2)


def record(folder: Path, seed: int) -> None:
    """12 s of EEG, and of a feature."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    np.save(folder / "eeg.npy", rng.standard_normal((16, 600)).astype(np.float32))
    np.save(folder / "envelope.npy", rng.standard_normal((600, 4)).astype(np.float32))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    for number in range(4):
        record(tmp_path / "eeg" / "sub-01" / f"run-{number}", number)
    own = {"root": str(tmp_path / "eeg"), "sfreq": 50.0, "features": "envelope.npy", "montage": "biosemi16"}
    recipe = meg_recipe(tmp_path / "unused")
    recipe["data"]["init_args"]["studies"] = {"own": {"class_path": "n2s.studies.EEGArrays", "init_args": own}}
    Path("own.yaml").write_text(yaml.safe_dump(recipe | {"trainer": recipe["trainer"] | QUIET}))
    return tmp_path


def held_out(fold: Run) -> set[str]:
    return set(RetrievalResult.load(fold.folder / "test" / "test").candidates.story)


@pytest.mark.slow
def test_a_recording_that_came_later_is_neither_tested_nor_trained_on(here, run_n2s):
    status, _, err = run_n2s("fit", *WORDS)
    assert status == 0, err
    run = newest("meg_contrastive+own")
    one, two = (Run(run.folder / "folds" / str(k)) for k in (1, 2))
    before = [held_out(fold) for fold in (one, two)]
    record(here / "eeg" / "sub-01" / "run-4", 4)
    status, _, err = run_n2s("test", *WORDS)
    told = "new: recording own/sub-01_run-4, stimulus own/sub-01/run-4"
    assert status == 2 and "fold 1 of 2: the data are not those that" in err and told in err
    assert "folds/1 was fitted to" in err and "may have been trained on" in err
    status, _, err = run_n2s("test", "--config", one.config)
    assert status == 2 and told in err
    run.update(status=UNFINISHED)  # as if it had been stopped before the second fold
    shutil.rmtree(two.folder)
    status, _, err = run_n2s("fit", *WORDS)
    assert status == 2 and "fold 2 of 2: the data are not those that" in err and not two.exists()
    shutil.rmtree(here / "eeg" / "sub-01" / "run-4")
    status, _, err = run_n2s("fit", *WORDS)
    assert status == 0 and [held_out(fold) for fold in (one, two)] == before, err
    assert newest("meg_contrastive+own").finished and len(set.union(*before)) == 4
