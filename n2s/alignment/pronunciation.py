"""How words sound, by eSpeak NG's rules for a hundred languages, in the phones of an English acoustic model."""

import ctypes
import importlib.util
import re
import unicodedata
from functools import cache

from n2s.errors import UserError

_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000  # of espeak_Initialize (speak_lib.h of eSpeak NG 1.52)
_UTF8, _IPA = 1, 0x02
_SEPARATOR = "_"

# The nearest of the 39 phones of the CMU dictionary, by IPA symbols; of those that begin alike the longest is taken. What
# is not here (stress, length, ties, tones) is passed over. Front rounded vowels become rounded ones.
_NEAREST = {
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "g": "G", "q": "K", "c": "K", "ɟ": "G", "ʔ": "",
    "ʈ": "T", "ɖ": "D", "m": "M", "ɱ": "M", "n": "N", "ɳ": "N", "ɲ": "N Y", "ŋ": "NG", "ɴ": "NG",
    "f": "F", "v": "V", "ɸ": "F", "β": "B", "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "ɕ": "SH",
    "ʑ": "ZH", "ʂ": "SH", "ʐ": "ZH", "ʝ": "Y", "x": "HH", "χ": "HH", "ɣ": "G", "ʁ": "R", "ħ": "HH", "ʕ": "",
    "h": "HH", "ɦ": "HH", "ʋ": "V", "ɹ": "R", "ɻ": "R", "ɾ": "R", "ɽ": "R", "r": "R", "ʀ": "R", "j": "Y", "ɥ": "Y",
    "ɰ": "W", "w": "W", "ʍ": "W", "l": "L", "ɫ": "L", "ɭ": "L", "ʎ": "L Y", "ɬ": "L", "tʃ": "CH", "dʒ": "JH", "tɕ": "CH",
    "dʑ": "JH", "tʂ": "CH", "dʐ": "JH", "ts": "T S", "dz": "D Z",
    "i": "IY", "ɪ": "IH", "ɨ": "IH", "y": "UW", "ʏ": "UH", "e": "EH", "ø": "ER", "ɛ": "EH", "œ": "ER", "æ": "AE", "a": "AA",
    "ɶ": "AE", "ɑ": "AA", "ɒ": "AA", "ɐ": "AH", "ə": "AH", "ɘ": "AH", "ɜ": "ER", "ɝ": "ER", "ɚ": "ER", "ɞ": "ER", "ʌ": "AH",
    "ɔ": "AO", "o": "AO", "ɤ": "AH", "ɵ": "ER", "u": "UW", "ʊ": "UH", "ʉ": "UW", "ɯ": "UW", "eɪ": "EY", "ɛi": "EY",
    "əʊ": "OW", "oʊ": "OW", "aɪ": "AY", "aʊ": "AW", "ɔɪ": "OY", "ai": "AY", "au": "AW", "ɔi": "OY", "ʌu": "AW",
}  # fmt: skip


def phones(ipa: str) -> str:
    """IPA as the nearest phones of the CMU dictionary: ``ˈmɛisjə`` -> ``M EY S Y AH``; "" if it has no sound."""
    symbols, found = unicodedata.normalize("NFD", ipa.replace("ç", "h")), []
    at = 0
    while at < len(symbols):
        symbol = next((symbols[at : at + n] for n in (2, 1) if symbols[at : at + n] in _NEAREST), None)
        found += _NEAREST[symbol].split() if symbol else []
        at += len(symbol) if symbol else 1
    return " ".join(found)


def pronounce(word: str, language: str) -> str:
    """The phones of a word in a language (BCP 47, or an eSpeak voice), as eSpeak NG would say it.

    Raises
    ------
    UserError
        eSpeak NG is not installed or does not know the language.
    """
    library = _espeak(language)
    text = ctypes.c_char_p(word.encode())
    pointer, parts = ctypes.pointer(text), []
    while text.value:  # a clause a call
        parts.append(library.espeak_TextToPhonemes(pointer, _UTF8, _IPA | ord(_SEPARATOR) << 8) or b"")
    # "(en)" marks a switch of the language inside a text
    return phones(re.sub(r"\(.*?\)", "", b" ".join(parts).decode("utf-8", "ignore")).replace(_SEPARATOR, ""))


@cache
def _started() -> ctypes.CDLL:
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError('eSpeak NG, which says how words sound, is not installed: pip install "n2s[align]".')
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT) <= 0:
        raise UserError('eSpeak NG did not start. Install it again: pip install --force-reinstall "n2s[align]".')
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    return library


def _espeak(language: str) -> ctypes.CDLL:
    library = _started()
    if library.espeak_SetVoiceByName(language.lower().encode()) != 0 and (
        library.espeak_SetVoiceByName(language.split("-")[0].lower().encode()) != 0
    ):
        raise UserError(f"eSpeak NG has no language '{language}'; expected a tag such as en, nl, eu, es or fr.")
    return library
