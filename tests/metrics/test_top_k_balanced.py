"""How often the true class is among the k likeliest, mean over classes."""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from n2s.metrics.classification import balanced_accuracy, top_k_balanced


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
    with pytest.raises(ValueError, match="expected as many, all finite"):
        top_k_balanced(labels, np.where(scores > 3, np.nan, scores), 3)
