"""Tales told in English, Spanish and Basque: sentence by sentence the same, as long and as many as are needed.

Each sentence is first planned without words (`n2s.studies.simulated.tales.plan`), then put into a language by
agreement and word order of its own. Concepts are shared: "boat" is *boat*, *barca* and *txalupa*, in any case.
"""

from dataclasses import dataclass
from functools import cache

from n2s.errors import UserError
from n2s.studies.simulated.tales import basque, english, spanish
from n2s.studies.simulated.tales.lexicon import TOPICS, fixed, nouns, qualities, verbs
from n2s.studies.simulated.tales.plan import COUNTS, Tokens
from n2s.studies.simulated.tales.plot import plans

__all__ = ["CONCEPTS", "LANGUAGES", "TOPICS", "Sentence", "categories", "category", "tale", "tale_sentences"]

_TELLERS = {"en": english.told, "es": spanish.told, "eu": basque.told}

#: Languages of the tales, as BCP 47 tags.
LANGUAGES = tuple(_TELLERS)


@dataclass(frozen=True)
class Sentence:
    """One sentence of a tale.

    Parameters
    ----------
    text
        As written: upper case at the start, commas, a full stop.
    words
        Its words in order, lower case, without punctuation.
    concepts
        One a word: what it means, shared by the languages; "" for a function word.
    """

    text: str
    words: tuple[str, ...]
    concepts: tuple[str, ...]


def tale(number: int, language: str, n_sentences: int, seed: int = 0) -> list[str]:
    """The sentences of a tale. See `tale_sentences`."""
    return [sentence.text for sentence in tale_sentences(number, language, n_sentences, seed)]


def tale_sentences(number: int, language: str, n_sentences: int, seed: int = 0) -> list[Sentence]:
    """The sentences of a tale, with the concepts of their words.

    A longer tale begins with the same sentences as a shorter one. No sentence occurs twice in a tale, in any language.

    Parameters
    ----------
    number
        Which tale: 0 or more. Tales differ in people, places and what happens.
    language
        "en", "es" or "eu": sentence i of one is the translation of sentence i of the others.
    n_sentences
        How many: ten minutes at 160 words a minute take about 200 in English and Spanish, 160 in Basque.
    seed
        Other seeds, other tales.

    Raises
    ------
    UserError
        There is no such tale or language.
    """
    if language not in _TELLERS:
        raise UserError(f"Tales are not told in '{language}'. Languages: {', '.join(LANGUAGES)}.")
    for name, value, least in (("number", number, 0), ("n_sentences", n_sentences, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"{name} of a tale is {value!r}; it must be a whole number of at least {least}.")
    told: list[Sentence] = []
    seen: set[str] = set()
    for plan in plans(number, seed):
        versions = {name: _sentence(teller(plan)) for name, teller in _TELLERS.items()}
        texts = {f"{name} {one.text}" for name, one in versions.items()}
        if texts & seen:
            continue
        seen |= texts
        told.append(versions[language])
        if len(told) == n_sentences:
            break
    return told


def category(concept: str) -> str:
    """What kind of thing a concept is: a topic (see `TOPICS`) for things and places, or "person", "motion", "time" ..

    Raises
    ------
    UserError
        No word of the tales has this concept.
    """
    found = categories().get(concept)
    if found is None:
        raise UserError(f"No word of the tales means '{concept}'. See n2s.studies.simulated.tales.CONCEPTS.")
    return found


@cache
def categories() -> dict[str, str]:
    """Concept -> its category; a concept that is a noun and a verb is the noun's."""
    found = {one.concept: "person" if one.is_person and not one.is_name else one.topic for one in nouns()}
    weather = {word.partition(":")[2] for one in fixed("weather") for word in one.en.split() if ":" in word}
    others = [
        *((one.concept, one.category) for one in verbs()),
        ("want", "mind"),
        ("begin", "mind"),
        *((one.concept, "feeling" if one.kind == "feeling" else "quality") for one in qualities()),
        *((one.concept, "time") for one in fixed("times")),
        *((one.concept, "manner") for one in fixed("manners")),
        *((count, "number") for count in COUNTS),
        *((concept, "weather") for concept in sorted(weather)),
    ]
    for concept, kind in others:
        found.setdefault(concept, kind)
    return found


#: Every concept of the tales, sorted.
CONCEPTS = tuple(sorted(categories()))


def _sentence(tokens: Tokens) -> Sentence:
    spoken = [(word, concept) for word, concept in tokens if word != ","]
    text = " ".join(word for word, _ in tokens).replace(" ,", ",") + "."
    words, concepts = zip(*((word.lower(), concept) for word, concept in spoken), strict=True)
    return Sentence(text[0].upper() + text[1:], words, concepts)
