from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import planted_result, with_attention

from n2s.errors import UserError
from n2s.systems.contrastive.result import RetrievalResult


def test_saved_and_loaded_is_the_same(tmp_path):
    result = planted_result(n_per_story=5)
    result.save(tmp_path / "test" / "held-out")
    files = ["arrays.npz", "candidates.parquet", "plain.json", "windows.parquet"]
    assert sorted(file.name for file in (tmp_path / "test" / "held-out").iterdir()) == files
    again = RetrievalResult.load(tmp_path / "test" / "held-out")
    for name in ("similarity", "target", "subject", "no_brain", "ideal"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    assert again.similarity.dtype == np.float32
    pd.testing.assert_frame_equal(again.windows, result.windows, check_dtype=False)
    pd.testing.assert_frame_equal(again.candidates, result.candidates, check_dtype=False)


def test_own_candidates_and_words_are_kept(tmp_path):
    result = planted_result(n_per_story=5)
    sets = np.ones((2, 10), bool)
    sets[1, 9] = False
    own = np.where(result.target == 9, 0, 1)
    full = replace(
        with_attention(result), candidate_sets=sets, candidate_set=own, subject_only=result.no_brain, ideal=None,
        no_ceiling="it sees more", seed=3, scaled_by=["itself"], gaps=["a gap"], sounds=["a sound"],
    )  # fmt: skip
    assert full.allowed.shape == (40, 10) and sorted(set(full.n_candidates)) == [9, 10]
    full.save(tmp_path / "test")
    again = RetrievalResult.load(tmp_path / "test")
    np.testing.assert_array_equal(again.allowed, full.allowed)
    np.testing.assert_array_equal(again.subject_only, full.subject_only)
    assert again.no_ceiling == "it sees more" and again.ideal is None
    for name in ("seed", "n_permutations", "scaled_by", "gaps", "sounds"):
        assert getattr(again, name) == getattr(full, name)
    for name in ("attention", "sensor_positions", "sensors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(full, name))
    assert again.facts() == full.facts()


def test_a_second_save_replaces_and_no_ceiling_stays_none(tmp_path):
    planted_result(n_per_story=5).save(tmp_path / "test")
    planted_result(n_per_story=6, with_ideal=False).save(tmp_path / "test")
    again = RetrievalResult.load(tmp_path / "test")
    assert again.similarity.shape == (48, 12)
    assert again.ideal is None


def test_a_failed_save_leaves_the_old_files(tmp_path, monkeypatch):
    planted_result(n_per_story=5).save(tmp_path / "test")
    before = {file.name: file.read_bytes() for file in (tmp_path / "test").iterdir()}

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        planted_result(n_per_story=6).save(tmp_path / "test")
    assert {file.name: file.read_bytes() for file in (tmp_path / "test").iterdir()} == before


def test_nothing_pickled_is_read(tmp_path):
    planted_result(n_per_story=5).save(tmp_path / "test")
    np.savez(tmp_path / "test" / "arrays.npz", similarity=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="cannot be read"):
        RetrievalResult.load(tmp_path / "test")


def test_missing_torn_and_mixed_files_are_told(tmp_path):
    with pytest.raises(UserError, match="n2s test"):
        RetrievalResult.load(tmp_path / "test")
    planted_result(n_per_story=5).save(tmp_path / "test")
    arrays = tmp_path / "test" / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:200])
    with pytest.raises(UserError, match="cannot be read"):
        RetrievalResult.load(tmp_path / "test")
    planted_result(n_per_story=6).save(tmp_path / "other")
    (tmp_path / "other" / "arrays.npz").replace(arrays)
    with pytest.raises(UserError, match="40 windows"):
        RetrievalResult.load(tmp_path / "test")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"similarity": np.zeros((3, 4))}, "similarity has shape"),
        ({"target": np.full(40, 10)}, "target holds"),
        ({"windows": pd.DataFrame({"recording": ["r"] * 40})}, "windows lack"),
        ({"candidates": pd.DataFrame()}, "needs windows and candidates"),
        ({"candidate_set": np.zeros(40, int)}, "belong together"),
        ({"candidate_set": np.full(40, 1), "candidate_sets": np.ones((1, 10), bool)}, "do not fit"),
        ({"candidate_set": np.zeros(40, int), "candidate_sets": np.arange(10)[None] < 9}, "of 4 windows is not in"),
        ({"seed": -1}, "seed is -1"),
        ({"n_permutations": 10**9}, "n_permutations is 1000000000"),
        ({"attention": np.ones((2, 3)), "sensor_positions": np.ones((3, 2))}, "does not fit its sensors"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    result = planted_result(n_per_story=5)
    with pytest.raises(ValueError, match=told):
        replace(result, **change)
