"""What a report shows is in the W&B run, offline; and nothing is lost where W&B is not there."""

import json
import subprocess
import sys

import pytest
import soundfile
import wandb
from lightning.pytorch.loggers import CSVLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image
from planted import planted_result, planted_run, with_attention, write_tones

from n2s.metrics.result import Drawing, Shown
from n2s.report.run_figures import run_drawings
from n2s.report.wandb import log_shown
from n2s.training.results import write_reports


@pytest.fixture
def result(tmp_path):
    audio = write_tones(tmp_path / "audio", ("kites", "harbour"))
    return with_attention(planted_result(n_subjects=2, n_per_story=6, audio=audio))


@pytest.fixture
def run_dir(tmp_path, own_wandb, result):
    return planted_run(tmp_path / "run", test=result)


def logged(run_dir):
    """What the service wrote into the one offline run, after it has ended."""
    wandb.teardown()
    (files,) = run_dir.glob("wandb/offline-run-*/files")
    return files


@pytest.mark.slow
def test_an_offline_run_holds_scores_tables_figures_and_players(run_dir, result):
    logger = WandbLogger(project="n2s", save_dir=run_dir, offline=True)
    (part,) = result.shown()
    of_run = Shown(drawings=[one for one in run_drawings(run_dir).values() if isinstance(one, Drawing)])
    log_shown([logger], run_dir, lambda: {"test": part, "run": of_run})
    run = logger.experiment
    summary = json.loads((run_dir / "metrics.json").read_text())["test"]
    for row in ("model", "shuffled", "no_brain", "chance", "ceiling"):
        assert run.summary[f"test/{row}/top10"] == summary[row]["top10"]["mean"]
    assert run.summary["test/n_candidates"] == 12
    assert run.config["model"] == {"note": "<b>5 > 3 & 2</b>"}
    run.finish()
    files = logged(run_dir)
    images = {path.parent.name + "/" + path.name.split("_")[0]: path for path in files.rglob("*.png")}
    assert set(images) == {
        "test/Accuracy by subject", "test/Accuracy by rank", "test/Similarity of brain and speech",
        "test/Segments as spectrograms", "run/Learning curves", "test/Spatial attention",
    }  # fmt: skip
    page = write_reports(run_dir)[0].read_text()  # the same figures
    assert page.count("data:image/webp;base64,") == len(images)
    assert all(f">{name.split('/')[1]}</a>" in page for name in images)
    assert all(min(Image.open(path).size) > 300 for path in images.values())
    heard = {segment.place: segment.audio for window in result.retrieved() for _, segment in window.segments()}
    sounds = [soundfile.read(path) for path in files.rglob("*.wav")]
    assert len(sounds) == len(heard)  # one file for each different sound
    assert {(len(samples), rate) for samples, rate in sounds} == {(len(audio), 16000) for audio in heard.values()}
    tables = [json.loads(path.read_text()) for path in files.rglob("*.table.json")]
    assert sorted(len(table["data"]) for table in tables) == [5, 20]
    assert any(row[0] == "shuffled brain" for table in tables for row in table["data"])


def test_other_loggers_and_other_processes_write_nothing(run_dir, monkeypatch):
    def never():
        raise AssertionError("drawn for nobody")

    log_shown([CSVLogger(run_dir / "csv")], run_dir, never)
    assert not (run_dir / "csv").exists()
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    log_shown([WandbLogger(project="n2s", save_dir=run_dir, offline=True)], run_dir, never)
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    log_shown([WandbLogger(project="n2s", save_dir=run_dir)], run_dir, never)
    wandb.finish()
    assert not (run_dir / "wandb").exists()


KILLED = """
import os, signal, subprocess, sys, time
from pathlib import Path
from lightning.pytorch.loggers import WandbLogger
from n2s.metrics.result import Shown
from n2s.report.wandb import log_shown

run_dir = Path(sys.argv[1])
logger = WandbLogger(project="n2s", save_dir=run_dir, offline=True)
logger.experiment.log({"val/loss": 1.0})
asked = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True)
(service,) = [int(line.split()[0]) for line in asked.stdout.splitlines() if "wandb-core" in line]
os.kill(service, signal.SIGKILL)
time.sleep(0.2)
log_shown([logger], run_dir, lambda: {"test": Shown(counts={"n_windows": 2})})
print("goes on")
"""


@pytest.mark.slow
def test_a_killed_service_is_told_and_ends_nothing(run_dir):
    done = subprocess.run([sys.executable, "-c", KILLED, str(run_dir)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "goes on" in done.stdout
    assert "scores and figures are not in its run (" in done.stderr and f"they are in {run_dir}" in done.stderr


def test_a_table_of_a_long_title_is_logged(run_dir):
    """W&B refuses names of more than 128 characters: a test of brain scores ended with a traceback after its page."""
    long = "R of each subject, " + "the posterior division of the left superior temporal gyrus, " * 3
    tables = {f"{long}{side}": (["", "R"], [[side, ".1"]]) for side in ("left", "right")}
    logger = WandbLogger(project="n2s", save_dir=run_dir, offline=True)
    log_shown([logger], run_dir, lambda: {"test": Shown(tables=tables)})
    logger.experiment.finish()
    found = [json.loads(path.read_text()) for path in logged(run_dir).rglob("*.table.json")]
    assert sorted(table["data"][0][0] for table in found) == ["left", "right"]
