"""Tales: the same sentence by sentence in three languages, in good grammar, long, varied, and speakable."""

import math
from collections import Counter

import pytest

from n2s.errors import UserError
from n2s.studies.simulated.speech import synthesize
from n2s.studies.simulated.tales import (
    CONCEPTS,
    LANGUAGES,
    TOPICS,
    basque,
    categories,
    category,
    english,
    spanish,
    tale,
    tale_sentences,
)
from n2s.studies.simulated.tales.lexicon import fixed, nouns, qualities, verbs
from n2s.studies.simulated.tales.plan import Being, Clause, Phrase, Report
from n2s.studies.simulated.tales.plot import plans

LETTERS = {"en": "", "es": "áéíóúñ", "eu": ""}
N_TALES, N_SENTENCES = 24, 160  # four hours of speech


@pytest.fixture(scope="module")
def told():
    """Language -> tales -> sentences."""
    return {
        language: [tale_sentences(number, language, N_SENTENCES) for number in range(N_TALES)] for language in LANGUAGES
    }


def every(told, language):
    return [sentence for one in told[language] for sentence in one]


def clauses(n=400):
    """The parts of the sentences of some tales that somebody does something in."""
    for number in range(4):
        for plan, _ in zip(plans(number, 0), range(n), strict=False):
            yield from (one for one in (plan.first, plan.second) if isinstance(one, Clause))


def text(tokens):
    return " ".join(word for word, _ in tokens)


def test_a_tale_is_the_same_every_time_and_its_beginning_does_not_depend_on_its_length():
    long = tale(3, "es", 60)
    assert tale(3, "es", 60) == long and tale(3, "es", 25) == long[:25]
    assert tale(4, "es", 60) != long and tale(3, "es", 60, seed=1) != long
    # to the letter, on any machine
    assert tale(0, "en", 1) == [FIRST["en"]] and tale(0, "es", 1) == [FIRST["es"]] and tale(0, "eu", 1) == [FIRST["eu"]]


FIRST = {
    "en": "A week later, Samuel and Pablo travelled to the valley.",
    "es": "Una semana después, Samuel y Pablo viajaron al valle.",
    "eu": "Aste bat geroago, Samuelek eta Pablok haranera bidaiatu zuten.",
}


