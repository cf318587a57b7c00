"""The same config and seed: the same bits; and n2s rerun, which says so, or what differs."""

import json
from pathlib import Path

import fits
import pandas as pd
import pytest
import tiny_recipe
import torch

from n2s.training.compare import origins, results
from n2s.training.run import Run, runs_of


@pytest.fixture
def n2s(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=2)
    return run_n2s


def newest() -> Run:
    return runs_of(Path("checkpoints/tiny"))[0]


@pytest.mark.slow
def test_one_seed_gives_one_run_and_another_another(n2s):
    runs = []
    for seed in (0, 0, 1):
        assert n2s("fit", "--config", "tiny.yaml", "--seed_everything", seed)[0] == 0
        runs.append(newest())
    first, again, other = runs
    assert len(set(runs)) == 3
    fits.assert_same_run(first, again)
    assert not any(results(first, again).values())
    found = results(first, other)
    assert all("differ, by" in found[name][-1] for name in ("last.ckpt", "best.ckpt", "metrics.csv"))
    assert origins(first, other)["seed"] == ["0, then 1"]


@pytest.mark.slow
def test_rerun(n2s):
    """Options of the command line are in the record; what was tested is tested again."""
    n2s("fit", "--config", "tiny.yaml", "--model.temperature", "2", "--seed_everything", "3")
    n2s("test", "--config", "tiny.yaml", "--model.temperature", "2")
    run = newest()
    before = {path: path.read_bytes() for path in run.folder.iterdir()}
    status, out, err = n2s("rerun", run.folder)
    assert (status, [line for line in err.splitlines() if line.startswith("n2s")]) == (0, [])
    assert out.splitlines()[-1] == "the same, to the bit"
    for name in (
        "settings",
        "seed",
        "versions",
        "data",
        "hardware",
        "last.ckpt",
        "best.ckpt",
        "metrics.csv",
        "test.csv",
    ):
        assert any(line.split()[2:] == [name, "equal"] for line in out.splitlines()), name
    assert {path: path.read_bytes() for path in run.folder.iterdir()} == before
    again = newest()
    assert again.name == f"{run.name}_rerun"
    fits.assert_same_run(run, again)


@pytest.mark.slow
def test_rerun_says_what_differs(n2s, monkeypatch):
    n2s("fit", "--config", "tiny.yaml")
    run = newest()
    record = run.read()
    run.update(versions=record["versions"] | {"torch": "2.0.0"}, git={"commit": "0" * 40, "dirty": False})
    monkeypatch.setattr(tiny_recipe.TinyData, "data_hashes", lambda self: {"vectors": "changed"})
    loss = tiny_recipe.TinyDecoder.loss
    monkeypatch.setattr(tiny_recipe.TinyDecoder, "loss", lambda self, batch: loss(self, batch) * (1 + 1e-6))
    status, out, _ = n2s("rerun", run.folder)
    assert status == 1
    assert out.splitlines()[-1] == "NOT the same"
    assert f"versions       torch: 2.0.0, then {record['versions']['torch']}" in out
    assert "data           vectors: 0123abcd, then changed" in out
    assert "0" * 40 in out
    ours, theirs = (torch.load(one.last, weights_only=True) for one in (run, newest()))
    assert "last.ckpt      epoch" not in out  # these are equal
    largest = max(
        (ours["state_dict"][name].double() - theirs["state_dict"][name].double()).abs().max().item()
        for name in ours["state_dict"]
    )
    (line,) = [line for line in out.splitlines() if "last.ckpt" in line]
    assert float(line.split("differ, by ")[1].split()[0]) >= largest * 0.99 > 0


@pytest.mark.slow
def test_a_rerun_that_was_stopped_goes_on(n2s, monkeypatch):
    n2s("fit", "--config", "tiny.yaml")
    run = newest()

    class Stop(BaseException):
        pass

    def stop(self):
        if self.current_epoch == 1:
            raise Stop

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(tiny_recipe.TinyDecoder, "on_train_epoch_start", stop)
        n2s("rerun", run.folder)
    again = newest()
    assert n2s("rerun", run.folder)[0] == 0
    assert newest() == again and len(again.read()["resumed"]) == 1
    assert n2s("rerun", run.folder)[0] == 0  # once more: into a third folder
    assert newest().name == f"{run.name}_rerun2"


def test_refused(n2s, tmp_path):
    status, _, err = n2s("rerun", tmp_path)
    assert status == 2 and "is not a run: it has no run.json" in err
    n2s("fit", "--config", "tiny.yaml")
    newest().update(status="unfinished")
    status, _, err = n2s("rerun", newest().folder)
    assert status == 2 and "is unfinished" in err


def test_numbers_are_compared_to_the_last_bit(tmp_path):
    """By files made here: one number in the last place, a NaN that stays, a key too many."""
    runs = []
    for number, value in enumerate((0.1, 0.1 + 2**-56)):
        folder = tmp_path / str(number)
        folder.mkdir()
        weights = torch.tensor([1.0, -0.0 if number else 0.0, float("nan")])
        torch.save({"state_dict": {"w": weights}, "epoch": 1}, folder / "last.ckpt")
        table = {"epoch": [0, 1], "val": [value, 2.0], "empty": [None, 1.0], "throughput/x": [number, 2]}
        pd.DataFrame(table).to_csv(folder / "metrics.csv", index=False)
        (folder / "metrics.json").write_text(json.dumps({"a": {"b": [1, value]}} | ({"c": "x"} if number else {})))
        runs.append(Run(folder))
    found = results(*runs)
    assert found["metrics.csv"] == ["1 number or tensors differ, by 1.39e-17 at most (val[0])"]
    assert found["metrics.json"] == ["c: nothing, then x", "1 number or tensors differ, by 1.39e-17 at most (a.b[1])"]
    assert found["last.ckpt"][0].startswith("1 number or tensors differ")  # the sign of a zero
    assert not any(results(runs[0], runs[0]).values())
    assert "best.ckpt" not in found
