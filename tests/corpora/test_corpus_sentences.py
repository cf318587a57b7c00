import re

import pytest

from n2s.corpora.sentences import LANGUAGES, sentences
from n2s.corpora.transcripts import ALPHABETS, alphabet, transcribed, transcript
from n2s.errors import UserError
from n2s.findings import kept


@pytest.mark.parametrize("language", LANGUAGES)
def test_thousands_of_sentences_of_a_few_words(language):
    found = sentences(language, 3000)
    assert len(set(found)) == 3000
    assert sentences(language, 3000) == found and sentences(language, 50, seed=1) != found[:50]
    lengths = [len(sentence.split()) for sentence in found]
    assert min(lengths) >= 3 and max(lengths) <= 14
    assert all(re.fullmatch(r"[^{}|\[\]]+[.?।]", sentence) for sentence in found)
    script = re.compile("[\u0980-\u09ff\u200c\u200d ।]+" if language == "bn" else r"[A-Za-z' .?]+")
    assert all(script.fullmatch(sentence) for sentence in found)
    words = {word for sentence in found for word in sentence.lower().strip(".?।").split()}
    assert len(words) > 150


def test_not_more_than_there_are():
    with pytest.raises(UserError, match="expected 1 to"):
        sentences("bn", 10**6)
    with pytest.raises(UserError, match="no sentences are written in 'fr'"):
        sentences("fr", 10)


def test_characters_as_the_paper_counts_them():
    assert {language: len(letters) for language, letters in ALPHABETS.items()} == {"en": 28, "bn": 28, "nl": 37}
    assert alphabet("nl-BE") == ALPHABETS["nl"] and alphabet("fi") is None


@pytest.mark.parametrize(
    ("language", "written", "heard"),
    [
        ("nl", "Eén  café – 's avonds, in Zoë\u2019s 'auto'!", "eén café 's avonds in zoë's auto"),
        ("nl", "Señor Łukasz at crème-brûlée", "senor lukasz at crème brûlée"),
        ("nl", "e\u0301e\u0301n", "één"),
        ("en", "\"Don\u2019t,\" she said — 'now'.", "don't she said now"),
        ("en", "U.S. naïve Straße", "us naive strasse"),
        ("en", "Chapter 12", None),
        ("en", "half ½", None),
        ("en", "rock & roll", None),
        ("en", "for five €", None),
        ("en", "so <unk> said", None),
        ("en", "[noise] yes {laugh}", None),
        ("en", "he [the man] left", "he the man left"),
        ("en", "... !", None),
        ("en", "soft\u00adhyphen", "softhyphen"),
        ("nl", "Ĳsland, ﬁets", "ijsland fiets"),
        ("en", "Ｆｕｌｌ ﬂoor", "full floor"),
        ("fi", "Hyvää päivää!", "hyvää päivää"),
    ],
)
def test_transcripts(language, written, heard):
    if heard and "brûlée" in heard:
        heard = heard.replace("û", "u")  # no letter of Dutch
    assert transcript(written, language) == heard


def test_bengali_in_latin_letters():
    pytest.importorskip("uroman")
    assert transcript("আমার বোন মাছ কিনল।", "bn") == "aamaar bon maachh kinal"
    assert transcript("১২ টা", "bn") is None  # its digits, too
    found = {letter for sentence in sentences("bn", 300) for letter in transcript(sentence, "bn")}
    assert found <= set(ALPHABETS["bn"])


def test_clips_without_a_sentence_are_counted_aloud():
    import pandas as pd

    table = pd.DataFrame({"text": ["A cat.", "In 1999", "?!", "Dogs"]})
    with kept() as told:
        assert transcribed(table, "en", "here").text.tolist() == ["a cat", "dogs"]
    assert [(one.kind, one.text.split(" are")[0]) for one in told] == [("left out", "1 of 4 clips")] * 2
    with pytest.raises(UserError, match="none of its 2 transcripts"):
        transcribed(table.iloc[1:3], "en", "here")
