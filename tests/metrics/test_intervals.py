import numpy as np
import pytest
from scipy import stats

from n2s.metrics.intervals import (
    cluster_interval,
    cluster_share_interval,
    effective_number,
    t_interval,
    wilson_interval,
)


def test_t_interval_is_scipys():
    values = np.array([0.42, 0.55, 0.47, 0.61, 0.5])
    interval = t_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(interval, (values.mean(), expected.low, expected.high))


def test_t_interval_of_two_values_is_the_closed_form():
    # the 97.5% quantile of t with one degree of freedom (Cauchy) is tan(0.475 pi); the standard error is half the gap
    mean, low, high = t_interval(np.array([3.0, 4.0]), bounds=(-100, 100))
    half = np.tan(0.475 * np.pi) * 0.5
    assert (mean, low, high) == pytest.approx((3.5, 3.5 - half, 3.5 + half))


def test_t_interval_is_clipped_to_what_a_score_can_be():
    assert t_interval(np.array([0.9, 1.0]))[1:] == (pytest.approx(0.95 - np.tan(0.475 * np.pi) * 0.05), 1.0)
    assert t_interval(np.array([0.0, 0.1])).low == 0.0


def test_one_subject_has_no_interval_over_subjects():
    with pytest.raises(ValueError, match="two"):
        t_interval(np.array([0.5]))


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (7, 20), (20, 20), (300, 1284)])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_wilson_is_scipys(hits, n, level):
    expected = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    np.testing.assert_allclose(
        wilson_interval(hits, n, level=level), (hits / n, expected.low, expected.high), atol=1e-12
    )


def test_wilson_stays_in_bounds_and_refuses_nonsense():
    assert wilson_interval(0, 9).low == 0.0
    assert wilson_interval(9, 9).high == 1.0
    with pytest.raises(ValueError, match="share"):
        wilson_interval(3, 0)


def test_clusters_of_one_size_are_the_t_interval_of_their_means():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((6, 5)) + rng.standard_normal((6, 1))
    found = cluster_interval(values.ravel(), np.repeat(list("fbdace"), 5))
    np.testing.assert_allclose(found, t_interval(values.mean(1), bounds=(-np.inf, np.inf)))
    alone = cluster_interval(values.ravel(), np.arange(30))  # each value on its own
    np.testing.assert_allclose(alone, t_interval(values.ravel(), bounds=(-np.inf, np.inf)))
    assert cluster_interval(values.ravel(), np.repeat(range(6), 5), bounds=(alone.mean, 9)).low == alone.mean


def test_unequal_clusters_are_the_jackknife():
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 30])
    values = rng.standard_normal(len(cluster))
    left_out = np.array([values[cluster != c].mean() for c in range(7)])
    variance = 6 / 7 * ((left_out - values.mean()) ** 2).sum()
    found = cluster_interval(values, cluster)
    # Satterthwaite's degrees of freedom, from the matrix of the quadratic form that the variance is
    size = np.bincount(cluster)
    of_sums = np.diag(1 / (1 - size / len(values))) @ (np.eye(7) - np.outer(size, np.ones(7)) / len(values))
    form = of_sums @ np.diag(size) @ of_sums.T
    freedom = np.trace(form) ** 2 / np.trace(form @ form)
    assert 1 < freedom < 6
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    np.testing.assert_allclose(found, (values.mean(), values.mean() - half, values.mean() + half))
    assert effective_number(values, cluster) == pytest.approx(values.var(ddof=1) / variance)


def test_a_share_over_clusters_never_leaves_its_range_nor_is_empty():
    cluster = np.repeat(np.arange(10), 12)
    none = cluster_share_interval(np.zeros(120), cluster)
    assert none.mean == none.low == 0
    # ten alike clusters are ten trials: Wilson's interval with Student's quantile
    t2 = stats.t.ppf(0.975, 9) ** 2
    assert none.high == pytest.approx(t2 / (10 + t2))
    every = cluster_share_interval(np.ones(120), cluster)
    assert (every.low, every.high) == (pytest.approx(1 - none.high), 1.0)
    rng = np.random.default_rng(0)
    for share in (0.01, 0.1, 0.5, 0.99):
        hits = rng.random(120) < share
        found = cluster_share_interval(hits, cluster)
        assert 0 <= found.low <= found.mean <= found.high <= 1 and found.high - found.low > 0.02
    spread = cluster_share_interval(np.full(120, 0.5), cluster)  # all alike, and no trial at all
    assert spread.low < 0.5 < spread.high


def test_hits_that_are_alike_in_a_cluster_count_once():
    rng = np.random.default_rng(3)
    once = (rng.random(300) < 0.3).astype(float)
    many = np.repeat(once, 8)
    found = cluster_share_interval(many, np.repeat(np.arange(300), 8))
    np.testing.assert_allclose(found, wilson_interval(int(once.sum()), 300), atol=0.003)
    assert effective_number(many, np.repeat(np.arange(300), 8)) == pytest.approx(300, rel=0.01)
    assert effective_number(np.ones(24), np.repeat(np.arange(3), 8)) == 3
    naive = wilson_interval(int(many.sum()), len(many))
    assert found.high - found.low > 2.5 * (naive.high - naive.low)


@pytest.mark.parametrize("interval", [cluster_interval, cluster_share_interval, effective_number])
@pytest.mark.parametrize(
    ("values", "cluster", "told"),
    [
        ([0.1, 0.2], [3, 3], "two of them"),
        ([0.1, np.nan], [0, 1], "1 of 2 values"),
        ([0.1, 0.2], [0, 1, 2], "do not fit"),
    ],
)
def test_what_is_no_sample_of_clusters_is_refused(interval, values, cluster, told):
    with pytest.raises(ValueError, match=told):
        interval(np.array(values), np.array(cluster))


def test_a_hit_is_a_share():
    with pytest.raises(ValueError, match="expected 0 to 1"):
        cluster_share_interval(np.array([0.0, 2.0]), np.array([0, 1]))
