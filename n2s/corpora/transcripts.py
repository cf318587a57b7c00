"""Transcripts as networks learn them: lower case, few characters, no punctuation; Bengali in Latin letters."""

import importlib.util
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.text import plain

if TYPE_CHECKING:
    from uroman import Uroman

_LATIN = " 'abcdefghijklmnopqrstuvwxyz"
#: Language -> its characters, without the blank of CTC. The counts are those of Millet & King 2021 (Dutch 37, English and romanised
#: Bengali 28); which nine letters Dutch has beside a to z is not said there: these are the ones of written Dutch.
ALPHABETS = {"en": _LATIN, "bn": _LATIN, "nl": _LATIN + "áèéêëïóöü"}
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´′", "'"))
_SPELLED = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_SHORT = ("'s", "'t", "'n", "'m", "'k", "'r", "'ns")  # Dutch words that begin with an apostrophe: 's avonds, in 't huis
#: What is spoken, or heard, otherwise than it is written: signs (and currencies), and the tags of transcribers (<unk>, [noise], {cough}).
_UNLIKE = re.compile(r"[&%@+=°§]|<[^<>]*>|\[[^\[\]\s]*\]|\{[^{}\s]*\}")
_UNLIKE_KINDS = ("Nd", "Nl", "No", "Sc")
#: BCP 47 -> ISO 639-3, which uroman expects.
_ISO = {"bn": "ben"}


def alphabet(language: str) -> str | None:
    """The characters of a language's transcripts, the space among them and without a blank; None: any letter."""
    return ALPHABETS.get(primary(language))


def primary(language: str) -> str:
    """The language of a BCP 47 tag: ``nl`` of ``nl-BE``."""
    return language.lower().replace("_", "-").split("-")[0]


def transcript(text: str, language: str) -> str | None:
    """One sentence: lower case, words with one space between; None where it has digits, signs or tags, or no letters.

    Marks that the language has not are dropped from their letters (``ñ`` is ``n`` in Dutch). Apostrophes inside words stay, hyphens and
    dashes part words, other punctuation is left out. How digits and signs (``&``, ``%``) are spoken is not known, nor what is heard at a
    tag (``<unk>``, ``[noise]``), so there is no transcript. In a language without a known alphabet all letters stay.
    """
    text = plain(text)
    if _unlike(text):
        return None
    if primary(language) in _ISO:
        text = _romanised(text, _ISO[primary(language)])
    letters = alphabet(language)
    text = unicodedata.normalize("NFC", _separated(text).lower()).translate(_APOSTROPHES)
    kept = []
    for letter in text if letters is None else text.translate(_SPELLED):
        if letters is None:
            kept.append(
                letter if unicodedata.category(letter)[0] in "LM" or letter in "'\u200c\u200d" else _gap(letter)
            )
        elif letter in letters:
            kept.append(letter)
        else:
            base = unicodedata.normalize("NFD", letter)[0]
            kept.append(base if base in letters else _gap(letter))
    short = _SHORT if primary(language) == "nl" else ()
    words = (word if word in short else word.strip("'") for word in "".join(kept).split())
    return " ".join(filter(None, words)) or None


def transcribed(clips: pd.DataFrame, language: str, where: object) -> pd.DataFrame:
    """A table of clips with their ``text`` as `transcript` has it, without those that have none: they are counted aloud.

    Raises
    ------
    UserError
        None is left; or the letters need uroman, which is not installed.
    """
    texts = [transcript(text, language) for text in clips.text]
    unlike = clips.text.map(_unlike).to_numpy(bool)
    gone = pd.Series(texts, dtype=object).isna().to_numpy()
    if gone.all():
        raise UserError(
            f"{where}: none of its {len(clips)} transcripts has words of letters ({language}). Check the language."
        )
    for n, why in (
        (
            int((gone & unlike).sum()),
            "have digits, signs (&, %) or tags (<unk>), which are not written as they are spoken",
        ),
        (int((gone & ~unlike).sum()), "are empty"),
    ):
        if n:
            tell(
                "left out", where, f"{n} of {len(clips)} clips are no sentence to learn from: their transcripts {why}."
            )
    return clips.assign(text=texts)[~gone].reset_index(drop=True)


def _unlike(text: str) -> bool:
    return bool(_UNLIKE.search(text)) or any(unicodedata.category(letter) in _UNLIKE_KINDS for letter in text)


def _separated(text: str) -> str:
    """Letters that one character joins or widens, as they are read: ``ĳ`` is ``ij``, ``ﬁ`` is ``fi``, ``Ａ`` is ``A``."""
    return "".join(unicodedata.normalize("NFKC", one) if unicodedata.category(one)[0] == "L" else one for one in text)


def _gap(letter: str) -> str:
    """What stands for a character that is no letter: nothing for a mark, else a space between words."""
    return "" if unicodedata.category(letter)[0] == "M" or letter in ".\u00ad" else " "


def _romanised(text: str, code: str) -> str:
    if importlib.util.find_spec("uroman") is None:
        raise UserError(
            'Bengali transcripts are written in Latin letters by uroman, which is not installed: pip install "n2s[romanise]".'
        )
    return _uroman().romanize_string(text, lcode=code)


@cache
def _uroman() -> "Uroman":
    from uroman import Uroman  # seconds: it reads its tables

    return Uroman()
