"""Preparing: each recording once, by whoever comes first; a kill, a failure or a second process loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from n2s.data import Preprocessing
from n2s.data.recordings import Shard, listed, prepare
from n2s.errors import UserError
from tests.tiny import TinyStudy

EEG = Preprocessing(sfreq=50.0, picks=["eeg"])


class Logged(TinyStudy):
    """Writes down what is loaded; ``slow_s`` a recording; ``broken``: names that raise when they are loaded."""

    def __init__(self, root, *, slow_s=0.0, broken=(), **options):
        super().__init__(root, story_s=10.0, **options)
        self.slow_s, self.broken = slow_s, broken

    @property
    def log(self):
        return self.root / "loaded.log"

    def loaded(self):
        return self.log.read_text().split() if self.log.exists() else []

    def load(self, recording):
        with open(self.log, "a") as file:
            file.write(f"{recording.name}\n")
        time.sleep(self.slow_s)
        if recording.name in self.broken:
            raise self.broken[recording.name]
        return super().load(recording)


def other_process(root, slow_s):
    """Prepares the same study in a process of its own."""
    listed(Logged(root), EEG)  # makes the sources, whose time of change is part of the cache's key
    code = (
        "from tests.data_path.test_prepare import EEG, Logged; from n2s.data.recordings import prepare;"
        f"print('ready', flush=True); prepare(Logged({str(root)!r}, slow_s={slow_s}), EEG)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout.readline() == "ready\n"
    return process


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_shards_are_a_partition(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    study = Logged(tmp_path / "data")
    for index in (1, 2, 3):
        prepare(study, EEG, shard=Shard(index, 3))
        assert sum(item.ready for item in listed(study, EEG)) == (3, 6, 8)[index - 1]
    assert sorted(study.loaded()) == sorted(recording.name for recording in study.recordings())
    prepare(study, EEG)
    assert len(study.loaded()) == 8  # nothing again


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "-1/3"])
def test_a_shard_that_is_none(text):
    with pytest.raises(UserError, match="expected i/n with i from 1 to n"):
        Shard.parse(text)


@pytest.mark.slow
@pytest.mark.spawns
def test_a_recording_that_fails_does_not_stop_the_others(tmp_path, monkeypatch, processes):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    broken = {"sub-01_task-story1": ValueError("bad tag"), "sub-02_task-story0": UserError("the file is empty")}
    study = Logged(tmp_path / "data", broken=broken)
    with pytest.raises(UserError, match="2 of 8 recordings could not be prepared; the others are there") as caught:
        prepare(study, EEG, n_jobs=2)
    assert "tiny, sub-01_task-story1: ValueError: bad tag (test_prepare.py, line" in str(caught.value)
    assert "- the file is empty" in str(caught.value)
    assert sum(item.ready for item in listed(study, EEG)) == 6
    mended = Logged(tmp_path / "data")
    assert all(item.ready for item in prepare(mended, EEG))
    assert len(mended.loaded()) == 8 + 2


class Killed(Logged):
    """Loading one recording kills its process, as a system out of memory does."""

    def load(self, recording):
        if recording.name == "sub-02_task-story3":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().load(recording)


def test_a_worker_that_the_system_kills(tmp_path, monkeypatch, processes):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="was killed, as the system does when memory is full.*fewer than 2 processes"):
        prepare(Killed(tmp_path / "data"), EEG, n_jobs=2)


@pytest.mark.slow
@pytest.mark.spawns
def test_killed_in_the_middle_and_resumed(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    study = Logged(tmp_path / "data")
    process = other_process(study.root, slow_s=0.3)
    while len(study.loaded()) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = listed(study, EEG)[0].folder.parent
    half = folder / f".{listed(study, EEG)[2].folder.name}.0123.part"
    half.mkdir()  # what a kill in the midst of writing leaves
    made = {item.folder: (item.folder / "brain.npy").stat().st_mtime_ns for item in listed(study, EEG) if item.ready}
    assert len(made) == 2
    prepared = prepare(study, EEG)
    assert all(item.ready for item in prepared) and not half.exists()
    assert files(folder) == sorted(item.folder.name for item in prepared)
    assert {path: (path / "brain.npy").stat().st_mtime_ns for path in made} == made
    assert len(study.loaded()) == 8 + 1  # the one in which it was killed


@pytest.mark.slow
@pytest.mark.spawns
@pytest.mark.nightly
def test_two_processes_share_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    study = Logged(tmp_path / "data", slow_s=0.2)
    process = other_process(study.root, slow_s=0.2)
    prepared = prepare(study, EEG)
    assert process.wait() == 0
    assert sorted(study.loaded()) == sorted(recording.name for recording in study.recordings())  # nothing twice
    assert all(item.ready for item in prepared)
    assert files(prepared[0].folder.parent) == sorted(item.folder.name for item in prepared)
