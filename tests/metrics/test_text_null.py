import numpy as np
import pytest
import torch
from scipy import stats

from n2s.metrics.text.against_null import against_null, q_of_windows
from n2s.metrics.text.bert_recall import bert_recall
from n2s.metrics.text.identified import moved_in_time, percentile_ranks


def test_z_and_p_by_hand():
    found = against_null(np.array([3.0, 0.0]), np.array([[1.0, 0], [2, 0], [3, 0]]))
    np.testing.assert_allclose(found.mean, [2, 0])
    np.testing.assert_allclose(found.z, [1, np.nan])  # a null without spread has no z
    np.testing.assert_allclose(found.p, [2 / 4, 1])
    lower = against_null(np.array([0.5]), np.array([[1.0], [2], [3]]), higher_is_better=False)
    np.testing.assert_allclose([lower.z[0], lower.p[0]], [1.5, 1 / 4])


def test_no_null_and_no_score():
    assert np.isnan(np.stack(against_null(np.ones(3), np.zeros((0, 3))))).all()
    one = against_null(np.ones(2), np.zeros((1, 2)))
    assert np.isnan(one.z).all() and (one.p == 0.5).all()
    gaps = against_null(np.array([np.nan, 1]), np.array([[np.nan, 0], [np.nan, 2.0]]))
    assert np.isnan([gaps.z[0], gaps.p[0]]).all() and np.isfinite([gaps.z[1], gaps.p[1]]).all()


def test_scores_of_the_null_itself_have_flat_p():
    rng = np.random.default_rng(0)
    found = against_null(rng.standard_normal(4000), rng.standard_normal((200, 4000)))
    assert abs(found.z.mean()) < 0.06 and abs(found.z.std() - 1) < 0.05
    assert stats.kstest(found.p, "uniform").pvalue > 0.01
    assert (q_of_windows(found.p, np.repeat([0, 1], 2000)) < 0.05).mean() < 0.01


def test_q_is_of_each_story_by_itself():
    p = np.array([0.01, 0.02, np.nan, 0.04, 0.9])
    np.testing.assert_allclose(q_of_windows(p, np.array(["a", "a", "a", "b", "b"])), [0.02, 0.02, np.nan, 0.08, 0.9])


def naive_ranks(similarity, apart):
    n = len(similarity)
    ranks = np.full((n, n), np.nan)
    for i in range(n):
        for j in range(n):
            wrong = [k for k in range(n) if abs(k - j) >= apart and np.isfinite(similarity[:, k]).any()]
            if wrong and np.isfinite(similarity[i, j]):
                values = similarity[i, wrong]
                ranks[i, j] = np.mean((values < similarity[i, j]) + 0.5 * (values == similarity[i, j]))
    return ranks


@pytest.mark.parametrize("apart", [1, 3, 20])
def test_ranks_as_counted_one_by_one(apart):
    rng = np.random.default_rng(0)
    similarity = rng.integers(0, 6, (14, 14)) / 5.0  # ties
    similarity[:, [2, 9]] = np.nan  # windows without words
    found, n_wrong = percentile_ranks(similarity, apart=apart)
    np.testing.assert_allclose(found, naive_ranks(similarity, apart))
    assert n_wrong[5] == sum(abs(k - 5) >= apart for k in range(14) if k not in (2, 9))


def test_nothing_to_tell_apart():
    ranks, n_wrong = percentile_ranks(np.ones((3, 3)), apart=20)
    assert np.isnan(ranks).all() and (n_wrong == 0).all()
    assert np.isnan(moved_in_time([ranks]).p)
    assert np.isnan(moved_in_time([]).mean)
    assert percentile_ranks(np.zeros((0, 0)), apart=2)[0].shape == (0, 0)


def slow(rng, n, f=8, width=20):
    return np.stack([np.convolve(one, np.ones(width), "valid") for one in rng.standard_normal((f, n + width - 1))], 1)


def ranks_of(found, true):
    found, true = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (found, true))
    return percentile_ranks(found @ true.T, apart=20)[0]


def test_slow_texts_that_know_nothing_have_flat_p():
    rng = np.random.default_rng(0)
    p = [moved_in_time([ranks_of(slow(rng, 60), slow(rng, 60))]).p for _ in range(200)]
    assert np.mean(np.array(p) < 0.05) < 0.1 and stats.kstest(p, "uniform").pvalue > 0.01


def test_a_text_that_follows_the_true_one_is_found():
    rng = np.random.default_rng(1)
    stories = [slow(rng, n) for n in (90, 400, 25)]
    found = moved_in_time([ranks_of(one + 2 * slow(rng, len(one)), one) for one in stories])
    assert found.mean > 0.6 and found.p < 0.05 and len(found.null) == 1000


def test_recall_of_tokens_by_hand():
    true = torch.tensor([[[1.0, 0], [0, 1]], [[1, 0], [0, 0]]])
    found = torch.tensor([[[0.6, 0.8], [0, 0]], [[0.6, 0.8], [1, 0]]])
    there = torch.tensor([[True, False], [True, True]])
    weight = torch.tensor([[1.0, 3], [2, 0]])
    torch.testing.assert_close(bert_recall(found, true, weight, there), torch.tensor([(0.6 + 3 * 0.8) / 4, 1.0]))
    none = bert_recall(found, true, weight, torch.zeros_like(there))
    torch.testing.assert_close(none, torch.zeros(2))
    assert bert_recall(found, true, weight * 0, there).isnan().all()
