"""The beam search finds what trying every text finds."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy import ToyLanguage

from n2s.data import FIR
from n2s.errors import UserError
from n2s.features.story_words import StoryLanguageModel
from n2s.models import StoryLikelihood
from n2s.studies.study import Impulses
from n2s.systems.story_text.controls import LanguageEvidence, RandomEvidence
from n2s.systems.story_text.evidence import BrainEvidence, EncodingModel, Placed
from n2s.systems.story_text.proposals import Repetitions, nucleus
from n2s.systems.story_text.search import Beam, Search, SearchOptions, context_lengths, quotas
from n2s.systems.story_text.word_features import WordFeatures

STEP_S, N_ROWS = 2.0, 12
FREE = SimpleNamespace(stem=lambda word: word, stop_words=frozenset(f"w{n}" for n in range(99)), starts=())


def brain(language, times_s, n_sequences=1, seed=0, response=None):
    response = response or FIR()
    rng = np.random.default_rng(seed)
    f, d = language.n_features, len(response.delays_s(STEP_S)) * language.n_features
    weights = torch.from_numpy(rng.normal(size=(d, 6))).float()
    likelihood = StoryLikelihood(weights, torch.eye(6))
    mean = torch.from_numpy(rng.normal(size=f)).float()
    model = EncodingModel(weights, torch.zeros(6), likelihood.to_features, likelihood.curvature, mean)
    responses = torch.from_numpy(rng.normal(size=(n_sequences, N_ROWS, 6)) * 3).float()
    placed = Placed.of(response, times_s, 0.0, N_ROWS, STEP_S)
    return BrainEvidence(model, placed, responses), likelihood, responses, response


def searched(language, rules=FREE, **options):
    return Search(language, rules, SearchOptions(**options), WordFeatures(language))


@pytest.mark.parametrize("seed", range(4))
def test_finds_the_best_of_all_texts(seed):
    language, times_s = ToyLanguage(seed=seed), np.array([1.0, 2.5, 4.2, 7.0, 7.1])
    evidence, likelihood, responses, response = brain(language, times_s, 2, seed)
    # every word is in the nucleus, every hypothesis is kept, none has a quota below all words; w0 w0 w0 would be a repetition
    search = searched(language, width=4**5, extensions=4**5, mass=1.0, ratio=1e-9)
    found = search.run(times_s, evidence, 2)

    def allowed(text):
        pairs = list(itertools.pairwise(text))
        return len(set(pairs)) == len(pairs)

    best = [(-np.inf, None)] * 2
    for text in itertools.product(language.vocabulary, repeat=5):
        if not allowed(text):
            continue
        values = language.states([text[: i + 1] for i in range(5)]).numpy()
        x = torch.from_numpy(response.columns(Impulses(values, times_s), N_ROWS, STEP_S))
        for which in range(2):
            best[which] = max(best[which], (likelihood.log_likelihood(x, responses[which]), list(text)))
    assert found == [text for _, text in best]


def test_texts_that_are_searched_for_at_once_are_those_of_searches_alone():
    language, times_s = ToyLanguage(n_words=12, spread=1.5), np.linspace(0.5, 20, 25)
    together, *_ = brain(language, times_s, 3)
    found = searched(language, width=7, extensions=3).run(times_s, together, 3)
    assert len({tuple(one) for one in found}) == 3
    for which in range(3):
        alone, _, responses, _ = brain(language, times_s, 3)
        alone._linear = alone._linear[which : which + 1]
        assert searched(language, width=7, extensions=3).run(times_s, alone) == [found[which]]


def test_an_interrupted_search_goes_on_to_the_same_text():
    language, times_s = ToyLanguage(n_words=12), np.linspace(0.5, 20, 25)
    evidence, *_ = brain(language, times_s)
    saved = {}
    whole = searched(language, width=9).run(
        times_s, evidence, each=lambda beam: saved.update({len(beam.words): beam.plain()})
    )
    for n in (1, 11, 25):
        again = searched(language, width=9)
        assert again.run(times_s, evidence, beam=again.restored(Beam.from_plain(saved[n]))) == whole


def test_a_table_that_is_full_changes_nothing():
    language, times_s = ToyLanguage(n_words=12, context_words=3), np.linspace(0.5, 20, 60)
    evidence, *_ = brain(language, times_s)
    expected = searched(language, width=20).run(times_s, evidence)
    search = searched(language, width=20)
    search.features._most = 100
    assert search.run(times_s, evidence) == expected
    assert len(search.features._rows) < 1500


def test_neither_words_nor_times_are_needed_for_a_beam():
    language = ToyLanguage()
    assert searched(language).run(np.zeros(0), LanguageEvidence()) == [[]]
    # 3 words, each allowed once: more places than words
    rules = SimpleNamespace(stem=lambda word: "one stem", stop_words=frozenset(), starts=("w0",))
    found = searched(ToyLanguage(n_words=3), rules).run(np.arange(20.0), LanguageEvidence())[0]
    assert len(found) == 20 and found[0] == "w0"


def test_a_likelihood_that_is_no_number_does_not_end_the_search():
    class Broken:
        n_before = 0

        def gains(self, word, history, parents, *_):
            return torch.full((len(parents),), [torch.nan, torch.inf, -torch.inf][word % 3], dtype=torch.float64)

    assert len(searched(ToyLanguage()).run(np.arange(9.0), Broken())[0]) == 9


def test_random_likelihoods_are_those_of_their_seed():
    language, times_s = ToyLanguage(n_words=12), np.arange(15.0)
    found = [Search(language, FREE, SearchOptions(width=4)).run(times_s, RandomEvidence(seed), 5) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert len({tuple(text) for text in found[0]}) == 5
    assert language.asked["states"] == 0


def test_nucleus_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.dirichlet(np.full(9, 0.3))
        kept, total = [], 0.0
        for word in np.argsort(-p):
            if p[word] < 0.1 * p.max():
                break
            kept.append(word)
            total += p[word]
            if total >= 0.9:
                break
        found = nucleus(np.log(p + 1e-300)[None], 0.9, 0.1)[0]
        assert sorted(kept) == np.flatnonzero(found).tolist()


def test_content_words_and_pairs_do_not_come_again():
    vocabulary = ["boat", "boats", "a", "of", "sea"]
    rules = SimpleNamespace(stem=lambda word: word.rstrip("s"), stop_words={"a", "of"}, starts=())
    numbers = {word: number for number, word in enumerate(vocabulary)}

    def allowed(*context):
        words = np.array([[-1, *(numbers[one] for one in context)]])
        return {vocabulary[n] for n in np.flatnonzero(Repetitions(vocabulary, rules).allowed(words)[0])}

    assert allowed() == set(vocabulary)
    assert allowed("boats") == {"a", "of", "sea"}
    assert allowed("a", "of", "a") == set(vocabulary) - {"of"}
    assert allowed("a", "boat", "a") == {"a", "of", "sea"}


def test_what_the_language_model_sees():
    times_s = np.r_[0:20:0.5, 30:60:10]
    found = context_lengths(times_s, 8.0)
    assert found[:7].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert found[30] == 16  # words of 8 s
    assert found[-1] == 5  # words are rare: no fewer than 5


def test_quotas_follow_the_rank_of_probability():
    assert quotas(np.log([0.1, 0.4, 0.2, 0.3]), np.zeros(4, int), 4).tolist() == [1, 4, 2, 3]
    assert quotas(np.log([0.1, 0.4, 0.2, 0.3]), np.array([0, 0, 1, 1]), 5).tolist() == [3, 5, 3, 5]


@pytest.mark.parametrize("wrong", [{"width": 0}, {"mass": 1.5}, {"ratio": 0}, {"extensions": 2.5}])
def test_options_out_of_range_are_named(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        SearchOptions(**wrong)


def test_words_after_shared_contexts_have_the_features_of_whole_texts():
    from n2s.features.story_words import TrainedStoryWords

    stories = [list("abcdabdcabcbdacbda" * 6), list("dcbadbcaabcdddabca" * 6)]
    for layer in (0, 1, 2):
        language = TrainedStoryWords(width=16, heads=2, layer=layer, context_words=3, epochs=1)
        language.learn(stories, language="en", seed=0)
        contexts = [(), ("a",), ("a", "b", "c"), ("d", "a", "b", "c"), ("b", "b", "d")]
        which, words = torch.tensor([0, 4, 2, 2, 3, 1, 0, 4]), torch.tensor([0, 1, 2, 3, 2, 2, 3, 0])
        expected = StoryLanguageModel.states_after(language, contexts, which, words)
        torch.testing.assert_close(language.states_after(contexts, which, words), expected, atol=1e-5, rtol=1e-5)
