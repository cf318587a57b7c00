"""N-way identification against enumeration of every draw, bdpy's formula, and exact chance."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from n2s.metrics import identification
from n2s.metrics.identification import (
    correlations,
    identification_ranks,
    n_way_accuracy,
    summarize_identification,
)
from n2s.metrics.retrieval import ranks


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_correlations(rng):
    x, y = rng.normal(size=(4, 9)), rng.normal(size=(6, 9)).astype(np.float32)
    np.testing.assert_allclose(correlations(x, y), 1 - cdist(x, y, "correlation"), atol=1e-12)
    assert (correlations(np.full((1, 9), 0.1), y) == 0).all()
    with pytest.raises(ValueError, match=r"expected \(n, d\) and \(k, d\)"):
        correlations(x, y[:, :3])


@pytest.mark.parametrize("n_way", [2, 3, 7])
def test_accuracy_is_the_mean_over_every_draw(n_way, rng):
    scores, target = rng.integers(0, 5, size=(10, 7)).astype(float), rng.integers(0, 7, size=10)  # with ties
    found = n_way_accuracy(ranks(scores, target), 7, n_way)
    for row, true, accuracy in zip(scores, target, found, strict=True):
        others = [i for i in range(7) if i != true]
        wins = [all(row[true] > row[i] for i in draw) for draw in combinations(others, n_way - 1)]
        assert accuracy == pytest.approx(np.mean(wins))


def test_pairs_are_the_share_of_others_beaten(rng):
    scores = rng.normal(size=(30, 30))
    own = np.diag(scores)[:, None]
    expected = (scores < own).sum(1) / 29  # bdpy: of the differences to the others, the share below zero
    np.testing.assert_allclose(n_way_accuracy(ranks(scores, np.arange(30)), 30, 2), expected)


def test_chance_is_exact_and_the_ends_are():
    every = np.arange(50)  # a guess: every rank as often
    for n_way in (2, 5, 10, 50):
        assert n_way_accuracy(every, 50, n_way).mean() == pytest.approx(1 / n_way)
    assert n_way_accuracy(np.array([0, 49]), 50, 10).tolist() == [1, 0]
    assert n_way_accuracy(np.array([0, 1]), 50, 50).tolist() == [1, 0]
    for n_way in (1, 51):
        with pytest.raises(ValueError, match="expected 2 to 50"):
            n_way_accuracy(every, 50, n_way)


@pytest.mark.parametrize("n_way", [2, 4, 12])
def test_the_public_name(n_way, rng):
    true = rng.normal(size=(12, 30))
    noisy = true + 2 * rng.normal(size=true.shape)
    r = np.corrcoef(noisy, true)[:12, 12:]
    wins = [
        all(r[i, i] > r[i, j] for j in draw)
        for i in range(12)
        for draw in combinations([j for j in range(12) if j != i], n_way - 1)
    ]
    assert identification(true, noisy, n_way) == pytest.approx(np.mean(wins))
    assert identification(true, true, n_way) == 1
    with pytest.raises(ValueError, match="decoded holds NaN"):
        identification(true, np.full_like(true, np.nan), n_way)
    with pytest.raises(ValueError, match="both the same"):
        identification(true, noisy[:5], n_way)


@pytest.fixture
def decoded(rng):
    """Two subjects, each hearing 60 clips of 20 dimensions; predictions are the truth in noise, and noise alone."""
    candidates = rng.normal(size=(60, 20))
    target, subject = np.tile(np.arange(60), 2), np.repeat(["a", "b"], 60)
    return candidates, target, subject, candidates[target] + 1.5 * rng.normal(size=(120, 20))


def test_identity_is_perfect_and_its_controls_are_at_chance(decoded, rng):
    candidates, target, subject, _ = decoded
    mean = rng.normal(size=20)
    found = identification_ranks(
        candidates[target], candidates, target, subject, train_mean=mean, ceiling=candidates[target], n_permutations=20
    )
    summary = summarize_identification(found, subject, 60)
    assert list(summary) == [2, 5, 10, 50]
    for n_way, rows in summary.items():
        assert rows["model"]["mean"] == rows["ceiling"]["mean"] == 1
        assert rows["chance"] == 1 / n_way
        # one constant prediction is right once in k, whatever it is: exactly chance over all candidates
        assert rows["mean_prediction"]["mean"] == pytest.approx(1 / n_way)
        assert abs(rows["shuffled"]["mean"] - 1 / n_way) < 0.03
    assert list(summarize_identification(found, subject, 60, n_ways=(2, 100))) == [2]


def test_noise_is_chance_and_signal_is_more(decoded, rng):
    candidates, target, subject, predicted = decoded
    for values, n_out in ((rng.normal(size=predicted.shape), 0), (predicted, 1)):
        found = identification_ranks(values, candidates, target, subject, train_mean=np.zeros(20), n_permutations=20)
        scores = n_way_accuracy(found["model"], 60, 2)
        outside = abs(scores.mean() - 0.5) > stats.norm.ppf(0.999) * scores.std() / np.sqrt(len(scores))
        assert outside == n_out
        null = n_way_accuracy(found["shuffled"], 60, 2).mean(1)
        assert abs(null.mean() - 0.5) < 0.03


def test_a_zero_mean_ties_with_all_and_stands_at_chance(decoded):
    candidates, target, subject, predicted = decoded
    found = identification_ranks(predicted, candidates, target, subject, train_mean=np.zeros(20), n_permutations=1)
    assert 0.35 < n_way_accuracy(found["mean_prediction"], 60, 2).mean() < 0.65
