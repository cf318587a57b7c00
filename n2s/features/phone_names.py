"""Names of phones: ARPABET, the International Phonetic Alphabet and X-SAMPA, without stress, length and what aligners add."""

import re
import unicodedata

#: ARPABET (CMUdict's 39 phones) -> IPA.
ARPABET = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
#: What TIMIT and Buckeye have beside them (reduced vowels, flaps, syllabic and glottal ones) -> ARPABET, as Lee & Hon 1989 join them.
_MORE_ARPABET = {
    "AX": "AH", "AX-H": "AH", "AXR": "ER", "IX": "IH", "UX": "UW", "HV": "HH", "DX": "D", "NX": "N", "TQ": "T",
    "EL": "L", "EM": "M", "EN": "N", "ENG": "NG",
}  # fmt: skip
#: TIMIT's closures: the silence in a stop, which is another row there, and so no phone of its own.
_CLOSURES = frozenset(("BCL", "DCL", "GCL", "PCL", "TCL", "KCL"))
#: TIMIT's pauses: at the ends, within, and those that a cluster makes.
PAUSES = frozenset(("h#", "pau", "epi"))

_VOWELS = {
    ("close", "front"): "iy", ("close", "central"): "ɨʉᵻ", ("close", "back"): "ɯu",
    ("close", "front", "lax"): "ɪʏ", ("close", "back", "lax"): "ʊ",
    ("mid", "front"): "eøɛœ", ("mid", "central"): "ɘɵəɜɞɚɝ", ("mid", "back"): "ɤoʌɔ",
    ("open", "front"): "æaɶ", ("open", "central"): "ɐ", ("open", "back"): "ɑɒ",
}  # fmt: skip
_ROUNDED = set("yʉuʏʊøœɵɞoɔɶɒ")
#: Place -> pairs of manner and letters, voiceless before voiced where the chart has both ("." where one is absent).
_CONSONANTS = {
    "bilabial": {"plosive": "pb", "nasal": ".m", "trill": ".ʙ", "fricative": "ɸβ"},
    "labiodental": {"nasal": ".ɱ", "tap": ".ⱱ", "fricative": "fv", "approximant": ".ʋ"},
    "dental": {"fricative": "θð"},
    "alveolar": {
        "plosive": "td",
        "nasal": ".n",
        "trill": ".r",
        "tap": ".ɾ",
        "fricative": "szɬɮ",
        "approximant": ".ɹ.l.ɫ.ɺ",
    },
    "postalveolar": {"fricative": "ʃʒ"},
    "retroflex": {"plosive": "ʈɖ", "nasal": ".ɳ", "tap": ".ɽ", "fricative": "ʂʐ", "approximant": ".ɻ.ɭ"},
    "palatal": {"plosive": "cɟ", "nasal": ".ɲ", "fricative": "çʝɕʑ", "approximant": ".j.ʎ.ɥ"},
    "velar": {"plosive": "kɡ", "nasal": ".ŋ", "fricative": "xɣɧ.", "approximant": ".ɰ.ʟʍw"},
    "uvular": {"plosive": "qɢ", "nasal": ".ɴ", "trill": ".ʀ", "fricative": "χʁ"},
    "pharyngeal": {"fricative": "ħʕ"},
    "glottal": {"plosive": "ʔ.", "fricative": "hɦ"},
}
_LATERAL, _LIPS = set("ɬɮlɫɺɭʎʟ"), set("wʍɥ")


def _classes() -> dict[str, frozenset[str]]:
    found = {}
    for place, manners in _CONSONANTS.items():
        for manner, letters in manners.items():
            for i, letter in enumerate(letters):
                extra = ["voiced"] * (i % 2) + ["lateral"] * (letter in _LATERAL) + ["bilabial"] * (letter in _LIPS)
                found[letter] = frozenset([place, manner, *extra])
    found.pop(".")
    for classes, letters in _VOWELS.items():
        for letter in letters:
            extra = ["rounded"] * (letter in _ROUNDED)
            found[letter] = frozenset(["vowel", "voiced", *(name for name in classes if name != "lax"), *extra])
    return found


#: Letter of the IPA -> its articulatory classes (the chart of the International Phonetic Association, 2020).
CLASSES = _classes()

_ALIKE = str.maketrans({"g": "ɡ", "ǝ": "ə", "ʣ": "dz", "ʤ": "dʒ", "ʥ": "dʑ", "ʦ": "ts", "ʧ": "tʃ", "ʨ": "tɕ"})
#: With its stress, and the place in the word as Kaldi writes it.
_ARPABET_LABEL = re.compile(r"([A-Za-z]{1,3}(?:-[Hh])?)[0-2]?(?:_[BIES])?")
_NOT_IPA = re.compile(r"^\d|[\\`]")


