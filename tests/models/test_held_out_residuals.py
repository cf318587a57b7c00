"""Residuals of rows that a fit has not seen."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from n2s.errors import UserError
from n2s.models.held_out_residuals import held_out_residuals, noise_covariance


@pytest.mark.parametrize("p", [5, 90], ids=["columns", "kernel"])
def test_are_those_of_a_fit_to_the_other_stories(p):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, p)) + 1, rng.normal(size=(60, 4)) + 3
    groups, alphas = np.repeat(["b", "a", "c"], [25, 15, 20])[rng.permutation(60)], np.array([1.0, 10.0, 10.0, 300.0])
    expected = np.empty_like(Y)
    for group in "abc":
        own = groups == group
        for v, alpha in enumerate(alphas):
            fit = Ridge(alpha=alpha).fit(X[~own], Y[~own, v])
            expected[own, v] = Y[own, v] - fit.predict(X[own])
    found = held_out_residuals(*map(torch.from_numpy, (X, Y)), groups, torch.from_numpy(alphas))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


def test_one_story_alone_is_refused():
    with pytest.raises(UserError, match="one story"):
        held_out_residuals(torch.randn(9, 2), torch.randn(9, 2), ["a"] * 9, torch.ones(2))


def test_each_story_counts_the_same():
    rng = np.random.default_rng(1)
    quiet, loud = rng.normal(size=(30, 3)), 100 * rng.normal(size=(90, 3))
    groups = ["quiet"] * 30 + ["loud"] * 90
    found = noise_covariance(torch.from_numpy(np.concatenate([quiet, loud])), groups).numpy()
    each = [part.T @ part / np.diag(part.T @ part).mean() for part in (quiet, loud)]
    np.testing.assert_allclose(found, np.mean(each, 0))
    assert np.isclose(np.diag(found).mean(), 1)
