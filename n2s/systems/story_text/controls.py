"""Evidence that knows less than a brain: random numbers, or the language model alone."""

import numpy as np
import torch
from torch import Tensor


class RandomEvidence:
    """Random likelihoods: the null of Tang et al. 2023.

    Parameters
    ----------
    seed
        Of the numbers.
    """

    n_before = 0

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)

    def gains(
        self, word: int, history: Tensor, parents: Tensor, log_probability: Tensor, sequences: Tensor, features: Tensor
    ) -> Tensor:
        """See `n2s.systems.story_text.evidence.Evidence`."""
        return torch.from_numpy(self._rng.random(len(parents)))


class LanguageEvidence:
    """The probability of words by the language model: what it would say without a brain."""

    n_before = 0

    def gains(
        self, word: int, history: Tensor, parents: Tensor, log_probability: Tensor, sequences: Tensor, features: Tensor
    ) -> Tensor:
        """See `n2s.systems.story_text.evidence.Evidence`."""
        return log_probability
