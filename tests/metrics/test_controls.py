import numpy as np
import pytest
from chance import is_chance
from scipy import stats

from n2s.metrics.controls import (
    Null,
    chance_bounds,
    chance_reciprocal_rank,
    holm,
    null_of,
    null_of_hits,
    ranks_ties_at_random,
)
from n2s.metrics.intervals import effective_share
from n2s.metrics.retrieval import mean_reciprocal_rank, ranks


def test_chance_is_what_random_scores_give():
    rng = np.random.default_rng(1)
    found = ranks(rng.random((40_000, 25)), rng.integers(0, 25, 40_000))
    assert mean_reciprocal_rank(found) == pytest.approx(chance_reciprocal_rank(25), abs=0.005)


def test_chance_bounds_hold_999_of_1000_and_are_tight():
    n, p = 150, 0.1
    low, high = chance_bounds(n, p)
    hits = np.arange(n + 1)
    mass = stats.binom.pmf(hits, n, p)
    least, most = np.ceil(low * n), np.floor(high * n)  # whole numbers of hits inside
    assert (least, most) == tuple(stats.binom.ppf([0.0005, 0.9995], n, p))
    assert mass[(hits >= least) & (hits <= most)].sum() >= 0.999
    assert is_chance(most / n, n, p) and is_chance(least / n, n, p)
    assert not is_chance((most + 1) / n, n, p)
    assert not is_chance((least - 1) / n, n, p)
    assert chance_bounds(7, 1.0) == (1.0, 1.0)


def test_bounds_of_an_estimated_number_of_windows_are_wider():
    known, estimated = chance_bounds(150.5, 0.1), chance_bounds(150.5, 0.1, freedom=10)
    assert estimated[0] < known[0] < known[1] < estimated[1]
    far = chance_bounds(1e5, 0.5, freedom=10)  # so many that the binomial is normal
    expected = stats.t(10, 0.5, np.sqrt(0.25 / 1e5)).interval(0.999)
    np.testing.assert_allclose(far, expected, rtol=1e-3)


def test_a_p_value_of_the_bound_is_its_tails():
    null = Null(0.1, 143.2, 31.0)
    for level in (0.9, 0.999):
        for end in null.bounds(level):
            assert null.p_value(end) == pytest.approx(1 - level, rel=1e-6)
    exact = Null(0.1, 150, np.inf)
    assert exact.p_value(30 / 150) == pytest.approx(2 * stats.binom.sf(29, 150, 0.1))
    assert exact.p_value(0.1) == 1.0 and exact.p_value(4 / 150) == pytest.approx(2 * stats.binom.cdf(4, 150, 0.1))


def test_the_null_of_exchanges_is_the_binomial_that_varies_as_much():
    rng = np.random.default_rng(0)
    shares = rng.binomial(100, 0.1, 4000) / 100
    null = null_of(shares, 0.1)
    assert null.n == pytest.approx(100, rel=0.08) and null.freedom > 3500
    np.testing.assert_allclose(null.bounds(), chance_bounds(100, 0.1), atol=0.01)
    alike = null_of(np.repeat(shares[:400], 10), 0.1)  # neighbours are alike: no more is known than before
    assert alike.freedom < 800
    assert null_of(np.full(30, 0.25), 0.25).bounds() == (0.25, 0.25)  # no exchange changes anything
    with pytest.raises(ValueError, match="two exchanges"):
        null_of(np.array([0.1]), 0.1)
    with pytest.raises(ValueError, match="expected a share"):
        null_of(shares, 10.0)


def test_holm_is_the_step_down_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.5])), [0.04, 0.09, 0.09, 0.5])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_ties_of_a_control_are_drawn_at_random():
    rng = np.random.default_rng(0)
    scores = np.zeros((20_000, 8))
    scores[:, 7] = 1.0
    found = ranks_ties_at_random(scores, np.zeros(20_000, int), rng)
    counts = np.bincount(found, minlength=8)
    assert counts[0] == 0  # candidate 7 is always first
    np.testing.assert_allclose(counts[1:], 20_000 / 7, rtol=0.08)
    without_ties = rng.standard_normal((50, 8))
    target = rng.integers(0, 8, 50)
    np.testing.assert_array_equal(ranks_ties_at_random(without_ties, target, rng), ranks(without_ties, target))


