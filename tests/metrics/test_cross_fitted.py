"""Chance of cross-validated scores: ridges on noise, and how often p is small."""

import numpy as np
import pytest

from n2s.metrics.claims import ahead_of_nothing
from n2s.metrics.clip_scores import Units
from n2s.metrics.cross_fitted import widened, wider_p
from n2s.metrics.moved_null import moved_null
from n2s.metrics.permutation import block_permutation, phase_randomised

N, FEATURES, TARGETS, FOLDS = 600, 30, 1500, 5


def ridge_on_noise(n_folds=FOLDS, seed=0):
    """Held-out predictions and truths, (n, v), and the fold of each row: features say nothing about targets."""
    rng = np.random.default_rng(seed)
    features, targets = rng.standard_normal((N, FEATURES)), rng.standard_normal((N, TARGETS))
    fold, predicted = np.arange(N) * n_folds // N, np.empty((N, TARGETS))
    for number in range(n_folds):
        train, test = fold != number, fold == number
        gram = features[train].T @ features[train] + 20 * np.eye(FEATURES)
        predicted[test] = features[test] @ np.linalg.solve(gram, features[train].T @ targets[train])
        targets[test] -= targets[test].mean(0)
        predicted[test] -= predicted[test].mean(0)
    return predicted, targets, fold


@pytest.mark.parametrize("test", [block_permutation, phase_randomised])
def test_p_of_cross_validated_encoding_of_noise(test):
    predicted, true, fold = ridge_on_noise()
    how = {"run": fold, "n_permutations": 400} | ({"block_rows": 10} if test is block_permutation else {})
    plain, wide = (test(predicted, true, n_folds=n_folds, **how) for n_folds in (1, FOLDS))
    assert (plain.p < 0.05).mean() > 0.08  # as if each pair of folds counted once
    assert 0.02 < (wide.p < 0.05).mean() < 0.065 and (wide.p < 0.01).mean() < 0.015
    np.testing.assert_array_equal(plain.r, wide.r)


def test_p_of_cross_validated_decoding_of_noise():
    predicted, true, fold = ridge_on_noise(seed=1)
    r = (predicted * true).sum(0) / np.sqrt((predicted**2).sum(0) * (true**2).sum(0))
    null = moved_null(predicted, true, part=fold, n_draws=400)
    p, wide = (((one >= r).sum(0) + 1) / 401 for one in (null, widened(null, FOLDS)))
    assert (p < 0.05).mean() > 0.08 and 0.02 < (wide < 0.05).mean() < 0.065
    assert r.std() == pytest.approx(np.sqrt(2) * null.std(0).mean(), rel=0.07)  # the pair of folds counts twice


def test_one_held_out_part_has_the_null_of_its_predictions():
    predicted, true, fold = ridge_on_noise(seed=2)
    predicted, true = predicted[fold == 0], true[fold == 0]
    r = (predicted * true).sum(0) / np.sqrt((predicted**2).sum(0) * (true**2).sum(0))
    null = moved_null(predicted, true, n_draws=200)
    assert r.std() == pytest.approx(null.std(0).mean(), rel=0.07)
    assert widened(null, 1) is null


def test_mean_and_bounds_stay():
    null = np.random.default_rng(0).uniform(0.2, 0.9, (500, 3))
    wide = widened(null, 4)
    np.testing.assert_allclose(wide.mean(0), null.mean(0))
    np.testing.assert_allclose(wide.std(0), np.sqrt(2) * null.std(0))
    assert widened(null, 4, bounds=(0.0, 1.0)).max() == 1.0
    assert widened(np.zeros((0, 3)), 4).shape == (0, 3)


def identified(fold_of_clip, rng, n_draws=60):
    """Scores (n,) of clips identified inside folds by a ridge that knows nothing, and (draws, n) of exchanged predictions."""
    n, folds = len(fold_of_clip), np.unique(fold_of_clip)
    features, clips = rng.standard_normal((n, 60)), rng.standard_normal((n, 8)) / np.arange(1, 9)
    predicted = np.empty_like(clips)
    for one in folds:
        train, test = fold_of_clip != one, fold_of_clip == one
        kernel = features[train] @ features[train].T + 60 * np.eye(train.sum())
        weights = features[train].T @ np.linalg.solve(kernel, clips[train] - clips[train].mean(0))
        predicted[test] = features[test] @ weights

    def scores(predicted):
        found = np.empty(n)
        for one in folds:
            a, b = (part[fold_of_clip == one] - part[fold_of_clip == one].mean(0) for part in (predicted, clips))
            r = a @ b.T / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
            found[fold_of_clip == one] = (r < np.diag(r)[:, None]).sum(1) / (len(r) - 1)
        return found

    orders = [
        np.concatenate([rng.permutation(np.flatnonzero(fold_of_clip == one)) for one in folds]) for _ in range(n_draws)
    ]
    return scores(predicted), np.stack([scores(predicted[order]) for order in orders])


@pytest.mark.slow
def test_claims_of_one_subject_over_folds_are_few_on_noise():
    rng, fold = np.random.default_rng(3), np.repeat(np.arange(5), 20)
    subject, units = np.zeros(100, int), Units(np.arange(100), "clips")
    p = []
    for _ in range(150):
        own, shuffled = identified(fold, rng)
        p.append([ahead_of_nothing(own, shuffled, 0.5, subject=subject, units=units, n_folds=one).p for one in (1, 5)])
    plain, wide = (np.array(p) < 0.05).mean(0)
    assert plain > 0.08 and wide < 0.07 and wide < plain
    assert wider_p(None, 5) is None and wider_p(0.03, 1) == 0.03 and wider_p(0.05, 5) == pytest.approx(0.1658, abs=1e-4)
