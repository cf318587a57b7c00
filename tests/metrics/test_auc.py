"""AUC, DeLong's interval and test, and what so many people allow: against scikit-learn, a literal computation, and coverage."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from n2s.metrics.auc import auc, auc_difference, auc_interval, balanced_accuracy_interval, newcombe_interval

RNG = np.random.default_rng(0)
POSITIVE = np.arange(31) < 12
SCORES = np.round(RNG.standard_normal(31) + POSITIVE, 1)  # with ties
OTHER = np.round(0.5 * SCORES + RNG.standard_normal(31), 1)


def literal(one, other):
    """Covariance of two AUCs, with loops over the pairs of DeLong et al. 1988."""
    psi = lambda x, y: 1.0 if x > y else 0.5 if x == y else 0.0  # noqa: E731
    high, low = np.flatnonzero(POSITIVE), np.flatnonzero(~POSITIVE)
    v10 = [[np.mean([psi(s[i], s[j]) for j in low]) for i in high] for s in (one, other)]
    v01 = [[np.mean([psi(s[i], s[j]) for i in high]) for j in low] for s in (one, other)]
    mean = [np.mean(v) for v in v10]
    s10 = sum((a - mean[0]) * (b - mean[1]) for a, b in zip(*v10, strict=True)) / (len(high) - 1)
    s01 = sum((a - mean[0]) * (b - mean[1]) for a, b in zip(*v01, strict=True)) / (len(low) - 1)
    return s10 / len(high) + s01 / len(low)


def test_auc_is_scikit_learns():
    assert auc(SCORES, POSITIVE) == pytest.approx(roc_auc_score(POSITIVE, SCORES), abs=1e-12)
    assert auc(-SCORES, POSITIVE) == pytest.approx(1 - auc(SCORES, POSITIVE))
    assert auc(np.zeros(31), POSITIVE) == 0.5


def test_the_interval_has_delongs_variance():
    found = auc_interval(SCORES, POSITIVE)
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    half = (logit(found.high) - logit(found.low)) / 2 / 1.959964
    assert half * found.mean * (1 - found.mean) == pytest.approx(np.sqrt(literal(SCORES, SCORES)), rel=1e-6)
    assert logit(found.mean) == pytest.approx((logit(found.high) + logit(found.low)) / 2)


def test_the_test_is_delongs():
    found = auc_difference(SCORES, OTHER, POSITIVE)
    deviation = np.sqrt(literal(SCORES, SCORES) + literal(OTHER, OTHER) - 2 * literal(SCORES, OTHER))
    assert found.difference == pytest.approx(auc(SCORES, POSITIVE) - auc(OTHER, POSITIVE))
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(deviation, rel=1e-6)
    back = auc_difference(OTHER, SCORES, POSITIVE)
    assert back.p == pytest.approx(found.p) and back.low == pytest.approx(-found.high)
    assert auc_difference(SCORES, 2 * SCORES + 1, POSITIVE) is None  # the same order: nothing to test


def test_perfect_separation_has_an_interval():
    found = auc_interval(POSITIVE.astype(float), POSITIVE)
    assert found.mean == found.high == 1.0 and 0.75 < found.low < 0.95
    assert auc_interval(-POSITIVE.astype(float), POSITIVE)[1:] == pytest.approx((0.0, 1 - found.low))
    alone = auc_interval(SCORES[:13], np.arange(13) < 1)
    assert 0 <= alone.low < alone.mean < alone.high <= 1


def test_forty_people_allow_about_fifteen_hundredths():
    found = newcombe_interval(0.75, 20, 20)
    assert found.low < 0.62 and found.high > 0.85 and 0.12 < (found.high - found.low) / 2 < 0.17
    widths = [np.ptp(newcombe_interval(0.75, n, n)[1:]) for n in (10, 20, 40, 80)]
    assert np.all(np.diff(widths) < 0) and widths[3] / widths[1] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_coverage(shift):
    """Normal scores, ``shift`` deviations apart: AUC is Phi(shift / sqrt(2))."""
    from scipy.stats import norm

    true, rng = norm.cdf(shift / np.sqrt(2)), np.random.default_rng(1)
    positive = np.arange(40) < 20
    found = [auc_interval(rng.standard_normal(40) + shift * positive, positive) for _ in range(1000)]
    assert 0.925 < np.mean([one.low <= true <= one.high for one in found]) < 0.985


def test_balanced_accuracy():
    said = SCORES > 0.5
    found = balanced_accuracy_interval(said, POSITIVE)
    assert found.mean == pytest.approx(balanced_accuracy_score(POSITIVE, said))
    assert 0 <= found.low < found.mean < found.high <= 1
    assert balanced_accuracy_interval(POSITIVE, POSITIVE).low < 0.95  # a width at 1
    rng, positive, true = np.random.default_rng(2), np.arange(40) < 15, 0.5 * (0.8 + 0.6)
    draws = [rng.random(40) < np.where(positive, 0.8, 0.4) for _ in range(1000)]
    covered = [(b := balanced_accuracy_interval(one, positive)).low <= true <= b.high for one in draws]
    assert 0.93 < np.mean(covered) < 0.98


def test_bad_input():
    with pytest.raises(ValueError, match="both groups"):
        auc(SCORES, np.ones(31, bool))
    with pytest.raises(ValueError, match="1 of 31 scores are not finite"):
        auc(np.where(np.arange(31) == 3, np.nan, SCORES), POSITIVE)
    with pytest.raises(ValueError, match="same people"):
        auc(SCORES[:5], POSITIVE)
    with pytest.raises(ValueError, match="both groups"):
        balanced_accuracy_interval(np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="AUC 1.2"):
        newcombe_interval(1.2, 3, 3)
