"""How often the true class is among the k likeliest, mean over classes."""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from n2s.metrics.classification import balanced_accuracy
from n2s.metrics.label_draws import permutations
from n2s.metrics.top_k import top_k_balanced, top_k_hits, top_k_interval, top_k_null


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    labels = rng.choice(12, 400, p=np.arange(1, 13) / 78)
    return labels, rng.standard_normal((400, 12)) + 1.5 * np.eye(12)[labels]


def test_it_is_the_mean_of_scikit_learns_over_the_classes(drawn):
    labels, scores = drawn
    for k in (1, 3, 10):
        each = [
            top_k_accuracy_score(labels[labels == c], scores[labels == c], k=k, labels=np.arange(12)) for c in range(12)
        ]
        assert top_k_balanced(labels, scores, k) == pytest.approx(np.mean(each))
    assert top_k_balanced(labels, scores, 1) == pytest.approx(balanced_accuracy(labels, scores.argmax(1), 12))
    assert top_k_balanced(labels, scores, 12) == 1


def test_classes_that_do_not_occur_do_not_count(drawn):
    labels, scores = drawn
    few = labels < 5
    assert top_k_balanced(labels[few], scores[few], 3) == pytest.approx(
        np.mean([top_k_balanced(labels[labels == c], scores[labels == c], 3) for c in range(5)])
    )


def test_a_decoder_that_knows_nothing_is_at_k_of_n(drawn):
    labels, scores = drawn
    for k in (1, 4, 10):
        assert top_k_balanced(labels, np.zeros_like(scores), k) == pytest.approx(k / 12)
        always = np.tile(np.bincount(labels, minlength=12), (400, 1))  # the commonest classes, whatever the window
        assert top_k_balanced(labels, always, k) == pytest.approx(k / 12)
    noise = np.random.default_rng(1).standard_normal((400, 12))
    assert abs(top_k_balanced(labels, noise, 4) - 4 / 12) < 0.1


def test_ties_are_in_no_order():
    labels = np.array([0, 1, 2, 3])
    scores = np.tile([1.0, 1.0, 1.0, 0.0], (4, 1))
    assert top_k_balanced(labels, scores, 2) == pytest.approx((3 * 2 / 3 + 0) / 4)


def test_what_is_no_score_is_refused(drawn):
    labels, scores = drawn
    with pytest.raises(ValueError, match="k is 13; expected 1 to 12"):
        top_k_balanced(labels, scores, 13)
    with pytest.raises(ValueError, match="all finite"):
        top_k_balanced(labels, np.where(scores > 3, np.nan, scores), 3)
    with pytest.raises(ValueError, match="399 labels of scores"):
        top_k_balanced(labels[1:], scores, 3)


def test_the_null_is_that_of_permuted_labels(drawn):
    """Each draw is the score of labels that are permuted in their runs; together they lie around chance, and the brain above them."""
    labels, scores = drawn
    runs = np.repeat([0, 1, 2, 3], 100)
    null = top_k_null(labels, scores, 3, runs, n=400, seed=1)
    naive = [top_k_balanced(one, scores, 3) for _, drawn in permutations(labels, runs, 400, 2) for one in drawn]
    assert null.mean() == pytest.approx(np.mean(naive), abs=4 * np.std(naive) / 20)
    assert null.std() == pytest.approx(np.std(naive), rel=0.15)
    assert abs(null.mean() - 3 / 12) < 0.02 and top_k_balanced(labels, scores, 3) > null.max()
    turned = top_k_null(labels, scores, 3, np.zeros(400), n=50, seed=1, circular=True)
    every = [top_k_balanced(np.roll(labels, -shift), scores, 3) for shift in range(400)]
    assert all(np.isclose(every, one).any() for one in turned)


def test_the_interval_is_over_runs(drawn):
    labels, scores = drawn
    unit = np.repeat(np.arange(8), 50)
    found = top_k_interval(labels, scores, 3, unit)
    assert found.mean == pytest.approx(top_k_balanced(labels, scores, 3)) and found.low < found.mean < found.high
    twice = top_k_interval(
        np.tile(labels, 2), np.tile(scores, (2, 1)), 3, np.tile(unit, 2)
    )  # the same runs again: no new run
    assert (twice.low, twice.high) == pytest.approx((found.low, found.high))
    assert top_k_interval(labels, scores, 3, np.zeros(400)).low is None


def test_hits_of_a_window_are_k(drawn):
    scores = drawn[1].round(0)  # with ties
    for k in (1, 5, 12):
        assert np.allclose(top_k_hits(scores, k).sum(1), k)
