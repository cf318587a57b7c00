"""Correlation of each dimension over clips, against numpy, and what exchanged responses leave of it."""

import json

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.feature_correlation import feature_correlations, summarize_correlations

SUBJECT = np.repeat(["a", "b", "c"], [50, 60, 70])
STIMULUS = np.arange(180) // 2


@pytest.fixture(scope="module")
def decoded():
    """Dimension i of 30 is decoded with a correlation that grows with i."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(180, 30))
    return true * np.linspace(0, 2, 30) + rng.normal(size=(180, 30)), true


@pytest.fixture(scope="module")
def found(decoded):
    return feature_correlations(*decoded, stimulus=STIMULUS, subject=SUBJECT, n_permutations=30)


def test_each_dimension_of_each_subject(decoded, found):
    predicted, true = decoded
    for name in "abc":
        rows = name == SUBJECT
        expected = [np.corrcoef(predicted[rows, i], true[rows, i])[0, 1] for i in range(30)]
        np.testing.assert_allclose(found["model"][name], expected, atol=1e-12)
        assert found["shuffled"][name].shape == (30, 30)
    gain = np.linspace(0, 2, 30)
    np.testing.assert_allclose(found["model"]["c"], gain / np.hypot(gain, 1), atol=0.4)


def test_exchanged_responses_leave_nothing(found):
    for values in found["shuffled"].values():
        assert abs(values.mean()) < 0.03


def test_tokens_are_flattened_and_identity_is_one(decoded):
    true = decoded[1].reshape(180, 5, 6).astype(np.float32)
    found = feature_correlations(true, true, stimulus=STIMULUS, subject=SUBJECT, n_permutations=2)
    np.testing.assert_allclose(found["model"]["a"], np.ones(30), atol=1e-6)


def test_a_constant_has_no_correlation(decoded):
    mean = np.broadcast_to(decoded[1].mean(0), decoded[1].shape)
    found = feature_correlations(mean, decoded[1], stimulus=STIMULUS, subject=SUBJECT, n_permutations=1)
    np.testing.assert_array_equal(found["model"]["b"], 0)


def test_quartiles_and_the_interval_of_medians(found):
    summary = summarize_correlations(found)
    json.dumps(summary)
    np.testing.assert_allclose(
        list(summary["model"]["per_subject"]["b"].values()), np.percentile(found["model"]["b"], [25, 50, 75])
    )
    medians = [np.median(found["model"][name]) for name in "abc"]
    low, high = stats.t.interval(0.95, 2, np.mean(medians), stats.sem(medians))
    assert summary["model"]["mean"] == pytest.approx(np.mean(medians))
    assert (summary["model"]["low"], summary["model"]["high"]) == pytest.approx((low, high))
    assert summary["model"]["low"] > summary["shuffled"]["high"]
    alone = summarize_correlations({"model": {"a": found["model"]["a"]}})["model"]
    assert alone["low"] is None and alone["deviation"] is None


def test_what_has_no_correlation_is_an_error(decoded):
    with pytest.raises(ValueError, match="subject 'a' has 2 clips"):
        feature_correlations(*(x[48:] for x in decoded), stimulus=STIMULUS[48:], subject=SUBJECT[48:])
    with pytest.raises(ValueError, match="expected"):
        feature_correlations(decoded[0][:, :3], decoded[1], stimulus=STIMULUS, subject=SUBJECT)
