"""The job scripts, run as Slurm would: with the variables that it sets, and an ``srun`` that starts the tasks."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_recipe
import yaml

from n2s.training.run import runs_of

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "slurm").glob("*.sbatch"))
#: Options of sbatch, of its manual page.
KNOWN = {"array", "cpus-per-task", "gpus-per-node", "job-name", "mem-per-cpu", "nodes", "ntasks", "ntasks-per-node"} | {
    "open-mode", "output", "requeue", "signal", "time"}  # fmt: skip

SRUN = """#!{python}
import os, subprocess, sys
words = sys.argv[1:]
with open("srun.txt", "a") as file:
    file.write(" ".join(words) + "\\n")
while words[0].startswith("--"):
    words.pop(0)
n = int(os.environ["SLURM_NTASKS"])
ranks = [{{"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i), "SLURM_NODEID": "0"}} for i in range(n)]
tasks = [subprocess.Popen(words, env=os.environ | rank) for rank in ranks]
sys.exit(max(task.wait() for task in tasks))
"""


def header(script: Path) -> dict[str, str]:
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", script.read_text(), flags=re.MULTILINE)
    assert len(found) == script.read_text().count("\n#SBATCH")
    return dict(found)


def submitted(script: str, *words: str, given: dict[str, str] | None = None, **variables: str) -> str:
    """Run a script with its own options and those ``given`` to sbatch; what it said."""
    told = header(ROOT / "slurm" / script) | (given or {})
    n = int(told.get("ntasks", 0)) or int(told["nodes"]) * int(told["ntasks-per-node"])
    slurm = {"JOB_ID": "4712", "JOB_NAME": told["job-name"], "NODELIST": "localhost", "NTASKS": n, "NNODES": 1}
    slurm |= {"CPUS_PER_TASK": told["cpus-per-task"], "NTASKS_PER_NODE": told.get("ntasks-per-node")}
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        ports = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": sock.getsockname()[1]}
    places = Path("bin")
    if not places.exists():
        places.mkdir()
        (places / "srun").write_text(SRUN.format(python=sys.executable))
        (places / "n2s").write_text(f'#!/bin/sh\nexec {sys.executable} -m n2s "$@"\n')
        for program in places.iterdir():
            program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "N2S_RUN"))}
    environment |= {
        "PATH": f"{places.absolute()}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{HERE}",
    }
    environment |= {f"SLURM_{name}": str(value) for name, value in slurm.items() if value is not None}
    environment |= {name: str(value) for name, value in (ports | variables).items()}
    command = ["bash", str(ROOT / "slurm" / script), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_bash_and_their_options_are_those_of_sbatch(script):
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True).returncode == 0
    assert set(header(script)) <= KNOWN
    assert script.stat().st_mode & 0o111 == 0 or script.read_text().startswith("#!/bin/bash\n")


def test_what_is_asked_for():
    fit = header(ROOT / "slurm" / "fit.sbatch")
    assert fit["ntasks-per-node"] == fit["gpus-per-node"]  # a process a GPU
    assert fit["signal"] == "SIGUSR1@90" and "requeue" in fit  # what n2s answers to
    assert fit["open-mode"] == "append"  # the log of a job that starts again


@pytest.mark.slow
@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.nightly), 2])
def test_a_fit(tmp_path, monkeypatch, n):
    """One and two tasks: a single run, of as many processes; of an array, with the task's seed."""
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    given = {"ntasks-per-node": str(n)}
    said = submitted("fit.sbatch", "--config", "tiny.yaml", given=given, SLURM_ARRAY_TASK_ID="3")
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert said.count("run: ") == 1 and run.finished
    assert run.read()["hardware"]["processes"] == n
    assert run.read()["seed"] == 3
    assert " n2s fit --config tiny.yaml" in Path("srun.txt").read_text()


@pytest.mark.slow
def test_an_array_prepares(tmp_path, monkeypatch):
    """A part of as many as the array has, or as PARTS says; and really."""
    monkeypatch.chdir(tmp_path)
    study = {"class_path": "typed_study.TypedStudy", "init_args": {"root": "study"}}
    data = {
        "class_path": "n2s.data.MEGDataModule",
        "init_args": {
            "studies": {"t": study},
            "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story1"], "test": ["story0"]}},
            "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
            "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
        },
    }
    recipe = tiny_recipe.recipe(data=data)
    Path("tiny.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    place = {"N2S_CACHE": str(tmp_path / "cache"), "given": {"cpus-per-task": "1"}, "SLURM_ARRAY_TASK_ID": "1"}
    said = submitted("prepare.sbatch", "--config", "tiny.yaml", SLURM_ARRAY_TASK_MAX="1", **place)
    assert "t: 4 recordings of 1 subject" in said and f"kept in {tmp_path / 'cache'}" in said

    Path("bin/n2s").write_text('#!/bin/sh\necho "$@"\n')
    words = {"PARTS": "10", "SLURM_ARRAY_TASK_MAX": "7"}, {"SLURM_ARRAY_TASK_MAX": "20"}
    said = [submitted("prepare.sbatch", "--config", "a.yaml", **place | more) for more in words]
    assert said == [f"prepare --config a.yaml --shard 1/{n} --n_jobs 1\n" for n in (10, 20)]
