"""W&B that cannot be reached, or whose process ends, does not end a run."""

import os
import signal
import subprocess
from pathlib import Path

import fits
import pytest
import tiny_recipe
import wandb

from n2s.training.run import runs_of

LOGGER = {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "n2s-tests"}}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, own_wandb):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3, trainer={"logger": LOGGER})


@pytest.mark.slow
def test_no_server(monkeypatch, run_n2s):
    """As W&B says it after its timeout (init_timeout, 90 s): the run is begun again, offline."""
    begin = wandb.init

    def fails_online(**options):
        if os.environ.get("WANDB_MODE") != "offline":
            raise wandb.errors.CommError("Timed out while retrying: connection refused")
        return begin(**options)

    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(wandb, "init", fails_online)
    status, _, err = run_n2s("fit", "--config", "tiny.yaml")
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert status == 0 and run.finished
    (folder,) = run.folder.glob("wandb/offline-run-*")
    assert "n2s: W&B cannot be used (Timed out while retrying: connection refused)." in err
    assert f"later: wandb sync {folder.absolute()}" in err
    assert list(folder.glob("run-*.wandb"))


@pytest.mark.slow
def test_the_service_ends_in_the_middle(monkeypatch):
    """Killed in the second epoch: the fit ends well and has logged everything else."""

    def kill_service(self):
        if self.current_epoch == 1:
            found = subprocess.run(["pgrep", "-P", str(os.getpid()), "wandb-core"], capture_output=True, text=True)
            assert found.stdout
            os.kill(int(found.stdout), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(tiny_recipe.TinyDecoder, "on_train_epoch_start", kill_service)
        process = fits.Forked(("--runs_dir", "lost"), {})
        _, err = process.communicate(60)
    assert process.returncode == 0, err
    (run,) = runs_of(Path("lost/tiny"))
    assert err.count("n2s: W&B was lost") == 1
    assert "the run goes on, and nothing more is sent. metrics.csv has all that is logged." in err
    undisturbed = fits.fit(monkeypatch, "--trainer.logger", "false")
    fits.assert_same_run(run, undisturbed)
