"""What a search for words knows of a language: stems, words that may come again and again, and words that begin."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import snowballstemmer

from n2s.corpora.transcripts import primary
from n2s.findings import tell

_FOLDER = Path(__file__).parent / "rules_of"
_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "eo": "esperanto",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "nb": "norwegian", "nn": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "st": "sesotho", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
N_STARTS = 12
N_FREQUENT = 60  # stop words of a language without a list


@dataclass(frozen=True)
class TextRules:
    """Of one language.

    Attributes
    ----------
    language
        Its code.
    stop_words
        Words that may come twice near each other (the, and, of), in the spelling of `plain_words`.
    starts
        Usual first words of a text.
    """

    language: str
    stop_words: frozenset[str]
    starts: tuple[str, ...]

    @classmethod
    def of(
        cls, language: str, *, stories: Sequence[Sequence[str]] = (), first_words: Iterable[str] = ()
    ) -> "TextRules":
        """The rules of a language, with what training transcripts add.

        Parameters
        ----------
        language
            Code, such as ``en`` or ``es-MX``.
        stories
            Words of training transcripts: their most frequent are the stop words of a language without a list.
        first_words
            First words of training sentences, or of stories; from 20 on their most frequent are ``starts``, else the list's are.
        """
        code = primary(language)
        lists = _lists(code)
        stop, starts = frozenset(lists.get("stop", ())), lists.get("starts", ())
        counts = Counter(word for story in stories for word in story)
        firsts = Counter(first_words)
        if not stop:
            stop = frozenset(_most(counts, N_FREQUENT))
            how = f"the {len(stop)} most frequent words of the training transcripts" if stop else "none"
            tell("odd", f"language '{language}'", f"n2s has no list of stop words of this language: it takes {how}.")
        if firsts.total() >= 20 or not starts:
            starts = _most(firsts or counts, N_STARTS)
        if code not in _STEMMERS:
            tell(
                "odd",
                f"language '{language}'",
                "there is no stemmer of this language: each form of a word counts as another word.",
            )
        return cls(code, stop, tuple(starts))

    def stem(self, word: str) -> str:
        """The stem of a word; the word itself in a language without a stemmer."""
        return _stem(self.language, word)


@cache
def _stem(code: str, word: str) -> str:
    name = _STEMMERS.get(code)
    return snowballstemmer.stemmer(name).stemWord(word) if name else word


def _most(counts: Counter, n: int) -> tuple[str, ...]:
    return tuple(sorted(counts, key=lambda word: (-counts[word], word))[:n])


@cache
def _lists(code: str) -> dict[str, tuple[str, ...]]:
    """The lists of a language's file, by their headings."""
    path, found = _FOLDER / f"{code}.txt", {}
    if not path.is_file():
        return found
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            found[name := line.strip("[]")] = ()
        elif line and not line.startswith("#"):
            found[name] += tuple(line.split())
    return found
