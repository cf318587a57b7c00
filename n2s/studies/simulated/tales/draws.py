"""Random choices that are the same on every machine and in every version of Python."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Choices from one stream; only `random.Random.random` is used, whose numbers Python promises to keep."""

    def __init__(self, seed: str):
        self._random = Random(seed)

    def chance(self, p: float) -> bool:
        """True with probability ``p``."""
        return self._random.random() < p

    def one(self, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of several, each as likely as another or by weight."""
        if weights is None:
            return items[int(self._random.random() * len(items))]
        left = self._random.random() * sum(weights)
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        return items[-1]

    def some(self, items: Sequence[T], n: int) -> list[T]:
        """``n`` different ones, or all in random order if there are fewer."""
        pool, found = list(items), []
        while pool and len(found) < n:
            found.append(pool.pop(int(self._random.random() * len(pool))))
        return found
