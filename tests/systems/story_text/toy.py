"""A language of a few words whose probabilities and features are drawn at random: small enough to try every text."""

import zlib

import numpy as np
import torch

from n2s.features.story_words.port import StoryLanguageModel


class ToyLanguage(StoryLanguageModel):
    """Probabilities of the next word depend on the last two words; features on the last ``context_words + 1``."""

    def __init__(
        self, n_words: int = 4, n_features: int = 3, context_words: int = 1, spread: float = 1.0, seed: int = 0
    ):
        self.vocabulary = tuple(f"w{number}" for number in range(n_words))
        self.context_words, self._n, self._spread, self._seed = context_words, n_features, spread, seed
        self.language = "en"
        self.asked = {"states": 0, "next_words": 0}

    @property
    def n_features(self) -> int:
        return self._n

    def learn(self, stories, *, language, seed):
        raise NotImplementedError

    def _drawn(self, kind: str, words: tuple[str, ...], n: int) -> np.ndarray:
        return np.random.default_rng(zlib.crc32(f"{self._seed} {kind} {words}".encode())).normal(size=n)

    def states(self, contexts):
        self.asked["states"] += len(contexts)
        back = self.context_words + 1
        return torch.from_numpy(np.stack([self._drawn("state", one[-back:], self._n) for one in contexts])).float()

    def next_words(self, contexts):
        self.asked["next_words"] += len(contexts)
        n = len(self.vocabulary)
        logits = np.stack([self._drawn("next", one[-2:], n) for one in contexts]) * self._spread
        return torch.from_numpy(logits).float().log_softmax(1)

    def state(self):
        return {}

    def load(self, state):
        pass

    def settings(self):
        return {"seed": self._seed}

    def told(self):
        return "a toy"
