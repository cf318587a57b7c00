"""Equations with the covariance of stationary noise, against SciPy's own solvers."""

import numpy as np
import pytest
import scipy.linalg

from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.stationary import DIRECT, solve_stationary


@pytest.mark.parametrize("n", [1, 2, 500, DIRECT + 1, 3001])
def test_equations_are_solved_however_long(n):
    covariance = autocovariance(n, 250.0)
    rng = np.random.default_rng(0)
    # of a moment, of slow drifts, nothing at all
    values = np.stack([1e-9 * rng.standard_normal(n), 1e3 * rng.standard_normal(n).cumsum(), np.zeros(n)])
    found = solve_stationary(covariance, values)
    for one, expected in zip(found, scipy.linalg.solve_toeplitz(covariance, values.T).T, strict=True):
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    assert not found[2].any()


def test_a_covariance_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no covariance"):
        solve_stationary(np.r_[1.0, -0.9, np.zeros(DIRECT)], np.ones((1, DIRECT + 2)))
