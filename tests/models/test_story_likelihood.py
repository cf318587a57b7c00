"""The likelihood of a response: the formula as written, scipy, many candidates at once."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from n2s.errors import UserError
from n2s.models import StoryLikelihood


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    weights, mixing = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    return weights, mixing @ mixing.T + np.eye(3), rng.normal(size=(5, 6, 4)), rng.normal(size=(7, 6, 3))


@pytest.mark.parametrize("shrinkage", [0.0, 2 / 3, 1.0])
def test_it_is_the_log_density_of_a_gaussian_up_to_a_constant(made, shrinkage):
    weights, noise, features, responses = made
    covariance = (1 - shrinkage) * noise + shrinkage * np.eye(3)
    model = StoryLikelihood(weights, noise, shrinkage=shrinkage)
    found = [model.log_likelihood(one, responses[0]) for one in features]
    expected = [multivariate_normal.logpdf(responses[0] - one @ weights, cov=covariance).sum() for one in features]
    np.testing.assert_allclose(np.diff(found), np.diff(expected))


def test_many_at_once_are_one_by_one_up_to_a_constant_per_response(made):
    weights, noise, features, responses = made
    model = StoryLikelihood(torch.tensor(weights), torch.tensor(noise))
    single = np.array([[model.log_likelihood(one, other) for one in features] for other in responses])
    found = model.log_likelihoods(features, responses).numpy()
    away = single - found
    np.testing.assert_allclose(away, np.broadcast_to(away[:, :1], away.shape), atol=1e-9)


def test_the_story_that_was_heard_is_the_likeliest():
    rng = np.random.default_rng(1)
    weights, noise = rng.normal(size=(8, 20)), np.eye(20) * 4
    features = rng.normal(size=(30, 10, 8))
    responses = features @ weights + 2 * rng.normal(size=(30, 10, 20))
    assert (
        StoryLikelihood(weights, noise, 0.1).log_likelihoods(features, responses).argmax(1) == torch.arange(30)
    ).all()


def test_what_does_not_fit_is_named(made):
    weights, noise, features, responses = made
    with pytest.raises(UserError, match=r"\(4, 3\).*\(2, 2\)"):
        StoryLikelihood(weights, noise[:2, :2])
    with pytest.raises(UserError, match="0 to 1"):
        StoryLikelihood(weights, noise, shrinkage=1.2)
    with pytest.raises(UserError, match="not positive definite"):
        StoryLikelihood(weights, np.ones((3, 3)), shrinkage=0.0)
    with pytest.raises(UserError, match="with one t"):
        StoryLikelihood(weights, noise).log_likelihoods(features[:, :4], responses)
