import pytest

from n2s.features.story_words import TextRules, plain_words
from n2s.features.story_words.rules import _FOLDER, _lists
from n2s.findings import kept


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("walked", "walking")),
        ("es", ("caminaba", "caminaban")),
        ("eu", ("mendiak", "mendian")),
        ("es-MX", ("hablo", "hablas")),
    ],
)
def test_forms_of_a_word_have_one_stem(language, words):
    rules = TextRules.of(language)
    assert len({rules.stem(word) for word in words}) == 1
    assert rules.stem(words[0]) != rules.stem("zzz")


@pytest.mark.parametrize("path", sorted(_FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_lists_are_in_the_spelling_of_transcripts(path):
    for words in _lists(path.stem).values():
        assert plain_words(words, path.stem) == list(words)
    rules = TextRules.of(path.stem)
    assert len(rules.stop_words) > 80 and 6 <= len(rules.starts) <= 12
    assert len(set(rules.starts)) == len(rules.starts)


def test_starts_are_learned_from_enough_first_words():
    few = TextRules.of("en", first_words=["once"] * 5)
    many = TextRules.of("en", first_words=["once"] * 15 + ["there"] * 10)
    assert few.starts == TextRules.of("en").starts
    assert many.starts == ("once", "there")


def test_a_language_without_lists_takes_frequent_words_and_plain_forms_and_says_so():
    with kept() as found:
        rules = TextRules.of("sw", stories=[["na"] * 9 + ["nyumba"] * 2])
    assert rules.stem("nyumbani") == "nyumbani"
    assert rules.stop_words == {"na", "nyumba"} and rules.starts == ("na", "nyumba")
    assert len(found) == 2 and all("'sw'" in one.where for one in found)


def test_lists_say_nothing():
    with kept() as found:
        TextRules.of("eu")
    assert not found
