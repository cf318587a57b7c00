"""Ceilings: the true share of signal is found, however many repeats; what cannot be computed is absent."""

import numpy as np
import pytest

from n2s.metrics.ceilings import explainable_variance, intersubject, noise_ceiling
from n2s.metrics.correlation import column_correlation


def test_the_corrected_share_is_the_true_one_for_any_number_of_repeats():
    rng = np.random.default_rng(0)
    share = np.array([0.0, 0.2, 0.6])
    signal = rng.normal(size=(4000, 3)) * np.sqrt(share)
    for n_repeats in (2, 5, 10):
        repeats = signal + rng.normal(size=(n_repeats, 4000, 3)) * np.sqrt(1 - share)
        biased, corrected = explainable_variance(repeats)
        np.testing.assert_allclose(corrected, share, atol=0.03)
        np.testing.assert_allclose(biased, share + (1 - share) / n_repeats, atol=0.03)


@pytest.mark.parametrize("n_averaged", [1, 4])
def test_the_true_response_reaches_the_ceiling(n_averaged):
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(20000, 1)) * np.sqrt(0.3)
    measured = (signal + rng.normal(size=(n_averaged, 20000, 1)) * np.sqrt(0.7)).mean(0)
    assert column_correlation(signal, measured)[0] == pytest.approx(noise_ceiling(0.3, n_averaged), abs=0.015)


def test_what_cannot_be_computed_is_absent():
    repeats = np.random.default_rng(2).normal(size=(2, 50, 2))
    repeats[1, :, 0] = 3.0
    assert np.isnan(explainable_variance(repeats)[1][0]) and np.isfinite(explainable_variance(repeats)[1][1])
    assert np.isnan(explainable_variance(repeats[:1])[0]).all()
    assert np.isnan(noise_ceiling(np.array([-0.1, 0.0]))).all()
    assert np.isnan(intersubject(repeats[:1])).all()
    with pytest.raises(ValueError, match="n_averaged"):
        noise_ceiling(0.5, 0)


def test_each_subject_is_compared_with_the_mean_of_the_others():
    rng = np.random.default_rng(3)
    responses = rng.normal(size=(1, 300, 4)) + rng.normal(size=(5, 300, 4)) * [[[0.1, 1, 3, 100]]]
    scaled = (responses - responses.mean(1, keepdims=True)) / responses.std(1, keepdims=True)
    expected = [column_correlation(np.delete(scaled, i, 0).mean(0), responses[i]) for i in range(5)]
    np.testing.assert_allclose(intersubject(responses), expected)


def test_a_constant_target_of_one_subject_spoils_only_that_subject():
    responses = np.random.default_rng(4).normal(size=(3, 40, 1))
    responses[0] = 2.0
    found = intersubject(responses)
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found[1, 0], column_correlation(responses[2], responses[1])[0])
