"""Plans told in Basque: the verb last, cases for the roles, and an auxiliary that agrees with subject and object."""

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

#: Case -> endings of the definite singular after a vowel, and after a consonant.
_ENDINGS = {
    "abs": ("a", "a"),
    "erg": ("ak", "ak"),
    "dat": ("ari", "ari"),
    "com": ("arekin", "arekin"),
    "ine": ("an", "ean"),
    "ala": ("ra", "era"),
    "abl": ("tik", "etik"),
}
_OF_NAMES = {"abs": ("", ""), "erg": ("k", "ek"), "dat": ("ri", "i"), "com": ("rekin", "ekin")}
_OF_BAT = {"abs": "bat", "erg": "batek", "dat": "bati", "com": "batekin", "ine": "batean", "ala": "batera"}
_THERE = {"ine": "han", "ala": "hara", "abl": "handik", "abs": "hura"}
_GOALS = {"en": "ine", "de": "abl"}  # by the Spanish preposition; all others: ala


def told(plan: Plan) -> Tokens:
    """The words of a sentence, in order, with their concepts."""
    time = words_of(plan.time.eu, plan.time.concept) + COMMA if plan.time else []
    if plan.second is None:
        return time + part(plan.first)
    first, second = plan.first, plan.second
    match plan.link:
        case "when":
            return time + _ending(part(first), "ean") + COMMA + part(second)
        case "before" | "after":
            link = plain("baino lehen" if plan.link == "before" else "ondoren")
            return time + _inner(second) + words_of(second.verb.eu, second.verb.concept) + link + COMMA + part(first)
        case "purpose":
            form = second.verb.eu_imperfect.removesuffix("n") + "ra"  # erosten, erostera
            return time + part(first) + _inner(second) + words_of(form, second.verb.concept)
        case "and":
            return time + part(first) + plain("eta") + part(second, silent=True)
        case "but":
            return time + part(first) + COMMA + plain("baina") + part(second)
        case _:
            return time + part(first) + _ending(part(second), "lako")


def part(one: Part, silent: bool = False) -> Tokens:
    """One part; ``silent``: its subject is that of the part before, and not said again."""
    match one:
        case Clause():
            subject = [] if silent else phrase(one.subject, "erg" if is_ergative(one) else "abs")
            verb = words_of(one.verb.eu, one.verb.concept)
            aux = plain(auxiliary(one))
            match one.mode:
                case "want":
                    return subject + _inner(one) + verb + [("nahi", "want")] + aux
                case "could_not":
                    return subject + plain("ezin izan") + aux + _inner(one) + verb
                case "began":
                    form = words_of(one.verb.eu_imperfect, one.verb.concept)
                    return subject + _inner(one) + form + [("hasi", "begin")] + aux
            return subject + _inner(one) + verb + aux
        case Being():
            subject = [] if silent else phrase(one.subject)
            many = one.subject.is_plural
            if one.quality is None:
                return subject + phrase(one.place, "ine") + plain("zeuden" if many else "zegoen")
            if one.quality.kind == "trait":
                form = decline(one.quality.eu, "abs", many)
                return subject + [(form, one.quality.concept)] + plain("ziren" if many else "zen")
            return subject + [(bare(one.quality.eu), one.quality.concept)] + plain("zeuden" if many else "zegoen")
        case There():
            return phrase(one.place, "ine") + phrase(one.object) + plain("zeuden" if one.object.is_plural else "zegoen")
        case Report():
            subject = [] if silent else phrase(one.subject, "erg")
            to = phrase(one.listener, "dat") if one.listener else []
            many = one.subject.is_plural
            aux = ("zioten" if many else "zion") if one.listener else ("zuten" if many else "zuen")
            verb = words_of(one.verb.eu, one.verb.concept) + plain(aux)
            if one.verb.frame == "ask":
                be = plain("zeuden" if one.said.subject.is_plural else "zegoen")
                return subject + to + phrase(one.said.subject) + plain("non") + be + verb
            return subject + to + _ending(part(one.said), "la") + verb
        case _:
            slots = {"in": phrase(one.place, "ine"), "to": phrase(one.place, "ala"), "the": phrase(one.place)}
            return marked(one.phrase.eu, slots)


