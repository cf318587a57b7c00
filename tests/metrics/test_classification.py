"""Scores of classifiers are scikit-learn's; permutations stay within runs; chance is what a decoder that knows nothing gets."""

import numpy as np
import pytest
from sklearn import metrics

from n2s.metrics.classification import (
    SCORES,
    accuracy,
    auc_macro,
    auc_null,
    balanced_accuracy,
    chance_by_balance,
    confusion,
    f1_macro,
    p_above,
    p_holm,
    per_class,
    permutation_null,
    permuted_confusions,
)

K = 5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def guessed(rng):
    """Labels of unequal classes, guesses that are right in half of the cases, and scores with ties."""
    labels = rng.choice(K, 400, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    predicted = np.where(rng.random(400) < 0.5, labels, rng.integers(0, K, 400))
    scores = np.round(rng.standard_normal((400, K)) + np.eye(K)[labels], 1)
    return labels, predicted, scores


def test_scores_are_those_of_scikit_learn(guessed):
    labels, predicted, _ = guessed
    assert f1_macro(labels, predicted, K) == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))
    assert balanced_accuracy(labels, predicted, K) == pytest.approx(metrics.balanced_accuracy_score(labels, predicted))
    assert accuracy(labels, predicted, K) == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert np.array_equal(confusion(labels, predicted, K), metrics.confusion_matrix(labels, predicted))
    expected = metrics.precision_recall_fscore_support(labels, predicted)
    for mine, theirs in zip(per_class(labels, predicted, K), expected, strict=True):
        assert np.allclose(mine, theirs)


def test_a_class_that_does_not_occur_has_no_score(guessed):
    labels, predicted, _ = guessed
    kept = labels != 2
    labels, predicted = labels[kept], predicted[kept]  # class 2 is guessed, and never true
    present = np.unique(labels)
    expected = metrics.f1_score(labels, predicted, average="macro", labels=present, zero_division=0)
    assert f1_macro(labels, predicted, K) == pytest.approx(expected)
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        assert balanced_accuracy(labels, predicted, K) == pytest.approx(
            metrics.balanced_accuracy_score(labels, predicted)
        )
    found = per_class(labels, predicted, K)
    assert np.isnan(found.recall[2]) and found.support[2] == 0 and np.isfinite(found.f1[present]).all()
    never = np.zeros_like(labels)  # the other classes are never guessed
    assert f1_macro(labels, never, K) == pytest.approx(
        metrics.f1_score(labels, never, average="macro", labels=present, zero_division=0)
    )


def test_auc_is_that_of_scikit_learn_with_ties(guessed):
    labels, _, scores = guessed
    expected = np.mean([metrics.roc_auc_score(labels == k, scores[:, k]) for k in range(K)])
    assert auc_macro(labels, scores) == pytest.approx(expected, abs=1e-12)
    two = (labels > 1).astype(int)
    assert auc_macro(two, scores[:, 1]) == pytest.approx(metrics.roc_auc_score(two, scores[:, 1]), abs=1e-12)
    assert auc_macro(two, scores[:, 1:2]) == auc_macro(two, scores[:, 1])
    assert np.isnan(auc_macro(np.zeros(10, int), scores[:10, :2]))


def test_folds_of_other_models_are_compared_inside_alone(guessed, rng):
    labels, _, scores = guessed
    fold = rng.integers(0, 4, len(labels))
    shifted = scores + 100 * fold[:, None] * np.eye(K)[0]  # a model each, with another offset
    assert auc_macro(labels, shifted, fold) == pytest.approx(auc_macro(labels, scores, fold))
    pairs = [
        np.array(
            [
                ((one := scores[labels_ == k, k])[:, None] > (other := scores_[labels_ != k, k])).sum()
                + 0.5 * (one[:, None] == other).sum()
                for f in range(4)
                for labels_, scores, scores_ in [(labels[fold == f], shifted[fold == f], shifted[fold == f])]
            ]
        ).sum()
        / sum(((labels == k) & (fold == f)).sum() * ((labels != k) & (fold == f)).sum() for f in range(4))
        for k in range(K)
    ]
    assert auc_macro(labels, shifted, fold) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("circular", [False, True])
