"""Praat's text form of a TextGrid, long, short or chronological, read strictly.

Praat takes only what stands by itself: numbers, texts in double quotes, flags in angle brackets. The words between them
(``xmin =``) are for people, and the short form leaves them out. So both forms are one list of values. The chronological form lists
the tiers first, then all labels in the order of time, each behind the number of its tier.
Source: Praat's manual, "TextGrid file formats" (https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from n2s.errors import UserError
from n2s.findings import tell

#: Overlap of two intervals of a tier that is taken as a rounded time, s.
OVERLAP_S = 1e-3

_TOKEN = re.compile(
    r'\s+|!.*|"(?P<text>(?:[^"]|"")*)"(?=\s|$)|(?P<open>"[^\n]{0,40})|[A-Za-z]+=|<(?P<flag>\w+)>(?=\s|$)|(?P<word>\S+)'
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_REMEDY = "Open it in Praat and save it as a text file (Save as text file...)."


@dataclass(frozen=True)
class Label:
    """One interval of a tier, or one point (``stop_s`` is ``start_s``); s."""

    start_s: float
    stop_s: float
    text: str
    line: int


@dataclass(frozen=True)
class Tier:
    """A tier with all its labels, empty ones included, in the order of the file."""

    name: str
    labels: list[Label]


@dataclass(frozen=True)
class _Value:
    kind: str  # number | text | flag
    value: str | float
    at: int


def read_tiers(text: str, path: Path, *, overlaps: bool = False) -> tuple[float, float, list[Tier]]:
    """The start and end of a TextGrid (s), and its tiers.

    Parameters
    ----------
    text, path
        What it holds, and where it is.
    overlaps
        Whether intervals of a tier may overlap: then it is told, and they are kept as they are.

    Raises
    ------
    UserError
        The text is no TextGrid in one of the three forms, a value is missing or of the wrong kind, an interval ends before it
        starts, or two intervals of a tier overlap; with its line.
    """
    return _Reader(text, path, overlaps).grid()


class _Reader:
    def __init__(self, text: str, path: Path, overlaps: bool):
        self.text, self.path, self.overlaps = text, path, overlaps
        self.last = 0  # where the last value stands
        if text.startswith(("ooBinaryFile", "\x01")):
            raise UserError(f"{path}: a binary TextGrid, which n2s does not read. {_REMEDY}")
        self.values = self._values()

    def grid(self) -> tuple[float, float, list[Tier]]:
        if self.text.lstrip().startswith('"Praat chronological'):
            return self._chronological()
        kind, of = self._next("text", "File type"), self._next("text", "Object class")
        if not (kind.startswith("ooTextFile") and of.startswith("TextGrid")):
            raise UserError(
                f"{self.path}: its head says '{kind[:30]}', '{of[:30]}'; expected 'ooTextFile', 'TextGrid'. {_REMEDY}"
            )
        start_s, stop_s = self._next("number", "xmin"), self._next("number", "xmax")
        tiers = []
        if self._next("flag", "tiers? <exists>") == "exists":
            tiers = [self._tier() for _ in range(self._count("the number of tiers"))]
        left = next(self.values, None)
        if left is not None:
            raise self._wrong(f"there is more after the last of {len(tiers)} tiers ({str(left.value)[:40]!r})", left.at)
        return start_s, stop_s, tiers

    def _chronological(self) -> tuple[float, float, list[Tier]]:
        self._next("text", "the kind of file")
        start_s, stop_s = self._next("number", "the start"), self._next("number", "the end")
        heads, labels = [], []
        for _ in range(self._count("the number of tiers")):
            kind, name = self._next("text", "the class of a tier"), self._next("text", "the name of a tier")
            if kind not in ("IntervalTier", "TextTier"):
                raise self._wrong(f"a tier of the class '{kind[:30]}'; expected IntervalTier or TextTier", self.last)
            self._next("number", "the start of a tier"), self._next("number", "the end of a tier")
            heads.append((kind, name))
            labels.append([])
        for number in self.values:
            self.last = number.at
            if number.kind != "number" or number.value not in range(1, len(heads) + 1):
                raise self._wrong(
                    f"{number.value!r} where the number of a tier is expected (1 to {len(heads)})", number.at
                )
            kind, name = heads[int(number.value) - 1]
            start = self._next("number", f"a time of tier '{name[:40]}'")
            stop = self._next("number", f"a time of tier '{name[:40]}'") if kind == "IntervalTier" else start
            text = self._next("text", f"a label of tier '{name[:40]}'")
            labels[int(number.value) - 1].append(Label(start, stop, text, self._line(number.at)))
        for (_, name), own in zip(heads, labels, strict=True):
            self._check(name, own)
        return start_s, stop_s, [Tier(name, own) for (_, name), own in zip(heads, labels, strict=True)]

    def _tier(self) -> Tier:
        kind, name = self._next("text", "the class of a tier"), self._next("text", "the name of a tier")
        if kind not in ("IntervalTier", "TextTier"):
            raise self._wrong(f"a tier of the class '{kind[:30]}'; expected IntervalTier or TextTier", self.last)
        self._next("number", "xmin of a tier"), self._next("number", "xmax of a tier")
        labels = []
        for _ in range(self._count(f"the number of labels of tier '{name[:40]}'")):
            start_s = self._next("number", f"a time of tier '{name[:40]}'")
            at = self.last
            stop_s = self._next("number", f"a time of tier '{name[:40]}'") if kind == "IntervalTier" else start_s
            labels.append(Label(start_s, stop_s, self._next("text", f"a label of tier '{name[:40]}'"), self._line(at)))
        self._check(name, labels)
        return Tier(name, labels)

    def _check(self, name: str, labels: list[Label]) -> None:
        for one in labels:
            if one.stop_s < one.start_s:
                raise UserError(
                    f"{self.path}, line {one.line}: the interval '{one.text[:40]}' of '{name}' ends at {one.stop_s:g} s, before "
                    f"it starts ({one.start_s:g} s). Mend its times."
                )
        filled = sorted((one for one in labels if one.text.strip()), key=lambda one: one.start_s)
        for one, other in zip(filled, filled[1:], strict=False):
            if one.stop_s - other.start_s > OVERLAP_S and self.overlaps:
                tell("odd", self.path, f"intervals of '{name}' overlap; they are used as they are.")
                break
            if one.stop_s - other.start_s > OVERLAP_S:
                raise UserError(
                    f"{self.path}, line {other.line}: '{other.text[:40]}' of '{name}' starts at {other.start_s:g} s, before "
                    f"'{one.text[:40]}' (line {one.line}) ends at {one.stop_s:g} s. Intervals of a tier do not overlap: mend "
                    "the times, or give each speaker a tier."
                )

    def _count(self, what: str) -> int:
        value = self._next("number", what)
        if value < 0 or value % 1:
            raise self._wrong(f"{what} is {value:g}; expected a whole number", self.last)
        return int(value)

    def _next(self, kind: str, what: str) -> str | float:
        found = next(self.values, None)
        if found is None:
            raise self._wrong(
                f"the file ends where {what} is expected: it was cut off, or a count is too large", len(self.text)
            )
        self.last = found.at
        if found.kind != kind:
            raise self._wrong(f"{str(found.value)[:40]!r} where {what} is expected (a {kind})", found.at)
        return found.value

    def _values(self) -> Iterator[_Value]:
        """Everything that stands by itself; a word that looks like a number and is none is an error."""
        for match in _TOKEN.finditer(self.text):
            at = match.start()
            if match["text"] is not None:
                yield _Value("text", match["text"].replace('""', '"'), at)
            elif match["open"]:
                raise self._wrong(
                    f"a text that does not end well: {match['open'].splitlines()[0]}. A double quote inside a label is written "
                    "twice", at
                )  # fmt: skip
            elif match["flag"]:
                yield _Value("flag", match["flag"], at)
            elif match["word"]:
                word = match["word"]
                if _NUMBER.fullmatch(word) and math.isfinite(float(word)):
                    yield _Value("number", float(word), at)
                elif (
                    re.match(r"[-+.]?\d", word)
                    or '"' in word
                    or word.strip("-+").lower() in ("nan", "inf", "undefined")
                ):
                    comma = ". Write decimals with a point" if re.fullmatch(r"[-+]?\d+,\d+", word) else ""
                    raise self._wrong(f"{word[:40]!r} is no number and no text in quotes{comma}", at)

    def _line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def _wrong(self, what: str, at: int) -> UserError:
        return UserError(f"{self.path}, line {self._line(at)}: cannot be read as a TextGrid: {what}. {_REMEDY}")
