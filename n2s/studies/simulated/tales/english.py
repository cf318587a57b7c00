"""Plans told in English, in the past tense."""

from n2s.studies.simulated.tales.lexicon import Noun
from n2s.studies.simulated.tales.plan import (
    COMMA,
    COUNTS,
    Being,
    Clause,
    Part,
    Phrase,
    Plan,
    Report,
    There,
    Tokens,
    marked,
    plain,
    words_of,
)

_DOUBLED = {"cut", "run", "put", "sit", "hug", "swim", "forget", "travel"}  # the last letter, before -ing


def told(plan: Plan) -> Tokens:
    """The words of a sentence, in order, with their concepts."""
    time = words_of(plan.time.en, plan.time.concept) + COMMA if plan.time else []
    if plan.second is None:
        return time + part(plan.first)
    first, second = plan.first, plan.second
    match plan.link:
        case "when":
            return time + plain("when") + part(first) + COMMA + part(second)
        case "before" | "after":
            return time + plain(plan.link) + _predicate(second, "ing") + COMMA + part(first)
        case "purpose":
            return time + part(first) + plain("to") + _predicate(second, "base")
        case "and":
            return time + part(first) + plain("and") + part(second, silent=True)
        case "but":
            return time + part(first) + COMMA + plain("but") + part(second)
        case _:
            return time + part(first) + plain("because") + part(second)


def part(one: Part, silent: bool = False) -> Tokens:
    """One part; ``silent``: its subject is that of the part before, and not said again."""
    match one:
        case Clause():
            subject = [] if silent else phrase(one.subject, subject=True)
            match one.mode:
                case "want":
                    return subject + [("wanted", "want"), ("to", "")] + _predicate(one, "base")
                case "could_not":
                    return subject + plain("could not") + _predicate(one, "base")
                case "began":
                    return subject + [("began", "begin"), ("to", "")] + _predicate(one, "base")
            return subject + _predicate(one, "past")
        case Being():
            subject = [] if silent else phrase(one.subject, subject=True)
            be = plain("were" if one.subject.is_plural else "was")
            what = [(one.quality.concept, one.quality.concept)] if one.quality else place(one.place)
            return subject + be + what
        case There():
            return plain("there were" if one.object.is_plural else "there was") + phrase(one.object) + place(one.place)
        case Report():
            subject = [] if silent else phrase(one.subject, subject=True)
            verb = words_of(one.verb.en, one.verb.concept)
            if one.verb.frame == "ask":
                be = plain("were" if one.said.subject.is_plural else "was")
                return subject + verb + phrase(one.listener) + plain("where") + phrase(one.said.subject) + be
            to = plain("to") + phrase(one.listener) if one.listener else []
            return subject + verb + to + plain("that") + part(one.said)
        case _:
            where = phrase(one.place)
            to = [] if one.place.det == "there" else plain("to")
            return marked(one.phrase.en, {"in": place(one.place), "to": to + where, "the": where})


def phrase(one: Phrase, subject: bool = False) -> Tokens:
    """A noun phrase."""
    if one.det == "there":
        return plain("there")
    if one.det == "pronoun":
        return plain(_pronoun(one, subject))
    if one.mate is not None:
        return _noun(one.noun) + plain("and") + _noun(one.mate)
    if one.noun.is_name:
        return _noun(one.noun)
    adjective = [(one.adjective.concept, one.adjective.concept)] if one.adjective else []
    head = [(one.noun.en_plural if one.is_plural else one.noun.en, one.noun.concept)]
    if one.det in COUNTS:
        return [(COUNTS[one.det][0], one.det)] + adjective + head
    if one.det == "own":
        return plain("their" if one.owner is None else "her" if one.owner.is_feminine else "his") + adjective + head
    if one.det == "a":
        if "mass" in one.noun.tags:
            return adjective + head
        return plain("an" if (adjective + head)[0][0][0] in "aeiou" else "a") + adjective + head
    return plain(one.det) + adjective + head


def place(one: Phrase) -> Tokens:
    """At a place."""
    return plain("there") if one.det == "there" else plain(one.noun.en_in) + phrase(one)


def _noun(noun: Noun) -> Tokens:
    return [(noun.en, noun.concept)] if noun.is_name else [("the", ""), (noun.en, noun.concept)]


def _pronoun(one: Phrase, subject: bool) -> str:
    if one.is_plural:
        return "they" if subject else "them"
    if not one.noun.is_person:
        return "it"
    if one.noun.is_feminine:
        return "she" if subject else "her"
    return "he" if subject else "him"


def _predicate(one: Clause, form: str) -> Tokens:
    """All but the subject, the verb in the past, the base form or that in -ing."""
    verb = one.verb
    text = {"past": verb.en, "base": verb.en_base, "ing": _ing(verb.en_base)}[form]
    tokens = words_of(text, verb.concept)
    if one.object is not None:
        tokens += phrase(one.object)
    if one.other is not None:
        tokens += plain("to" if verb.frame == "give" else "with") + phrase(one.other)
    if one.goal is not None:
        tokens += ([] if one.goal.det == "there" else plain(verb.en_to)) + phrase(one.goal)
    if one.place is not None:
        tokens += place(one.place)
    if one.manner is not None:
        tokens += words_of(one.manner.en, one.manner.concept)
    return tokens


def _ing(base: str) -> str:
    verb, *rest = base.split()
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith("ee"):
        verb = verb[:-1]
    return " ".join([verb + "ing", *rest])
