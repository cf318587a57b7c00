"""Batches of closed-form models: one for each fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SubjectFold:
    """A batch: one fit of a closed-form model. ``fold`` is an index into ``folds(subject)``."""

    subject: str
    fold: int


class SubjectFolds:
    """A loader of them, as Lightning takes it."""

    def __init__(self, batches: Sequence[SubjectFold]):
        self.batches = list(batches)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[SubjectFold]:
        return iter(self.batches)
