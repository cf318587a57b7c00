import time

import numpy as np
import pytest
import torch
from small_tales import BEST, PLACES, tales

from n2s.errors import UserError
from n2s.features.story_words import TrainedStoryWords
from n2s.features.story_words.word_pairs import WordPairs
from n2s.findings import kept

pytestmark = pytest.mark.slow

SMALL = {"width": 32, "heads": 2, "reach": 12, "dropout": 0.1, "vector_width": 16}


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    model = TrainedStoryWords(**SMALL, epochs=20)
    model.learn(tales(6), language="en", seed=0)
    return model


def test_it_learns_what_counts_of_pairs_cannot_know(model):
    new, total = tales(1, seed=9)[0], 0.0
    for i in range(len(new)):
        total -= float(model.next_words([tuple(new[:i])])[0][model.vocabulary.index(new[i])])
    perplexity = np.exp(total / len(new))
    assert BEST <= perplexity < 1.15 * BEST
    assert model._told["perplexity_pairs"] > 1.3 * BEST
    for who, places in PLACES.items():
        likely = model.next_words([("the", who, "slept", "in", "the")])[0].topk(2).indices
        assert {model.vocabulary[i] for i in likely} == set(places)


def test_probabilities_of_all_words_sum_to_one(model):
    logs = model.next_words([(), ("the",), ("strange", "words"), ("the", "dog") * 30])
    assert logs.shape == (4, len(model.vocabulary)) and logs.dtype == torch.float32
    torch.testing.assert_close(logs.exp().sum(1), torch.ones(4))
    assert model.next_words([]).shape == (0, len(model.vocabulary))


def test_an_answer_does_not_depend_on_the_others_in_the_batch(model):
    contexts = [("the",), ("the", "dog", "slept"), (), ("in", "the", "river", "the", "fish", "slept")]
    together, states = model.next_words(contexts), model.states([one or ("a",) for one in contexts])
    for i, context in enumerate(contexts):
        torch.testing.assert_close(together[i], model.next_words([context])[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(states[i], model.states([context or ("a",)])[0], rtol=1e-4, atol=1e-5)


def test_features_see_so_many_words_before_and_no_more(model):
    words = ("the", "fish", "played", "in", "the", "river")
    assert model.states([words]).shape == (1, model.n_features)
    same = model.states([("slept", "slept", *words), words])
    torch.testing.assert_close(same[0], same[1], rtol=1e-4, atol=1e-5)
    other = model.states([("slept", *words[1:]), words])
    assert (other[0] - other[1]).abs().max() > 1e-3
    assert torch.equal(other[0, : model.vector_width], other[1, : model.vector_width])  # of the word itself
    assert model.states([]).shape == (0, model.n_features)


def test_the_same_seed_gives_the_same_numbers_and_leaves_torch_alone():
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(len(found))
        before = torch.get_rng_state()
        model = TrainedStoryWords(**SMALL, epochs=3)
        with kept():
            model.learn(tales(3), language="en", seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        found.append(torch.cat([model.next_words([("the",)])[0], model.states([("the", "dog")])[0]]))
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_what_was_learned_is_kept_in_plain_things(model, tmp_path):
    torch.save(model.state(), tmp_path / "state.pt")
    other = TrainedStoryWords(**SMALL, epochs=20)
    other.load(torch.load(tmp_path / "state.pt", weights_only=True))
    contexts = [("the", "bird"), ("unheard",), ()]
    assert torch.equal(other.next_words(contexts), model.next_words(contexts))
    assert torch.equal(other.states(contexts[:2]), model.states(contexts[:2]))
    assert (other.vocabulary, other.language, other.told()) == (model.vocabulary, "en", model.told())
    assert "6 training transcripts (1,440 words" in model.told()


def test_rare_words_are_unknown():
    stories = tales(3)
    stories[0].insert(5, "zebra")
    found = {}
    for least in (1, 2):
        model = TrainedStoryWords(**SMALL, epochs=2, min_count=least)
        with kept():
            model.learn(stories, language="en", seed=0)
        found[least] = model
    assert "zebra" in found[1].vocabulary and "zebra" not in found[2].vocabulary
    one, two = found[2].states([("the", "zebra"), ("the", "unicorn")])
    assert torch.equal(one, two)


def test_it_does_not_learn_by_heart():
    """Random words have nothing to learn but their frequencies: held-out text stops it."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(50)])
    model = TrainedStoryWords(**SMALL, epochs=30, min_count=1)
    model.learn([list(rng.choice(words, 200)) for _ in range(5)], language="xx", seed=0)
    assert model._told["epochs"] < 25 and model._told["perplexity"] < 60


def test_many_contexts_take_little_time(model):
    start = time.perf_counter()
    model.states([("the", "fish", "played", "in", "the", "river")] * 1000)
    model.next_words([("the", "fish", "played", "in", "the", "river")] * 200)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize(
    ("stories", "said"),
    [
        ([], "0 words"),
        ([[], ["{ls}"]], "0 words"),
        ([["the"] * 50], "1 of them different"),
        ([["one", "word"]], "2 words"),
    ],
)
def test_too_little_text_is_an_error(stories, said):
    with kept(), pytest.raises(UserError, match=said):
        TrainedStoryWords().learn(stories, language="en", seed=0)


def test_stories_of_rare_words_alone_name_the_option():
    with pytest.raises(UserError, match="min_count: 1"):
        TrainedStoryWords().learn([[f"w{i}" for i in range(30)]], language="en", seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {"width": 30},
        {"layer": 3},
        {"reach": 5},
        {"context_words": -1},
        {"min_count": 0},
        {"dropout": 1.0},
        {"epochs": 0},
    ],
)
def test_options_are_checked(options):
    with pytest.raises(UserError, match=next(iter(options))):
        TrainedStoryWords(**options)


def test_pairs_of_words_sum_to_one_and_know_what_they_saw():
    pairs = WordPairs.of([np.array([2, 3, 2, 4, 2, 3]), np.array([4, 3])], 6)
    after = pairs.after(np.array([2, 3, 4, 5, -1]))
    seen = [0, 1, 2, 4]
    np.testing.assert_allclose(after[seen].sum(1), 1, atol=1e-6)
    assert after[0, 3] > after[0, 4] > after[0, 2]
    np.testing.assert_allclose(after[4], np.array([0, 0, 3, 3, 2, 0]) / 8)


def test_one_short_story_is_enough():
    model = TrainedStoryWords(**SMALL, epochs=2, min_count=1)
    with kept():
        model.learn([tales(1, sentences=4)[0]], language="en", seed=0)
    assert torch.isfinite(model.next_words([()])).all()
