"""Which languages a model is trained on and which it is tested on: the cells of the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

#: Of a cell: the tested language alone, another alone, or both in equal parts.
Kind = Literal["within", "cross", "both"]
HELD_OUT, MATCHED = "held_out", "matched"
#: What the page and the tables call a content-matched cell.
MATCHED_LABEL = "content matched: translations of test segments are in training"


@dataclass(frozen=True)
class Training:
    """What a model is trained on.

    Parameters
    ----------
    languages
        One, or two in equal parts.
    toward
        Empty: no content of test rows. Else the tested language, of whose held-out segments the translations are in training.
    """

    languages: tuple[str, ...]
    toward: str = ""

    @property
    def key(self) -> str:
        """Its name in checkpoints: ``es+eu``; ``es>eu`` if matched to eu."""
        return "+".join(self.languages) + (f">{self.toward}" if self.toward else "")

    @property
    def label(self) -> str:
        """Its name for people."""
        return " + ".join(self.languages)


@dataclass(frozen=True)
class Cell:
    """A training and a tested language."""

    training: Training
    test: str

    @property
    def design(self) -> str:
        """``held_out`` or ``matched``."""
        return MATCHED if self.training.toward else HELD_OUT

    @property
    def kind(self) -> Kind:
        """See `Kind`."""
        if len(self.training.languages) > 1:
            return "both"
        return "within" if self.training.languages == (self.test,) else "cross"

    @property
    def key(self) -> str:
        """Its name in tables: ``es->eu``; matched ones end in ``, matched``."""
        return f"{'+'.join(self.training.languages)}->{self.test}" + (f", {MATCHED}" if self.training.toward else "")

    @property
    def label(self) -> str:
        """Its name for people."""
        return f"{self.training.label} → {self.test}" + (f" ({MATCHED_LABEL})" if self.training.toward else "")


def cells_of(languages: Sequence[str], *, matched: bool) -> list[Cell]:
    """Every cell: each language to each, both of a pair to each of the pair; then the matched ones, where training has another language."""
    pairs = list(combinations(languages, 2))
    found = [
        Cell(Training((one,)), test) for test in languages for one in sorted(languages, key=lambda name: name != test)
    ]
    found += [Cell(Training(pair), test) for pair in pairs for test in pair]
    if matched:
        crossed = [Cell(Training((one,), test), test) for test in languages for one in languages if one != test]
        found += crossed + [Cell(Training(pair, test), test) for pair in pairs for test in pair]
    return found


def trainings_of(cells: Sequence[Cell]) -> list[Training]:
    """What has to be fitted, each once."""
    return list(dict.fromkeys(cell.training for cell in cells))
