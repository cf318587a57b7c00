"""No moves, one resampling, a denominator that is hardly above chance."""

import numpy as np
from cross_language_runs import data_of, outcome

from n2s.metrics.score import ALL
from n2s.systems.cross_language.bootstrap import Compared, transfer


def test_without_moves_ratios_are_against_zero_and_one_resampling_has_no_interval(tmp_path):
    data = data_of(tmp_path, n_each=2, n_folds=2)
    result = outcome(tmp_path, data, n_shifts=0, n_bootstrap=1, controls=[], alphas=[100.0], n_draws=1)
    cells = result.cells[result.cells.measure == "r"]
    assert (cells.chance == 0).all() and cells.low.isna().all() and cells.p.isna().all()
    ratios = result.transfer[(result.transfer.subject == ALL) & (result.transfer.region == "shared")]
    own = ratios[ratios.measure == "r"]
    assert (own.ratio.between(0.7, 1.3)).all() and "0 times" not in " ".join(result.shown()[0].notes)
    assert result.shown()[0].tables["Transfer ratios, all subjects"]


def test_a_ratio_has_no_end_at_infinity():
    """13 of 500 resamplings of within are below chance: the ends of its interval and of the ratio's lie among these."""
    draws = np.concatenate([np.full(12, -0.01), [-0.001], np.full(487, 0.2)])
    within = Compared(0.2, draws, -0.0005)
    assert np.quantile(draws, 0.025) > within.chance
    score, told = transfer(Compared(0.1, np.full(500, 0.1), 0.0), within, "stories")
    assert (score.mean is None and told) or score.high < 1e3
