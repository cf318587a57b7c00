"""Which words end a sentence: by their punctuation where the text has it, by pauses where it has none."""

import re
import unicodedata

import numpy as np
import pandas as pd

#: A text is not punctuated if it has fewer marks than one in so many words: prose has one in 10 to 25.
WORDS_A_MARK = 40
#: A stretch of a punctuated text without any mark in so many words is not punctuated: the longest sentences of prose are shorter.
LONGEST_WORDS = 100
#: A word of unknown duration (0) lasts until the next one, at most so long, s: few spoken words are longer.
LONG_WORD_S = 0.5

_CLOSERS = "\"'”’“‘»«›‹」』】〉》）)]}"  # “ and « close a quotation in German
_OPENERS = "\"'“‘„‚«»‹›「『【〈《（([{¿¡-–—"
_MARK = re.compile(rf"[.!?…。．！？؟۔।॥։]+[{re.escape(_CLOSERS)}]*$")
# Before a name: they never end a sentence.
_TITLES = re.compile("mrs?|m[sx]|dr|prof|ste?|sra?|srta|jr|mme|mlle|hr|fr|frl|dhr|mevr|sig|dott|dña", re.IGNORECASE)
# These end one only before a pause.
_SHORT = re.compile(
    "etc|usw|bzw|ca|vs|cf|approx|vol|fig|pp|resp|ggf|evtl|str|inc|ltd|co|corp|dept|ave|nr|feb|aug|sept?|oct|nov|dec|pág|núm|"
    "aprox|uds?|adm|bijv|enz|eur|mio",
    re.IGNORECASE,
)


def sentence_ends(words: pd.DataFrame, pause_s: float) -> np.ndarray:
    """(n words) bool: whether a sentence ends after each word.

    Words that end in . ! ? … or the same marks of other scripts end a sentence, except abbreviations (``Mr.``, ``z.B.``),
    initials and ordinals. Where there are no such marks, or too few for a text (`WORDS_A_MARK`, `LONGEST_WORDS`), a pause
    of at least ``pause_s`` before the next word ends one, too.

    Parameters
    ----------
    words
        ``text``, ``onset``, ``duration`` (s, 0 if unknown), by onset.
    pause_s
        Shortest silence between two sentences, s.
    """
    n = len(words)
    if n == 0:
        return np.zeros(0, bool)
    paused = _pauses(words, pause_s)
    texts = [unicodedata.normalize("NFC", str(text)).strip() for text in words.text]
    marked = _marks(texts, paused)
    marked[-1] |= _MARK.search(texts[-1]) is not None
    ends = marked | (paused & ~_punctuated(marked) & ~_titles(texts))
    ends[-1] = True
    return ends


def _pauses(words: pd.DataFrame, pause_s: float) -> np.ndarray:
    onset, duration = words.onset.to_numpy(float), words.duration.to_numpy(float)
    known = np.where(duration > 0, duration, LONG_WORD_S)
    return np.append(onset[1:] - (onset + known)[:-1] >= pause_s - 1e-6, True)


def _marks(texts: list[str], paused: np.ndarray) -> np.ndarray:
    """(n) bool: words whose punctuation ends a sentence."""
    found = [_MARK.search(text) for text in texts]
    starts = [text.lstrip(_OPENERS)[:1] for text in texts[1:]] + [""]
    after = [start for mark, start in zip(found, starts, strict=True) if mark and start.isalpha()]
    cased = sum(start.isupper() for start in after) * 2 > len(after)
    ends = np.zeros(len(texts), bool)
    for i, (text, mark) in enumerate(zip(texts, found, strict=True)):
        if mark is None:
            continue
        lower = cased and starts[i].islower()  # the sentence goes on
        dots = mark[0].rstrip(_CLOSERS)
        if set(dots) == {"…"} or (set(dots) == {"."} and len(dots) > 1):
            ends[i] = not lower if cased else paused[i]
        elif dots != ".":
            ends[i] = True
        else:
            ends[i] = not lower and not _title(text) and (paused[i] or not _abbreviated(text))
    return ends


def _stem(text: str) -> str:
    return text.strip(_OPENERS + _CLOSERS).removesuffix(".")


def _title(text: str) -> bool:
    return text.rstrip(_CLOSERS).endswith(".") and _TITLES.fullmatch(_stem(text)) is not None


def _titles(texts: list[str]) -> np.ndarray:
    return np.array([_title(text) for text in texts])


def _abbreviated(text: str) -> bool:
    """Whether a word with one stop at its end is usually an abbreviation: ``e.g.``, ``a.m.``, ``J.``, ``3.``, ``etc.``."""
    stem = _stem(text)
    letters = re.fullmatch(r"[^\W\d_]", stem) or re.fullmatch(r"([^\W\d_]{1,3}\.)+[^\W\d_]{1,4}", stem)
    return bool(letters or re.fullmatch(r"\d{1,3}", stem) or _SHORT.fullmatch(stem))


def _punctuated(marked: np.ndarray) -> np.ndarray:
    """(n) bool: words in stretches whose sentences are marked.

    One mark inside a text that does not end in one is too little to tell.
    """
    n, places = len(marked), np.flatnonzero(marked)
    if len(places) * WORDS_A_MARK < n or (len(places) < 2 and not marked[-1]):
        return np.zeros(n, bool)
    bounds = np.concatenate([[0], places + 1, [n]])
    lengths = np.diff(bounds)
    return np.repeat(lengths <= LONGEST_WORDS, lengths)
