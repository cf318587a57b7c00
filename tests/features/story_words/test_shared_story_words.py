"""Words of two languages in one space."""

import copy

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.features import AlignedWords, SharedStoryWords, TrainedStoryWords
from n2s.features.story_words import plain_words
from n2s.studies.simulated.tales import tale_sentences

SMALL = {"width": 8, "heads": 2, "layers": 1, "vector_width": 0, "epochs": 1, "reach": 6}


@pytest.fixture(scope="module")
def words():
    return AlignedWords(n_features=40, n_tales=25, n_forms=700)


@pytest.fixture(scope="module")
def models(words):
    """One of each language, that has learned from two tales; they share vectors."""
    torch.set_num_threads(1)
    found = {}
    for language in ("es", "eu"):
        stories = [" ".join(one.text for one in tale_sentences(n, language, 60)).split() for n in (1, 2)]
        found[language] = SharedStoryWords(words, TrainedStoryWords(**SMALL), context_words=1)
        found[language].learn(stories, language=language, seed=0)
    return found


@pytest.mark.slow
def test_a_sentence_and_its_translation_are_nearer_than_others(models):
    """Of a tale that neither vectors nor models have learned from."""
    means = []
    for language, model in models.items():
        texts = [one.text.lower().split() for one in tale_sentences(7, language, 60)]
        values = torch.stack([model.states([(word,) for word in text])[:, :40].sum(0) for text in texts])
        means.append(values / values.norm(dim=1, keepdim=True))
    cosines = means[0] @ means[1].T
    rank = (cosines < cosines.diag()[:, None]).float().mean(1)
    assert rank.mean() > 0.9 and cosines.diag().mean() > cosines.mean() + 0.4


class Apart(AlignedWords):
    """The words of one language lie elsewhere: a decoder would read the language, and not the words."""

    def vectors_of(self, words, language):
        found = super().vectors_of(words, language)
        return found + np.float32(5) * found.any(1, keepdims=True) if language == "eu" else found


def test_the_mean_word_of_each_language_is_at_the_same_place(words, models):
    apart = Apart(n_features=40, n_tales=25, n_forms=700)
    apart._vectors = words._vectors
    stories = [" ".join(one.text for one in tale_sentences(n, "eu", 60)).split() for n in (1, 2)]
    model = SharedStoryWords(apart, TrainedStoryWords(**SMALL), context_words=1)
    model.learn(stories, language="eu", seed=0)
    said = [(word,) for word in plain_words([" ".join(sum(stories, []))], "eu")]
    expected = torch.tensor([0.0] * 80 + [1.0])
    for one in (model, models["eu"]):
        torch.testing.assert_close(one.states(said).double().mean(0).float(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.states(said), models["eu"].states(said), rtol=0, atol=1e-5)
    assert model._middle.min() > 4.9


def test_the_words_before_are_a_block_of_their_own(models, words):
    model = models["eu"]
    first, second, strange = model.vocabulary[3], model.vocabulary[7], "qqq"
    own = {word: model.states([(word,)])[0, :40] for word in (first, second)}
    (found,) = model.states([(strange, first, second)])
    assert model.n_features == 81 and found[80] == 1
    torch.testing.assert_close(found[:40], own[second])
    torch.testing.assert_close(found[40:80], own[first])
    torch.testing.assert_close(model.states([(strange,)])[0], torch.tensor([0.0] * 80 + [1.0]))
    wide = SharedStoryWords(words, model.proposals, context_words=0)
    assert wide.n_features == 41
    contexts, which, numbers = [(), (first,), (first, second)], torch.tensor([2, 0, 1]), torch.tensor([3, 7, 7])
    pairs = [(*contexts[context], model.vocabulary[word]) for context, word in zip(which, numbers, strict=True)]
    torch.testing.assert_close(model.states_after(contexts, which, numbers), model.states(pairs))


class Unteachable(TrainedStoryWords):
    """A language model that must not learn."""

    def learn(self, stories, *, language, seed):
        raise AssertionError(language)


def test_features_are_learned_without_a_model_of_the_language(words, models):
    stories = [" ".join(one.text for one in tale_sentences(n, "es", 60)).split() for n in (1, 2)]
    model, again = (SharedStoryWords(words, Unteachable(**SMALL), context_words=1) for _ in range(2))
    model.learn_features(stories, language="es", seed=0)
    again.load(model.state())
    contexts = [models["es"].vocabulary[:2], models["es"].vocabulary[5:6]]
    for one in (model, again):
        assert torch.equal(one.states(contexts), models["es"].states(contexts)) and one.language == "es"


def test_what_was_learned_is_kept_and_copies_share_vectors(models, words):
    model = models["es"]
    other = copy.deepcopy(SharedStoryWords(words, TrainedStoryWords(**SMALL), context_words=1))
    assert other.words is words
    other.load(model.state())
    contexts = [(), model.vocabulary[:2]]
    assert torch.equal(other.next_words(contexts), model.next_words(contexts))
    assert torch.equal(other.states([model.vocabulary[:2]]), model.states([model.vocabulary[:2]]))
    assert other.language == "es" and other.vocabulary == model.vocabulary and other.told() == model.told()
    assert model.shared and not model.proposals.shared and other.settings()["words"] == words.settings()


def test_what_it_cannot_do_is_named(words):
    model = SharedStoryWords(words, TrainedStoryWords(**SMALL))
    with pytest.raises(UserError, match="no text in 'en'; its languages are es, eu"):
        model.learn([["one", "two"]], language="en", seed=0)
    with pytest.raises(UserError, match="0% of the words"):
        model.learn([["qqq", "xxx"]], language="eu", seed=0)
    with pytest.raises(UserError, match="context_words is -1"):
        SharedStoryWords(words, context_words=-1)
    np.testing.assert_array_equal(words.vectors_of(["qqq"], "eu"), np.zeros((1, 40)))
