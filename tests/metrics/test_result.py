import numpy as np
import pandas as pd
import pytest
from planted import planted_result

from n2s.errors import UserError
from n2s.systems.contrastive.result import RetrievalResult


def test_saved_and_loaded_is_the_same(tmp_path):
    result = planted_result(n_per_story=5)
    result.save(tmp_path / "test" / "held-out")
    assert sorted(file.name for file in (tmp_path / "test").iterdir()) == [
        "held-out.candidates.parquet",
        "held-out.npz",
        "held-out.windows.parquet",
    ]
    again = RetrievalResult.load(tmp_path / "test" / "held-out")
    for name in ("scores", "target", "subject", "no_brain", "ideal"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    assert again.scores.dtype == np.float32
    pd.testing.assert_frame_equal(again.windows, result.windows, check_dtype=False)
    pd.testing.assert_frame_equal(again.candidates, result.candidates, check_dtype=False)


def test_own_candidates_and_words_are_kept_and_old_results_have_none(tmp_path):
    result = planted_result(n_per_story=5)
    sets = np.ones((2, 10), bool)
    sets[1, 9] = False
    own = np.where(result.target == 9, 0, 1)
    full = RetrievalResult(**vars(result) | {
        "candidate_sets": sets, "candidate_set": own, "subject_only": result.no_brain, "no_ceiling": "it sees more",
        "ideal": None,
    })  # fmt: skip
    assert full.allowed.shape == (40, 10) and sorted(set(full.n_candidates)) == [9, 10]
    full.save(tmp_path / "test")
    again = RetrievalResult.load(tmp_path / "test")
    np.testing.assert_array_equal(again.allowed, full.allowed)
    np.testing.assert_array_equal(again.subject_only, full.subject_only)
    assert again.no_ceiling == "it sees more" and again.ideal is None
    arrays = {name: getattr(result, name) for name in ("scores", "no_brain", "target", "subject", "ideal")}
    np.savez(tmp_path / "test.npz", **arrays)  # as earlier versions wrote it
    old = RetrievalResult.load(tmp_path / "test")
    assert old.allowed is None and old.no_ceiling == "" and set(old.n_candidates) == {10}


def test_a_second_save_replaces_and_no_ceiling_stays_none(tmp_path):
    planted_result(n_per_story=5).save(tmp_path / "test")
    planted_result(n_per_story=6, with_ideal=False).save(tmp_path / "test")
    again = RetrievalResult.load(tmp_path / "test")
    assert again.scores.shape == (48, 12)
    assert again.ideal is None


def test_a_failed_save_leaves_the_old_files(tmp_path, monkeypatch):
    planted_result(n_per_story=5).save(tmp_path / "test")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        planted_result(n_per_story=6).save(tmp_path / "test")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_nothing_pickled_is_read(tmp_path):
    planted_result(n_per_story=5).save(tmp_path / "test")
    np.savez(tmp_path / "test.npz", scores=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="cannot be read"):
        RetrievalResult.load(tmp_path / "test")


def test_missing_torn_and_mixed_files_are_told(tmp_path):
    with pytest.raises(UserError, match="n2s test"):
        RetrievalResult.load(tmp_path / "test")
    planted_result(n_per_story=5).save(tmp_path / "test")
    (tmp_path / "test.npz").write_bytes((tmp_path / "test.npz").read_bytes()[:200])
    with pytest.raises(UserError, match="cannot be read"):
        RetrievalResult.load(tmp_path / "test")
    planted_result(n_per_story=6).save(tmp_path / "other")
    (tmp_path / "other.npz").replace(tmp_path / "test.npz")
    with pytest.raises(UserError, match="40 windows"):
        RetrievalResult.load(tmp_path / "test")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scores": np.zeros((3, 4))}, "scores has shape"),
        ({"target": np.full(40, 10)}, "target holds"),
        ({"windows": pd.DataFrame({"recording": ["r"] * 40})}, "windows lack"),
        ({"candidates": pd.DataFrame()}, "needs windows and candidates"),
        ({"candidate_set": np.zeros(40, int)}, "belong together"),
        ({"candidate_set": np.full(40, 1), "candidate_sets": np.ones((1, 10), bool)}, "do not fit"),
        ({"candidate_set": np.zeros(40, int), "candidate_sets": np.arange(10)[None] < 9}, "of 4 windows is not in"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    result = planted_result(n_per_story=5)
    with pytest.raises(ValueError, match=told):
        RetrievalResult(**{**vars(result), **change})
