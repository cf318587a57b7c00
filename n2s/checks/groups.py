"""Findings that say the same of several places, together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from n2s.checks.survey import Survey

STOPS = "stops n2s"
#: In the order of the page: a heading, and what n2s does.
KINDS = {
    STOPS: "What stops n2s: nothing can be prepared until it is mended or left out",
    "odd": "Odd: n2s uses it as it is",
    "corrected": "Corrected: n2s uses another value than the one found",
    "left out": "Left out: n2s does not use it",
}
# What differs between findings of one sort: paths, quoted names, numbers, and labels of recordings.
_OWN = re.compile(r"\S*/[^\s,:;]+|'[^']*'|\b(?:sub|ses|task|run)-\S+|\d[\d.,]*")


@dataclass
class Group:
    """One sort of finding: its kind, and where and what of each, in the order in which they were found."""

    kind: str
    each: list[tuple[str, str]] = field(default_factory=list)

    @property
    def first(self) -> tuple[str, str]:
        """Where the first is, and its text."""
        return self.each[0]

    @property
    def more(self) -> str:
        """How many others there are: " and 3 more", or ""."""
        return f" and {len(self.each) - 1} more" if len(self.each) > 1 else ""


def grouped(survey: Survey) -> list[Group]:
    """What stops n2s, what is odd, corrected and left out: texts that differ only in names and numbers are one group."""
    found = [(STOPS, where, text) for where, text in survey.stops]
    found += [(one.kind, one.where, one.text) for one in survey.findings]
    groups: dict[tuple[str, str], Group] = {}
    folder = "" if survey.study is None else f"{survey.study.root}/"
    for kind, where, text in found:
        where = where.removeprefix(folder)
        groups.setdefault((kind, _OWN.sub("_", text)), Group(kind)).each.append((where, text))
    return sorted(groups.values(), key=lambda group: list(KINDS).index(group.kind))


def counts(groups: Iterable[Group]) -> dict[str, int]:
    """How many places there are of each kind that occurs."""
    found = {kind: sum(len(group.each) for group in groups if group.kind == kind) for kind in KINDS}
    return {kind: n for kind, n in found.items() if n}
