"""Which class a phone or word has, however it is written."""

import pytest

from n2s.data import Arpabet, Articulation, Labels
from n2s.errors import UserError


def test_arpabet_reads_stress_place_ipa_and_xsampa():
    assert Arpabet().of(["ah_B", "AH0", "t", "sil", "HH", "K"]) == {
        "ah_B": "AH",
        "AH0": "AH",
        "t": "T",
        "sil": None,
        "HH": "HH",
        "K": "K",
    }
    ipa = ["ˈuː", "ɑːɹ", "ɡ", "tʃ", "əʊ", "ɚ", "ˈɪɹ", "ɾ", "θ", "ʔ"]
    assert list(Arpabet(alphabet="ipa").of(ipa).values()) == ["UW", "AA", "G", "CH", "OW", "ER", "IH", "D", "TH", None]
    assert Arpabet(alphabet="xsampa").of(["tS", "@", "A:"]) == {"tS": "CH", "@": "AH", "A:": "AA"}
    assert len(Arpabet().names) == 39


def test_some_phones_only():
    classes = Arpabet(["t", "S"])
    assert classes.names == ("T", "S")
    assert classes.partial
    assert classes.of(["T", "S", "AH0"]) == {"T": "T", "S": "S", "AH0": None}
    with pytest.raises(UserError, match="names 'QQ'"):
        Arpabet(["T", "QQ"])
    with pytest.raises(UserError, match="twice"):
        Arpabet(["T", "t"])


def test_articulation_is_the_first_feature_that_a_phone_has():
    classes = Articulation(["vowel", "nasal", "plosive"], alphabet="ipa")
    assert list(classes.of(["ˈaɪ", "m", "t", "s"]).values()) == ["vowel", "nasal", "plosive", None]
    voice = Articulation(["voiced"], rest="voiceless", alphabet="arpabet")
    assert voice.names == ("voiced", "voiceless")
    assert voice.of(["B", "P", "sil"]) == {"B": "voiced", "P": "voiceless", "sil": None}
    with pytest.raises(UserError, match="no feature 'nasals'.*nasal"):
        Articulation(["nasals", "vowel"])


def test_labels_join_and_case_does_not_count():
    classes = Labels({"yes": ["Yes", "yeah"], "no": ["no"]})
    assert classes.of(["YES", "yeah ", "No", "maybe"]) == {"YES": "yes", "yeah ": "yes", "No": "no", "maybe": None}
    with pytest.raises(UserError, match="in the classes yes and no"):
        Labels({"yes": ["ok"], "no": ["OK"]})
    with pytest.raises(UserError, match="two classes or more"):
        Labels(["up"])


def test_the_kind_of_apostrophe_does_not_count():
    found = Labels(["it’s", "its"]).of(["it's", "IT’S", "its", "itʼs"])
    assert found == {"it's": "it’s", "IT’S": "it’s", "itʼs": "it’s", "its": "its"}


@pytest.mark.parametrize(
    "classes", [[True, False], {"yes": [True], "no": ["no"]}, {True: ["yes"], False: ["no"]}, ["a", None]]
)
def test_yaml_reads_yes_without_quotes_as_another_value(classes):
    with pytest.raises(UserError, match="Put labels in quotes"):
        Labels(classes)
