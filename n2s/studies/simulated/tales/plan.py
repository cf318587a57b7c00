"""What a sentence says, before it is put into any language: phrases, clauses, and how two clauses are joined."""

from dataclasses import dataclass
from typing import Literal

from n2s.studies.simulated.tales.lexicon import Fixed, Noun, Quality, Verb

#: (word as written, its concept or "" for a function word); a comma is a token with the word ",".
Token = tuple[str, str]
Tokens = list[Token]

#: Words for two to four: concept -> English, Spanish, Basque.
COUNTS = {"two": ("two", "dos", "bi"), "three": ("three", "tres", "hiru"), "four": ("four", "cuatro", "lau")}


@dataclass(frozen=True)
class Phrase:
    """A noun as it is mentioned.

    ``det``: "the", "a", "own" (his, her), "some" and the words of `COUNTS` (plural), "pronoun"; names take "the" and
    show none. ``mate`` is a second person: the two act together.
    """

    noun: Noun
    det: str = "the"
    adjective: Quality | None = None
    mate: Noun | None = None
    owner: Noun | None = None

    @property
    def is_plural(self) -> bool:
        """Whether it is of several."""
        return self.mate is not None or self.det == "some" or self.det in COUNTS

    @property
    def is_feminine(self) -> bool:
        """In Spanish: two people are feminine only if both are."""
        return self.noun.is_feminine and (self.mate is None or self.mate.is_feminine)


@dataclass(frozen=True)
class Clause:
    """Somebody does something.

    The verb's frame says what it takes: go, from (``goal``); intr (nothing); with (``other``); person (``object``, a
    person), thing, some (``object``); give (``object``, ``other``). ``mode``: "plain", "want", "could_not", "began".
    """

    verb: Verb
    subject: Phrase
    object: Phrase | None = None
    other: Phrase | None = None
    goal: Phrase | None = None
    place: Phrase | None = None
    manner: Fixed | None = None
    mode: str = "plain"


@dataclass(frozen=True)
class Being:
    """The subject has a quality, or is at a place."""

    subject: Phrase
    quality: Quality | None = None
    place: Phrase | None = None


@dataclass(frozen=True)
class There:
    """There is something at a place."""

    object: Phrase
    place: Phrase


@dataclass(frozen=True)
class Weather:
    """The weather at a place."""

    phrase: Fixed
    place: Phrase


@dataclass(frozen=True)
class Report:
    """Somebody says or thinks that something is so (``listener`` may be None), or asks somebody where something is."""

    verb: Verb
    subject: Phrase
    said: Being
    listener: Phrase | None = None


Part = Clause | Being | There | Weather | Report


@dataclass(frozen=True)
class Plan:
    """A sentence: ``time``, a first part, and perhaps a second.

    ``link``: and, but, because (the second explains), when (the first, fronted, is when the second is), purpose (the
    second is what for), before, after (the second, fronted, follows or precedes the first; its subject is the same).
    """

    first: Part
    time: Fixed | None = None
    link: Literal["", "and", "but", "because", "when", "purpose", "before", "after"] = ""
    second: Part | None = None


def words_of(form: str, concept: str) -> Tokens:
    """The words of a form of the tables: those marked by ``~`` carry no concept."""
    return [(word[1:], "") if word.startswith("~") else (word, concept) for word in form.split()]


def plain(text: str) -> Tokens:
    """Function words."""
    return [(word, "") for word in text.split()]


def marked(template: str, slots: dict[str, Tokens]) -> Tokens:
    """The words of a phrase whose words name their concepts (``word:concept``), with ``{slot}`` filled in."""
    found: Tokens = []
    for word in template.split():
        if word.startswith("{"):
            found += slots[word.strip("{}")]
        else:
            form, _, concept = word.partition(":")
            found.append((form, concept))
    return found


COMMA: Tokens = [(",", "")]
