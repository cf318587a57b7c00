"""Correlation of each dimension over clips, against numpy, and what exchanged responses leave of it."""

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.clip_scores import Units, deviation, exchanged
from n2s.metrics.feature_correlation import (
    feature_correlations,
    median_intervals,
    quartiles,
    summarize_correlations,
)
from n2s.metrics.score import ALL

SUBJECT = np.repeat(["a", "b", "c"], [50, 60, 70])
STIMULUS = np.arange(180) // 2
UNITS = Units(STIMULUS, "stimuli")
OPTIONS = {"subject": SUBJECT, "exchanges": exchanged(STIMULUS, SUBJECT, n_permutations=30, seed=0)}


@pytest.fixture(scope="module")
def decoded():
    """Dimension i of 30 is decoded with a correlation that grows with i."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(180, 30))
    return true * np.linspace(0, 2, 30) + rng.normal(size=(180, 30)), true


@pytest.fixture(scope="module")
def found(decoded):
    return feature_correlations(*decoded, **OPTIONS)


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
        assert abs(values.mean()) < 0.05


def test_tokens_are_flattened_and_identity_is_one(decoded):
    true = decoded[1].reshape(180, 5, 6).astype(np.float32)
    found = feature_correlations(true, true, **OPTIONS)
    np.testing.assert_allclose(found["model"]["a"], np.ones(30), atol=1e-6)


def test_a_constant_has_no_correlation(decoded):
    mean = np.broadcast_to(decoded[1].mean(0), decoded[1].shape)
    found = feature_correlations(mean, decoded[1], **OPTIONS)
    np.testing.assert_array_equal(found["model"]["b"], 0)


def test_what_is_never_heard_to_change_has_no_correlation_for_anybody(decoded):
    predicted, true = decoded[1].copy(), decoded[1].copy()
    true[:, :20] = 3.0  # most dimensions: the median would be theirs
    found = feature_correlations(true, true, **OPTIONS)
    assert np.isnan(found["model"]["a"][:20]).all() and np.isnan(found["shuffled"]["a"][:, :20]).all()
    summary = summarize_correlations(found, {}, words="stimuli")
    assert summary["model"][ALL].mean == pytest.approx(1)
    nothing = feature_correlations(predicted, np.full_like(true, 3.0), **OPTIONS)
    assert summarize_correlations(nothing, {}, words="stimuli")["model"][ALL].mean is None


def test_quartiles_and_the_interval_of_medians(decoded, found):
    intervals = median_intervals(*decoded, subject=SUBJECT, units=UNITS)
    summary = summarize_correlations(found, {"model": intervals}, words="stimuli")
    own, boxes = summary["model"]["b"], quartiles(found["model"]["b"])
    np.testing.assert_allclose(
        [boxes[key] for key in ("q25", "median", "q75")], np.percentile(found["model"]["b"], [25, 50, 75])
    )
    assert own.mean == pytest.approx(boxes["median"]) and own.low < own.mean < own.high
    assert summary["shuffled"][ALL][1:] == (None, None, "all exchanges together")
    medians = [np.median(found["model"][name]) for name in "abc"]
    low, high = stats.t.interval(0.95, 2, np.mean(medians), stats.sem(medians))
    assert summary["model"][ALL][:3] == pytest.approx((np.mean(medians), low, high))
    alone = {"model": {"a": found["model"]["a"]}}
    one = summarize_correlations(alone, {"model": {"a": intervals["a"]}}, words="stimuli")["model"]
    assert one[ALL].low == intervals["a"].low > 0 and deviation(one) is None


def test_what_has_no_correlation_is_an_error(decoded):
    some = {"subject": SUBJECT[48:], "exchanges": np.zeros((0, 132), int)}
    with pytest.raises(ValueError, match="subject 'a' has 2 clips"):
        feature_correlations(*(x[48:] for x in decoded), **some)
    with pytest.raises(ValueError, match="expected"):
        feature_correlations(decoded[0][:, :3], decoded[1], **OPTIONS)
