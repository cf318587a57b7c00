"""A disk that is full says so, leaves whole what was there, and the same command goes on when there is room."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import fits
import numpy as np
import pandas as pd
import pytest
import tiny
import tiny_recipe
import torch
import yaml
from safetensors.numpy import save_file

from n2s.data import MEGDataModule, Preprocessing
from n2s.data.story_split import SplitByStory
from n2s.errors import UserError
from n2s.features import Ready
from n2s.paths import is_full
from n2s.training.metrics_csv import MetricsCSV
from n2s.training.run import runs_of


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB, where mounting is possible."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    except OSError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip("mounting needs rights that are lacking here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """A file that takes all room but ``leave`` bytes."""
    path = folder / "filling"
    path.write_bytes(b"0" * max(shutil.disk_usage(folder).free - leave, 0))
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml", epochs=3)


def limited_fit(n_bytes: int, *words: str) -> tuple[int, str]:
    """A fit of which no file may be larger."""
    process = fits.Forked(words, {}, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes)))
    _, err = process.communicate(60)
    return process.returncode, err


@pytest.mark.slow
def test_no_checkpoint_fits(here, monkeypatch):
    """By the limit of a file's size, which needs no rights: 4 kB are less than a checkpoint."""
    status, err = limited_fit(4096)
    assert status == 2
    assert "n2s: a disk is full" in err and "The same command then continues" in err
    (run,) = runs_of(Path("checkpoints/tiny"))
    assert not list(run.folder.glob("*.ckpt")) and not list(run.folder.glob(".*.part"))
    undisturbed = fits.fit(monkeypatch, "--runs_dir", "undisturbed")
    assert fits.fit(monkeypatch) == run
    fits.assert_same_run(run, undisturbed)


@pytest.mark.slow
def test_it_fills_while_training(here, small_disk, monkeypatch, run_n2s):
    """Before the second checkpoint: the first one is whole."""
    undisturbed = fits.fit(monkeypatch, "--runs_dir", "undisturbed")
    words = ("fit", "--config", "tiny.yaml", "--runs_dir", str(small_disk / "runs"))

    def fill_in_the_second_epoch(self):
        if self.current_epoch == 1:
            fill(small_disk, leave=8192)

    with monkeypatch.context() as patch:
        patch.setattr(tiny_recipe.TinyDecoder, "on_train_epoch_start", fill_in_the_second_epoch)
        status, _, err = run_n2s(*words)
    assert status == 2
    assert "n2s: a disk is full" in err and "No space left on device" in err
    (run,) = runs_of(small_disk / "runs" / "tiny")
    assert torch.load(run.last, weights_only=True)["epoch"] == 0
    assert not run.finished and not list(run.folder.glob(".*.part"))
    (small_disk / "filling").unlink()
    assert run_n2s(*words)[0] == 0
    fits.assert_same_run(run, undisturbed)


def test_metrics_have_whole_rows(small_disk):
    """The row that the disk cut off is logged again."""
    logger, path, step = MetricsCSV(small_disk / "metrics.csv"), small_disk / "metrics.csv", 0
    logger.log_metrics({"loss": 0.1}, 0)
    filling = fill(small_disk, leave=0)
    with pytest.raises(OSError) as told:
        for step in range(1, 10_000):
            logger.log_metrics({"loss": 0.1 + step}, step)
    assert is_full(told.value)
    assert not path.read_text().endswith("\n")  # a part of a row was written
    filling.unlink()
    again = MetricsCSV(path)
    for later in (step, step + 1):
        again.log_metrics({"loss": 0.1 + later}, later)
    table = pd.read_csv(path, float_precision="round_trip")
    assert table.step.tolist() == list(range(step + 2)) and (table.loss == table.step + 0.1).all()


def data(tmp_path: Path, residency: str = "device") -> MEGDataModule:
    return MEGDataModule(
        {"tiny": tiny.TinyStudy(tmp_path / "study", n_subjects=1, n_channels=32)},
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(val=["story2"], test=["story3"]),
        residency=residency,
        batch_size=8,
        n_jobs=1,
    )


def first_batch(tmp_path: Path, residency: str = "device") -> torch.Tensor:
    module = data(tmp_path, residency)
    module.prepare()
    return next(iter(module.train_dataloader())).brain


@pytest.mark.slow
def test_the_cache_fills_while_preparing(tmp_path, small_disk, monkeypatch):
    """Room for two recordings of four: these stay, the others follow."""
    expected = first_batch(tmp_path)
    monkeypatch.setenv("N2S_CACHE", str(small_disk))
    module = data(tmp_path)
    filling = fill(small_disk, leave=600_000)
    with pytest.raises(UserError, match=r"the disk of the cache .* is full") as told:
        module.prepare()
    assert "set N2S_CACHE to a folder on another disk" in str(told.value)
    kept = {path: path.stat().st_mtime_ns for path in small_disk.glob("prepared/*/*/brain.npy")}
    assert 0 < len(kept) < 4 and not list(small_disk.rglob("*.part"))
    filling.unlink()
    assert torch.equal(first_batch(tmp_path), expected)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


@pytest.mark.slow
@pytest.mark.parametrize("residency", ["device", "host"])
@pytest.mark.parametrize("lost", ["**/prepared", "**/brain.npy", "**/events.parquet", "**/scalers", "**/scaled"])
def test_a_cache_that_is_lost_or_cleared_in_part(tmp_path, monkeypatch, lost, residency):
    """Between two runs: what is gone is made again, to the same numbers."""
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    expected = first_batch(tmp_path, residency)
    found = list((tmp_path / "cache").glob(lost))
    assert found or (lost, residency) == ("**/scaled", "device")
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert torch.equal(first_batch(tmp_path, residency), expected)


@pytest.mark.parametrize("residency", ["device", "host"])
def test_a_cache_that_is_lost_while_training(tmp_path, monkeypatch, residency):
    """The rest of the epoch is what it would have been: the arrays are in memory or open."""
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    module = data(tmp_path, residency)
    module.prepare()
    expected = [batch.brain for batch in module.train_dataloader()]
    batches = iter(module.train_dataloader())
    found = [next(batches).brain]
    shutil.rmtree(tmp_path / "cache")
    found += [batch.brain for batch in batches]
    assert len(found) > 1 and all(map(torch.equal, found, expected))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "residency"), [("prepared/*/*/brain.npy", "device"), ("scalers/*.npy", "device"), ("scaled/*.npy", "host")]
)
def test_a_truncated_array_is_named(tmp_path, monkeypatch, name, residency):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    expected = first_batch(tmp_path, residency)
    path = sorted((tmp_path / "cache").glob(name))[0]
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="Delete it") as told:
        first_batch(tmp_path, residency)
    assert str(path) in str(told.value)
    path.unlink()
    assert torch.equal(first_batch(tmp_path, residency), expected)


def test_every_library_is_understood(small_disk):
    """What each raises on a disk that is full, and that other errors are not taken for it."""
    fill(small_disk, leave=200_000)
    big = np.zeros(1_000_000)
    for write in (
        lambda path: np.save(path, big),
        lambda path: save_file({"x": big}, path),
        lambda path: path.write_bytes(big.tobytes()),
        lambda path: path.write_text(yaml.safe_dump("x" * 1_000_000)),
    ):
        with pytest.raises(Exception) as told:  # noqa: B017  each its own
            write(small_disk / "file")
        assert is_full(told.value), told.value
        (small_disk / "file").unlink(missing_ok=True)
    for other in (FileNotFoundError(2, "no such file"), ValueError("Not a number"), OSError("cannot reshape")):
        assert not is_full(other)
