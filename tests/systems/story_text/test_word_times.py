"""When words are said, as the brain tells."""

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Ridge

from n2s.systems.story_text.word_times import (
    WordRateModel,
    later_responses,
    predicted_rate,
    word_times,
    words_in_bins,
)


def test_words_lie_evenly_around_each_volume():
    # Tang et al. 2023, predict_word_times: n words of a volume from half a TR before its middle to half a TR after
    counts, tr_s, first_s = np.array([3, 0, 1, 4]), 2.0, 11.0
    expected = []
    for number, n in enumerate(counts):
        middle = first_s + number * tr_s
        if n:
            expected += (np.linspace(middle - 1, middle + 1, n, endpoint=False) + 1 / n).tolist()
    np.testing.assert_allclose(word_times(counts, first_s, tr_s, 1, 4), expected)


def test_samples_are_counted_in_bins():
    rate = np.full(55, 0.1)
    counts = words_in_bins(rate, 20)
    assert counts.tolist() == [2, 2, 2]  # 1.5 of the last 15 rows
    times_s = word_times(counts, 0.0, 0.1, 20, 55)
    np.testing.assert_allclose(times_s, [0.45, 1.45, 2.45, 3.45, 4.325, 5.075])
    assert words_in_bins(np.array([-3.0, 1.4, 2.6]), 1).tolist() == [0, 1, 3]
    # slow speech loses no words
    assert words_in_bins(np.full(100, 0.2), 1).sum() == 20 and words_in_bins(np.full(100, 0.45), 1).max() == 1
    assert len(words_in_bins(np.zeros(0), 1)) == len(word_times(np.zeros(0, int), 0.0, 2.0, 1, 0)) == 0


def test_responses_of_later_volumes_stay_in_their_run():
    rows = pd.DataFrame({"recording": pd.Categorical(["a"] * 4 + ["b"] * 3)})
    numbers = np.array([0, 1, 2, 3, 4, 5, 6])
    responses = torch.arange(1.0, 8)[:, None]
    found = later_responses(rows, numbers, responses, np.array([1, 2, -1]))
    assert found.tolist() == [[2, 3, 0], [3, 4, 1], [4, 0, 2], [0, 0, 3], [6, 7, 0], [7, 0, 5], [0, 0, 6]]
    # a gap in the rows is an end
    assert later_responses(rows, numbers[[0, 1, 3]], responses[[0, 1, 3]], np.array([1])).tolist() == [[2], [0], [0]]


def test_the_rate_is_that_of_ridge_regression():
    rng = np.random.default_rng(0)
    later, coef = rng.normal(size=(90, 6)), rng.normal(size=6)
    rate = later @ coef + 3 + rng.normal(size=90)
    groups = np.repeat(["a", "b", "c"], 30).tolist()
    fitted = WordRateModel((5.0,), 3).fit(torch.from_numpy(later), torch.from_numpy(rate)[:, None], groups)
    expected = Ridge(alpha=5.0).fit(later, rate)
    test = rng.normal(size=(7, 6))
    np.testing.assert_allclose(predicted_rate(fitted, torch.from_numpy(test)), expected.predict(test))
    assert fitted["mean"].item() == rate.mean()
