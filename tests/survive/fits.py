"""Fits of the tiny recipe, in this process or in one of their own, and what is compared of them."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import torch

from n2s.__main__ import main
from n2s.runs.run import Run, runs_of

TESTS = Path(__file__).parents[1]


def fit(monkeypatch, *words: str) -> Run:
    """In this process; gives the newest run."""
    monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "tiny.yaml", *words])
    main()
    folder = Path(words[words.index("--runs_dir") + 1]) if "--runs_dir" in words else Path("checkpoints")
    return runs_of(folder / "tiny")[0]


def start(*words: str, **variables: str) -> subprocess.Popen:
    """In a process of its own, in the current folder."""
    environment = os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"} | variables
    command = [sys.executable, "-m", "n2s", "fit", "--config", "tiny.yaml", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def states(path: Path) -> dict:
    """What a checkpoint holds of the training."""
    kept = torch.load(path, weights_only=True)
    return {key: kept[key] for key in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")}


def logged(run: Run) -> list[dict]:
    """The rows of metrics.csv."""
    with open(run.folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def assert_same(one: object, other: object) -> None:
    """To the bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


def assert_same_run(run: Run, other: Run) -> None:
    """Weights, optimizer, schedule, best checkpoint and every logged number."""
    assert run.finished and other.finished
    for name in ("last.ckpt", "best.ckpt"):
        assert_same(states(run.folder / name), states(other.folder / name))
    assert logged(run) == logged(other)
