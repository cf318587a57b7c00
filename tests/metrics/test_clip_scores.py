"""What a clip's score stands beside: exchanges within a subject, the training mean, intervals."""

import json

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.clip_scores import exchanged, summarize_clips, with_controls
from n2s.metrics.intervals import wilson_interval

SUBJECT = np.repeat(["a", "b"], [12, 9])
STIMULUS = np.array([*np.repeat(np.arange(4), 3), *np.repeat(np.arange(3), 3)])


def closeness(predicted, true):
    return -np.abs(predicted - true).mean(1)


def test_responses_are_exchanged_within_a_subject_and_between_stimuli():
    orders = exchanged(STIMULUS, SUBJECT, n_permutations=50, seed=0)
    assert orders.shape == (50, 21)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(21))  # each is used once
        np.testing.assert_array_equal(SUBJECT[order], SUBJECT)
        assert (STIMULUS[order] != STIMULUS).all()
    assert len({tuple(order) for order in orders}) > 40
    np.testing.assert_array_equal(orders, exchanged(STIMULUS, SUBJECT, n_permutations=50, seed=0))


def test_rows_against_a_loop():
    rng = np.random.default_rng(0)
    true, predicted, mean = rng.normal(size=(21, 5)), rng.normal(size=(21, 5)), rng.normal(size=5)
    found = with_controls(
        closeness, predicted, true, stimulus=STIMULUS, subject=SUBJECT, train_mean=mean, ceiling=true, n_permutations=3
    )
    orders = exchanged(STIMULUS, SUBJECT, n_permutations=3, seed=0)
    for i in range(21):
        assert found["model"][i] == -np.mean(np.abs(predicted[i] - true[i]))
        assert found["mean_prediction"][i] == -np.mean(np.abs(mean - true[i]))
        assert found["ceiling"][i] == 0
        for p in range(3):
            assert found["shuffled"][p, i] == -np.mean(np.abs(predicted[orders[p, i]] - true[i]))
    means = np.where(SUBJECT == "a", 1.0, 2.0)[:, None] * np.ones((21, 5))
    own = with_controls(
        closeness, predicted, true, stimulus=STIMULUS, subject=SUBJECT, train_mean=means, n_permutations=1
    )
    np.testing.assert_array_equal(own["mean_prediction"], closeness(means, true))
    assert "ceiling" not in own


def test_a_control_of_another_shape_is_an_error():
    true = np.zeros((21, 5))
    for wrong in ({"train_mean": np.zeros(4)}, {"predicted": np.zeros((20, 5))}, {"subject": SUBJECT[:3]}):
        given = {"predicted": true, "stimulus": STIMULUS, "subject": SUBJECT, "train_mean": np.zeros(5)} | wrong
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} has shape"):
            with_controls(closeness, true=true, **given)


def test_intervals_over_subjects_and_over_clips():
    rng = np.random.default_rng(1)
    subject = np.repeat(["x", "y", "z"], [5, 6, 7])
    scores = rng.uniform(size=18)
    shuffled = rng.uniform(size=(40, 18))
    summary = summarize_clips({"model": scores, "shuffled": shuffled}, subject, bounds=(0.0, 1.0))
    json.dumps(summary)
    means = np.array([scores[subject == name].mean() for name in "xyz"])
    row = summary["model"]
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    np.testing.assert_allclose([row["mean"], row["low"], row["high"]], [means.mean(), max(low, 0), min(high, 1)])
    assert row["deviation"] == pytest.approx(means.std(ddof=1))
    own = scores[subject == "z"]
    low, high = stats.t.interval(0.95, 6, own.mean(), stats.sem(own))
    np.testing.assert_allclose(list(row["per_subject"]["z"].values()), [own.mean(), max(low, 0), min(high, 1)])
    null = np.mean([shuffled[:, subject == name].mean(1) for name in "xyz"], axis=0)
    assert summary["shuffled"]["mean"] == pytest.approx(null.mean())
    assert summary["shuffled"]["low"] == pytest.approx(np.quantile(null, 0.025))


def test_one_subject_hits_and_infinite_scores():
    one = summarize_clips({"model": np.array([1.0, 0, 1, 1])}, np.repeat("a", 4), bounds=(0.0, 1.0))["model"]
    assert (one["mean"], one["low"], one["high"]) == wilson_interval(3, 4) and one["deviation"] is None
    assert one["interval"] == "95% interval over the clips of one subject"
    subject = np.array(["a", "a", "b", "b"])
    row = summarize_clips({"model": np.array([1.0, 3.0, np.inf, 5.0])}, subject, bounds=(0.0, 9.0))["model"]
    assert row["mean"] == 3.5 and row["n_left_out"] == 1
    never = summarize_clips({"ceiling": np.full(4, np.inf)}, subject, bounds=(0.0, 9.0))["ceiling"]
    assert never["mean"] is None and never["n_left_out"] == 4
