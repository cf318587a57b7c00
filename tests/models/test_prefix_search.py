"""The search for words against all paths, one by one; n-grams against sums by hand."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from n2s.errors import UserError
from n2s.models.ngrams import END, NGrams
from n2s.models.prefix_search import Lexicon, prefix_search

PHONES = Lexicon({str(one): [(one,)] for one in (1, 2, 3)})


def drawn(n_steps: int = 5, k: int = 4, seed: int = 0) -> np.ndarray:
    return log_softmax(1.5 * np.random.default_rng(seed).standard_normal((n_steps, k)), axis=1)


def all_labellings(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Log-probability of every sequence of phones: the sum over all paths that are written as it."""
    paths = defaultdict(list)
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        joined = tuple(one for one, _ in itertools.groupby(path) if one)
        paths[joined].append(sum(row[one] for row, one in zip(log_probs, path, strict=True)))
    return {labels: float(logsumexp(every)) for labels, every in paths.items()}


@pytest.mark.parametrize("seed", range(6))
def test_phones_are_those_of_all_paths(seed):
    log_probs = drawn(seed=seed)
    every = all_labellings(log_probs)
    assert np.isclose(logsumexp(list(every.values())), 0)
    best = max(every, key=every.get)
    found = prefix_search(log_probs, PHONES, beam=10_000)
    assert tuple(map(int, found.words)) == best and found.score == pytest.approx(every[best])


@pytest.mark.parametrize("seed", range(6))
def test_words_are_those_of_all_paths_with_a_language_model(seed):
    """Words of which one begins another, two that sound alike, and one that is said in two ways."""
    said = {"a": [(1,)], "ab": [(1, 2)], "also ab": [(1, 2)], "c": [(3,), (2, 3)], "bb": [(2, 2)]}
    language = NGrams([["a", "c"], ["ab", "c"], ["also ab"], ["bb", "a"]], 2, vocabulary=said)
    log_probs = drawn(6, seed=seed)
    every = all_labellings(log_probs)
    scores = {}
    for n in range(7):
        for words in itertools.product(said, repeat=n):
            ways = {sum(way, ()) for way in itertools.product(*(said[word] for word in words))}
            likely = [every[one] for one in ways if one in every]
            if likely:
                scores[words] = float(logsumexp(likely)) + 0.7 * language.log_likelihood(words) + 0.2 * n
    best = max(scores, key=scores.get)
    found = prefix_search(log_probs, Lexicon(said), language, weight=0.7, bonus=0.2, beam=100_000)
    assert found.words == best and found.score == pytest.approx(scores[best])


def test_a_narrow_beam_finds_what_is_clear():
    path = [0, 1, 1, 0, 2, 0, 2, 3, 0]
    log_probs = log_softmax(6 * np.eye(4)[path], axis=1)
    assert prefix_search(log_probs, PHONES, beam=4, n_phones=2).words == ("1", "2", "2", "3")
    lexicon = Lexicon({"one": [(1, 2)], "two": [(2, 3)], "other": [(1, 3)]})
    assert prefix_search(log_probs, lexicon, beam=8).words == ("one", "two")
    assert prefix_search(np.log(np.full((0, 4), 0.25)), lexicon).words == ()
    unfinished = prefix_search(
        log_softmax(20 * np.eye(4)[[1]], axis=1), Lexicon({"long": [(1, 2)]}), n_phones=1, beam=1
    )
    assert unfinished.words == ()


def test_ngrams_sum_to_one_and_are_those_of_witten_and_bell():
    texts = [["a", "b"], ["a", "c"], ["a", "b", "b"]]
    model = NGrams(texts, 2, vocabulary=["d"])
    assert model.vocabulary == ["a", "b", "c", "d"]
    for before in ([], ["a"], ["c"], ["d"], ["never seen"]):
        assert sum(math.exp(model.log_prob(before, one)) for one in [*model.vocabulary, END]) == pytest.approx(1)
    # unigrams: a 3, b 3, c 1, end 3 of 10, four kinds, and five symbols that are alike below
    unigram_b, unigram_d = (3 + 4 / 5) / 14, (4 / 5) / 14
    assert math.exp(model.log_prob(["a"], "b")) == pytest.approx((2 + 2 * unigram_b) / (3 + 2))
    assert math.exp(model.log_prob(["a"], "d")) == pytest.approx(2 * unigram_d / 5)
    assert math.exp(model.log_prob([], "a")) == pytest.approx((3 + (3 + 4 / 5) / 14) / 4)
    assert math.exp(model.log_prob(["d"], "b")) == pytest.approx(unigram_b)  # nothing follows d: unigrams
    whole = model.log_prob([], "a") + model.log_prob(["a"], "c") + model.log_prob(["a", "c"], END)
    assert model.log_likelihood(["a", "c"]) == pytest.approx(whole)


def test_a_longer_context_counts():
    texts = [["x", "a", "p"], ["y", "a", "q"]] * 3
    three = NGrams(texts, 3)
    assert three.log_prob(["x", "a"], "p") > three.log_prob(["x", "a"], "q") + 1
    two = NGrams(texts, 2)
    assert two.log_prob(["x", "a"], "p") == pytest.approx(two.log_prob(["x", "a"], "q"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NGrams([["a"]], 0), "order is 0"),
        (lambda: NGrams([], 2), "no words to learn from"),
        (lambda: Lexicon({}), "no word has phones"),
        (lambda: Lexicon({"a": [()]}), "'a' is said as"),
        (lambda: Lexicon({"a": [(0, 1)]}), "classes from 1 on"),
    ],
)
def test_what_cannot_be_searched(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_likeliest_text_is_that_of_all_texts(order):
    said = [["a", "b"], ["a", "c", "b"], ["a", "c"], ["b", "c", "a"], ["a", "c", "b"]]
    language = NGrams(said, order, vocabulary="abcd")
    every = [one for n in range(1, 6) for one in itertools.product("abcd", repeat=n)]
    assert language.likeliest() == max(every, key=language.log_likelihood)
    many = NGrams([["start", f"w{i}"] for i in range(300)], order, vocabulary=[f"v{i}" for i in range(5000)])
    assert many.likeliest()[0] == "start"  # a search that cannot try all ends
