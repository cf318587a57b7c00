"""Intervals over runs hold the score of other runs as often as they say; those over windows would not."""

import numpy as np
import pytest

from n2s.metrics.classification import f1_macro
from n2s.metrics.classification_intervals import auc_interval_over, score_interval, units_of_runs

K = 3


def simulated(rng, n_runs=8, n=60):
    """Guesses of runs that differ in how good they are."""
    labels = rng.choice(K, (n_runs, n), p=[0.5, 0.3, 0.2])
    good = 1 / (1 + np.exp(-rng.normal(0, 0.8, (n_runs, 1))))
    predicted = np.where(rng.random(labels.shape) < good, labels, rng.choice(K, labels.shape))
    return labels.ravel(), predicted.ravel(), np.repeat(np.arange(n_runs), n)


@pytest.mark.slow
@pytest.mark.parametrize("score", ["f1_macro", "balanced_accuracy"])
def test_it_holds_the_score_of_other_runs_as_often_as_it_says(score):
    rng = np.random.default_rng(0)
    labels, predicted, _ = simulated(rng, 4000)
    truth = score_interval(labels, predicted, np.zeros(len(labels)), score, n_classes=K).mean
    over_runs, over_windows = [], []
    for _ in range(200):
        labels, predicted, runs = simulated(rng)
        found = score_interval(labels, predicted, runs, score, n_classes=K)
        over_runs.append(found.low <= truth <= found.high)
        alone = score_interval(labels, predicted, np.arange(len(labels)), score, n_classes=K)
        over_windows.append(alone.low <= truth <= alone.high)
    assert 0.90 <= np.mean(over_runs) <= 0.985
    assert np.mean(over_windows) < 0.75


def test_the_interval_of_auc_holds_it():
    rng, held = np.random.default_rng(1), []
    truth = 0.7602499389  # of a shift by one deviation: the normal distribution at 1 / sqrt(2)
    for _ in range(100):
        labels = rng.integers(0, 2, 240)
        found = auc_interval_over(labels, rng.standard_normal(240) + labels, np.repeat(np.arange(8), 30))
        held.append(found.low <= truth <= found.high)
    assert 0.88 <= np.mean(held) <= 0.995
    assert found.low < found.mean < found.high


def test_the_value_is_that_of_all_windows_and_one_unit_has_no_interval():
    labels, predicted, runs = simulated(np.random.default_rng(2))
    found = score_interval(labels, predicted, runs, "f1_macro", n_classes=K)
    assert found.mean == pytest.approx(f1_macro(labels, predicted, K)) and found.low < found.mean < found.high
    assert score_interval(labels, predicted, np.zeros(len(labels)), "f1_macro", n_classes=K)[1:] == (None, None)
    assert auc_interval_over(np.zeros(9, int), np.arange(9.0), np.arange(9)).mean is None


def test_units_are_runs_or_stretches_of_them():
    start_s = np.tile(np.arange(100) * 0.5, 4)
    runs, one = np.repeat(list("abcd"), 100), np.repeat("a", 400)
    assert units_of_runs(runs, one, start_s, window_s=0.5).words == "runs"
    few = units_of_runs(np.repeat(["a", "b"], 200), one, np.tile(np.arange(200) * 0.5, 2), window_s=0.5)
    assert few.words == "stretches of runs" and 4 <= len(np.unique(few.of)) <= 20
    averaged = units_of_runs(np.repeat(["a", "b"], 200), one, start_s, window_s=0.5, average=10)
    assert averaged.words == "averages" and len(np.unique(averaged.of)) == 400
    assert units_of_runs(runs, one, start_s, window_s=0.5, average=10).words == "runs"
