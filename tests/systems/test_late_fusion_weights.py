"""The weights of a late fusion: those that a closed form or a grid gives, whatever units the scores have."""

import numpy as np
import pytest
from scipy.special import log_softmax

from n2s.systems.fusion.late_weights import best_weights, first_share


def ratios(d, target=None, n=3000, k=8, seed=0):
    """Log-likelihood ratios of the best decoder of segments that are ``d`` deviations of the noise apart, and the true ones."""
    rng = np.random.default_rng(seed)
    target = rng.integers(k, size=n) if target is None else target
    found = d * rng.standard_normal((len(target), k))
    found[np.arange(len(target)), target] += d**2
    return found, target


def likelihood(scores, target, allowed):
    values = np.where(allowed, scores, -np.inf)
    return log_softmax(values, axis=1)[np.arange(len(target)), target].mean()


def test_temperatures_of_log_likelihood_ratios_are_found():
    meg, target = ratios(1.0)
    fmri, _ = ratios(0.7, target, seed=5)
    allowed = np.ones(meg.shape, bool)
    weights = best_weights([3.0 * meg, 0.2 * fmri], target, allowed)  # temperatures 3 and .2
    np.testing.assert_allclose(weights * [3.0, 0.2], 1.0, atol=0.08)
    shifted = 3.0 * meg + 1e4 * np.random.default_rng(0).standard_normal((3000, 1))  # a row's constant says nothing
    np.testing.assert_allclose(best_weights([shifted, 0.2 * fmri], target, allowed), weights, rtol=1e-3)


def test_no_other_weights_are_better():
    meg, target = ratios(0.8, n=200, seed=1)
    fmri, _ = ratios(0.5, target, seed=2)
    rng = np.random.default_rng(3)
    allowed = rng.random(meg.shape) < 0.7
    allowed[np.arange(200), target] = True
    weights = best_weights([meg, fmri], target, allowed)
    best = likelihood(weights[0] * meg + weights[1] * fmri, target, allowed)
    grid = np.linspace(0, 3, 61)
    found = [likelihood(a * meg + b * fmri, target, allowed) for a in grid for b in grid]
    assert max(found) - 1e-5 <= best <= max(found) + 1e-3
    meg[~allowed] = 1e6  # what is no candidate is not looked at
    np.testing.assert_allclose(best_weights([meg, fmri], target, allowed), weights, rtol=1e-4)


def test_noise_and_what_points_away_get_no_weight():
    meg, target = ratios(1.0)
    allowed = np.ones(meg.shape, bool)
    noise = np.random.default_rng(9).standard_normal(meg.shape)
    weights = best_weights([meg, noise], target, allowed)
    assert weights[1] < 0.05 < 0.9 < weights[0]
    assert best_weights([meg, -meg + noise], target, allowed)[1] < 0.05
    assert best_weights([-meg], target, allowed)[0] == 0
    np.testing.assert_array_equal(best_weights([np.ones_like(meg), noise * 0], target, allowed), 0)


def test_rows_that_are_all_found_give_finite_weights():
    target = np.arange(6)
    sure = 10.0 * np.eye(6)
    weights = best_weights([sure, sure / 100], target, np.ones((6, 6), bool))
    assert np.isfinite(weights).all() and (weights > 0).all()


def test_ties_are_not_found():
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 5.0], [3.0, 0.0, 0.0]])
    allowed = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]], bool)
    assert first_share(scores, np.array([0, 1, 0]), allowed) == pytest.approx(2 / 3)
