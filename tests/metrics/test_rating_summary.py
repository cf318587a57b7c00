import json

import numpy as np
import pytest

from n2s.metrics.ratings import exchange_test, summarize_ratings


def planted(*, n_raters: int = 6, n_clips: int = 40, means: tuple[float, ...] = (5.0, 3.5, 3.5), seed: int = 0):
    """Ratings (r, c, m) with raters, clips and chance of their own."""
    rng = np.random.default_rng(seed)
    values = np.array(means) + 0.3 * rng.standard_normal((n_raters, 1, 1)) + 0.7 * rng.standard_normal((1, n_clips, 1))
    return np.clip(np.rint(values + rng.standard_normal((n_raters, n_clips, len(means)))), 1, 7)


def summary_of(ratings: np.ndarray, **options) -> dict:
    names = [f"R{i}" for i in range(len(ratings))], list("abcdefgh"[: ratings.shape[2]])
    return summarize_ratings(ratings, raters=names[0], methods=names[1], **options)


def test_means_counts_and_planted_differences():
    ratings = planted()
    ratings[0, :5, 1] = np.nan
    found = summary_of(ratings)
    for i, name in enumerate("abc"):
        one = found["methods"][name]
        given = ratings[:, :, i][np.isfinite(ratings[:, :, i])]
        assert one["mean"] == pytest.approx(given.mean()) and one["low"] < one["mean"] < one["high"]
        assert one["n"] == len(given) == sum(one["counts"])
        assert one["counts"][4] == (given == 5).sum()
        assert one["per_rater"]["R2"] == pytest.approx(np.nanmean(ratings[2, :, i]))
    by_name = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    assert by_name["a", "b"]["difference"] == pytest.approx(np.nanmean(ratings[:, :, 0] - ratings[:, :, 1]))
    assert by_name["a", "b"]["low"] > 0 and by_name["a", "b"]["p_holm"] < 0.001
    assert by_name["b", "c"]["low"] < 0 < by_name["b", "c"]["high"] and by_name["b", "c"]["p"] > 0.05
    assert by_name["a", "b"]["n"] == 6 * 40 - 5
    json.dumps(found, allow_nan=False)  # plain types


def test_the_interval_has_the_width_of_a_sample_of_clips_and_of_raters():
    """Where only one of the two varies, the spread of the draws is its standard error."""
    rng = np.random.default_rng(0)
    of_clips = np.broadcast_to(rng.normal(4, 1, (1, 30, 1)), (5, 30, 1))
    of_raters = np.broadcast_to(rng.normal(4, 1, (30, 1, 1)), (30, 5, 1))
    for values, own in ((of_clips, of_clips[0, :, 0]), (of_raters, of_raters[:, 0, 0])):
        one = summary_of(values, n_bootstrap=20000)["methods"]["a"]
        assert one["high"] - one["low"] == pytest.approx(2 * 2.045 * own.std(ddof=1) / np.sqrt(30), rel=0.04)  # t of 29


@pytest.mark.slow
@pytest.mark.parametrize(("n_raters", "least"), [(3, 0.91), (6, 0.91), (12, 0.91)])
def test_intervals_hold_the_true_mean_of_other_raters_and_clips(n_raters, least):
    held, rng = [], np.random.default_rng(n_raters)
    for _ in range(150):
        mean_of = 4 + 0.6 * rng.standard_normal((n_raters, 1, 1)) + 0.8 * rng.standard_normal((1, 30, 1))
        one = summary_of(mean_of + rng.standard_normal((n_raters, 30, 1)), n_bootstrap=300)["methods"]["a"]
        held.append(one["low"] <= 4 <= one["high"])
    assert least <= np.mean(held) <= 0.995


def test_methods_that_share_no_clip_are_no_test():
    """They had p = 1, and the correction of the other two counted them: the least p was three times itself."""
    ratings = planted(n_raters=2, n_clips=10)
    ratings[:, :5, 2] = ratings[:, 5:, 0] = np.nan
    pairs = {(pair["first"], pair["second"]): pair for pair in summary_of(ratings, n_bootstrap=100)["pairs"]}
    assert pairs["a", "c"]["n_clips"] == 0 and pairs["a", "c"]["p"] is None and pairs["a", "c"]["p_holm"] is None
    least, most = sorted((pairs["a", "b"], pairs["b", "c"]), key=lambda pair: pair["p"])
    assert least["p_holm"] == pytest.approx(2 * least["p"]) and most["p_holm"] >= most["p"]


def test_one_rater_and_a_method_without_ratings():
    ratings = planted(n_raters=1)
    ratings[:, :, 2] = np.nan
    found = summary_of(ratings)
    assert "one rater" in found["interval"]
    assert found["methods"]["c"]["mean"] is None and found["methods"]["c"]["per_rater"] == {"R0": None}
    assert found["agreement"]["alpha"] is None and found["agreement"]["spearman"] is None
    assert found["pairs"][1]["difference"] is None and found["pairs"][1]["p"] is found["pairs"][1]["p_holm"] is None
    json.dumps(found, allow_nan=False)


def test_agreement_tells_raters_who_agree_from_those_who_guess():
    rng = np.random.default_rng(1)
    agree = summary_of(planted(n_clips=60, means=(6.0, 4.0, 2.0)))["agreement"]
    guess = summary_of(rng.integers(1, 8, (6, 60, 3)).astype(float))["agreement"]
    assert agree["alpha"] > 0.5 and agree["low"] < agree["alpha"] < agree["high"]
    assert agree["n_pairs"] == 15 and agree["lowest"] <= agree["spearman"] <= agree["highest"]
    assert abs(guess["alpha"]) < 0.06 and abs(guess["spearman"]) < 0.06


def test_exchanges_are_counted_in_full_where_they_are_few():
    rng = np.random.default_rng(0)
    assert exchange_test(np.ones((3, 8)), rng, 1000) == 2 / 2**8
    assert exchange_test(np.array([[1.0, -1.0]]), rng, 1000) == 1
    # sums of (+-3 +-1): 4, 2, -2, -4; of the four, two are as large as 4
    assert exchange_test(np.array([[3.0, 1.0]]), rng, 1000) == 0.5
    assert exchange_test(np.array([[3.0, np.nan], [np.nan, 1.0]]), rng, 1000) == 0.5


def test_drawn_exchanges_agree_with_all_of_them():
    difference = np.random.default_rng(3).integers(-2, 4, (4, 12)).astype(float)
    exact = exchange_test(difference, np.random.default_rng(0), 2**12)
    drawn = exchange_test(difference, np.random.default_rng(0), 2**12 - 1)
    assert 0.001 < exact < 0.9 and drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 2**12))
    assert exchange_test(np.full((2, 40), 5.0), np.random.default_rng(0), 999) == 1 / 1000


def test_equal_methods_are_told_apart_by_chance_alone():
    """Clips favour one method or the other: all raters hear it, and their ratings are not independent."""
    rng = np.random.default_rng(0)
    p = [
        exchange_test(np.rint(rng.standard_normal((1, 30)) + 0.5 * rng.standard_normal((6, 30))), rng, 400)
        for _ in range(400)
    ]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.085
