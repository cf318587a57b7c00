import pytest
import torch

from n2s.errors import UserError
from n2s.features.story_words import CachedWords, StoryLanguageModel


class Counted(StoryLanguageModel):
    """Numbers that depend on the whole context; it counts what it is asked."""

    context_words, vocabulary, language, n_features = 2, ("a", "b", "c"), "en", 4

    def __init__(self):
        self.asked = []

    def learn(self, stories, *, language, seed):
        self.language = language

    def _row(self, context, n):
        self.asked.append(context)
        return torch.tensor([float(sum(map(ord, "".join(context))) + len(context) + i) for i in range(n)])

    def states(self, contexts):
        return torch.stack([self._row(context, 4) for context in contexts]) if contexts else torch.zeros(0, 4)

    def next_words(self, contexts):
        return torch.stack([self._row(context, 3) for context in contexts]) if contexts else torch.zeros(0, 3)

    def state(self):
        return {"n": 1}

    def load(self, state):
        self.loaded = state

    def settings(self):
        return {"kind": "counted"}

    def told(self):
        return "counted"


def test_each_context_is_asked_once():
    model = Counted()
    cached = CachedWords(model)
    contexts = [("a", "b"), ("b",), ("a", "b"), ()]
    assert torch.equal(cached.next_words(contexts), Counted().next_words(contexts))
    assert model.asked == [("a", "b"), ("b",), ()]
    assert torch.equal(cached.next_words(contexts[1:]), Counted().next_words(contexts[1:]))
    assert len(model.asked) == 3 and (cached.asked, cached.hits) == (7, 4)


def test_features_are_known_by_the_words_that_they_see():
    model = Counted()
    cached = CachedWords(model)
    found = cached.states([("x", "a", "b", "c"), ("y", "a", "b", "c"), ("c",)])
    assert model.asked == [("a", "b", "c"), ("c",)]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found, Counted().states([("a", "b", "c"), ("a", "b", "c"), ("c",)]))


def test_memory_is_bounded_and_the_oldest_goes():
    model = Counted()
    cached = CachedWords(model, megabytes=3 * 12 / 2**20)  # three rows of three numbers
    cached.next_words([("a",), ("b",), ("c",)])
    cached.next_words([("a",)])
    cached.next_words([("d",)])
    assert list(cached._next) == [("c",), ("a",), ("d",)]
    many = [(str(i),) for i in range(20)]
    assert torch.equal(cached.next_words(many), Counted().next_words(many))
    assert len(cached._next) == 3


def test_rows_do_not_keep_the_batch_alive():
    cached = CachedWords(Counted())
    cached.next_words([("a",), ("b",)])
    assert all(row.untyped_storage().nbytes() == 12 for row in cached._next.values())


def test_it_stands_for_the_model_and_forgets_what_it_learned_anew():
    model = Counted()
    cached = CachedWords(model)
    cached.states([("a",)])
    cached.learn([], language="es", seed=0)
    assert not cached._states and cached.language == "es" and cached.asked == 0
    cached.states([("a",)])
    cached.load({"n": 2})
    assert not cached._states and model.loaded == {"n": 2}
    assert (cached.settings(), cached.told(), cached.state(), cached.n_features) == (
        {"kind": "counted"},
        "counted",
        {"n": 1},
        4,
    )
    assert (cached.context_words, cached.vocabulary) == (2, ("a", "b", "c"))
    assert cached.states([]).shape == (0, 4)


def test_no_memory_is_an_error():
    with pytest.raises(UserError, match="megabytes=0"):
        CachedWords(Counted(), megabytes=0)
