import unicodedata

import pytest

from n2s.features.story_words.spelling import plain_stories, plain_words
from n2s.findings import kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t", ["don't"]),
        ("«¿Qué", ["qué"]),
        (unicodedata.normalize("NFD", "Él"), ["él"]),
        ("{ls}", []),
        ("[laughter and applause] well", ["well"]),
        ("<unk>", []),
        ("sp", []),
        ("--", []),
        ("well—no", ["well", "no"]),
        ("so...then", ["so", "then"]),
        ("mother‑in‑law,", ["mother-in-law"]),
        ("wh-", ["wh"]),
        ("3.5", ["3.5"]),
        ("New\u00a0York", ["new", "york"]),
        ("so\u00adbre\u200b", ["sobre"]),
    ],
)
def test_one_spelling(text, words):
    assert plain_words([text], "en") == words
    assert plain_words(plain_words([text], "en"), "en") == words


def test_turkish_has_two_letters_i():
    assert plain_words(["ILIK", "İyi"], "tr") == ["ılık", "iyi"]
    assert plain_words(["IT"], "en") == ["it"]


def test_other_spellings_are_told_with_examples():
    with kept() as found:
        stories = plain_stories([["The", "dog", "don’t"], ["dont", "the", "{ls}", "the"]], "en", "training")
    assert stories == [["the", "dog", "don't"], ["dont", "the", "the"]]
    told = {one.kind: one.text for one in found}
    assert (
        "3 words" in told["corrected"]
        and "'The' -> 'the'" in told["corrected"]
        and "'{ls}' dropped" in told["corrected"]
    )
    assert "don't (1) and dont (1)" in told["odd"]


def test_different_words_are_not_taken_for_two_spellings():
    with kept() as found:
        plain_stories([["we're", "were", "it's", "its", "dogs", "dog's", "he'll", "hell"]], "en", "training")
    assert not found
