"""Responses of a subject are cut and scaled once: equal to a fresh computation, and made anew when anything differs."""

import os
import shutil

import numpy as np
import pytest

from n2s.data import FMRIDataModule
from n2s.data import kept_responses as kept
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.paths import cache_dir
from tests.tiny_fmri import LAG_S, TinyFMRI


def set_up(root, **options):
    options = {"lag_s": LAG_S, "val_fraction": 0.2} | options
    data = FMRIDataModule({"tiny": TinyFMRI(root)}, MelStatistics(n_mels=4), **options)
    data.setup("fit")
    return data


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Subjects whose responses were cut. The cache is this test's own."""
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    found = []
    monkeypatch.setattr(
        "n2s.data.bold_clips.scaled_responses",
        lambda *given: found.append(given[2].subject.iloc[0]) or kept.scaled_responses(*given),
    )
    return found


def test_a_second_set_up_cuts_nothing_and_has_the_same_bits(tmp_path, calls):
    one = set_up(tmp_path)
    assert sorted(calls) == one.subjects
    two = set_up(tmp_path)
    assert len(calls) == len(one.subjects)
    assert one.data_hashes() == two.data_hashes()
    for split in one.splits:
        for a, b in zip(one.splits[split].brain, two.splits[split].brain, strict=True):
            assert a.tobytes() == b.tobytes()
    for a, b in zip(one.scales, two.scales, strict=True):
        assert a.mean.tobytes() == b.mean.tobytes() and a.deviation.tobytes() == b.deviation.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"lag_s": LAG_S + 2}, {"volumes": "stack", "window_s": 4.0}, {"scale": "run"}, {"val_fraction": 0.6}]
)
def test_what_decides_the_numbers_makes_them_anew(tmp_path, calls, options):
    n = len(set_up(tmp_path).subjects)
    other = set_up(tmp_path, **options)
    assert len(calls) == 2 * n
    shutil.rmtree(cache_dir())
    fresh = set_up(tmp_path, **options)
    for a, b in zip(other.splits["train"].brain, fresh.splits["train"].brain, strict=True):
        assert a.tobytes() == b.tobytes()


def test_another_split_is_another_scale(tmp_path, calls):
    """A leak test: a scale that was kept for one split is never used for another."""
    one, two = set_up(tmp_path), set_up(tmp_path, val_fraction=0.6)
    assert any(not np.array_equal(a.mean, b.mean) for a, b in zip(one.scales, two.scales, strict=True))
    for data in (one, two):
        for scale, brain in zip(data.scales, data.splits["train"].brain, strict=True):
            tells = scale.deviation > 0
            rows = brain.reshape(-1, brain.shape[-1])[:, tells]
            np.testing.assert_allclose(rows.mean(0), 0, atol=1e-4)
            np.testing.assert_allclose(rows.std(0), 1, atol=1e-3)


def test_a_lost_part_is_made_again_and_a_damaged_one_named(tmp_path, calls):
    n = len(set_up(tmp_path).subjects)
    folders = sorted((cache_dir() / "responses").iterdir())
    assert len(folders) == n
    (folders[0] / "hashes.json").unlink()
    set_up(tmp_path)
    assert len(calls) == n + 1
    file = folders[0] / "scaled.npy"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(UserError, match="Delete this folder"):
        set_up(tmp_path)
