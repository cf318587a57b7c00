"""Spoken Wikipedia (Köhn 2016, Baumann 2018): articles read by volunteers, aligned word by word. CC BY-SA."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.corpora.kept import kept_clips
from n2s.corpora.transcripts import primary, transcribed
from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.readers.side_files import read_json, read_text
from n2s.studies.readers.sound import sound

_FOLDERS = {"nl": "dutch", "en": "english", "de": "german"}


class SpokenWikipedia(Corpus):
    """Sentences of Spoken Wikipedia whose words are aligned.

    Expected: ``<article>/aligned.swc``, ``audio.ogg`` (or ``audio1.ogg``, ``audio2.ogg``, ..) and ``info.json``, as in SWC 2.0, directly
    in ``root`` or in ``root/dutch``. A transcript is what was spoken (numbers in words), not what is written. Each reader is a
    speaker. Left out, and counted aloud: sentences with a word that is not aligned, that go over the border of two files, or whose
    times run backwards; articles without sound.

    Parameters
    ----------
    root
        The folder.
    language
        ``nl``, ``en`` or ``de``.
    whole
        Only sentences of which every word is aligned. False: also each run of aligned words in the others: for Dutch the paper's
        66 hours need them.

    Examples
    --------
    >>> from n2s.corpora import SpokenWikipedia
    >>> SpokenWikipedia(folder, language="nl").clips()
    Traceback (most recent call last):
    n2s.errors.UserError: ...: no article with aligned.swc below it. Expected the unpacked archive of Spoken Wikipedia...
    >>> SpokenWikipedia(folder, language="es")
    Traceback (most recent call last):
    n2s.errors.UserError: SpokenWikipedia: language='es'; expected nl, en, de.
    """

    name = "spoken-wikipedia"

    def __init__(self, root: Path | str, language: str = "nl", *, whole: bool = True) -> None:
        if primary(language) not in _FOLDERS:
            raise UserError(f"SpokenWikipedia: language='{language}'; expected {', '.join(_FOLDERS)}.")
        self.root, self.language, self.whole = data_folder(root), language, whole

    def settings(self) -> dict:
        """The language, and which sentences."""
        return {"language": self.language, "whole": self.whole}

    def clips(self) -> pd.DataFrame:
        """One sentence, or one run of words, a clip."""
        return self._clips.copy()

    @cached_property
    def _clips(self) -> pd.DataFrame:
        own = self.root / _FOLDERS[primary(self.language)]
        folder = own if own.is_dir() else self.root
        files = sorted(folder.rglob("aligned.swc"))
        if not files:
            raise UserError(
                f"{folder}: no article with aligned.swc below it. Expected the unpacked archive of Spoken Wikipedia (with audio) of "
                f"one language, or a folder with '{own.name}' in it."
            )
        key = {"class": type(self).__name__, "root": str(folder)} | self.settings()
        beside = [one for path in files for one in sorted(path.parent.glob("audio*.ogg"))]
        beside += [one for path in files for one in (path.parent / "info.json",) if one.is_file()]
        return kept_clips(key, [*files, *beside], lambda: self._read(files, folder))

    def _read(self, files: list[Path], folder: Path) -> pd.DataFrame:
        rows, counts = [], dict.fromkeys(("unaligned", "border", "backwards"), 0)
        for path in files:
            sounds = self._sounds(path.parent)
            if sounds is None:
                continue
            article = _parsed(path)
            reader = _reader(article, path.parent)
            spoken = [one for one in _sentences(article) if one.find(".//n") is not None]
            if not spoken:
                tell("left out", path, "an article without a spoken sentence (s, t and n in d, as SWC 2.0 has them).")
            for sentence in spoken:
                runs, whole = _runs(sentence)
                counts["unaligned"] += not whole
                if self.whole and not whole:
                    continue
                for words in runs:
                    begin, end = words[0][1], words[-1][2]
                    if any(stop < start for _, start, stop in words) or end <= begin:
                        counts["backwards"] += 1
                        continue
                    place = [(file, offset) for file, offset, stop in sounds if offset <= begin and end <= stop]
                    counts["border"] += not place
                    if place:
                        file, offset = place[0]
                        text = " ".join(word for word, _, _ in words)
                        rows.append((str(file), begin - offset, end - begin, text, "", reader, ""))
        what = "are not aligned in all their words" + ("" if self.whole else ": their runs of aligned words are taken")
        for name, told in (
            ("unaligned", what),
            ("border", "go over the border of two files of sound, or beyond them"),
            ("backwards", "have times that run backwards"),
        ):
            if counts[name]:
                taken = name == "unaligned" and not self.whole
                tell("corrected" if taken else "left out", folder, f"{counts[name]} sentences {told}.")
        if not rows:
            raise UserError(f"{folder}: {len(files)} articles, but no sentence that is aligned and has its sound.")
        return transcribed(pd.DataFrame(rows, columns=list(COLUMNS)), self.language, folder)

    def _sounds(self, article: Path) -> list[tuple[Path, float, float]] | None:
        """Files of an article in order, each with its begin and end on the clock of the alignment, s; None if there are none."""
        files = sorted(article.glob("audio[0-9]*.ogg"), key=lambda path: int(path.stem.removeprefix("audio")))
        files = files or [path for path in (article / "audio.ogg",) if path.is_file()]
        if not files:
            tell("left out", article, "an article without audio.ogg or audio1.ogg beside its alignment.")
            return None
        try:
            lengths = [sound(path).length_s for path in files]
        except UserError as error:
            tell("left out", article, f"an article whose sound cannot be read: {error}")
            return None
        told = _offsets(article / "info.json", len(files))
        if told is None:
            told = [sum(lengths[:i]) for i in range(len(files))]
        return [(path, offset, offset + length) for path, offset, length in zip(files, told, lengths, strict=True)]


def _offsets(path: Path, n_files: int) -> list[float] | None:
    """When each file begins on the clock of the alignment, s, as info.json says; None where it does not say."""
    if not path.is_file():
        return None
    told = read_json(path).get("audio_files")
    if not isinstance(told, list) or len(told) != n_files:
        return None
    found = [one.get("offset") if isinstance(one, dict) else None for one in told]
    usable = [float(one) for one in found if isinstance(one, int | float) and not isinstance(one, bool)]
    return usable if len(usable) == n_files else None


def _parsed(path: Path) -> ElementTree.Element:
    text = read_text(path)
    if "<!DOCTYPE" in text[:10_000].upper() or "<!ENTITY" in text.upper():
        raise UserError(f"{path}: has a document type; expected the plain XML of SWC 2.0.")
    with reading(path, "the XML of an aligned article of Spoken Wikipedia"):
        return ElementTree.fromstring(text)


def _reader(article: ElementTree.Element, folder: Path) -> str:
    """Who reads it; the article's name where that is not said."""
    for prop in article.iter("prop"):
        name = (prop.get("value") or "").strip()
        if prop.get("key") == "reader.name" and name:
            return name
    return folder.name


def _sentences(article: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Sentences and titles of sections, in order."""
    for part in article.findall("d"):
        yield from (one for one in part.iter() if one.tag in ("s", "sectiontitle"))


def _runs(sentence: ElementTree.Element) -> tuple[list[list[tuple[str, float, float]]], bool]:
    """Runs of consecutive aligned words (what is spoken, begin, end in s), and whether they are the whole sentence.

    A token has a ``n`` for each spoken word ("1990": two), and none if it is not spoken (a comma). It is aligned if its first word
    begins and its last ends.
    """
    runs: list[list[tuple[str, float, float]]] = [[]]
    whole = True
    for token in sentence.iter("t"):
        spoken = token.findall("n")
        if not spoken:
            continue
        text = " ".join((word.get("pronunciation") or "").strip() for word in spoken)
        try:
            runs[-1].append((text, int(spoken[0].attrib["start"]) / 1000, int(spoken[-1].attrib["end"]) / 1000))
        except (KeyError, ValueError):
            whole = False
            runs.append([])
    runs = [run for run in runs if run]
    return runs, whole and bool(runs)
