"""A killed and continued run is the uninterrupted one, to the bit."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_recipe
import torch
from bits import assert_same

from n2s.__main__ import main
from n2s.training.run import Run, runs_of

ROOT = Path(__file__).parents[1]
EPOCHS = 6


def fit(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "tiny.yaml", *words])
    main()


def fit_and_be_killed(where: Path, when: str) -> str:
    """In a process of its own; gives what it said."""
    environment = os.environ | {"TINY_KILL": when, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "n2s", "fit", "--config", "tiny.yaml"]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def states(run: Run) -> dict:
    kept = torch.load(run.last, weights_only=True)
    return {key: kept[key] for key in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")}


def logged(run: Run) -> list[dict]:
    with open(run.folder / "metrics.csv", newline="") as file:
        return [{k: v for k, v in row.items() if not k.startswith("throughput/")} for row in csv.DictReader(file)]


def best(run: Run) -> tuple:
    kept = torch.load(run.best, weights_only=True)
    return kept["epoch"], kept["state_dict"]


@pytest.fixture
def uninterrupted(tmp_path, monkeypatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=EPOCHS)
    fit(monkeypatch, "--runs_dir", "uninterrupted")
    (run,) = runs_of(Path("uninterrupted/tiny"))
    assert states(run)["epoch"] == EPOCHS - 1
    return run


@pytest.mark.slow
def test_killed_in_training_and_while_saving(uninterrupted, tmp_path, monkeypatch, capsys):
    said = fit_and_be_killed(tmp_path, "2.3")  # in the middle of the third epoch
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert said.startswith(f"run: checkpoints/tiny/{run.name} (new)\n") and "finished" not in said
    assert not run.finished
    assert states(run)["epoch"] == 1

    said = fit_and_be_killed(tmp_path, "4.save")  # while a checkpoint is written
    assert said.startswith(f"run: checkpoints/tiny/{run.name} (continues from last.ckpt)\n") and "finished" not in said
    assert states(run)["epoch"] == 3  # the one before is whole
    assert list(run.folder.glob(".*.part"))

    fit(monkeypatch)
    assert f"run: checkpoints/tiny/{run.name} (continues from last.ckpt)" in capsys.readouterr().out
    assert runs_of(Path("checkpoints/tiny")) == [run]
    assert run.finished
    assert len(run.read()["resumed"]) == 2
    assert not list(run.folder.glob(".*.part"))  # the half-written file is cleared away
    assert_same(states(run), states(uninterrupted))
    assert_same(best(run), best(uninterrupted))
    assert logged(run) == logged(uninterrupted)  # no row lost, none twice


def test_continuing_needs_the_seeds(uninterrupted, monkeypatch):
    """Without StepSeed the same interruption gives other weights: the test above can fail."""
    from n2s.training.step_seed import StepSeed

    monkeypatch.setattr(StepSeed, "on_train_epoch_start", lambda *_: None)
    monkeypatch.setattr(StepSeed, "on_train_batch_start", lambda *_: None)
    interrupt_after(monkeypatch, 3)
    (run,) = runs_of(Path("checkpoints/tiny"))
    fit(monkeypatch)
    assert run.finished
    assert not torch.equal(*(states(r)["state_dict"]["encoder.subject"] for r in (run, uninterrupted)))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_at_any_epoch(tmp_path, monkeypatch, workers):
    monkeypatch.chdir(tmp_path)
    data = {"class_path": "tiny_recipe.TinyData", "init_args": {"workers": workers, "batch_size": 8}}
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3, data=data)
    fit(monkeypatch, "--runs_dir", "uninterrupted")
    (uninterrupted,) = runs_of(Path("uninterrupted/tiny"))
    for epoch in (0, 1):
        interrupt_after(monkeypatch, epoch)
        fit(monkeypatch)
        run = runs_of(Path("checkpoints/tiny"))[0]
        assert len(run.read()["resumed"]) == 1
        assert_same(states(run), states(uninterrupted))
        assert logged(run) == logged(uninterrupted)


class Stop(BaseException):
    pass


def interrupt_after(monkeypatch, epoch: int):
    """A fit that stops at the start of the epoch after ``epoch``, as an exception from outside would stop it."""

    def stop(self):
        if self.current_epoch == epoch + 1:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(tiny_recipe.TinyDecoder, "on_train_epoch_start", stop)
        with pytest.raises(Stop):
            fit(patch)


def test_seeds_depend_on_place_not_on_history(monkeypatch):
    from types import SimpleNamespace

    from n2s.training.step_seed import StepSeed

    def draw(epoch, batch, rank=0, seed=0):
        trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
        StepSeed(seed).on_train_batch_start(trainer, None, None, batch)
        return torch.rand(8)

    assert torch.equal(draw(1, 2), draw(1, 2))
    places = [(0, 0), (0, 1), (1, 0), (2, 1), (1, 2)]
    drawn = [draw(*place, rank=rank, seed=seed) for place in places for rank in (0, 1) for seed in (0, 1)]
    StepSeed(0).on_train_epoch_start(SimpleNamespace(current_epoch=0, fit_loop=SimpleNamespace(_data_fetcher=[])), None)
    drawn.append(torch.rand(8))
    assert len({tuple(d.tolist()) for d in drawn}) == len(places) * 4 + 1


def test_killed_between_best_and_last(tmp_path, monkeypatch):
    """The continued fit writes best.ckpt again, not beside it."""
    from n2s.training.checkpoints import LastCheckpoint

    monkeypatch.chdir(tmp_path)
    checkpoint = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"monitor": "val/loss"}}
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", trainer={"callbacks": checkpoint})

    def stop(*_):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_epoch_end", stop)
        with pytest.raises(Stop):
            fit(patch)
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert [path.name for path in run.folder.glob("*.ckpt")] == ["best.ckpt"]
    fit(monkeypatch)
    assert sorted(path.name for path in run.folder.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]
    assert len(logged(run)) == 2  # the row of validation, the row of training