def is_ergative(one: Clause) -> bool:
    """Whether the subject takes the ergative: as the auxiliary has it."""
    return auxiliary(one) not in ("zen", "ziren")


def auxiliary(one: Clause) -> str:
    """zen, ziren; zuen, zituen, zuten, zituzten; with somebody to whom: zion, zizkion, zioten, zizkioten."""
    many = one.subject.is_plural
    objects = one.object is not None and one.object.is_plural
    if one.mode == "began" or (one.verb.eu_aux == "da" and one.mode != "want"):
        return "ziren" if many else "zen"
    if one.verb.frame == "give":
        return ("zizkioten" if many else "zizkion") if objects else ("zioten" if many else "zion")
    return ("zituzten" if many else "zituen") if objects else ("zuten" if many else "zuen")


def phrase(one: Phrase, case: str = "abs") -> Tokens:
    """A noun phrase: the case is on its last word; a pronoun is nothing."""
    noun = one.noun
    if one.det == "there":
        return plain(_THERE[case])
    if one.det == "pronoun":
        return []
    if one.mate is not None:
        return [(_named(noun, case), noun.concept), ("eta", ""), (_named(one.mate, case), one.mate.concept)]
    if noun.is_name:
        return [(_named(noun, case), noun.concept)]
    words = [(noun.eu, noun.concept)]
    if one.adjective is not None:
        words.append((one.adjective.eu, one.adjective.concept))
    if one.det in COUNTS:
        return [(COUNTS[one.det][2], one.det)] + [(bare(stem), concept) for stem, concept in words]
    if one.det == "some":
        return [(bare(stem), concept) for stem, concept in words] + plain("batzuk")
    if one.det == "a" and "mass" not in noun.tags:
        return [(bare(stem), concept) for stem, concept in words] + plain(_OF_BAT[case])
    (last, concept), before = words[-1], [(bare(stem), concept) for stem, concept in words[:-1]]
    own = [] if one.det != "own" else plain("beren" if one.owner is None else "bere")
    return own + before + [(decline(last, case), concept)]


def decline(stem: str, case: str, many: bool = False) -> str:
    """A definite noun or adjective: singular in any case, plural in the absolutive."""
    if many:
        return stem.removesuffix("a") + "ak"
    after_vowel, after_consonant = _ENDINGS[case]
    if stem[-1] not in "aeiou":
        return stem + after_consonant
    if stem[-1] == "a" and after_vowel[0] == "a":
        return stem + after_vowel[1:]
    return stem + after_vowel


def bare(stem: str) -> str:
    """Without an ending: haurr, haur."""
    return stem[:-1] if stem.endswith("rr") else stem


def _named(noun: Noun, case: str) -> str:
    if not noun.is_name:
        return decline(noun.eu, case)
    vowel, consonant = _OF_NAMES[case]
    return noun.eu + (vowel if noun.eu[-1] in "aeiou" else consonant)


def _inner(one: Clause) -> Tokens:
    """What stands between subject and verb."""
    tokens: Tokens = []
    if one.other is not None:
        tokens += phrase(one.other, "dat" if one.verb.frame == "give" else "com")
    if one.goal is not None:
        tokens += phrase(one.goal, _GOALS.get(one.verb.es_to, "ala"))
    if one.place is not None:
        tokens += phrase(one.place, "ine")
    if one.manner is not None:
        tokens += words_of(one.manner.eu, one.manner.concept)
    if one.object is not None:
        tokens += phrase(one.object)
    return tokens


def _ending(tokens: Tokens, suffix: str) -> Tokens:
    """A subordinate: its last word, the auxiliary, takes a suffix (zuen: zuenean, zuelako, zuela)."""
    *before, (last, concept) = tokens
    return [*before, ((last if suffix == "ean" else last.removesuffix("n")) + suffix, concept)]
