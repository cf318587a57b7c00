"""N-way identification against enumeration of every draw, bdpy's formula, and exact chance."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from n2s.metrics import identification
from n2s.metrics.clip_scores import Units, exchanged
from n2s.metrics.identification import (
    Choice,
    correlations,
    identification_ranks,
    n_way_accuracy,
    similarities,
    summarize_identification,
)
from n2s.metrics.retrieval import ranks
from n2s.metrics.score import ALL, Score


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


def ranked(predicted, candidates, target, subject, n_permutations=20, mean=None, **more):
    choice = Choice.of(candidates, target, subject)
    exchanges = exchanged(target, subject, n_permutations=n_permutations, seed=0)
    mean = np.zeros(candidates.shape[1]) if mean is None else mean
    return choice, identification_ranks(predicted, choice, exchanges=exchanges, means={"mean_prediction": mean}, **more)


def test_identity_is_perfect_and_its_controls_are_at_chance(decoded, rng):
    candidates, target, subject, _ = decoded
    true = candidates[target]
    choice, found = ranked(true, candidates, target, subject, mean=rng.normal(size=20), ceiling=true)
    units = Units(target, "clips")
    summary = summarize_identification(found, subject, choice.n_candidates, units=units)
    assert list(summary) == [2, 5, 10, 50]
    for n_way, rows in summary.items():
        assert rows["model"][ALL].mean == rows["ceiling"][ALL].mean == 1
        assert rows["chance"] == {ALL: Score(1 / n_way)}
        # one constant prediction is right once in k, whatever it is: exactly chance over all candidates
        assert rows["mean_prediction"][ALL].mean == pytest.approx(1 / n_way)
        assert abs(rows["shuffled"][ALL].mean - 1 / n_way) < 0.03
    assert list(summarize_identification(found, subject, 60, units=units, n_ways=(2, 100))) == [2]


def test_noise_is_chance_and_signal_is_more(decoded, rng):
    candidates, target, subject, predicted = decoded
    for values, n_out in ((rng.normal(size=predicted.shape), 0), (predicted, 1)):
        _, found = ranked(values, candidates, target, subject)
        scores = n_way_accuracy(found["model"], 60, 2)
        outside = abs(scores.mean() - 0.5) > stats.norm.ppf(0.999) * scores.std() / np.sqrt(len(scores))
        assert outside == n_out
        null = n_way_accuracy(found["shuffled"], 60, 2).mean(1)
        assert abs(null.mean() - 0.5) < 0.03


def test_a_mean_of_zero_stands_at_chance(decoded):
    candidates, target, subject, predicted = decoded
    _, found = ranked(predicted, candidates, target, subject, n_permutations=1)
    assert n_way_accuracy(found["mean_prediction"], 60, 2).mean() == pytest.approx(0.5)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 20])
def test_the_truth_is_found_whatever_the_number_of_dimensions(n_dimensions, rng):
    true = rng.normal(size=(40, n_dimensions))
    for n_way in (2, 10, 40):
        assert identification(true, true, n_way) == 1
    noise = [identification(true, rng.normal(size=true.shape), 2) for _ in range(100)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.03)
    assert 0.55 < identification(true, true + 1.5 * rng.normal(size=true.shape), 2) < 1


def test_below_three_dimensions_the_nearest_is_the_most_alike():
    found = similarities(np.array([[1.0, 1.0]]), np.array([[1.0, 2.0], [4.0, 5.0], [0.9, 0.7]]))
    np.testing.assert_allclose(found, [[-1, -5, -np.hypot(0.1, 0.3)]])
    assert np.argsort(similarities(np.array([[2.0]]), np.array([[0.0], [2.5], [9.0]]))[0]).tolist() == [2, 0, 1]


def test_a_louder_copy_and_silence_are_told_by_their_distance(rng):
    sound = rng.normal(size=(1, 9))
    true = np.concatenate([sound, 3 * sound, np.zeros((1, 9)), np.ones((1, 9)), rng.normal(size=(4, 9))])
    assert identification(true, true, 8) == 1
    found = similarities(true[4:], true)
    np.testing.assert_allclose(found, correlations(true[4:], true), atol=1e-6)  # it decides nothing else


def test_a_clip_that_is_there_twice_is_one_candidate(rng):
    true = rng.normal(size=(12, 30))
    twice = np.concatenate([true, true[:5]])
    assert identification(twice, twice, 12) == 1  # ties made it 14 of 17 before
    with pytest.raises(ValueError, match="expected 2 to 12"):
        identification(twice, twice, 13)
    choice = Choice.of(twice, np.arange(17), np.zeros(17))
    assert (choice.target[12:] == choice.target[:5]).all() and (choice.n_candidates == 12).all()
    ideal = np.where(np.arange(17)[None] == np.arange(17)[:, None], 1.0, 0.0)
    assert (choice.ranks(choice.merged(ideal)) == 0).all()


def test_who_listens_alone_does_not_help(rng):
    """Four people each heard sounds of their own kind; a prediction that only knows who it is, with some noise."""
    subject, kinds = np.repeat(np.arange(4), 25), 5 * rng.normal(size=(4, 20))
    candidates = kinds[subject] + rng.normal(size=(100, 20))
    knows = kinds[subject] + rng.normal(size=(100, 20))
    among_all = n_way_accuracy(ranks(correlations(knows, candidates), np.arange(100)), 100, 25).mean()
    choice, found = ranked(knows, candidates, np.arange(100), subject, mean=kinds[subject])
    assert (choice.n_candidates == 25).all()
    among_own = n_way_accuracy(found["model"], choice.n_candidates, 25)
    assert among_all > 0.1  # beside a chance of 0.04
    assert abs(among_own.mean() - 0.04) < 3 * np.sqrt(0.04 * 0.96 / 100)
    assert n_way_accuracy(found["mean_prediction"], choice.n_candidates, 25).mean() == pytest.approx(0.04)
    assert choice.ranks(np.full((100, 100), np.nan)).max() == 24


def test_accuracy_of_people_with_more_or_fewer_candidates():
    found = n_way_accuracy(np.array([[0, 3, 1, 0], [1, 1, 0, 2]]), np.array([4, 4, 3, 3]), 2)
    np.testing.assert_allclose(found, [[1, 0, 0.5, 1], [2 / 3, 2 / 3, 1, 0]])
