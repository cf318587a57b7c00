"""SIGTERM, Ctrl-C and Slurm's signal: saved, said, ended; the same command ends with the same bits."""

import os
import signal
import socket
import stat
import time
from pathlib import Path

import fits
import pytest
import tiny_recipe
import torch

from n2s.training.checkpoints import AGREE_EVERY
from n2s.training.run import Run, runs_of
from n2s.training.signals import Stopped, StopSignals

EPOCHS = 3


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("N2S_RUNS", raising=False)
        tiny_recipe.write_recipe(folder / "tiny.yaml", epochs=EPOCHS)
        return Run(fits.fit(patch).folder.absolute())


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (name for name in os.environ if name.startswith(("N2S_RUN", "SLURM_"))):
        monkeypatch.delenv(name)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=EPOCHS)
    yield
    while fits.STARTED:
        fits.STARTED.pop().kill()


def paused_fit(where: str, **variables: str) -> tuple[fits.Forked, Run]:
    """A fit that waits for us at ``where``; it goes on when the file ``go`` is there."""
    process = fits.Forked((), variables | {"TINY_PAUSE": where})
    wait_until_paused(process)
    (run,) = runs_of(Path("checkpoints/tiny"))
    return process, run


def wait_until_paused(process: fits.Forked) -> None:
    end = time.monotonic() + 60
    while not Path("paused").exists():
        assert process.poll() is None, process.communicate(1)
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(process: fits.Forked) -> tuple[int, str]:
    Path("go").touch()
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def finish(monkeypatch, run: Run, uninterrupted: Run) -> None:
    assert not run.finished
    assert not list(run.folder.glob(".*.part"))
    fits.fit(monkeypatch)
    fits.assert_same_run(run, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_in_training(asked, monkeypatch, uninterrupted):
    process, run = paused_fit("1.2")
    process.send_signal(asked)
    status, err = ended(process)
    assert status == 128 + asked
    assert f"n2s: {asked.name}: saves and stops after this step; again: stops now." in err
    assert f"{asked.name}: stopped in epoch 1, after batch 3 of 6, which is saved in {run.last.absolute()}." in err
    assert "The same command continues the run." in err
    assert "Traceback" not in err
    kept = torch.load(run.last, weights_only=True)
    assert (kept["epoch"], kept["global_step"]) == (1, 9)
    finish(monkeypatch, run, uninterrupted)


@pytest.mark.slow
def test_in_validation_ends_the_epoch_first(monkeypatch, uninterrupted):
    process, run = paused_fit("1.val")
    process.send_signal(signal.SIGTERM)
    status, err = ended(process)
    assert status == 128 + signal.SIGTERM
    assert f"stopped after epoch 1, which is saved in {run.last.absolute()}" in err
    assert torch.load(run.last, weights_only=True)["epoch"] == 1
    finish(monkeypatch, run, uninterrupted)


@pytest.mark.slow
def test_twice_stops_now(monkeypatch, uninterrupted):
    """In a step that would not end: nothing waits for it."""
    process, run = paused_fit("1.2")
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "SIGINT: stopped at once; nothing since the last checkpoint is kept." in err
    assert torch.load(run.last, weights_only=True)["epoch"] == 0
    finish(monkeypatch, run, uninterrupted)


@pytest.mark.slow
def test_while_data_are_prepared(monkeypatch, uninterrupted):
    process, run = paused_fit("setup")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "n2s: SIGTERM: stopped before training. The same command continues the run." in err
    assert not run.last.exists()
    finish(monkeypatch, run, uninterrupted)


@pytest.mark.slow
def test_slurm(monkeypatch, uninterrupted, tmp_path):
    """SIGUSR1 in a job: saved between two steps, the job is told to start again, and that fit goes on."""
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/requeued\n')
    scontrol.chmod(scontrol.stat().st_mode | stat.S_IXUSR)
    job = {f"SLURM_{key}": value for key, value in {"JOB_ID": "4711", "NTASKS": "1", "JOB_NAME": "train"}.items()}
    job |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NNODES": "1"}
    job |= {"PATH": f"{scontrol.parent}{os.pathsep}{os.environ['PATH']}"}
    process, run = paused_fit("1.2", **job)
    assert run.name == "4711"
    process.send_signal(signal.SIGUSR1)
    status, err = ended(process)
    assert status == 128 + signal.SIGUSR1
    assert "Slurm starts job 4711 again." in err
    assert (tmp_path / "requeued").read_text() == "requeue 4711\n"
    assert not list(run.folder.glob("hpc_ckpt*"))  # Lightning's, made in the middle of a step
    assert torch.load(run.last, weights_only=True)["global_step"] == 9
    finish(monkeypatch, run, uninterrupted)


def two_tasks(*words: str, **variables: str) -> list[fits.Forked]:
    """A fit by two tasks of a Slurm job."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    job = {"JOB_ID": 4711, "NTASKS": 2, "NTASKS_PER_NODE": 2, "NODEID": 0, "NNODES": 1, "NODELIST": "localhost"}
    shared = {f"SLURM_{key}": str(value) for key, value in (job | {"JOB_NAME": "train"}).items()}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)} | variables
    ranks = [{"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} for rank in range(2)]
    return [fits.Forked(words, shared | rank) for rank in ranks]


@pytest.mark.slow
def test_two_processes_stop_at_one_step():
    """Only one of them is asked; both save and end at the same step, and go on to the same bits."""
    data = {"class_path": "tiny_recipe.TinyData", "init_args": {"batch_size": 2}}  # 6 steps a process and epoch
    tiny_recipe.write_recipe(Path("tiny.yaml"), epochs=2, trainer={"strategy": "ddp", "devices": 2}, data=data)
    tasks = two_tasks(TINY_PAUSE="1.2")
    wait_until_paused(tasks[0])
    tasks[1].send_signal(signal.SIGTERM)
    assert [ended(task)[0] for task in tasks] == [128 + signal.SIGTERM] * 2
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert torch.load(run.last, weights_only=True)["global_step"] == 6 + AGREE_EVERY
    for words in ((), ("--runs_dir", "uninterrupted")):
        assert [ended(task)[0] for task in two_tasks(*words)] == [0, 0]
    (uninterrupted,) = runs_of(Path("uninterrupted/tiny"))
    fits.assert_same_run(run, uninterrupted)


def test_handlers_are_put_back():
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    with pytest.raises(Stopped), StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
    assert signals.status == 143
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)] == before


class ByHand(tiny_recipe.TinyDecoder):
    """Steps its optimizer itself, and is told to stop in its second epoch."""

    def __init__(self, encoder: torch.nn.Module):
        super().__init__(encoder)
        self.automatic_optimization = False

    def training_step(self, batch, batch_index):
        if (self.current_epoch, batch_index) == (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)
        self.optimizers().zero_grad()
        self.manual_backward(self.loss(batch))
        self.optimizers().step()


def test_a_model_that_cannot_be_saved_inside_an_epoch_stops_all_the_same(run_n2s, tmp_path):
    model = {"class_path": f"{__name__}.ByHand", "init_args": {"encoder": {"class_path": "tiny_recipe.TinyEncoder"}}}
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3, model=model)
    status, _, err = run_n2s("fit", "--config", "tiny.yaml")
    assert status == 128 + signal.SIGTERM
    assert "SIGTERM: stopped in epoch 1, inside which this model cannot be saved. The same command continues" in err
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert torch.load(run.last, weights_only=True)["epoch"] == 0
