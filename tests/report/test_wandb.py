import json

import pytest
import wandb
from lightning.pytorch.loggers import CSVLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from planted import planted_result, planted_run, write_tones

from n2s.report.run_folder import read_test_sets
from n2s.report.wandb import log_test


@pytest.fixture
def run_dir(tmp_path, own_wandb):
    audio = write_tones(tmp_path / "audio", ("kites", "harbour"))
    return planted_run(tmp_path / "run", planted_result(n_subjects=2, n_per_story=6, audio=audio))


def test_an_offline_run_holds_scores_table_figures_and_players(run_dir):
    logger = WandbLogger(project="n2s", save_dir=run_dir, offline=True)
    log_test(logger, run_dir)
    run = logger.experiment
    summary = json.loads((run_dir / "metrics.json").read_text())["test"]
    for row in ("model", "shuffled", "no_brain", "chance", "ceiling"):
        assert run.summary[f"test/{row}/top10"] == summary[row]["top10"]["mean"]
    assert run.summary["test/n_candidates"] == 12
    run.finish()
    wandb.teardown()  # its service has written everything
    (files,) = run_dir.glob("wandb/offline-run-*/files")
    assert len(list(files.rglob("*.png"))) == 3
    (test_set,) = read_test_sets(run_dir)
    heard = {segment.place for window in test_set.segments() for segment in (window.heard, *window.first)}
    assert len(list(files.rglob("*.wav"))) == len(heard)  # one file for each different sound
    tables = [json.loads(path.read_text()) for path in files.rglob("*.table.json")]
    assert sorted(len(table["data"]) for table in tables) == [5, 20]
    assert any(row[0] == "shuffled brain" for table in tables for row in table["data"])


def test_other_loggers_and_other_processes_write_nothing(run_dir, monkeypatch):
    log_test(CSVLogger(run_dir / "csv"), run_dir)
    assert not (run_dir / "csv").exists()
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    log_test(WandbLogger(project="n2s", save_dir=run_dir, offline=True), run_dir)
    assert not (run_dir / "wandb").exists()
