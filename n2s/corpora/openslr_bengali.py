"""Bengali read by many speakers (Kjartansson 2018; OpenSLR 53, and the smaller 37), transcribed in Latin letters. CC BY-SA."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.corpora.kept import kept_clips
from n2s.corpora.sound_files import SoundFiles, with_sounds
from n2s.corpora.transcripts import transcribed
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.readers.side_files import read_text
from n2s.studies.text import plain

_TABLES = ("utt_spk_text.tsv", "line_index.tsv")


class OpenSLRBengali(Corpus):
    """Sentences of OpenSLR 53: ``utt_spk_text.tsv`` (utterance, speaker, text) and ``data/xx/<utterance>.flac``; or OpenSLR 37:
    ``line_index.tsv`` (utterance, text) beside its wavs.

    Archives may be unpacked in part or into folders of their own: every table below ``root`` is read, and sentences whose sound is not
    there are counted aloud. uroman writes Bengali in Latin letters (the extra ``romanise``).

    Parameters
    ----------
    root
        The folder.

    Examples
    --------
    >>> from n2s.corpora import OpenSLRBengali
    >>> OpenSLRBengali(folder).clips()
    Traceback (most recent call last):
    n2s.errors.UserError: ...: no utt_spk_text.tsv or line_index.tsv below it. Fetch it from openslr.org/53 beside the sounds.
    """

    name = "openslr-bengali"
    language = "bn"

    def __init__(self, root: Path | str) -> None:
        self.root = data_folder(root)

    def clips(self) -> pd.DataFrame:
        """One sentence a clip: a whole file."""
        return self._clips.copy()

    @cached_property
    def _clips(self) -> pd.DataFrame:
        tables = sorted(path for name in _TABLES for path in self.root.rglob(name))
        if not tables:
            raise UserError(
                f"{self.root}: no {' or '.join(_TABLES)} below it. Fetch it from openslr.org/53 beside the sounds."
            )
        files = SoundFiles(self.root)
        key = {"class": type(self).__name__, "root": str(self.root), "sounds": files.fingerprint}
        return kept_clips(key, tables, lambda: self._read(tables, files))

    def _read(self, tables: list[Path], files: SoundFiles) -> pd.DataFrame:
        rows: dict[str, tuple[str, str]] = {}
        for path in tables:
            for name, speaker, text in _lines(path):
                if name in rows and rows[name] != (speaker, text):
                    tell("left out", path, f"'{name}' comes twice with different texts: the first is used.")
                rows.setdefault(name, (speaker, text))
        clips = pd.DataFrame(
            [(name, 0.0, float("nan"), text, "", speaker, "") for name, (speaker, text) in rows.items()],
            columns=list(COLUMNS),
        )
        return transcribed(with_sounds(clips, files, self.root), self.language, self.root)


def _lines(path: Path) -> list[tuple[str, str, str]]:
    """Utterance, speaker, text of each line. OpenSLR 37 has no column of speakers: they are the beginning of the name."""
    found, odd = [], []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        cells = [plain(cell) for cell in line.split("\t")]
        if len(cells) == 3 and path.name == "utt_spk_text.tsv" and all(cells[:2]):
            found.append((cells[0], cells[1], cells[2]))
        elif len(cells) >= 2 and path.name == "line_index.tsv" and cells[0]:
            found.append((cells[0], cells[0].rpartition("_")[0], cells[-1]))
        elif line.strip():
            odd.append(number)
    if odd:
        expected = "utterance, speaker and text" if path.name == "utt_spk_text.tsv" else "utterance and text"
        if not found:
            raise UserError(f"{path}: no line has {expected} between tabs.")
        tell("left out", path, f"{len(odd)} lines are not {expected} between tabs (lines {first_of(odd)}).")
    return found
