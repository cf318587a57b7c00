"""Plans told in Spanish: preterite for what happens, imperfect for how things are; pronouns are left out."""

from n2s.studies.simulated.tales.lexicon import Noun, Quality
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

_LINKS = {"and": "y", "but": "pero", "because": "porque"}
_BARE = str.maketrans("áéíóú", "aeiou")


def told(plan: Plan) -> Tokens:
    """The words of a sentence, in order, with their concepts."""
    time = words_of(plan.time.es, plan.time.concept) + COMMA if plan.time else []
    if plan.second is None:
        return _contracted(time + part(plan.first))
    first, second = plan.first, plan.second
    match plan.link:
        case "when":
            tokens = plain("cuando") + part(first) + COMMA + part(second)
        case "before" | "after":
            link = plain("antes de" if plan.link == "before" else "después de")
            tokens = link + _infinitive(second) + COMMA + part(first)
        case "purpose":
            tokens = part(first) + plain("para") + _infinitive(second)
        case link:
            comma = COMMA if link == "but" else []
            tokens = part(first) + comma + plain(_LINKS[link]) + part(second, silent=link == "and")
    return _contracted(time + tokens)


def part(one: Part, silent: bool = False) -> Tokens:
    """One part; ``silent``: its subject is that of the part before, and not said again."""
    match one:
        case Clause():
            subject = [] if silent else phrase(one.subject)
            plural = one.subject.is_plural
            to_whom = plain("le") if one.verb.frame == "give" else []
            match one.mode:
                case "want":
                    return subject + to_whom + [("querían" if plural else "quería", "want")] + _infinitive(one)
                case "could_not":
                    return subject + plain("no") + to_whom + plain("pudieron" if plural else "pudo") + _infinitive(one)
                case "began":
                    begin = [("empezaron" if plural else "empezó", "begin"), ("a", "")]
                    return subject + to_whom + begin + _infinitive(one)
            verb = words_of(one.verb.es_plural if plural else one.verb.es, one.verb.concept)
            return subject + to_whom + verb + _rest(one)
        case Being():
            subject = [] if silent else phrase(one.subject)
            plural = one.subject.is_plural
            if one.quality is None:
                return subject + plain("estaban" if plural else "estaba") + place(one.place)
            trait = one.quality.kind == "trait"
            be = ("eran" if plural else "era") if trait else ("estaban" if plural else "estaba")
            return subject + plain(be) + _agreeing(one.quality, one.subject.is_feminine, plural)
        case There():
            return place(one.place) + plain("había") + phrase(one.object)
        case Report():
            subject = [] if silent else phrase(one.subject)
            verb = words_of(one.verb.es_plural if one.subject.is_plural else one.verb.es, one.verb.concept)
            to = plain("a") + phrase(one.listener) if one.listener else []
            le = plain("le") if one.listener else []
            if one.verb.frame == "ask":
                be = plain("estaban" if one.said.subject.is_plural else "estaba")
                return subject + le + verb + to + plain("dónde") + be + phrase(one.said.subject)
            return subject + le + verb + to + plain("que") + part(one.said)
        case _:
            where = phrase(one.place)
            to = plain("allí") if one.place.det == "there" else plain("a") + where
            return marked(one.phrase.es, {"in": place(one.place), "to": to, "the": where})


def phrase(one: Phrase) -> Tokens:
    """A noun phrase; a pronoun is nothing."""
    if one.det == "there":
        return plain("allí")
    if one.det == "pronoun":
        return []
    if one.mate is not None:
        mate = _noun(one.mate)
        return _noun(one.noun) + plain("e" if mate[0][0][0] in "Ii" else "y") + mate
    if one.noun.is_name:
        return _noun(one.noun)
    many = one.is_plural
    head = [(plural(one.noun.es) if many else one.noun.es, one.noun.concept)]
    adjective = _agreeing(one.adjective, one.is_feminine, many) if one.adjective else []
    if one.det in COUNTS:
        return [(COUNTS[one.det][1], one.det)] + head + adjective
    if one.det == "a" and "mass" in one.noun.tags:
        return head + adjective
    return plain(article(one.noun, one.det, many)) + head + adjective


def place(one: Phrase) -> Tokens:
    """At a place."""
    return plain("allí") if one.det == "there" else plain("en") + phrase(one)


def article(noun: Noun, det: str, many: bool = False) -> str:
    """The word before a noun: el, la, un, una, unos, unas, su, sus."""
    if det == "own":
        return "sus" if many else "su"
    masculine = noun.gender == "m" or (noun.gender == "fx" and not many)  # el agua, las aguas
    if det == "the":
        return ("los" if many else "el") if masculine else ("las" if many else "la")
    return ("unos" if many else "un") if masculine else ("unas" if many else "una")


def plural(word: str) -> str:
    """The plural of a noun or an adjective."""
    if word[-1] in "aeiouáéó":
        return word + "s"
    if word.endswith("z"):
        word = word[:-1] + "c"
    if word[-2] in "áéíóú" and word[-1] in "ns":  # canción, canciones
        word = word[:-2] + word[-2].translate(_BARE) + word[-1]
    return word + "es"


def _agreeing(quality: Quality, feminine: bool, many: bool) -> Tokens:
    form = quality.es_feminine if feminine else quality.es
    if many and form != "cerca":
        form = plural(form)
    return [(form, quality.concept)]


def _noun(noun: Noun) -> Tokens:
    head = [(noun.es, noun.concept)]
    return head if noun.is_name else plain(article(noun, "the")) + head


def _infinitive(one: Clause) -> Tokens:
    return words_of(one.verb.es_base, one.verb.concept) + _rest(one)


def _rest(one: Clause) -> Tokens:
    """What follows the verb."""
    tokens = words_of(one.manner.es, one.manner.concept) if one.manner else []
    if one.object is not None:
        personal = plain("a") if one.verb.frame == "person" else []
        tokens += personal + phrase(one.object)
    if one.other is not None:
        tokens += plain("a" if one.verb.frame == "give" else "con") + phrase(one.other)
    if one.goal is not None:
        there = one.goal.det == "there"
        tokens += plain("de" if one.verb.es_to == "de" and there else "" if there else one.verb.es_to)
        tokens += phrase(one.goal)
    if one.place is not None:
        tokens += place(one.place)
    return tokens


def _contracted(tokens: Tokens) -> Tokens:
    """Contract "a el" to "al", and "de el" to "del"."""
    found: Tokens = []
    for token in tokens:
        if token == ("el", "") and found and found[-1] in (("a", ""), ("de", "")):
            found[-1] = (found[-1][0] + "l", "")
        else:
            found.append(token)
    return found