def test_chance_in_closed_form():
    assert chance_reciprocal_rank(4) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert chance_reciprocal_rank(1) == pytest.approx(1.0)


def test_bounds_at_the_ends():
    assert chance_bounds(7, 0.0) == (0.0, 0.0) and chance_bounds(np.inf, 0.3) == pytest.approx((0.3, 0.3))
    assert chance_bounds(3, 0.5) == (0.0, 1.0)  # three windows can be all right by chance: 1 in 8
    n = 11  # 2**-11 is less than 0.0005: all right is no chance any more, and all wrong is none
    low, high = chance_bounds(n, 0.5)
    assert 0 < low < 1 / n and high == pytest.approx(1 - low) and not is_chance(1.0, n, 0.5)
    assert is_chance(1.0, n, 0.5, level=0.9999) and is_chance(1.0, n, 0.5, freedom=2)
    assert is_chance(high + 5e-10, n, 0.5) and is_chance(low - 5e-10, n, 0.5)
    assert not is_chance(high + 1e-8, n, 0.5) and not is_chance(low - 1e-8, n, 0.5)


def test_p_values_at_the_ends():
    null = Null(0.5, 10, np.inf)
    assert null.p_value(0.0) == null.p_value(1.0) == pytest.approx(2 * 0.5**10)
    certain = Null(0.25, np.inf, np.inf)
    assert [certain.p_value(score) for score in (0.2, 0.25, 0.3)] == [0.0, 1.0, 0.0]
    expected = 2 * stats.t.sf(stats.norm.isf(0.5**10), 4)
    assert Null(0.5, 10, 4.0).p_value(1.0) == pytest.approx(expected)


def test_the_null_of_a_few_exchanges_by_hand():
    null = null_of(np.array([0.1, 0.3]), 0.2)  # variance 0.02; two values tell it with one degree of freedom
    assert null == pytest.approx((0.2, 0.2 * 0.8 / 0.02, 1.0))
    assert null_of(np.array([0.0, 1.0, 0.0, 1.0]), 0.5).n == 1.0  # never worth less than one window
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        null_of(np.zeros((2, 2)), 0.5)
    assert null_of(np.array([0.0, 0.1]), 0.0).expected == 0.0 and null_of(np.array([1.0, 0.9]), 1.0).expected == 1.0


def test_how_many_exchanges_tell_the_variance_by_hand():
    series = np.repeat(np.random.default_rng(1).normal(0.3, 0.05, 40), 3)
    centred, n = series - series.mean(), 120
    alike = [(centred[lag:] * centred[: n - lag]).sum() / (centred**2).sum() for lag in range(1, n)]
    below = next(lag for lag, one in enumerate(alike) if one <= 2 / np.sqrt(n))
    assert below >= 2  # the two neighbours of a value in its triple
    expected = n / (1 + 2 * sum(one**2 for one in alike[:below])) - 1
    assert null_of(series, 0.3).freedom == pytest.approx(expected)


def test_the_null_of_hits_is_that_of_an_effective_share():
    rng = np.random.default_rng(2)
    hits, cluster, weight = (rng.random(90) < 0.2).astype(float), np.repeat(np.arange(9), 10), rng.random(90)
    share = effective_share(hits, cluster, weight, lean=False)
    assert null_of_hits(hits, cluster, 0.1, weight) == (0.1, share.n, share.freedom)
    assert null_of_hits(hits[:20], cluster[:20], 0.1) == (
        0.1,
        *effective_share(hits[:20], cluster[:20], lean=False)[1:],
    )
    assert null_of_hits(hits[:10], cluster[:10], 0.1) is None


def test_ties_among_some_and_alike_for_all_who_heard_it():
    rng = np.random.default_rng(0)
    allowed = np.zeros((4000, 9), bool)
    allowed[:, :3] = True
    pair = np.arange(4000) // 2
    found = ranks_ties_at_random(np.zeros((4000, 9)), np.zeros(4000, int), rng, allowed, alike=pair)
    np.testing.assert_allclose(np.bincount(found), 4000 / 3, rtol=0.1)  # 0, 1 and 2
    np.testing.assert_array_equal(found[::2], found[1::2])
