import numpy as np
import pandas as pd
import pytest

from n2s.errors import UserError
from n2s.features import (
    Articulation,
    FeatureStore,
    HashedBagOfWords,
    ImpulseFeature,
    Mel,
    PhoneRate,
    Phones,
    WordRate,
)  # fmt: skip
from n2s.features.phone_names import ARPABET, CLASSES, arpabet, ipa_letters, xsampa_letters
from n2s.features.phones import alphabet_of
from n2s.findings import kept
from n2s.studies.readers.textgrid import read_alignment
from n2s.studies.study import Impulses, Stimulus


def heard(phones: list[str], duration_s: float = 0.1, id: str = "story") -> Stimulus:
    rows = [{"text": text, "onset": 0.1 * i, "duration": duration_s, "sequence": "s"} for i, text in enumerate(phones)]
    return Stimulus(id, None, phones=pd.DataFrame(rows))


class Earlier(ImpulseFeature):
    """How many words of the stretch came before: a feature with context."""

    contextual, n_features = True, 1

    def settings(self):
        return {}

    def extract(self, stimulus, start_s=0.0, stop_s=None):
        rows = self.heard(stimulus, start_s, stop_s)
        return Impulses(np.arange(len(rows), dtype=float)[:, None], rows.onset.to_numpy())


def test_a_one_at_the_middle_of_each_word(spoken):
    words = spoken.words
    found = WordRate().extract(spoken)
    np.testing.assert_array_equal(found.values, np.ones((7, 1)))
    np.testing.assert_allclose(found.times_s, words.onset + words.duration / 2)
    np.testing.assert_array_equal(WordRate("onset").extract(spoken).times_s, words.onset)
    np.testing.assert_allclose(WordRate("end").extract(spoken).times_s, words.onset + words.duration)
    with pytest.raises(UserError, match="at='start'; expected middle, onset or end"):
        WordRate("start")


def test_times_are_in_order_whatever_the_table(spoken):
    rows = [("late", 0.3, 0.1), ("long", 0.0, 2.0), ("", 0.1, 0.1), ("early", 0.1, 0.1)]
    mixed = Stimulus("x", None, pd.DataFrame(rows, columns=["text", "onset", "duration"]).assign(sequence=""))
    np.testing.assert_allclose(WordRate().extract(mixed).times_s, [0.15, 0.35, 1.0])  # the row without text is no word
    np.testing.assert_allclose(WordRate("onset").extract(mixed).times_s, [0.0, 0.1, 0.3])


def test_kept_by_the_table_that_is_used(tmp_path, spoken):
    store = FeatureStore(WordRate(), tmp_path)
    first = store.impulses(spoken)
    assert len(first) == 1 and first[0].values.dtype == np.float32 and first[0].times_s.dtype == np.float64
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    again = FeatureStore(WordRate(), tmp_path).impulses(
        Stimulus("other", None, spoken.words, phones=heard(["AA"]).phones)
    )
    np.testing.assert_array_equal(again[0].times_s, first[0].times_s)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == files
    later = Stimulus("story", None, spoken.words.assign(onset=spoken.words.onset + 0.25))
    np.testing.assert_allclose(store.impulses(later)[0].times_s, first[0].times_s + 0.25)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert len(store.all_impulses([spoken, Stimulus("b", None, spoken.words)])) == 2


def test_context_stops_at_a_border(tmp_path, spoken):
    store = FeatureStore(Earlier(), tmp_path)
    parts = store.impulses(spoken, cuts_s=[1.5, 0.4, 0.4])  # in any order; one twice
    assert [part.values[:, 0].tolist() for part in parts] == [[0], [], [0, 1, 2], [0, 1, 2]]
    assert [part.times_s.tolist() for part in parts] == [[0.1], [], [0.4, 0.7, 1.3], [1.5, 1.6, 2.9]]
    assert len(store.impulses(spoken)) == 1
    assert len(FeatureStore(WordRate(), tmp_path).impulses(spoken, cuts_s=[1.5])) == 1  # no context: not cut
    # a border before the first word and after the last
    assert [len(part.values) for part in store.impulses(spoken, cuts_s=[0.0, 99.0])] == [0, 7, 0]


def test_a_word_before_zero_by_rounding_stays(spoken):
    early = Stimulus("early", None, spoken.words.assign(onset=spoken.words.onset - 0.1001))
    assert len(WordRate().extract(early).values) == 7


