"""Transcripts and classes as numbers: the symbols that a network writes."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

#: Class of CTC's blank.
BLANK = 0
_APOSTROPHES = "'’‘ʼ`´＇"


def written(text: str) -> str:
    """A transcript with single spaces (NFC); corpora give it in the letters that are to be learned."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def sentence(text: str) -> str:
    """What two transcripts of one sentence share, however they are written: letters, marks and digits, in lower case."""
    text = unicodedata.normalize("NFC", text).casefold()
    kept = "".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in text if one not in _APOSTROPHES)
    return " ".join(kept.split())


@dataclass(frozen=True)
class Symbols:
    """What the classes of a network mean: class 0 is the blank, class i + 1 is ``names[i]``.

    Parameters
    ----------
    names
        Characters, or classes of sounds.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, targets: Iterable[Sequence[str]]) -> "Symbols":
        """All symbols that occur, sorted."""
        return cls(tuple(sorted({symbol for one in targets for symbol in one})))

    @property
    def n_classes(self) -> int:
        """The blank included."""
        return len(self.names) + 1

    def encoded(self, target: Sequence[str]) -> np.ndarray:
        """(s,) classes of symbols; unknown ones are left out."""
        numbers = {name: place + 1 for place, name in enumerate(self.names)}
        return np.array([numbers[one] for one in target if one in numbers], np.int64)

    def decoded(self, classes: Iterable[int]) -> list[str]:
        """Symbols of classes, without blanks."""
        return [self.names[one - 1] for one in classes if one != BLANK]

    def unknown(self, target: Sequence[str]) -> list[str]:
        """Symbols of a target that have no class."""
        return sorted(set(target) - set(self.names))


def n_frames_needed(classes: np.ndarray) -> int:
    """Least number of frames in which CTC can write a target: one a symbol, and a blank between two equal ones."""
    return len(classes) + int((classes[1:] == classes[:-1]).sum())
