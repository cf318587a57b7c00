import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from n2s.metrics import retrieval
from n2s.metrics.retrieval import mean_reciprocal_rank, median_rank, ranks, ranks_of_many, topk_accuracy


def naive_rank(row: np.ndarray, target: int) -> int:
    """Sort all candidates, best first, the true one after all that score the same; NaN as the best of others."""
    if np.isnan(row[target]):
        return len(row) - 1
    order = sorted(range(len(row)), key=lambda i: (-np.inf if np.isnan(row[i]) else -row[i], i == target))
    return order.index(target)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_ranks_equal_the_full_sort_with_ties_and_nan(seed, n, k):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (n, k)).astype(np.float32)  # many ties
    scores[rng.random((n, k)) < 0.1] = np.nan
    scores[rng.random((n, k)) < 0.05] = np.inf
    target = rng.integers(0, k, n)
    expected = [naive_rank(row, t) for row, t in zip(scores, target, strict=True)]
    np.testing.assert_array_equal(ranks(scores, target), expected)
    torch_ranks = ranks(torch.from_numpy(scores), torch.from_numpy(target))
    assert isinstance(torch_ranks, torch.Tensor)
    assert torch_ranks.tolist() == expected


def test_chunks_give_what_one_piece_gives(monkeypatch):
    rng = np.random.default_rng(0)
    scores, target = rng.standard_normal((101, 7)), rng.integers(0, 7, 101)
    whole = ranks(scores, target)
    monkeypatch.setattr(retrieval, "_CHUNK", 20)  # 2 rows at a time
    np.testing.assert_array_equal(ranks(scores, target), whole)
    np.testing.assert_array_equal(ranks(torch.from_numpy(scores), torch.from_numpy(target)).numpy(), whole)


def test_constant_scores_give_the_last_rank():
    assert ranks(np.zeros((3, 5), np.float32), np.array([0, 2, 4])).tolist() == [4, 4, 4]


def test_half_precision_and_no_windows():
    scores = torch.tensor([[0.1, 0.5, 0.3]], dtype=torch.bfloat16)
    assert ranks(scores, torch.tensor([2])).tolist() == [1]
    assert ranks(np.empty((0, 4)), np.empty(0, int)).shape == (0,)


@pytest.mark.parametrize("target", [np.array([0, 3]), np.array([-1, 0]), np.array([0])])
def test_a_target_that_is_no_candidate_is_refused(target):
    with pytest.raises(ValueError, match="target"):
        ranks(np.zeros((2, 3)), target)


def test_scores_of_known_ranks():
    found = np.array([0, 0, 4, 9, 10])
    assert topk_accuracy(found, 1) == 0.4
    assert topk_accuracy(torch.from_numpy(found), 10) == 0.8
    assert median_rank(found) == 4
    assert mean_reciprocal_rank(found) == pytest.approx((1 + 1 + 1 / 5 + 1 / 10 + 1 / 11) / 5)
    np.testing.assert_allclose(topk_accuracy(np.stack([found, found + 1]), 5), [0.6, 0.4])
    np.testing.assert_allclose(topk_accuracy(np.stack([found, found + 1]), 1), [0.4, 0.0])


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_ranks_among_some_and_of_many_are_those_of_the_cut_table(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (6, 9)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = np.nan
    allowed = rng.random((6, 9)) < 0.6
    asked = rng.integers(-1, 9, (5, 6))
    among_some = ranks_of_many(scores, asked, allowed | (np.arange(9) == 3))
    among_all = ranks_of_many(scores, asked)
    for j, i in np.ndindex(asked.shape):
        if asked[j, i] == -1:
            assert among_all[j, i] == -1
            continue
        assert among_all[j, i] == naive_rank(scores[i], asked[j, i])
    target = np.full(6, 3)
    found = ranks(scores, target, allowed | (np.arange(9) == 3))
    for i in range(6):
        kept = np.flatnonzero(allowed[i] | (np.arange(9) == 3))
        assert found[i] == naive_rank(scores[i, kept], int(np.flatnonzero(kept == 3)[0]))
    np.testing.assert_array_equal(found[asked[0] == 3], among_some[0][asked[0] == 3])
    as_torch = ranks(
        torch.from_numpy(scores), torch.from_numpy(target), torch.from_numpy(allowed | (np.arange(9) == 3))
    )
    np.testing.assert_array_equal(as_torch.numpy(), found)
