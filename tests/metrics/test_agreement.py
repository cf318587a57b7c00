from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.agreement import alpha_of, coincidences, pairwise_spearman

_ = np.nan
# Krippendorff 2011, Computing Krippendorff's alpha-reliability, section E: 4 observers, 12 units; ordinal alpha .815
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
)


def alpha(ratings: np.ndarray, n_levels: int) -> float:
    return float(alpha_of(coincidences(ratings, n_levels).sum(0)))


def naive_alpha(ratings: np.ndarray) -> float:
    """By the definition, pair by pair: 1 - observed / expected disagreement, ordinal."""
    units = [column[np.isfinite(column)] for column in ratings.T]
    units = [unit for unit in units if len(unit) > 1]
    pooled = np.concatenate(units)

    def distance(a: float, b: float) -> float:
        low, high = min(a, b), max(a, b)
        between = sum(low <= value <= high for value in pooled)
        return (between - (sum(pooled == a) + sum(pooled == b)) / 2) ** 2 if a != b else 0.0

    observed = sum(2 * sum(distance(a, b) for a, b in combinations(unit, 2)) / (len(unit) - 1) for unit in units)
    expected = 2 * sum(distance(a, b) for a, b in combinations(pooled, 2)) / (len(pooled) - 1)
    return 1 - observed / expected


def test_the_published_example():
    assert alpha(PUBLISHED, 5) == pytest.approx(0.815, abs=0.0005)
    assert alpha(PUBLISHED, 7) == pytest.approx(alpha(PUBLISHED, 5))  # levels that nobody gave


def test_the_published_table_of_coincidences():
    table = coincidences(PUBLISHED, 5).sum(0)
    np.testing.assert_allclose(table.sum(0), [9, 13, 10, 5, 3])
    np.testing.assert_allclose(np.diag(table), [7, 10, 8, 4, 3])
    assert table.sum() == pytest.approx(40)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_definition(seed):
    rng = np.random.default_rng(seed)
    ratings = np.clip(rng.integers(1, 8, 15) + rng.integers(-1, 2, (4, 15)), 1, 7).astype(float)
    ratings[rng.random(ratings.shape) < 0.3] = np.nan
    assert alpha(ratings, 7) == pytest.approx(naive_alpha(ratings), abs=1e-12)


def test_full_agreement_is_one_chance_is_zero_and_no_difference_is_undefined():
    rng = np.random.default_rng(0)
    same = np.tile(rng.integers(1, 8, 30), (3, 1)).astype(float)
    assert alpha(same, 7) == pytest.approx(1)
    assert abs(alpha(rng.integers(1, 8, (3, 4000)).astype(float), 7)) < 0.03
    assert np.isnan(alpha(np.full((3, 9), 4.0), 7))
    assert np.isnan(alpha(same[:1], 7))  # one rater


def test_spearman_of_each_two_over_what_both_rated():
    rng = np.random.default_rng(1)
    ratings = rng.integers(1, 8, (4, 20)).astype(float)
    ratings[0, :5] = ratings[1, 3:9] = np.nan
    ratings[2] = 4  # agrees with nobody
    ratings[3, 2:] = np.nan  # two units in common
    found = pairwise_spearman(ratings)
    assert list(found) == [(0, 1)]
    assert found[0, 1] == pytest.approx(stats.spearmanr(ratings[0, 9:], ratings[1, 9:]).statistic)