def arpabet(label: str) -> str | None:
    """One of the 39 phones, without its stress (``AH0``) and place in the word (``AH0_B``); None if it is none."""
    name = _bare(label)
    name = _MORE_ARPABET.get(name, name)
    if name[:-1] in ARPABET and name[-1] == "N" and "vowel" in CLASSES[ARPABET[name[:-1]][0]]:
        name = name[:-1]  # nasalised, as Buckeye writes it
    return name if name in ARPABET else None


def arpabet_names(label: str) -> list[str] | None:
    """The phone as a list; empty for what TIMIT writes beside phones (closures, the glottal stop); None if it is not known."""
    name = arpabet(label)
    return [name] if name is not None else [] if _bare(label) in {*_CLOSURES, "Q"} else None


def arpabet_letters(label: str) -> list[str] | None:
    """The IPA letters of a phone in ARPABET: ``t, ʃ`` of ``CH``, ``ʔ`` of TIMIT's ``q``; none of a closure; None if it is not known."""
    names = arpabet_names(label)
    return ["ʔ"] if _bare(label) == "Q" else names and list(ARPABET[names[0]])


def _bare(label: str) -> str:
    found = _ARPABET_LABEL.fullmatch(label.strip())
    return found[1].upper() if found else ""


def ipa_letters(label: str) -> list[str] | None:
    """The letters of an IPA phone: ``t, ʃ`` of ``t͡ʃʰ``, without stress, length, ties and diacritics; None if one is no letter.

    What only X-SAMPA writes (``r\\``, ``t```, ``9y``) is none, though its letters would be.
    """
    if _NOT_IPA.search(label.strip()):
        return None
    plain = unicodedata.normalize("NFD", label.strip().replace("ç", "\0")).translate(_ALIKE)
    letters = [
        letter.replace("\0", "ç")
        for letter in plain
        if letter == "\0" or unicodedata.category(letter) not in ("Mn", "Lm", "Sk", "Po", "Pd", "Nd")
    ]
    return letters if letters and all(letter in CLASSES for letter in letters) else None


#: X-SAMPA (Wells 1995, the International Phonetic Alphabet in ASCII) -> IPA, where it is not the lower-case letter itself; and the
#: three diphthongs of the Spoken Dutch Corpus, which WebMAUS writes for Dutch.
_XSAMPA = {
    "A": "ɑ", "B": "β", "C": "ç", "D": "ð", "E": "ɛ", "F": "ɱ", "G": "ɣ", "H": "ɥ", "I": "ɪ", "J": "ɲ", "K": "ɬ", "L": "ʎ",
    "M": "ɯ", "N": "ŋ", "O": "ɔ", "P": "ʋ", "Q": "ɒ", "R": "ʁ", "S": "ʃ", "T": "θ", "U": "ʊ", "V": "ʌ", "W": "ʍ", "X": "χ",
    "Y": "ʏ", "Z": "ʒ", "@": "ə", "{": "æ", "}": "ʉ", "1": "ɨ", "2": "ø", "3": "ɜ", "4": "ɾ", "5": "ɫ", "6": "ɐ", "7": "ɤ",
    "8": "ɵ", "9": "œ", "&": "ɶ", "?": "ʔ", "g": "ɡ",
    "r\\": "ɹ", "R\\": "ʀ", "h\\": "ɦ", "j\\": "ʝ", "s\\": "ɕ", "z\\": "ʑ", "x\\": "ɧ", "v\\": "ʋ", "p\\": "ɸ", "B\\": "ʙ",
    "G\\": "ɢ", "N\\": "ɴ", "K\\": "ɮ", "L\\": "ʟ", "M\\": "ɰ", "l\\": "ɺ", "J\\": "ɟ", "@\\": "ɘ", "3\\": "ɞ", "X\\": "ħ",
    "?\\": "ʕ", "t`": "ʈ", "d`": "ɖ", "n`": "ɳ", "s`": "ʂ", "z`": "ʐ", "l`": "ɭ", "r`": "ɽ", "r\\`": "ɻ", "@`": "ɚ", "3`": "ɝ",
    "E+": "ɛi", "Y+": "œy", "A+": "ɑu",
}  # fmt: skip
_XSAMPA_PART = re.compile(r"""[EYA]\+|[A-Za-z@{}1-9&?](?:\\`|\\|`)?|_[^_\s]\\?|:\\?|[~"%'=.-]""")
_XSAMPA_MARK = ("_", ":", "~", '"', "%", "'", "=", ".", "-")  # of length, nasals, stress, syllables: they are dropped


def xsampa_letters(label: str) -> list[str] | None:
    """The IPA letters of a phone in X-SAMPA or SAMPA: ``ø`` of ``2:``, ``t, ʃ`` of ``tS_h``; None if one is no letter."""
    label = label.strip()
    parts = _XSAMPA_PART.findall(label)
    letters = "".join(_XSAMPA.get(part, part) for part in parts if not part.startswith(_XSAMPA_MARK))
    known = letters and "".join(parts) == label and all(letter in CLASSES for letter in letters)
    return list(letters) if known else None
