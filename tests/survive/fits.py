"""Fits of the tiny recipe, in this process or in one of their own, and what is compared of them."""

import csv
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from bits import assert_same

from n2s.__main__ import main
from n2s.training.run import Run, runs_of


def fit(monkeypatch, *words: str) -> Run:
    """In this process; gives the newest run."""
    monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "tiny.yaml", *words])
    main()
    folder = Path(words[words.index("--runs_dir") + 1]) if "--runs_dir" in words else Path("checkpoints")
    return runs_of(folder / "tiny")[0]


STARTED: list = []  # a test that fails leaves none behind


class Forked:
    """A fit in a forked process, which has everything imported."""

    def __init__(self, words: tuple[str, ...], variables: dict[str, str], before: Callable[[], object] = bool):
        self._said = [Path(tempfile.mkstemp()[1]) for _ in range(2)]
        self._process = multiprocessing.get_context("fork").Process(target=self._fit, args=(words, variables, before))
        self._process.start()
        STARTED.append(self._process)

    def _fit(self, words: tuple[str, ...], variables: dict[str, str], before: Callable[[], object]) -> None:
        for number, path in enumerate(self._said, 1):
            os.dup2(os.open(path, os.O_WRONLY), number)
        sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
        os.environ.update(variables)
        before()
        sys.argv = ["n2s", "fit", "--config", "tiny.yaml", *words]
        main()

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def poll(self) -> int | None:
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[str, str]:
        self._process.join(timeout)
        assert self.poll() is not None
        return tuple(path.read_text() for path in self._said)

    @property
    def returncode(self) -> int | None:
        return self.poll()


def states(path: Path) -> dict:
    """What a checkpoint holds of the training."""
    kept = torch.load(path, weights_only=True)
    return {key: kept[key] for key in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")}


def logged(run: Run) -> list[dict]:
    """The rows of metrics.csv; how fast it was differs from run to run."""
    with open(run.folder / "metrics.csv", newline="") as file:
        return [{k: v for k, v in row.items() if not k.startswith("throughput/")} for row in csv.DictReader(file)]


def assert_same_run(run: Run, other: Run) -> None:
    """Weights, optimizer, schedule, best checkpoint and every logged number."""
    assert run.finished and other.finished
    for name in ("last.ckpt", "best.ckpt"):
        assert_same(states(run.folder / name), states(other.folder / name))
    assert logged(run) == logged(other)
