"""Prepared arrays are copied to a node's own disk once, and read there."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory, near
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.paths import cache_dir


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("N2S_LOCAL_CACHE", str(tmp_path / "node"))
    return tmp_path / "node"


def windows(tmp_path, residency: str) -> torch.Tensor:
    data = MEGDataModule(
        {"t": TinyStudy(tmp_path / "study", story_s=12.0)},
        Ready(4),
        preprocessing=Preprocessing(sfreq=50, picks=["eeg"]),
        split=SplitByStory(val=["story1"], test=["story0"]),
        residency=residency,
        n_jobs=1,
    )
    data.setup("fit")
    return torch.cat([batch.brain for batch in data.train_dataloader()])


@pytest.mark.slow
@pytest.mark.parametrize(("residency", "read"), [("device", "prepared/*/*/brain.npy"), ("host", "scaled/*.npy")])
def test_windows_are_read_from_the_copy(tmp_path, local, monkeypatch, residency, read):
    """The same as from the cache; and they are what the copy holds, once it is there."""
    monkeypatch.delenv("N2S_LOCAL_CACHE")
    expected = windows(tmp_path, residency)
    assert not local.exists()
    monkeypatch.setenv("N2S_LOCAL_CACHE", str(local))
    torch.testing.assert_close(windows(tmp_path, residency), expected, rtol=0, atol=0)
    copies = sorted(local.glob(read))
    assert len(copies) == 8  # two people, four stories
    for copy in copies:
        assert copy.read_bytes() == (cache_dir() / copy.relative_to(local)).read_bytes()
        np.load(copy, mmap_mode="r+")[:] *= 2
    assert not torch.equal(windows(tmp_path, residency), expected)


def test_processes_of_a_node_copy_once(local, monkeypatch):
    source, copied = cache_dir() / "scaled" / "a.npy", []
    source.parent.mkdir(parents=True)
    source.write_bytes(b"1234")

    def slow(path, to, copy=shutil.copyfile):
        copied.append(to)
        copy(path, to)

    monkeypatch.setattr(shutil, "copyfile", slow)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(near.near, [source] * 8)) == {local / "scaled" / "a.npy"}
    assert len(copied) == 1 and copied[0] != local / "scaled" / "a.npy"  # renamed when it is whole
    (local / "scaled" / "a.npy").write_bytes(b"12")  # another program's work
    assert near.near(source).read_bytes() == b"1234" and len(copied) == 2


def test_a_folder_that_cannot_be(local):
    source = cache_dir() / "a.npy"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"1234")
    local.write_text("a file")
    with pytest.raises(UserError, match="cannot be copied to N2S_LOCAL_CACHE=.*unset it"):
        near.near(source)
