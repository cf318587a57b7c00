"""Whether the network is worth it: the sentence follows from the paired difference, and from nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted_result
from scipy import stats

from n2s.systems.contrastive.words import columns, headline, worth_sentence
from n2s.systems.contrastive.worth import difference, sentence


def scores(result, right, seed):
    """(n, k) noise in which a share of the windows finds its segment."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal(result.similarity.shape)
    hits = np.flatnonzero(rng.random(len(found)) < right)
    found[hits, result.target[hits]] = 10
    return found


def told(n_subjects, network, linear):
    result = planted_result(n_subjects=n_subjects, n_per_story=100 if n_subjects == 1 else 20)
    result = replace(result, similarity=scores(result, network, 1), linear=scores(result, linear, 2))
    return result, worth_sentence(result)


@pytest.mark.parametrize("n_subjects", [1, 8])
@pytest.mark.parametrize(
    ("network", "linear", "expected"),
    [
        (0.9, 0.3, "Yes: it finds more"),
        (0.3, 0.9, "The network is not worth it here"),
        (0.8, 0.8, "not certain"),
        (0.0, 0.0, "Neither it nor the linear decoder"),
    ],
)
def test_what_is_said_is_what_was_planted(n_subjects, network, linear, expected):
    result, said = told(n_subjects, network, linear)
    assert expected in said and "worth it?" in said, said
    assert sum(text in said for text in ("Yes:", "No:", "not shown:", "Neither it")) == 1


def test_the_difference_is_paired_and_over_subjects():
    result, _ = told(8, 0.6, 0.5)
    found = difference(result, 1)
    own, linear = (
        np.array([np.mean(result.ranks[row][result.subject == name] == 0) for name in np.unique(result.subject)])
        for row in ("model", "linear")
    )
    test = stats.ttest_rel(own, linear).confidence_interval()
    assert found.mean == pytest.approx((own - linear).mean())
    assert (found.low, found.high) == pytest.approx((test.low, test.high))


def test_a_linear_decoder_that_alone_is_above_chance_is_named():
    result, _ = told(8, 0.6, 0.6)
    one = {"k": 1, "network": "inside", "linear": "above"}
    assert "the network is not worth it here" in sentence(result, **one)
    assert "Only the network" in sentence(result, **one | {"network": "above", "linear": "inside"})
    assert "Only" not in sentence(result, **one | {"network": "above"})


def test_equal_decoders_have_no_interval():
    result = planted_result(n_subjects=3)
    found = difference(replace(result, linear=result.similarity), 10)
    assert found.mean == 0 and found.low is None and found.high is None


def test_without_a_linear_decoder_nothing_is_said():
    assert worth_sentence(planted_result(n_subjects=2)) == ""


def test_with_few_candidates_a_score_that_cannot_fail_is_not_shown():
    few = planted_result(n_subjects=2, n_per_story=7, stories=("a",))
    assert few.told_k == 1 and columns(few) == ("top1", "top5", "median_rank")
    assert "the very first in" in headline(few)[2] and "top-10" not in " ".join(headline(few))
    many = planted_result(n_subjects=2)
    assert many.told_k == 10 and "top10" in columns(many)


@pytest.mark.parametrize("n_subjects", [1, 2, 8])
def test_a_page_says_once_how_the_network_compares(n_subjects):
    (shown, *_) = told(n_subjects, 0.6, 0.4)[0].shown()
    sentences = [*shown.headline, *shown.judgement().sentences]
    assert sum("linear decoder" in one and "network" in one for one in sentences) == 1, sentences