def test_the_null_is_what_a_loop_gives(guessed, rng, circular):
    """Runs of one class each: whatever is permuted inside changes nothing. Of mixed ones the mean and spread are a loop's."""
    labels, predicted, scores = guessed
    whole = permutation_null(labels, predicted, labels, "f1_macro", 50, 1, circular)
    assert np.allclose(whole, f1_macro(labels, predicted, K))
    assert np.allclose(auc_null(labels, scores, labels, 20, 1, circular), auc_macro(labels, scores))
    runs = np.repeat([0, 1], 200)
    null = permutation_null(labels, predicted, runs, "balanced_accuracy", 2000, 2, circular)
    other = []
    for _ in range(400):
        drawn = labels.copy()
        for run in (0, 1):
            own = labels[runs == run]
            drawn[runs == run] = np.roll(own, rng.integers(1, 200)) if circular else rng.permutation(own)
        other.append(metrics.balanced_accuracy_score(drawn, predicted))
    assert null.mean() == pytest.approx(np.mean(other), abs=4 * np.std(other) / 20)
    assert null.std() == pytest.approx(np.std(other), rel=0.2)
    every = permuted_confusions(labels, predicted, runs, 2000, 2, circular)
    assert np.allclose(SCORES["balanced_accuracy"](every), null)
    assert (every.sum((1, 2)) == 400).all() and (every.sum(2) == np.bincount(labels)).all()


def test_the_null_of_auc_is_about_a_half(guessed):
    labels, _, scores = guessed
    null = auc_null(labels, scores, np.repeat([0, 1], 200), 500, 0, strata=np.repeat([0, 1], 200))
    assert null.mean() == pytest.approx(0.5, abs=0.01) and 0.01 < null.std() < 0.05
    assert p_above(auc_macro(labels, scores), null) == pytest.approx(1 / 501)


def test_p_of_noise_is_uniform_and_holm_counts_the_scores(rng):
    p = []
    for seed in range(300):
        labels, predicted = rng.integers(0, 3, (2, 60))
        runs = np.repeat(np.arange(3), 20)
        value = f1_macro(labels, predicted, 3)
        p.append(p_above(value, permutation_null(labels, predicted, runs, "f1_macro", 99, seed, n_classes=3)))
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.085  # binomial: .05 +- .025
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)
    null = np.arange(99.0)
    assert p_holm([98.5, 0.0], [null, null]) == pytest.approx([0.02, 1.0])


def test_frames_that_are_alike_need_circular_shifts(rng):
    """Speech in stretches, and guesses in stretches that know nothing: permuted labels find them far too often."""
    found = {False: [], True: []}
    for seed in range(120):
        labels, predicted = (
            (np.convolve(rng.standard_normal(660), np.ones(60), "valid")[:600] > 0).astype(int) for _ in "ab"
        )
        value, runs = balanced_accuracy(labels, predicted, 2), np.zeros(600, int)
        for circular, p in found.items():
            null = permutation_null(labels, predicted, runs, "balanced_accuracy", 99, seed, circular, n_classes=2)
            p.append(p_above(value, null))
    assert np.mean(np.array(found[False]) <= 0.05) > 0.25
    assert np.mean(np.array(found[True]) <= 0.05) < 0.12


def test_chance_by_the_class_balance(guessed, rng):
    labels, _, _ = guessed
    trained = np.array([10, 40, 20, 20, 10])  # the commonest of training is not that of the test
    always = np.ones_like(labels)
    for name, of in (("f1_macro", f1_macro), ("balanced_accuracy", balanced_accuracy), ("accuracy", accuracy)):
        found = chance_by_balance(labels, trained, name)
        assert found.commonest == pytest.approx(of(labels, always, K))
        drawn = [of(labels, rng.choice(K, len(labels), p=trained / 100), K) for _ in range(500)]
        assert found.proportion == pytest.approx(np.mean(drawn), abs=0.01)
    assert chance_by_balance(labels, trained, "balanced_accuracy").commonest == pytest.approx(1 / K)


def test_thousands_of_permutations_take_about_a_second(rng):
    labels, predicted = rng.integers(0, 39, (2, 5000))
    null = permutation_null(labels, predicted, rng.integers(0, 8, 5000), "f1_macro", 2000, n_classes=39)
    assert null.shape == (2000,) and null.mean() == pytest.approx(1 / 39, abs=0.003)


def test_what_is_no_class_is_refused(guessed):
    labels, predicted, scores = guessed
    with pytest.raises(ValueError, match="expected 0 to 3"):
        f1_macro(labels, predicted, 4)
    with pytest.raises(ValueError, match="whole numbers"):
        f1_macro(labels.astype(float), predicted, K)
    with pytest.raises(ValueError, match="same windows"):
        confusion(labels, predicted[:-1], K)
    with pytest.raises(ValueError, match="finite"):
        auc_macro(labels, np.where(scores > 0, np.nan, scores))
