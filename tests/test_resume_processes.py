"""Several processes: one run, chosen by the first; continued by all."""

import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import tiny_recipe
import torch

from n2s.errors import UserError
from n2s.training.agree import agree, process_rank
from n2s.training.run import runs_of

ROOT = Path(__file__).parents[1]
CLUSTER = ("LOCAL_RANK", "RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "N2S_AGREED")


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (*CLUSTER, *(name for name in os.environ if name.startswith(("SLURM_", "TORCHELASTIC_")))):
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)


def environment(**more) -> dict:
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | {k: str(v) for k, v in more.items()}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def slurm(job: int, rank: int, port: int) -> dict:
    """What srun sets for two tasks on one node."""
    names = {
        "JOB_ID": job,
        "NTASKS": 2,
        "NTASKS_PER_NODE": 2,
        "PROCID": rank,
        "LOCALID": rank,
        "NODEID": 0,
        "NNODES": 1,
    }
    names |= {"NODELIST": "localhost", "JOB_NAME": "train"}
    return {f"SLURM_{key}": value for key, value in names.items()} | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}


@pytest.mark.slow
def test_torchrun_and_requeued_slurm_job(tmp_path):
    """Killed under torchrun in the second epoch, continued under Slurm: one folder, one record, all epochs."""
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=2, trainer={"strategy": "ddp", "devices": 2})
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "n2s"]
    fit = ["fit", "--config", "tiny.yaml"]
    killed = subprocess.run([*torchrun, *fit], env=environment(TINY_KILL="1.1"), capture_output=True, text=True)
    assert killed.returncode != 0
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert killed.stdout.startswith(f"run: checkpoints/tiny/{run.name} (new)\n")
    assert killed.stdout.count("run:") == killed.stdout.count("model:") == 1  # said once
    assert not run.finished
    assert run.read()["hardware"]["processes"] == 2
    assert torch.load(run.last, weights_only=True)["epoch"] == 0

    port = free_port()
    tasks = [
        subprocess.Popen(
            [sys.executable, "-m", "n2s", *fit],
            env=environment(**slurm(4711, rank, port)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [task.communicate(timeout=120) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    assert said[0][0].startswith(f"run: checkpoints/tiny/{run.name} (continues from last.ckpt)\n")
    assert said[0][0].count("finished:") == 1
    assert said[1][0] == ""
    assert runs_of(Path("checkpoints/tiny")) == [run]
    assert run.finished
    kept = torch.load(run.last, weights_only=True)
    assert (kept["epoch"], kept["global_step"]) == (1, 2 * tiny_recipe.N // (4 * 2))


def test_lightnings_own_children_inherit_the_decision(monkeypatch):
    assert agree(lambda: {"folder": "a"}) == {"folder": "a"}  # the parent
    monkeypatch.setenv("LOCAL_RANK", "1")  # as Lightning sets it for a child that it starts
    monkeypatch.setenv("N2S_AGREED", os.environ["N2S_AGREED"])
    assert agree(lambda: pytest.fail("a child must not decide")) == {"folder": "a"}
    assert process_rank() == 1


def test_a_later_fit_in_one_process_decides_anew(monkeypatch):
    agree(lambda: {"folder": "a"})
    monkeypatch.setenv("LOCAL_RANK", "0")  # Lightning leaves it behind
    assert agree(lambda: {"folder": "b"}) == {"folder": "b"}
    assert json.loads(os.environ["N2S_AGREED"]) == {"folder": "b"}


def test_nodes_started_by_hand_are_refused(monkeypatch):
    monkeypatch.setenv("NODE_RANK", "1")
    with pytest.raises(UserError, match="torchrun or srun"):
        agree(dict)


def test_a_slurm_script_that_cannot_work(monkeypatch):
    for name, value in slurm(1, 0, 1).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(UserError, match="--ntasks-per-node=2"):
        agree(dict)


@pytest.mark.slow
def test_the_first_process_is_gone(monkeypatch):
    monkeypatch.setattr("n2s.training.agree.PATIENCE", timedelta(seconds=1))
    for name, value in slurm(1, 1, free_port()).items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(UserError, match="the first process was not found at 127.0.0.1:"):
        agree(lambda: pytest.fail("the second process must not decide"))


@pytest.mark.slow
def test_what_the_first_process_finds_wrong_ends_the_others(monkeypatch):
    """And they say only where to look."""
    port = free_port()
    code = (
        "import sys; from n2s.training.agree import agree; from n2s.errors import UserError\n"
        "try: agree(lambda: sys.exit('the second must not decide'))\n"
        "except UserError as error: sys.exit(str(error))"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, env=environment(**slurm(1, 1, port)), stderr=subprocess.PIPE, text=True) as second:
        for name, value in slurm(1, 0, port).items():
            monkeypatch.setenv(name, str(value))

        def nothing_trained():
            raise UserError("nothing trained")

        with pytest.raises(UserError, match="nothing trained"):
            agree(nothing_trained)
        assert second.communicate(timeout=60)[1] == "the first process could not choose a run; see its message.\n"
    assert second.returncode == 1
