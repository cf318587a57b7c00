"""Runs of BOLD are cleaned once and kept: what changed is made again, what is damaged is named, a kill loses nothing."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from n2s.data import FMRIDataModule
from n2s.data.bold_preparation import BoldPreparation
from n2s.data.recordings import Shard, listed, prepare
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold
from tests.tiny_fmri import LAG_S, TR_S, TinyFMRI

DETRENDED = BoldPreparation(BoldCleaning(detrend=True))


class OnDisk(TinyFMRI):
    """Runs as files of their own. Writes down what is loaded; ``slow_s`` a run."""

    cleaning = DETRENDED.cleaning

    def __init__(self, root, *, slow_s=0.0, **options):
        super().__init__(root, **options)
        self.slow_s = slow_s

    def file(self, recording):
        return self.root / f"{recording.name}.npy"

    def sources(self, recording):
        if not self.file(recording).exists():
            self.root.mkdir(parents=True, exist_ok=True)
            np.save(self.file(recording), super().load(recording).data)
        return [self.file(recording)]

    def load(self, recording):
        with open(self.root / "loaded.log", "a") as log:
            log.write(f"{recording.name}\n")
        time.sleep(self.slow_s)
        data = np.load(self.file(recording))
        half = np.arange(data.shape[1]) < data.shape[1] // 2
        return Bold(data, TR_S, {"half": half, "last": ~half}, np.outer(np.arange(data.shape[1]), [1, 2, 3]))

    def loaded(self):
        log = self.root / "loaded.log"
        return log.read_text().split() if log.exists() else []


class DiesWriting(BoldPreparation):
    """The process is killed when the array of one run is written and the rest is not."""

    def make(self, study, recording, where):
        made = super().make(study, recording, where)
        if recording.task != "s2":
            return made
        return replace(made, beside=made.beside | {"rois.npy": lambda path: os.kill(os.getpid(), signal.SIGKILL)})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def study(tmp_path):
    return OnDisk(tmp_path / "tiny")


def set_up(study, **options):
    data = FMRIDataModule({"tiny": study}, MelStatistics(n_mels=4), lag_s=LAG_S, val_fraction=0.2, **options)
    data.setup("fit")
    return data


def other_process(study, preparation):
    """Prepares the same study in a process of its own."""
    listed(study, DETRENDED)  # makes the sources, whose time of change is part of the cache's key
    code = (
        "from tests.data_path.test_bold_preparation import *;"
        f"print('ready', flush=True); prepare(OnDisk({str(study.root)!r}, slow_s={study.slow_s}), {preparation})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout.readline() == "ready\n"
    return process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_runs_are_cleaned_one_by_one_and_all_voxels_are_kept(study):
    trend = np.stack([np.ones(16), np.arange(16)], 1)
    for run in prepare(study, DETRENDED):
        raw = np.load(study.file(run.recording)).astype(float)
        left = raw - trend @ np.linalg.lstsq(trend, raw, rcond=None)[0]  # of this run, and of no other
        found = run.bold("here")
        np.testing.assert_allclose(found.data, left, atol=1e-4)
        assert isinstance(found.data, np.memmap) and found.data.flags.c_contiguous and found.data.dtype == np.float32
        assert found.tr_s == TR_S and list(found.rois) == ["half", "last"]
        n = raw.shape[1]
        assert np.array_equal(found.voxels("last", ""), np.arange(n) >= n // 2)
        assert np.array_equal(found.places, np.outer(np.arange(n), [1, 2, 3]))


def test_another_run_changes_nothing_of_a_run(study):
    before = {run.recording.name: run.meta["sha256"] for run in prepare(study, DETRENDED)}
    changed = study.file(study.recordings()[3])
    np.save(changed, np.load(changed) * 3 + 7)
    after = {run.recording.name: run.meta["sha256"] for run in prepare(study, DETRENDED)}
    assert [name for name in before if before[name] != after[name]] == [changed.stem]


@pytest.mark.slow
def test_a_second_set_up_reads_no_source(study):
    first = set_up(study)
    assert sorted(study.loaded()) == sorted(one.name for one in study.recordings())
    second = set_up(study)
    for other in ({"roi": "last"}, {"lag_s": 3.0}, {"volumes": "stack", "window_s": 2.0}):
        assert FMRIDataModule({"tiny": study}, MelStatistics(n_mels=4), **{"lag_s": LAG_S} | other).setup("fit") is None
    assert len(study.loaded()) == 14
    assert first.data_hashes() == second.data_hashes()
    for split, part in first.splits.items():
        for brain, again in zip(part.brain, second.splits[split].brain, strict=True):
            assert brain.tobytes() == again.tobytes()


def test_only_the_runs_of_chosen_subjects_are_prepared(study):
    set_up(study, subjects=["02"])
    assert len(study.loaded()) == 7 and all(name.startswith("sub-02") for name in study.loaded())


def test_a_region_looks_at_its_own_voxels_and_volumes_alone(study):
    expected = set_up(study, roi="half").data_hashes()
    for run in prepare(study, DETRENDED):
        spoiled = np.load(run.folder / "brain.npy", mmap_mode="r+")
        spoiled[:, run.array("rois.npy")[1]] = np.nan  # voxels of the other half
        spoiled[:2] = spoiled[14:] = np.nan  # before the first clip's volume, after the last one's
        spoiled.flush()
    assert set_up(study, roi="half").data_hashes() == expected
    with pytest.raises(UserError, match="voxels have values that are NaN"):
        set_up(study, roi="last")


@pytest.mark.parametrize("what", ["time", "size", "settings", "cleaning"])
def test_what_changed_is_prepared_anew(study, what):
    first = prepare(study, DETRENDED)
    path, preparation = study.file(first[4].recording), DETRENDED
    if what == "time":
        os.utime(path, ns=(1, 1))
    elif what == "size":
        stat = path.stat()
        np.save(path, np.load(path).astype(float))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif what == "settings":
        study.settings = lambda: {"other": True}
    else:
        preparation = BoldPreparation(BoldCleaning(detrend=True, highpass_hz=0.1))
    second = prepare(study, preparation)
    new = [one.recording.name for one, other in zip(second, first, strict=True) if one.folder != other.folder]
    every = [one.name for one in study.recordings()]
    assert new == ([path.stem] if what in ("time", "size") else every)
    assert study.loaded() == every + new


def test_shards_are_a_partition_of_the_runs(study):
    for index, n in ((1, 5), (2, 10), (3, 14)):
        data = FMRIDataModule({"tiny": study}, MelStatistics(n_mels=4), lag_s=LAG_S, val_fraction=0.2)
        data.prepare(Shard(index, 3))
        assert len(study.loaded()) == n and bool(data.splits) == (index == 3)  # the last finds everything there
    set_up(study)
    assert len(set(study.loaded())) == len(study.loaded()) == 14


@pytest.mark.slow
@pytest.mark.spawns
@pytest.mark.nightly
def test_processes_give_the_same_runs(study, tmp_path, processes):
    one = prepare(study, DETRENDED)
    two = prepare(OnDisk(tmp_path / "again"), DETRENDED, n_jobs=2)
    assert [run.meta["sha256"] for run in one] == [run.meta["sha256"] for run in two]


@pytest.mark.slow
@pytest.mark.spawns
def test_killed_while_writing_and_resumed(study):
    assert other_process(study, "DiesWriting(DETRENDED.cleaning)").wait() == -signal.SIGKILL
    runs = listed(study, DETRENDED)
    folder = runs[0].folder.parent
    (half,) = [path for path in folder.iterdir() if path.name.startswith(".")]
    assert names(half) == ["brain.npy"]
    made = {run.folder: (run.folder / "brain.npy").stat().st_mtime_ns for run in runs if run.ready}
    assert [run.ready for run in runs] == [True] * 2 + [False] * 12
    assert all(run.ready for run in prepare(study, DETRENDED))
    assert names(folder) == sorted(run.folder.name for run in runs)  # the half-written folder is gone
    assert {path: (path / "brain.npy").stat().st_mtime_ns for path in made} == made
    assert len(study.loaded()) == 14 + 1  # the run in which it was killed


@pytest.mark.slow
@pytest.mark.spawns
@pytest.mark.nightly
def test_two_processes_make_each_run_once(study):
    study.slow_s = 0.1
    process = other_process(study, "DETRENDED")
    runs = prepare(study, DETRENDED)
    assert process.wait() == 0
    assert sorted(study.loaded()) == sorted(one.name for one in study.recordings())
    assert names(runs[0].folder.parent) == sorted(run.folder.name for run in runs)


def test_a_run_that_fails_does_not_stop_the_others(study):
    listed(study, DETRENDED)
    broken = study.file(study.recordings()[1])
    data = np.load(broken)
    data[3, 2] = np.nan
    np.save(broken, data)
    with pytest.raises(UserError, match="1 of 14 recordings could not be prepared; the others are there") as caught:
        set_up(study)
    assert f"tiny_fmri, {broken.stem}: 1 of 8 voxels have values that are NaN" in str(caught.value)
    assert sum(run.ready for run in listed(study, DETRENDED)) == 13


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("brain.npy", lambda path: os.truncate(path, path.stat().st_size - 9), "brain.npy cannot be read.*Delete it"),
        (
            "brain.npy",
            lambda path: np.save(path, np.zeros((3, 8), np.float32)),
            r"shape \[3, 8\], but .*\[16, 8\].*Delete",
        ),
        ("brain.npy", lambda path: np.save(path, np.zeros((16, 8))), "holds float64.*Delete it"),
        ("rois.npy", lambda path: np.save(path, np.zeros((2, 5), bool)), r"rois.npy is of shape \(2, 5\).*Delete it"),
        ("places.npy", lambda path: path.write_bytes(b"no"), "places.npy cannot be read.*Delete it: the same command"),
        (
            "meta.json",
            lambda path: path.write_text('{"shape": [16'),
            "meta.json cannot be read: not a JSON file.*Delete",
        ),
    ],
)
def test_a_damaged_run_is_named_with_the_remedy(study, name, damage, message):
    set_up(study)
    damaged = listed(study, DETRENDED)[2].folder / name
    damage(damaged)
    with pytest.raises(UserError, match=message):
        set_up(study)
    damaged.unlink()  # what the message asks for
    set_up(study)
    assert len(study.loaded()) == 14 + 1


def test_a_source_that_is_missing_is_named(study):
    study.sources = lambda recording: [study.root / "nowhere.nii.gz"]
    with pytest.raises(UserError, match="tiny_fmri, sub-01_ses-1_task-s0: no .*nowhere.nii.gz"):
        set_up(study)


def test_voxels_that_never_change_are_reported_and_the_report_is_kept(study):
    listed(study, DETRENDED)
    path = study.file(study.recordings()[0])
    data = np.load(path)
    data[:, 4:6] = 1000 / 3
    np.save(path, data)
    for _ in range(2):
        first, *others = prepare(study, DETRENDED)
        assert [one.text[:31] for one in first.findings] == ["2 of 8 voxels never change; n2s"]
        assert not any(one.findings for one in others)
    assert not prepare(study, DETRENDED)[0].brain[:, 4:6].any()  # exactly 0 once the trend is taken out
