import numpy as np
import pytest
from scipy import stats

from n2s.metrics.intervals import (
    cluster_interval,
    cluster_share_interval,
    effective_share,
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
    naive = wilson_interval(int(many.sum()), len(many))
    assert found.high - found.low > 2.5 * (naive.high - naive.low)


@pytest.mark.parametrize("interval", [cluster_interval, cluster_share_interval])
@pytest.mark.parametrize(
    ("values", "cluster", "told"),
    [
        ([0.1, 0.2], [3, 3], "two of them"),
        ([0.1, np.nan], [0, 1], "1 of 2 values"),
        ([0.1, 0.2], [0, 1, 2], "do not match"),
    ],
)
def test_what_is_no_sample_of_clusters_is_refused(interval, values, cluster, told):
    with pytest.raises(ValueError, match=told):
        interval(np.array(values), np.array(cluster))


def test_a_hit_is_a_share():
    with pytest.raises(ValueError, match="expected 0 to 1"):
        cluster_share_interval(np.array([0.0, 2.0]), np.array([0, 1]))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_level_is_that_of_student(level):
    values, cluster = np.random.default_rng(2).normal(3, 1, 9), np.arange(9)
    expected = (values.mean(), *stats.t.interval(level, 8, values.mean(), stats.sem(values)))
    assert t_interval(values, level=level, bounds=(-9, 9)) == pytest.approx(expected)
    assert cluster_interval(values, cluster, level=level) == pytest.approx(expected)
    t2 = stats.t.ppf((1 + level) / 2, 8) ** 2
    assert cluster_share_interval(np.zeros(9), cluster, level=level).high == pytest.approx(t2 / (9 + t2))


@pytest.mark.parametrize(
    "interval", [t_interval, lambda values, **bounds: cluster_interval(values, range(4), **bounds)]
)
def test_each_end_has_its_own_bound(interval):
    values = np.array([0.2, 0.4, 0.5, 0.9])
    mean, low, high = interval(values, bounds=(-9.0, 9.0))
    assert interval(values, bounds=(0.3, 9.0)) == (mean, 0.3, high)
    assert interval(values, bounds=(-9.0, 0.6)) == (mean, low, 0.6)


def test_two_values_are_enough_and_a_table_is_no_sample():
    assert t_interval(np.array([0.5, 0.5])) == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        t_interval(np.zeros((2, 2)))
    assert wilson_interval(1, 1).mean == 1.0
    for hits, n in ((-1, 3), (4, 3), (0, 0)):
        with pytest.raises(ValueError, match="make no share"):
            wilson_interval(hits, n)


def test_an_effective_share_by_hand():
    """Twenty clusters of other sizes, half of them alike: leave out one at a time, and count the clusters with a hit."""
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(20), rng.integers(2, 9, 20))
    hits = np.where(cluster % 2, rng.random(20)[cluster] < 0.3, rng.random(len(cluster)) < 0.3).astype(float)
    n, share = len(hits), hits.mean()
    left = np.array([hits[cluster != one].mean() for one in range(20)])
    worth = share * (1 - share) / (19 / 20 * ((left - share) ** 2).sum())
    seen = min(len(np.unique(cluster[hits == 1])), len(np.unique(cluster[hits == 0])))
    assert 2 < worth < n and 2 < seen < 20
    plain = effective_share(hits, cluster, lean=False)
    assert plain[:2] == pytest.approx((share, worth)) and plain.freedom <= seen - 1
    most = (np.bincount(cluster) ** 2).sum() / n  # values that are worth one if all of a cluster are alike
    leaning = effective_share(hits, cluster)
    assert leaning[:2] == pytest.approx((share, n / ((seen * n / worth + max(n / worth, most)) / (1 + seen))))
    assert leaning.freedom > plain.freedom or plain.freedom == leaning.freedom < seen - 1


def test_a_weight_is_as_many_equal_values():
    rng = np.random.default_rng(5)
    cluster, weight = np.repeat(np.arange(12), 5), rng.integers(1, 4, 60)
    hits = (rng.random(12)[cluster] + rng.random(60) < 0.8).astype(float)
    found = effective_share(hits, cluster, weight, lean=False)
    repeated = effective_share(np.repeat(hits, weight), np.repeat(cluster, weight), lean=False)
    assert found == pytest.approx(repeated) and found.mean != pytest.approx(hits.mean())
    assert effective_share(hits, cluster, 7 * weight) == pytest.approx(effective_share(hits, cluster, weight))


def test_one_cluster_with_all_hits_tells_little():
    """With a hit in one cluster only nothing tells how alike they are, also where nothing is leant on."""
    cluster, hits = np.repeat(np.arange(8), 4), np.zeros(32)
    hits[:2] = 1
    assert effective_share(hits, cluster, lean=False) == effective_share(hits, cluster)
    hits[4] = 1
    two = effective_share(hits, cluster, lean=False)
    assert two.freedom == 1.0 and two != effective_share(hits, cluster)