def test_a_broken_time_is_seen(tmp_path, spoken):
    store = FeatureStore(WordRate(), tmp_path)
    first = store.impulses(spoken)[0]
    (path,) = tmp_path.rglob("*.safetensors")
    whole = path.read_bytes()
    for at in (len(whole) - 1, len(whole) - 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.warns(UserWarning, match="is broken"):
            np.testing.assert_array_equal(store.impulses(spoken)[0].times_s, first.times_s)


def test_what_is_wrong_is_said(tmp_path, spoken, stimulus_of):
    silent = stimulus_of(np.zeros(1600, np.float32))
    with pytest.raises(UserError, match="'sound' has no words, and WordRate needs them"):
        FeatureStore(WordRate(), tmp_path).impulses(silent)
    with pytest.raises(UserError, match="'story' has no phones, and PhoneRate needs them"):
        FeatureStore(PhoneRate(), tmp_path).impulses(spoken)
    with pytest.raises(UserError, match="Mel has no values at words"):
        FeatureStore(Mel(), tmp_path).impulses(spoken)
    with pytest.raises(UserError, match="WordRate gives values at words, not frames"):
        FeatureStore(WordRate(), tmp_path).frames(spoken)
    with pytest.raises(UserError, match="HashedBagOfWords has no values at words"):
        FeatureStore(HashedBagOfWords(), tmp_path).impulses(spoken)
    with pytest.raises(UserError, match="an onset or duration of its words is no number"):
        WordRate().extract(Stimulus("x", None, spoken.words.assign(duration=np.nan)))
    with pytest.raises(UserError, match="cuts at"):
        FeatureStore(Earlier(), tmp_path).impulses(spoken, cuts_s=[np.inf])


def test_names_of_phones_without_stress_length_and_place():
    assert len(ARPABET) == 39
    assert [arpabet(label) for label in ("AH0", "ah", "ER1_B", "AX", "T_E", "sil", "ə", "")] == [
        "AH", "AH", "ER", "AH", "T", None, None, None,
    ]  # fmt: skip
    assert ipa_letters("ˈaɪ") == ["a", "ɪ"]
    assert ipa_letters("t͡ʃʰ") == ["t", "ʃ"]
    assert ipa_letters("ɛː") == ["ɛ"] and ipa_letters("n̩") == ["n"] and ipa_letters("g") == ["ɡ"]
    assert ipa_letters("ç") == ["ç"] and ipa_letters("ç") == ["ç"]  # composed and decomposed
    assert ipa_letters("7") is None and ipa_letters("") is None


#: "het meisje ziet een eekhoorn die nu zingt, ja", as WebMAUS, ARPABET with noises, and eSpeak write phones.
XSAMPA, SPOKEN, IPA = (
    line.split()
    for line in (
        "h @ t m E+ S @ z i t @ n e: k h o: r n d i n y z I N t j a:",
        "DH AH0 D AO1 G S IY1 Z SPN NSN HH IH1 Z CH EY1 N",
        "h ə t m ɛɪ ʃ ə z i t ə n eː k h oː r n d i n y z ɪ ŋ t j aː",
    )
)


def test_xsampa_is_read_letter_by_letter():
    assert [xsampa_letters(label) for label in ("2:", "tS_h", "E+", "9y", 'r\\`', '"A~', "n=", "g", "@`")] == [
        ["ø"], ["t", "ʃ"], ["ɛ", "i"], ["œ", "y"], ["ɻ"], ["ɑ"], ["n"], ["ɡ"], ["ɚ"],
    ]  # fmt: skip
    assert xsampa_letters("ə") is None and xsampa_letters("") is None and xsampa_letters("0") is None
    values = Articulation().extract(heard(XSAMPA)).values
    np.testing.assert_array_equal(values, Articulation("ipa").extract(heard(IPA)).values)


@pytest.mark.parametrize(("phones", "alphabet"), [(XSAMPA, "xsampa"), (SPOKEN, "arpabet"), (IPA, "ipa")])
def test_the_alphabet_of_an_alignment_is_found(phones, alphabet):
    """Most letters are in several alphabets, so that half of the phones is known in the wrong one, too."""
    assert alphabet_of(phones) == alphabet
    assert (Articulation().extract(heard(phones)).values.any(1)).mean() > 0.85
    for other in {"xsampa", "arpabet", "ipa"} - {alphabet, "xsampa" if alphabet == "arpabet" else alphabet}:
        with pytest.raises(UserError, match=f"They look like {alphabet}"):
            Phones(other).extract(heard(phones))


#: The first sentence of TIMIT as its .PHN has it, and a Spanish one in SAMPA.
TIMIT, SPANISH = (
    line.split()
    for line in (
        "h# sh iy hv ae dcl d y er dcl d aa r kcl k s ux tcl q en gcl g r iy s iy w aa sh epi w aa dx er q ao l y ih ax-h h#",
        "e l n i n o k o m i o u n a m a n s a n a e n l a k a s a D e s u a B w e l a",
    )
)


def test_timit_is_arpabet_though_its_small_letters_are_ipa_letters_too():
    """Its closures are no phones; ``sh`` is no ``s`` and no ``h``."""
    assert alphabet_of(TIMIT) == "arpabet"
    story = heard(TIMIT)
    assert len(PhoneRate().extract(story).values) == len(TIMIT) - 3  # h# and epi are pauses
    with kept() as found:
        names = [{Articulation.names[i] for i in np.flatnonzero(row)} for row in Articulation().extract(story).values]
        phones = Phones().extract(story).values
    assert not found
    assert (
        names[0] == {"postalveolar", "fricative"}
        and names[4] == set()
        and names[5] == {"voiced", "alveolar", "plosive"}
    )
    said = [Phones().names[row.argmax()] if row.any() else "-" for row in phones]
    assert said[:12] == ["SH", "IY", "HH", "AE", "-", "D", "Y", "ER", "-", "D", "AA", "R"] and said[-2:] == ["IH", "AH"]
    assert [arpabet(label) for label in ("ahn", "iyn", "ern", "en", "tq", "nx", "eng", "kn")] == [
        "AH", "IY", "ER", "N", "T", "N", "NG", None,
    ]  # fmt: skip


def test_xsampa_of_few_capitals_is_no_ipa():
    """A language with few phones in capitals: none of them is lost."""
    assert alphabet_of(SPANISH) == "xsampa" and np.mean([ipa_letters(label) is None for label in SPANISH]) < 0.1
    assert Articulation().extract(heard(SPANISH)).values.any(1).all()
    assert alphabet_of(["s", "i", "t"]) == "ipa"  # written alike
    assert alphabet_of(["d", "y"]) == "ipa" and alphabet_of(["D", "UW"]) == alphabet_of(["d", "uw"]) == "arpabet"
    assert [ipa_letters(label) for label in ("r\\", "t`", "9y")] == [None] * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Anderson_S01_P01_cleaned", "grimm_20_1_cleaned"])
def test_every_phone_of_real_webmaus_grids_is_known(real_data, name):
    table = read_alignment(real_data / "speech_audio" / "dutch_story_textgrids" / f"{name}.TextGrid")
    labels = table.text[table.kind == "phone"].tolist()
    assert len(labels) > 3000 and alphabet_of(labels) == "xsampa"
    assert all(xsampa_letters(label) for label in labels)
    assert sum(ipa_letters(label) is None for label in labels) > 0.29 * len(labels)  # schwas among them


def test_identity_and_articulation():
    story = heard(["B_B", "AH0", "CH", "sil"])
    with kept() as found:
        values = Phones().extract(story).values
    assert [Phones().names[i] for i in values.argmax(1)[:3]] == ["B", "AH", "CH"]
    assert values.sum(1).tolist() == [1, 1, 1]  # a silence is no phone
    assert not found
    of = Articulation().extract(heard(["B", "UW1", "CH", "AY"])).values
    named = [{Articulation.names[i] for i in np.flatnonzero(row)} for row in of]
    assert named[0] == {"voiced", "bilabial", "plosive"}
    assert named[1] == {"voiced", "vowel", "close", "back", "rounded"}
    assert named[2] == {"alveolar", "plosive", "postalveolar", "fricative"}
    assert named[3] == {"voiced", "vowel", "open", "front", "close"}
    np.testing.assert_array_equal(of[:2], Articulation("ipa").extract(heard(["b", "ˈuː"])).values)
    assert CLASSES["ɫ"] == {"voiced", "alveolar", "approximant", "lateral"}
    assert CLASSES["w"] == {"voiced", "velar", "bilabial", "approximant"}
    assert CLASSES["ɧ"] == {"velar", "fricative"} and CLASSES["ʔ"] == {"glottal", "plosive"}


def test_unknown_phones_are_told_and_a_wrong_alphabet_is_refused():
    with kept() as found:
        values = Phones("ipa").extract(heard(["s", "0", "0", "k͡p"])).values
    assert values.sum(1).tolist() == [1, 0, 0, 2]
    assert [one.kind for one in found] == ["left out"] and "0 (2)" in found[0].text
    with pytest.raises(UserError, match=r"Phones does not know 2 of its 2 phones \(ə, ʃ\)"):
        Phones().extract(heard(["ə", "ʃ"]))
    with pytest.raises(UserError, match=r"does not know 3 of its 5 phones .*Choose the alphabet"):
        Articulation("arpabet").extract(heard(["t", "ə", "k", "ʃ", "ɑ"]))  # t and k are in both alphabets
    assert Articulation().extract(heard(["t", "ə", "k", "ʃ", "ɑ"])).values.any(1).all()  # the alphabet is found
    assert Phones(["a1"]).extract(heard(["a2", "a1", "a3"])).values.tolist() == [[0], [1], [0]]  # a choice
    own = Phones(["a1", "a2"])
    assert own.extract(heard(["a2", "a1"])).values.tolist() == [[0, 1], [1, 0]]
    for wrong in ("greek", [], ["a", "a"]):
        with pytest.raises(UserError, match="inventory"):
            Phones(wrong)


def test_every_phone_that_espeak_speaks_is_known():
    pytest.importorskip("espeakng_loader")
    from n2s.studies.simulated.speech import synthesize

    for voice, text in {
        "en-us": "The judge measured their youthful boy's warm thing.",
        "nl": "De zeeuwse bij giet geen zure melk uit.",
    }.items():
        speech = synthesize([text], voice=voice, rate_wpm=160, pitch=50)
        known = [ipa_letters(label) for label in speech.phones.text]
        assert all(known), [label for label, letters in zip(speech.phones.text, known, strict=True) if not letters]
