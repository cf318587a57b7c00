"""Which segments share BOLD: by the clock of a run, also of other stimuli; and what follows for exchanges and blocks."""

from dataclasses import replace

import numpy as np
import pytest
from planted_pairs import planted_pairs

from n2s.data.paired_bold import PairedBold
from n2s.systems.fusion.apart import blocks_of, near_candidates
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.shuffles import donors

EVERY_S = 4.0  # from one sentence to the next


def sentences(*, clock=True, n=48, order=None, **more):
    """Sentences of 3 s, each a stimulus of its own, one after the other in a run of each person."""
    one = planted_pairs(n_subjects=2, n_per_story=n // 2)
    order = [np.arange(n)] * 2 if order is None else order
    at_s = np.concatenate([20.0 + EVERY_S * np.argsort(heard) for heard in order])
    candidates = one.candidates.assign(stimulus=[f"s{i:02d}.wav" for i in range(n)], start_s=0.0, duration_s=3.0)
    windows = one.windows.assign(stimulus=candidates.stimulus.to_numpy()[one.target], stimulus_start_s=0.0)
    windows = windows.assign(fmri_start_s=at_s if clock else np.nan)
    return replace(one, candidates=candidates, windows=windows, **more), at_s


def test_near_by_loops():
    orders = [np.random.default_rng(seed).permutation(48) for seed in (0, 1)]
    result, at_s = sentences(order=orders, reach_s=8.0)
    near = near_candidates(result)
    for row in range(0, 96, 7):
        for other in np.flatnonzero(result.subject == result.subject[row]):
            assert near[row, result.target[other]] == (abs(at_s[row] - at_s[other]) < 3 + 8), (row, other)


def test_donors_are_far_in_the_run():
    for reach_s in (0.0, 8.0, 30.0):
        result, at_s = sentences(reach_s=reach_s)
        asked = donors(result)
        turn, row = np.nonzero(asked >= 0)
        away_s = np.abs(at_s[asked[turn, row]] - at_s[row])
        assert len(asked) > 5 and away_s.min() >= 3 + reach_s
        assert away_s.min() < 3 + reach_s + 3 * EVERY_S  # no further than needed
    assert len(donors(sentences(clock=False)[0])) == 47  # each other sentence


def test_neighbours_in_a_run_are_one_block():
    known, unknown = (blocks_of(sentences(clock=clock, reach_s=8.0)[0]).independent for clock in (True, False))
    assert len(np.unique(unknown)) == 48
    assert len(np.unique(known)) == 9  # 47 * 4 + 3 s in blocks of 3 + 2 * 8 s, in whole sentences: 21 s
    assert (np.diff(known[:48]) >= 0).all() and np.array_equal(known[:48], known[48:])
    meg = replace(sentences()[0], fmri=None, ideal_fmri=None)
    assert len(np.unique(blocks_of(meg).independent)) == 48


def test_a_long_sound_is_cut_as_before():
    """Two stories of 240 s, segments of 10 s: blocks of 30 s."""
    assert len(np.unique(blocks_of(planted_pairs()).independent)) == 16
    assert len(np.unique(blocks_of(replace(planted_pairs(), reach_s=8.0)).independent)) == 16


def test_the_reach_is_that_of_the_lags_and_is_kept(tmp_path):
    options = {"segment_s": 10.0, "bin_s": 2.0, "response_s": 20.0, "n_components": 4, "roi": None}
    assert PairedBold(lags_s=(4.0, 8.0), **options).apart_s == PairedBold(lags_s=(5.0, 6.0), **options).apart_s == 8
    assert PairedBold(lags_s=(0.0, 12.0), **options).apart_s == 24
    parts = [
        replace(planted_pairs(n_per_story=8, seed=seed), reach_s=reach_s) for seed, reach_s in ((0, 8.0), (1, 24.0))
    ]
    assert FusionResult.pooled(parts).reach_s == 24
    parts[1].save(tmp_path)
    assert FusionResult.load(tmp_path).reach_s == 24
    with pytest.raises(ValueError, match="reach_s is -1"):
        replace(parts[0], reach_s=-1.0)


def test_constant_scores_are_told(caplog):
    one = planted_pairs(n_per_story=12)
    silent = one.fmri.copy()
    silent[:9] = 0.25
    assert replace(one, fmri=silent).constant("fmri").sum() == 9 and not one.constant("meg").any()
    _ = one.ranks
    assert not caplog.text
    _ = replace(one, fmri=silent).ranks
    assert "fMRI scores all candidates the same in 9% of 96 pairs" in caplog.text
