"""Flattened scores: scikit-learn's, and what a mean without time reaches."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from n2s.metrics.flattened import flattened


def test_it_is_numpys_and_scikit_learns(monkeypatch):
    rng = np.random.default_rng(0)
    true = rng.standard_normal((500, 7)).astype(np.float32) * [1, 2, 3, 4, 5, 6, 7] + 1000
    predicted = (0.5 * true + rng.standard_normal(true.shape) + 500).astype(np.float32)
    monkeypatch.setattr("n2s.metrics.flattened.BLOCK", 100)
    found = flattened(predicted, true)
    assert found.r == pytest.approx(np.corrcoef(predicted.ravel(), true.ravel())[0, 1], rel=1e-6)
    assert found.r2 == pytest.approx(r2_score(true.ravel().astype(float), predicted.ravel().astype(float)), rel=1e-6)


@pytest.mark.parametrize(("gain_sd", "r", "r2"), [(0.2, 0.78, 0.62), (0.4, 0.95, 0.90), (0.6, 0.96, 0.92)])
def test_the_mean_of_each_electrode_is_correlated_without_any_time(gain_sd, r, r2):
    """As reported of 100 electrodes whose gains have these deviations of the log: activity varies by a sixth of its mean."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        gain = np.exp(gain_sd * rng.standard_normal(100))
        true = gain * (1 + 0.16 * rng.standard_normal((400, 100)))
        found.append(flattened(np.tile(true[:200].mean(0), (200, 1)), true[200:]))
    assert np.mean([one.r for one in found]) == pytest.approx(r, abs=0.04)
    assert np.mean([one.r2 for one in found]) == pytest.approx(r2, abs=0.06)


def test_what_has_no_correlation_is_absent():
    true = np.arange(12.0).reshape(4, 3)
    assert np.isnan(flattened(np.ones((4, 3)), true).r) and flattened(np.ones((4, 3)), true).r2 < 0
    assert np.isnan(flattened(true, np.ones((4, 3)))).all() and np.isnan(flattened(true[:0], true[:0])).all()
    with pytest.raises(ValueError, match="one shape"):
        flattened(true, true[:2])
