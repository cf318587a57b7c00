"""One penalty alone, for which no choice among penalties has scored voxels; and a word rate at another moment than the words."""

import numpy as np
import torch

from n2s.features import WordRate
from n2s.findings import kept
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.held_out_residuals import held_out_r2
from n2s.systems.story_text.fit import best
from n2s.systems.story_text.told import tell_other_moment
from n2s.systems.story_text.word_times import WordRateModel


def test_one_penalty_scores_voxels_as_a_choice_of_penalties_does():
    """They were all unknown, so that the first ones were taken."""
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.standard_normal(shape)).float() for shape in ((160, 3), (160, 6)))
    y[:, 4] += x[:, 0]
    y[:, 5] += 2 * x[:, 1]
    y[:, 2] = 0.5  # constant
    groups = [f"s{row // 20}" for row in range(160)]
    one, two = (
        held_out_r2(EncodingRidge(alphas, n_folds=8).fit(x, y, groups), x, y, groups) for alphas in ([1.0], [1.0, 1.1])
    )
    assert best(one, 2).tolist() == [4, 5] and one[2] == two[2] == -torch.inf
    np.testing.assert_allclose(one[[4, 5]], two[[4, 5]], atol=0.2)  # of all rows, and the mean over few rows each
    assert best(two, 2).tolist() == [4, 5] and one[4] < one[5]


def test_the_word_rate_of_one_penalty_is_known():
    rng = np.random.default_rng(1)
    later = torch.from_numpy(rng.standard_normal((160, 3))).float()
    rate = later[:, :1] + 2
    found = WordRateModel((1.0,), 2).fit(later, rate, [f"s{row // 40}" for row in range(160)])
    assert 0.9 < found["r2"] < 1


def test_a_word_rate_at_another_moment_is_told():
    with kept() as found:
        tell_other_moment(WordRate(), "middle")
        tell_other_moment(None, "onset")
        assert not found
        tell_other_moment(WordRate("onset"), "middle")
    assert len(found) == 1 and "at their onset" in found[0].text and "its middle" in found[0].text
