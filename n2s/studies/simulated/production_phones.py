"""How phones are said: what lips, jaw and tongue do for each, and the numbers that a brain has for it."""

import unicodedata
from functools import lru_cache
from zlib import crc32

import numpy as np

_VOWELS = {"close": "iyɨʉɯuɪʏʊᵻ", "mid": "eøɘɵɤoəɛœɜɝɚɞʌɔ", "open": "æaɶɐɑɒ"}
#: Feature -> the letters of the International Phonetic Alphabet that have it.
_FEATURES = {
    "labial": "pbmɱɸβfvʋʙwʍɥ",
    "coronal": "tdnɾrszɬɮɹlɫɺθðʃʒʈɖɳʂʐɻɭ",
    "dorsal": "kɡŋxɣcɟɲjçʝqɢɴχʁʎɰʟwʍ",
    "plosive": "pbtdʈɖcɟkɡqɢʔ",
    "nasal": "mɱnɳɲŋɴ",
    "fricative": "ɸβfvθðszʃʒʂʐçʝxɣχʁhɦɬɮ",
    "voiceless": "pɸftθsʃʈʂcçkxqχhʔɬʍ",
    "rounded": "yʉuʏʊøœɵɞoɔɶɒwɥ",
    "front": "iyɪʏeøɛœæaɶ",
    "back": "ɯuʊɤoʌɔɑɒ",
    **_VOWELS,
}
#: How far each kind of vowel opens the jaw, of the widest; a consonant opens it by the last.
OPENING = {"close": 0.3, "mid": 0.6, "open": 1.0, "": 0.1}
FEATURE_SHARE = 0.6  # of the variance of a phone's numbers: what phones of like articulation share

#: Muscles in the order of `muscles`: around the lips, the chewing muscle, the floor of the mouth.
MUSCLES = ("lips", "jaw", "tongue")


def letters(label: str) -> str:
    """Letters of a phone without stress, length and diacritics: ``oʊ`` of ``ˈoʊ``, ``tʃ`` of ``t͡ʃʰ``."""
    plain = unicodedata.normalize("NFD", label).replace("g", "ɡ")
    return "".join(one for one in plain if unicodedata.category(one) in ("Ll", "Lo"))


@lru_cache(maxsize=512)
def features(label: str) -> tuple[str, ...]:
    """How a phone is articulated, such as ``labial, plosive, voiceless``; empty for letters that are not in the table."""
    own = set(letters(label))
    return tuple(name for name, members in _FEATURES.items() if own & set(members))


@lru_cache(maxsize=512)
def opening(label: str) -> float:
    """How far the jaw opens, of its widest: the mean over letters."""
    found = [next((name for name, own in _VOWELS.items() if one in own), "") for one in letters(label)] or [""]
    return float(np.mean([OPENING[name] for name in found]))


@lru_cache(maxsize=512)
def muscles(label: str) -> tuple[float, float, float]:
    """How strongly lips, jaw and tongue work, from 0 to 1."""
    has = set(features(label))
    lips = 1.0 if "labial" in has else 0.6 if "rounded" in has else 0.1
    tongue = 1.0 if has & {"coronal", "dorsal"} else 0.5 if "front" in has else 0.2
    return lips, 0.2 + 0.8 * opening(label), tongue


@lru_cache(maxsize=4096)
def code(label: str, place: str, n: int, seed: int) -> np.ndarray:
    """(n,) What a phone is to the sources of a place: standard normal over phones, and more alike where articulation is.

    Stress and length do not change it.
    """
    draw = lambda name: np.random.default_rng([seed, crc32(f"{place} {name}".encode())]).standard_normal(n)  # noqa: E731
    own = draw(f"phone {letters(label)}")
    has = features(label)
    if not has:
        return own
    shared = np.sum([draw(f"feature {name}") for name in has], axis=0) / np.sqrt(len(has))
    return np.sqrt(FEATURE_SHARE) * shared + np.sqrt(1 - FEATURE_SHARE) * own