def test_translations_say_the_same(told):
    for language in LANGUAGES[1:]:
        for one, other in zip(every(told, "en"), every(told, language), strict=True):
            assert sorted(filter(None, one.concepts)) == sorted(filter(None, other.concepts)), (one.text, other.text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_those_of_the_text_and_every_letter_is_the_languages_own(told, language):
    for sentence in every(told, language):
        assert sentence.text.endswith(".") and sentence.text[0].isupper()
        assert list(sentence.words) == [word.strip(".,").lower() for word in sentence.text.split()]
        assert len(sentence.concepts) == len(sentence.words) and any(sentence.concepts)
        assert set(sentence.text.lower()) <= set("abcdefghijklmnopqrstuvwxyz ,." + LETTERS[language])
        assert all(category(concept) for concept in sentence.concepts if concept)


@pytest.mark.parametrize(("language", "fewest", "most"), [("en", 400, 700), ("es", 450, 850), ("eu", 550, 1050)])
def test_words_are_many_and_sentences_seldom_come_back(told, language, fewest, most):
    sentences = every(told, language)
    assert all(len({one.text for one in tale}) == N_SENTENCES for tale in told[language])
    assert len(sentences) - len({one.text for one in sentences}) <= 40  # of 3,840
    assert fewest < len({word for one in sentences for word in one.words}) < most
    assert 6 < sum(len(one.words) for one in sentences) / len(sentences) < 9


@pytest.mark.parametrize(("language", "low", "high"), [("en", 30, 70), ("es", 30, 80), ("eu", 80, 200)])
def test_the_next_word_is_neither_known_nor_random(told, language, low, high):
    """Perplexity of a bigram model, smoothed by single words, on four tales that it has not seen."""
    train, test = (
        [word for one in part for sentence in one for word in ("<s>", *sentence.words)]
        for part in (told[language][:-4], told[language][-4:])
    )
    one, two = Counter(train), Counter(zip(train, train[1:], strict=False))

    def single(word):
        return (one[word] + 0.5) / (len(train) + 0.5 * (len(one) + 1))

    bits = [
        math.log((two[before, word] + 5 * single(word)) / (one[before] + 5))
        for before, word in zip(test, test[1:], strict=False)
        if word != "<s>"
    ]
    assert low < math.exp(-sum(bits) / len(bits)) < high


def test_neighbouring_sentences_share_their_topic(told):
    def topics(sentence):
        return {category(concept) for concept in sentence.concepts if concept} & set(TOPICS)

    near, far = [], []
    for one in told["en"]:
        found = [topics(sentence) for sentence in one]
        near += [bool(a & b) for a, b in zip(found, found[1:], strict=False) if a and b]
        far += [bool(a & b) for a, b in zip(found, found[40:], strict=False) if a and b]
    assert sum(near) / len(near) > 0.6 > 0.3 > sum(far) / len(far)


def test_concepts_are_used_and_have_one_category_each(told):
    used = {concept for one in every(told, "en") for concept in one.concepts}
    assert used <= {"", *CONCEPTS} and len(used) > 0.97 * len(CONCEPTS) > 400
    assert set(categories().values()) >= {*TOPICS, "person", "name", "motion", "feeling", "time", "weather", "number"}


def test_spanish_articles_agree_with_their_nouns():
    feminine = [one for one in nouns() if not one.is_name and one.is_feminine]
    masculine = [one for one in nouns() if not one.is_name and not one.is_feminine]
    assert len(feminine) > 90 and len(masculine) > 90
    for one in feminine:
        stressed = one.gender == "fx"  # a stressed a: el agua
        assert spanish.article(one, "the") == ("el" if stressed else "la")
        assert spanish.article(one, "the", many=True) == "las"
        assert one.es[0] in "aá" or not stressed
    assert all(spanish.article(one, "a") == "un" and spanish.article(one, "a", True) == "unos" for one in masculine)
    # endings that tell the gender in Spanish
    exceptions = {"mapa", "poema", "fantasma"}
    for one in nouns():
        if one.is_name or one.es in exceptions:
            continue
        if one.es.endswith(("a", "ción", "dad")):
            assert one.is_feminine, one.es
        if one.es.endswith(("o", "or", "aje")) and one.es != "flor":
            assert not one.is_feminine, one.es


@pytest.mark.parametrize(
    ("word", "many"),
    [("barca", "barcas"), ("red", "redes"), ("canción", "canciones"), ("lápiz", "lápices"), ("café", "cafés"),
     ("autobús", "autobuses"), ("azul", "azules"), ("difícil", "difíciles"), ("violín", "violines"), ("árbol", "árboles")],
)  # fmt: skip
def test_spanish_plurals(word, many):
    assert spanish.plural(word) == many


def test_spanish_adjectives_agree():
    one, red = named("boat"), quality("red")
    assert text(spanish.phrase(Phrase(one, "a", red))) == "una barca roja"
    assert text(spanish.phrase(Phrase(one, "some", red))) == "unas barcas rojas"
    assert text(spanish.phrase(Phrase(named("coat"), "three", quality("blue")))) == "tres abrigos azules"
    assert text(spanish.phrase(Phrase(named("water"), "the", quality("sweet")))) == "el agua dulce"
    both = Phrase(named("nora"), mate=named("elena"))
    assert text(spanish.part(Being(both, quality("tired")))) == "Nora y Elena estaban cansadas"
    assert text(spanish.part(Being(Phrase(named("hugo"), mate=named("irene")), quality("tired")))) == (
        "Hugo e Irene estaban cansados"
    )


@pytest.mark.parametrize(
    ("concept", "case", "form"),
    [
        ("beach", "ine", "hondartzan"), ("beach", "ala", "hondartzara"), ("beach", "abl", "hondartzatik"),
        ("mountain", "ine", "mendian"), ("mountain", "ala", "mendira"), ("hotel", "ine", "hotelean"),
        ("hotel", "ala", "hotelera"), ("hotel", "abl", "hoteletik"), ("workshop", "ine", "tailerrean"),
        ("dog", "erg", "txakurrak"), ("girl", "erg", "neskak"), ("girl", "com", "neskarekin"), ("king", "dat", "erregeari"),
        ("nora", "erg", "Norak"), ("daniel", "erg", "Danielek"), ("daniel", "dat", "Danieli"), ("leo", "com", "Leorekin"),
        ("dog", "abs", "txakurra"), ("water", "abs", "ura"), ("door", "abs", "atea"),
    ],
)  # fmt: skip
def test_basque_cases(concept, case, form):
    assert text(basque.phrase(Phrase(named(concept)), case)) == form


def test_basque_subjects_of_transitive_verbs_are_ergative_and_auxiliaries_agree():
    seen = Counter()
    for one in clauses():
        words = [word for word, _ in basque.part(one)]
        auxiliary = next(word for word in reversed(words) if word in AUXILIARIES)
        transitive, many_subjects, many_objects = AUXILIARIES[auxiliary]
        assert many_subjects == one.subject.is_plural, words
        assert transitive == (one.mode == "want" or (one.verb.eu_aux == "du" and one.mode != "began")), words
        if transitive:
            assert many_objects == (one.object is not None and one.object.is_plural), words
        seen[auxiliary] += 1
        if one.subject.det in ("the", "a"):
            end = len(basque.phrase(one.subject, "erg")) - 1
            assert words[end].endswith("k") == transitive or not transitive, words
            absolutive = [word for word, _ in basque.phrase(one.subject)]
            assert (words[: end + 1] == absolutive) == (not transitive), words
    assert set(seen) >= {"zuen", "zituen", "zen", "ziren", "zuten", "zion", "zizkion"}


#: Auxiliary -> has an ergative subject, several subjects, several objects.
AUXILIARIES = {
    "zen": (False, False, False), "ziren": (False, True, False), "zuen": (True, False, False),
    "zituen": (True, False, True), "zuten": (True, True, False), "zituzten": (True, True, True),
    "zion": (True, False, False), "zizkion": (True, False, True), "zioten": (True, True, False),
    "zizkioten": (True, True, True),
}  # fmt: skip


def test_basque_puts_the_case_on_the_last_word():
    assert text(basque.phrase(Phrase(named("dog"), "the", quality("old")), "erg")) == "txakur zaharrak"
    assert text(basque.phrase(Phrase(named("dog"), "a", quality("old")), "erg")) == "txakur zahar batek"
    assert text(basque.phrase(Phrase(named("boat"), "two", quality("red")))) == "bi txalupa gorri"
    cold = Report(verb("say", "that"), Phrase(named("nora")), Being(Phrase(named("sea")), quality("cold")))
    assert text(basque.part(cold)) == "Norak itsasoa hotz zegoela esan zuen"


def test_english_articles_and_ing():
    assert text(english.phrase(Phrase(named("apple"), "a"))) == "an apple"
    assert text(english.phrase(Phrase(named("apple"), "a", quality("red")))) == "a red apple"
    assert text(english.phrase(Phrase(named("boat"), "a", quality("old")))) == "an old boat"
    assert text(english.phrase(Phrase(named("water"), "a"))) == "water"
    assert [english._ing(base) for base in ("take", "cut", "see", "put ~on", "open", "forget")] == [
        "taking", "cutting", "seeing", "putting ~on", "opening", "forgetting"
    ]  # fmt: skip


def test_the_tables_are_whole():
    for one in (
        *nouns(),
        *qualities(),
        *(phrase for table in ("times", "manners", "weather") for phrase in fixed(table)),
    ):
        assert one.concept and one.es and one.eu, one
    for one in verbs():
        assert all((one.en, one.en_base, one.es, one.es_plural, one.es_base, one.eu, one.eu_imperfect)), one
        assert one.eu_aux in ("da", "du") and one.es_base.removesuffix("se")[-2:] in ("ar", "er", "ir", "ír"), one
        assert one.es_plural.endswith("ron") and one.eu_imperfect.endswith("ten") or "zen" in one.eu_imperfect, one
        assert not one.topics - set(TOPICS), one
    # one concept, one form: a word that means two things is told apart by nothing but its concept
    forms = Counter((one.es, one.concept) for one in nouns())
    assert max(forms.values()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, "fr", 5), "not told in 'fr'. Languages: en, es, eu"),
        ((-1, "en", 5), "number of a tale is -1; it must be a whole number of at least 0"),
        ((0, "en", 0), "n_sentences of a tale is 0; it must be a whole number of at least 1"),
        ((0, "en", 2.5), "n_sentences of a tale is 2.5"),
        ((0, "en", 5, -2), "seed of a tale is -2"),
    ],
)
def test_what_there_is_not(arguments, message):
    with pytest.raises(UserError, match=message):
        tale(*arguments)


def test_a_concept_that_there_is_not():
    with pytest.raises(UserError, match="means 'spaceship'"):
        category("spaceship")


@pytest.mark.parametrize(("language", "voice"), [("en", "en-us+f1"), ("es", "es+m3"), ("eu", "eu+f4")])
def test_every_word_is_spoken(told, language, voice):
    """Ten sentences: a synthesizer finds the same words and gives each its time."""
    pytest.importorskip("espeakng_loader")
    some = told[language][0][:10]
    speech = synthesize([one.text for one in some], voice=voice, rate_wpm=160, pitch=50)
    assert [word.lower() for word in speech.words.text] == [word for one in some for word in one.words]
    assert speech.words.duration.min() > 0


def named(concept):
    return next(one for one in nouns() if one.concept == concept)


def quality(concept):
    return next(one for one in qualities() if one.concept == concept)


def verb(concept, frame):
    return next(one for one in verbs() if (one.concept, one.frame) == (concept, frame))
