"""Tests over subjects: scipy, exhaustive flips, false positives on noise."""

import itertools

import numpy as np
import pytest
import scipy.stats

from n2s.metrics.group_tests import OverSubjects, benjamini_hochberg, effect_size, sign_flip_max, wilcoxon


def test_wilcoxon_is_scipys_and_leaves_absent_subjects_out():
    scores = np.random.default_rng(0).normal(0.3, 1, (12, 4))
    scores[3, 1] = np.nan
    scores[:, 3] = 0
    expected = [scipy.stats.wilcoxon(scores[:, 0], alternative="greater").pvalue,
                scipy.stats.wilcoxon(np.delete(scores[:, 1], 3), alternative="greater").pvalue]  # fmt: skip
    found = wilcoxon(scores)
    np.testing.assert_allclose(found[:2], expected)
    assert np.isnan(found[3])
    assert np.isnan(wilcoxon(scores[:1])).all()
    assert wilcoxon(np.ones((4, 1)))[0] == 1 / 16


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_wilcoxon_with_ties_zeros_and_absent_subjects(alternative):
    rng = np.random.default_rng(5)
    few, many = rng.normal(0.3, 1, (8, 12)), rng.normal(0.3, 1, (20, 12)).round(1)
    few[:, :6] = few[:, :6].round()
    few[0, 8] = many[3, :6] = np.nan
    few[2, :3] = many[0, 4] = 0
    every = scipy.stats.PermutationMethod(n_resamples=10_000)
    for scores, n, method in ((few, 12, every), (many, 6, "asymptotic")):
        own = [scores[np.isfinite(scores[:, i]) & (scores[:, i] != 0), i] for i in range(n)]
        expected = [scipy.stats.wilcoxon(one, alternative=alternative, method=method).pvalue for one in own]
        np.testing.assert_allclose(wilcoxon(scores, alternative=alternative)[:n], expected)


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_few_subjects_of_many_have_no_smaller_p_than_their_flips(alternative):
    scores = np.full((20, 3), np.nan)
    scores[3:9, 0], scores[:5, 1], scores[:, 2] = np.arange(1, 7), 0.1, np.r_[np.zeros(14), np.arange(6) + 1.0]
    least = 2.0 ** -np.array([6, 5, 6]) * (1 + (alternative == "two-sided"))
    np.testing.assert_allclose(wilcoxon(scores, alternative=alternative), least)


def test_a_tie_in_one_target_changes_no_p_of_another():
    scores = np.random.default_rng(0).normal(0.5, 1, (20, 3))
    scores[0, 0], scores[1, 1] = 0, -scores[2, 1]
    alone = [scipy.stats.wilcoxon(one, alternative="greater").pvalue for one in scores.T]
    np.testing.assert_allclose(wilcoxon(scores), alone)


def test_flips_of_few_subjects_are_all_made():
    scores = np.random.default_rng(1).normal(0.5, 1, (6, 3))
    t, p = sign_flip_max(scores)
    np.testing.assert_allclose(t, scipy.stats.ttest_1samp(scores, 0).statistic)
    signs = np.array(np.meshgrid(*[[1, -1]] * 6)).reshape(6, -1).T
    most = np.array([scipy.stats.ttest_1samp(scores * one[:, None], 0).statistic.max() for one in signs])
    np.testing.assert_allclose(p, [(most >= one - 1e-9).mean() for one in t])


@pytest.mark.parametrize("seed", range(4))
def test_scores_below_zero_count_their_own_flip(seed):
    scores = np.random.default_rng(seed).normal(-1, 0.7, (6, 1))
    flips = np.array(list(itertools.product((1, -1), repeat=6))) * scores[:, 0]
    null = flips.mean(1) / flips.std(1, ddof=1) * 6**0.5
    t, p = sign_flip_max(scores)
    assert t[0] < 0 and p[0] == (null >= t[0] - 1e-9).mean()


def test_many_subjects_are_flipped_at_random():
    scores = np.random.default_rng(2).normal(0.2, 1, (30, 50))
    t, p = sign_flip_max(scores, n_permutations=500, seed=3)
    flips = np.random.default_rng(3).choice((1.0, -1.0), (500, 30))
    most = np.array([scipy.stats.ttest_1samp(scores * one[:, None], 0).statistic.max() for one in flips])
    np.testing.assert_allclose(p, [(1 + (most >= one - 1e-9).sum()) / 501 for one in t])


def test_the_family_wise_error_of_correlated_targets_is_nominal():
    rng, hits = np.random.default_rng(4), 0
    for draw in range(300):
        shared = rng.normal(size=(16, 1))
        hits += (sign_flip_max(shared + rng.normal(size=(16, 30)), n_permutations=200, seed=draw)[1] <= 0.05).any()
    assert abs(hits / 300 - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 300)


def test_one_value_for_all_subjects_or_one_subject_has_no_t():
    scores = np.ones((5, 2))
    scores[:, 1] = np.arange(5)
    t, p = sign_flip_max(scores)
    assert np.isnan(t[0]) and np.isnan(p[0]) and np.isfinite(p[1])
    assert np.isnan(sign_flip_max(scores[:1])[1]).all()
    scores[0, 1] = np.nan
    with pytest.raises(ValueError, match="lack a score"):
        sign_flip_max(scores)


def test_q_is_that_of_the_textbook_and_absent_tests_do_not_count():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005])
    # sorted: .005 * 4/1 = .02, .01 * 4/2 = .02, .03 * 4/3 = .04, .04 * 4/4 = .04
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, np.nan, 0.04, 0.04, 0.02])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_effect_size_is_mean_over_deviation():
    scores = np.array([[1.0, 2.0], [3.0, 2.0]])
    np.testing.assert_allclose(effect_size(scores), [2 / np.sqrt(2), np.nan])
    assert np.isnan(effect_size(scores[:1])).all()
    scores = np.array([[1.0], [3.0], [np.nan]])
    np.testing.assert_allclose(effect_size(scores), [2 / np.sqrt(2)])
    assert np.isnan(effect_size(np.full((3, 1), 0.1))).all()  # their mean is .1 but for rounding


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("n", [4, 5, 6, 10, 11, 16])
def test_the_smallest_p_of_the_rule_is_that_of_subjects_who_all_agree(n, two_sided):
    rule = OverSubjects(n, two_sided)
    q = rule.q(np.linspace(1, 2, n)[:, None])
    assert rule.possible == np.isfinite(q[0]) and (rule.least_p < 0.05 or not rule.possible)
    if rule.possible:
        assert q[0] == pytest.approx(rule.least_p) == (1 + two_sided) / 2**n
        assert str(n) in str(rule) and ("flipped" in str(rule)) == rule.by_flips == (n < 11)
        assert np.isnan(rule.q(np.full((n, 2), np.nan))).all()
