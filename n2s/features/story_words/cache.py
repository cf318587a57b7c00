"""The answers of a language model, kept: a search asks for the same contexts again and again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.story_words.port import Context, StoryLanguageModel


class CachedWords(StoryLanguageModel):
    """A language model that asks another one for what it does not know yet, each context once in a call.

    Parameters
    ----------
    model
        The one that is asked.
    megabytes
        Of features, and as many of log-probabilities, at most; those that were longest not used go first.

    Attributes
    ----------
    asked, hits
        Contexts so far, and those among them that were known.
    """

    def __init__(self, model: StoryLanguageModel, *, megabytes: float = 256.0) -> None:
        if megabytes <= 0:
            raise UserError(f"CachedWords: megabytes={megabytes:g}; expected more than 0.")
        self.model, self.megabytes = model, megabytes
        self.forget()

    def forget(self) -> None:
        """Drop all answers; the counts begin anew."""
        self._states: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._next: OrderedDict[Hashable, Tensor] = OrderedDict()
        self.asked = self.hits = 0

    @property
    def context_words(self) -> int:
        """See `StoryLanguageModel`."""
        return self.model.context_words

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """See `StoryLanguageModel`."""
        return self.model.vocabulary

    @property
    def language(self) -> str:
        """See `StoryLanguageModel`."""
        return self.model.language

    @property
    def n_features(self) -> int:
        """F."""
        return self.model.n_features

    def states(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`; known by the last ``context_words + 1`` words."""
        keys = [tuple(context[-self.context_words - 1 :]) for context in contexts]
        return self._answers(self._states, keys, self.model.states)

    def next_words(self, contexts: Sequence[Context]) -> Tensor:
        """See `StoryLanguageModel`; known by the context."""
        return self._answers(self._next, [tuple(context) for context in contexts], self.model.next_words)

    def _answers(self, kept: "OrderedDict[Hashable, Tensor]", keys: list, ask: Callable[[list], Tensor]) -> Tensor:
        new = [key for key in dict.fromkeys(keys) if key not in kept]
        self.asked += len(keys)
        self.hits += len(keys) - len(new)
        if not keys:
            return ask([])
        if new:
            # Rows of their own: a view of the batch would keep all of it.
            kept.update(zip(new, map(torch.clone, ask(new)), strict=True))
        found = []
        for key in keys:
            kept.move_to_end(key)
            found.append(kept[key])
        room = max(1, int(self.megabytes * 2**20 / max(1, found[0].numel() * found[0].element_size())))
        while len(kept) > room:
            kept.popitem(last=False)
        return torch.stack(found)

    def learn(self, stories: Sequence[Sequence[str]], *, language: str, seed: int) -> None:
        """See `StoryLanguageModel`; old answers are dropped."""
        self.model.learn(stories, language=language, seed=seed)
        self.forget()

    def state(self) -> dict:
        """Of the model that is asked."""
        return self.model.state()

    def load(self, state: dict) -> None:
        """See `StoryLanguageModel`; old answers are dropped."""
        self.model.load(state)
        self.forget()

    def settings(self) -> dict:
        """Of the model that is asked: the memory changes no number."""
        return self.model.settings()

    def told(self) -> str:
        """Of the model that is asked."""
        return self.model.told()

    def release(self) -> None:
        """Drop networks and answers."""
        self.model.release()
        self.forget()
