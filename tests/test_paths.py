"""Paths in messages: those that the user knows."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from n2s.errors import UserError
from n2s.paths import final, written_whole


def test_a_temporary_name_is_not_shown(tmp_path):
    with written_whole(tmp_path / "mel.npz") as temporary:
        assert temporary.name != "mel.npz" and final(temporary) == tmp_path / "mel.npz"
        assert final(temporary / "part" / "a.npy") == tmp_path / "mel.npz" / "part" / "a.npy"
        temporary.touch()
    for other in ("/a/.big.zip.part", "/a/.hidden/b.part"):
        assert final(other) == Path(other)


def test_a_folder_that_cannot_be_written_is_told_by_its_own_name(tmp_path):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    with pytest.raises(UserError, match="cannot be written: Permission denied") as error, written_whole(tmp_path / "a.npz") as path:  # fmt: skip
        refuse(path)
    assert ".part" not in str(error.value) and "a.npz" in str(error.value)


def test_a_lab_can_read_what_one_of_its_people_writes(tmp_path):
    """Safetensors makes files that only their owner can read; a cache and runs are shared."""
    usual = tmp_path / "usual"
    usual.write_text("")
    with written_whole(tmp_path / "one.safetensors") as temporary:
        save_file({"x": np.zeros(3)}, str(temporary))
    with written_whole(tmp_path / "folder") as temporary:
        temporary.mkdir()
        save_file({"x": np.zeros(3)}, str(temporary / "two.safetensors"))
    for file in ("one.safetensors", "folder/two.safetensors"):
        assert (tmp_path / file).stat().st_mode == usual.stat().st_mode
