"""Where sentences end in words as aligners and people write them."""

import unicodedata

import pandas as pd
import pytest

from n2s.studies.readers.sentences import sentence_id, sentence_numbers, with_sentences


def sentences(text: str, pause_s: float = 0.4, duration_s: float = 0.25) -> list[str]:
    """The sentences of words 0.3 s apart; ``|`` is a pause of one second more."""
    rows, at = [], 0.0
    for word in text.split():
        if word != "|":
            rows.append((word, at, duration_s))
        at += 1.0 if word == "|" else 0.3
    words = pd.DataFrame(rows, columns=["text", "onset", "duration"])
    numbers = sentence_numbers(words, pause_s)
    return [" ".join(words.text[numbers == i]) for i in range(numbers.max() + 1)]


@pytest.mark.parametrize(
    "marked",
    [  # each sentence ends with its own mark or pause; "/" is where it ends
        "he met Mr. smith / | they left / | then came back",
        "It was Dr. | Watson who came / | and left",
        "the U.S. / | president / | and",  # an abbreviation may end one before a pause
        "three etc. four / | five",
        "he left. / she came / | and then / | all went",  # one mark in a text without others
        "He met Mr. Smith. / They left at 5 a.m. on the 3. May. / | Then J. R. Smith came, e.g. Tom.",
        "Das ist z.B. gut. / Er kam am 3. Mai. / Dr. Müller sagte „Nein.“ / Dann ging er.",
        "Pero, ¿qué dices? / ¡Nada! / Vale. / ¿Y tú? / Bien.",
        "我 来 了。 / 你 好！ / 他 走",
        "वह आया। / वह गया। / फिर",
        "هل جاء؟ / نعم. / حسنا",
        "Well... you know it. / And... then he | left. / “Go!” / | They went…",
        "well... you know / | it is so / | and then",
        "He said no. / Then he | left. / All did.",
        "Two | pauses | inside one. / None here. / Good.",
        "(Is it?) / »Ja.« / ‘Oh!’ / Yes.",
        "one / | two / | three",
        "no end",
    ],
)
def test_where_sentences_end(marked):
    expected = [part.replace("|", "").split() for part in marked.split("/")]
    assert [one.split() for one in sentences(marked.replace("/ |", "|").replace("/", ""))] == expected


def test_a_stretch_without_marks_is_split_at_pauses():
    """Half of a story is punctuated: the other half is not one sentence."""
    half = "He left at once. | Nobody | saw him. " * 20
    other = "Then he came back | and sat down | " * 30
    found = sentences(half + other)
    assert len(found) == 40 + 60 and max(len(one.split()) for one in found) == 4


def test_a_few_marks_are_no_punctuation():
    words = "one two three four five | " * 30
    assert len(sentences(words)) == 30
    assert len(sentences(words + "six. " + words)) == 61
    assert len(sentences("six. " + words + "seven? " + words + "eight!")) == 63


def test_long_sentences_of_prose_are_kept_whole():
    long = "He " + "went | on " * 40 + "home."
    assert len(sentences(f"{long} {long} So it was. It | was good. All is well.")) == 5


def test_words_of_unknown_length_are_not_each_a_sentence():
    assert sentences("one two three | four five", duration_s=0.0) == ["one two three", "four five"]


def test_the_id_of_one_sentence_in_any_unicode_form():
    known = sentence_id("L'été, dit-il: Haustür")
    for same in ["l’été dit il haustür", "L´été dit-il Haus\u00adtür", "L'été dit-il\u00a0Haustür", "\ufeffL'été dit-il \u200bHaustür",
                 unicodedata.normalize("NFD", "L'été dit-il Haustür")]:  # fmt: skip
        assert sentence_id(same) == known
    assert sentence_id("Hau stür") != sentence_id("Haustür")


def test_the_rows_of_sentences():
    words = [
        ("he", 0),
        ("met", 0.3),
        ("Mr.", 0.6),
        ("smith", 0.9),
        ("they", 3.0),
        ("left", 3.3),
        ("then", 6.0),
        ("came", 6.3),
    ]
    rows = pd.DataFrame([{"kind": "word", "text": w, "onset": o, "duration": 0.25, "sequence": ""} for w, o in words])
    found = with_sentences(rows, 0.4).query("kind == 'sentence'")
    assert found[["text", "onset"]].values.tolist() == [
        ["he met Mr. smith", 0.0],
        ["they left", 3.0],
        ["then came", 6.0],
    ]
