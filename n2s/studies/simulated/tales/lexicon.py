"""The words of the tales: concepts with their forms in English, Spanish and Basque, from the tables in ``words``.

In a form of several words those marked by ``~`` are function words, without the concept: ``lo ~egin`` (to sleep).
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "words"

#: What a scene may be about.
TOPICS = (
    "sea", "kitchen", "house", "mountain", "market", "school", "hospital", "music", "journey", "farm", "garden",
    "night", "workshop", "castle",
)  # fmt: skip


@dataclass(frozen=True)
class Noun:
    """A thing, a place or a person. ``gender`` is Spanish: m, f, or fx (feminine, with "el"); people's is their own.

    ``eu`` is the stem to which the cases are added; a final ``rr`` is written ``r`` where none is ("haurr": haur, haurra).
    """

    concept: str
    topic: str
    tags: frozenset[str]
    en: str
    en_plural: str
    en_in: str
    es: str
    gender: str
    eu: str
    is_person: bool = False
    is_name: bool = False

    @property
    def is_feminine(self) -> bool:
        """In Spanish; of people, in English too."""
        return self.gender != "m"


@dataclass(frozen=True)
class Verb:
    """A verb in one frame: which phrases it takes (see `n2s.studies.simulated.tales.plan.Clause`).

    Spanish in the preterite; ``eu`` is the participle, ``eu_imperfect`` the form in -t(z)en, ``eu_aux`` "da" or "du".
    """

    concept: str
    category: str
    frame: str
    tags: frozenset[str]
    topics: frozenset[str]
    en: str
    en_base: str
    es: str
    es_plural: str
    es_base: str
    eu: str
    eu_imperfect: str
    eu_aux: str
    en_to: str
    es_to: str


@dataclass(frozen=True)
class Quality:
    """An adjective: "trait" (es era, eu zen), "state" (es estaba, eu zegoen) or "feeling" (a state of people)."""

    concept: str
    kind: str
    tags: frozenset[str]
    es: str
    es_feminine: str
    eu: str


@dataclass(frozen=True)
class Fixed:
    """A phrase that never changes, such as a time or a manner; in the weather's each word names its own concept."""

    concept: str
    en: str
    es: str
    eu: str
    use: str = ""  # of times: at the "opening" of a scene, "within" it; of weather: "outside", "inside"


@cache
def nouns() -> tuple[Noun, ...]:
    """Things, places, people and names, in the order of the tables."""
    found = [_noun(row) for table in ("things", "places") for row in _rows(table)]
    for row in _rows("people"):
        found.append(_noun(row | {"tags": "person"}, is_person=True))
    for row in _rows("names"):
        name = row["name"]
        named = {"concept": name.lower(), "topic": "name", "tags": "person", "es": name, "eu": name} | row
        found.append(_noun(named, is_person=True, is_name=True, en=name))
    return tuple(found)


@cache
def verbs() -> tuple[Verb, ...]:
    """All verbs; some concepts have several frames."""
    return tuple(
        Verb(**row | {"tags": frozenset(row["tags"].split()), "topics": frozenset(row["topics"].split())})
        for row in _rows("verbs")
    )


@cache
def qualities() -> tuple[Quality, ...]:
    """Adjectives, feelings last."""
    rows = [*_rows("adjectives"), *(row | {"kind": "feeling", "tags": "person"} for row in _rows("feelings"))]
    return tuple(Quality(**row | {"tags": frozenset(row["tags"].split())}) for row in rows)


@cache
def fixed(table: str) -> tuple[Fixed, ...]:
    """The phrases of "times", "manners" or "weather"."""
    return tuple(Fixed(**row) for row in _rows(table))


def _noun(row: dict[str, str], is_person: bool = False, is_name: bool = False, en: str = "") -> Noun:
    en = en or row["concept"]
    return Noun(
        concept=row["concept"],
        topic=row["topic"],
        tags=frozenset(row["tags"].split()),
        en=en,
        en_plural=row.get("en_plural") or en + "s",
        en_in=row.get("en_in") or "in",
        es=row["es"],
        gender=row["gender"],
        eu=row["eu"],
        is_person=is_person,
        is_name=is_name,
    )


def _rows(table: str) -> list[dict[str, str]]:
    with (_FOLDER / f"{table}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
