"""MATLAB files: what is whole is read as SciPy reads it, what is not is never given to SciPy."""

from pathlib import Path

import mne
import numpy as np
import pytest
import scipy.io
from scipy.sparse import eye_array

from n2s.errors import UserError
from n2s.studies.readers.matlab import positive, read_mat, real_numbers

EVERYTHING = {
    "x": np.arange(12.0).reshape(3, 4), "small": np.int8(3), "logical": True, "complex": np.array([1 + 2j, 3.0]),
    "text": "héllo", "texts": np.array(["ab", "cde"]), "empty": np.zeros((0, 0)), "cells": np.array(["a", 2.0, [3]], object),
    "struct": {"inner": {"deep": 1.5}, "none": {}}, "sparse": eye_array(3).tocsc(),
}  # fmt: skip


def same(one, other) -> bool:
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if hasattr(one, "todense"):
        return np.array_equal(one.todense(), other.todense())
    if isinstance(one, list) or (isinstance(one, np.ndarray) and one.dtype == object):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return np.array_equal(one, other)


@pytest.mark.parametrize("do_compression", [False, True])
def test_every_kind_of_array(tmp_path, do_compression):
    scipy.io.savemat(tmp_path / "a.mat", {"all": EVERYTHING}, do_compression=do_compression)
    expected = scipy.io.loadmat(tmp_path / "a.mat", simplify_cells=True)["all"]
    assert same(read_mat(tmp_path / "a.mat", "all", tuple(EVERYTHING)), expected)


FILES = sorted((Path(mne.__file__).parent / "channels" / "data" / "neighbors").glob("*.mat"))


@pytest.mark.slow
def test_files_that_matlab_wrote():
    """FieldTrip's neighbours of 30 caps and helmets, as MNE ships them."""
    assert len(FILES) > 20
    for path in FILES:
        expected = scipy.io.loadmat(path, simplify_cells=True)
        assert same(read_mat(path, "", ("neighbours",))["neighbours"], expected["neighbours"]), path.name


def test_a_wrong_kind_of_element_never_reaches_scipy(tmp_path):
    """SciPy looks up a kind in a table of 20 without asking whether it is there, and the process dies."""
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": np.arange(6.0)})
    content = bytearray(path.read_bytes())
    at = content.rindex(np.arange(6.0).tobytes()) - 8
    assert content[at] == 9  # a double
    for kind in (0, 8, 10, 11, 20, 200, 255):
        content[at] = kind
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a whole MATLAB file"):
            read_mat(path, "", ("x",))
    content[at] = 9
    sizes = content.index(np.array([1, 6], np.int32).tobytes())
    content[sizes + 4] = 7  # where six values follow
    path.write_bytes(content)
    with pytest.raises(UserError, match="does not hold as many values"):
        read_mat(path, "", ("x",))


def test_numbers_are_real_and_rates_positive(tmp_path):
    content = {"x": [1, 2], "z": 1j, "t": "2", "c": np.array([1, "a"], object), "n": -1.0, "i": np.inf, "ok": 128}
    assert real_numbers(content, "x", tmp_path).tolist() == [1.0, 2.0] and positive(content, "ok", tmp_path) == 128.0
    for name in "ztc":
        with pytest.raises(UserError, match="expected real numbers"):
            real_numbers(content, name, tmp_path)
    for name in "xni":
        with pytest.raises(UserError, match="expected one number above 0"):
            positive(content, name, tmp_path)
