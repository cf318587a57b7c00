"""One spelling of words for all transcripts of a language."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from n2s.errors import first_of
from n2s.findings import tell

_MARKS = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|<[^<>]*>")
_BREAKS = re.compile(r"[—–―…/]|--+|\.\.+")  # between words that are written without a space
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʹ′`´＇‛"), "'")
_HYPHENS = dict.fromkeys(map(ord, "‐‑"), "-")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
#: Silences and noises as transcripts for forced alignment write them.
_NO_WORDS = frozenset({"sentence_start", "sentence_end", "br", "lg", "ls", "ns", "sp", "sil", "spn"})


def plain_words(texts: Iterable[str], language: str) -> list[str]:
    """The words of texts in one spelling: NFC, lower case, straight apostrophes, no punctuation around them.

    Marks of noises (``{ls}``, ``[laughter]``, ``<unk>``, ``sp``) are dropped, and a text that is punctuation alone. A text may hold
    several words, so the list may be longer or shorter than ``texts``: call it on each text of a table to keep the rows apart.

    Parameters
    ----------
    texts
        Words, or sentences.
    language
        Code, such as ``tr``: capitals of Turkish and Azeri are its own.
    """
    turkish = language.lower()[:2] in ("tr", "az")
    found = []
    for text in texts:
        text = unicodedata.normalize("NFC", _MARKS.sub(" ", str(text))).translate(_APOSTROPHES | _HYPHENS | _INVISIBLE)
        if turkish:
            text = text.replace("I", "ı").replace("İ", "i")
        for piece in _BREAKS.sub(" ", text.lower()).split():
            word = unicodedata.normalize("NFC", _bare(piece))
            if word and word not in _NO_WORDS:
                found.append(word)
    return found


def _bare(piece: str) -> str:
    """Without what is no letter, mark or digit at both ends."""
    inside = [i for i, letter in enumerate(piece) if unicodedata.category(letter)[0] in "LMN"]
    return piece[inside[0] : inside[-1] + 1] if inside else ""


def plain_stories(stories: Sequence[Sequence[str]], language: str, where: str) -> list[list[str]]:
    """Stories in one spelling; told is what was changed, and what still looks like one word in two spellings."""
    found, changed = [], Counter()
    for story in stories:
        plain = []
        for text in story:
            words = plain_words([text], language)
            if words != [text]:
                changed[text, " ".join(words)] += 1
            plain += words
        found.append(plain)
    if changed:
        examples = first_of([f"'{old}' -> '{new}'" if new else f"'{old}' dropped" for old, new in sorted(changed)], 5)
        tell("corrected", where, f"{changed.total()} words are in another spelling than n2s uses: {examples}.")
    _tell_two_spellings(found, where)
    return found


def _tell_two_spellings(stories: Sequence[Sequence[str]], where: str) -> None:
    """Words that differ in apostrophes, hyphens or accents alone, one of them without any: "don't" and "dont"."""
    counts = Counter(word for story in stories for word in story)
    without = {}
    for word in counts:
        if word.endswith(("'s", "s'")) or any(map(str.isdigit, word)):  # the dog's and the dogs are two words
            continue
        without.setdefault(word.replace("'", "").replace("-", ""), []).append(word)
    twice = sorted(
        sorted(words, key=lambda word: (-counts[word], word)) for words in without.values() if len(words) > 1
    )
    twice = [words for words in twice if not set(words) & _BOTH_WORDS]
    if twice:
        examples = first_of([" and ".join(f"{word} ({counts[word]})" for word in words) for words in twice], 5)
        text = (
            f"{len(twice)} words come in two spellings: {examples}. They are learned and decoded as different words. If they are the "
            "same, write them alike in the transcripts."
        )
        tell("odd", where, text)


#: Different words of English that differ in an apostrophe.
_BOTH_WORDS = frozenset(["its", "ill", "shell", "hell", "well", "were", "wed", "shed", "id", "lets"])
