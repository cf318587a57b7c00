"""A corpus of one's own: a folder of sounds and a table that says what each is."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from n2s.corpora.clip_tables import read_clips, read_kaldi
from n2s.corpora.corpus import Corpus
from n2s.corpora.sound_files import SoundFiles, with_sounds
from n2s.corpora.transcripts import transcribed
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.readers.sound import sound

_COMMON_VOICE = {"train.tsv": "train", "dev.tsv": "val", "test.tsv": "test"}
_END_S = 0.1  # that a clip may reach beyond its file: rounded times


class FolderCorpus(Corpus):
    """Any sounds with a table: CSV or TSV under common names of columns, LJSpeech, Common Voice, Kaldi.

    Columns, under these names or others that are common (`n2s.corpora.clip_tables.NAMES`): ``sound`` (a path from the folder, or a name
    with or without extension), ``text`` or ``label``, and perhaps ``start``, ``duration`` or ``end`` (s), ``speaker``, ``split``. LJSpeech's
    ``metadata.csv`` has no header. Common Voice's ``train.tsv``, ``dev.tsv`` and ``test.tsv`` are the splits. Kaldi's ``wav.scp`` and
    ``text`` may have ``segments`` and ``utt2spk`` beside them.

    Parameters
    ----------
    root
        The folder.
    table
        The table's name in it; None: the only one there (or the files above).
    language
        BCP 47 tag of the transcripts; needed where there are some.

    Examples
    --------
    >>> import numpy as np, pandas as pd, soundfile
    >>> from n2s.corpora import FolderCorpus
    >>> soundfile.write(folder / "a.wav", np.zeros(16_000), 16_000)
    >>> table = pd.DataFrame([{"sound": "a.wav", "text": "Good morning!", "speaker": "anna", "split": "train"}])
    >>> table.to_csv(folder / "table.csv", index=False)
    >>> FolderCorpus(folder, language="en").clips()[["text", "speaker", "split"]].values.tolist()
    [['good morning', 'anna', 'train']]
    """

    name = "folder"

    def __init__(self, root: Path | str, table: str | None = None, *, language: str = "") -> None:
        self.root, self.table, self.language = data_folder(root), table, language

    def settings(self) -> dict:
        """The table and the language."""
        return {"table": self.table, "language": self.language}

    def clips(self) -> pd.DataFrame:
        """One row of the table a clip."""
        return self._clips.copy()

    @cached_property
    def _clips(self) -> pd.DataFrame:
        found, where = self._tables()
        found = _together(found)
        doubled = found.duplicated(["sound", "start_s", "duration_s"])
        if doubled.any():
            tell(
                "left out",
                where,
                f"{int(doubled.sum())} rows name a clip that another row names, too: the first is used.",
            )
            found = found[~doubled]
        found = self._inside(with_sounds(found, SoundFiles(self.root), where), where)
        if not (found.text != "").any():
            return found
        if not self.language:
            raise UserError(
                f"{where}: it has transcripts. Give their language, such as language: nl: it decides which characters are kept."
            )
        return transcribed(found, self.language, where)

    def _tables(self) -> tuple[pd.DataFrame, Path]:
        if self.table is None:
            if (self.root / "wav.scp").is_file():
                return read_kaldi(self.root), self.root / "wav.scp"
            parts = {name: split for name, split in _COMMON_VOICE.items() if (self.root / name).is_file()}
            if {"train.tsv", "test.tsv"} <= set(parts):
                tables = [read_clips(self.root / name).assign(split=split) for name, split in parts.items()]
                return pd.concat(tables, ignore_index=True), self.root
        path = self.root / self.table if self.table is not None else self._only_table()
        return read_clips(path), path

    def _only_table(self) -> Path:
        found = sorted(
            path for path in self.root.iterdir() if path.suffix.lower() in (".csv", ".tsv") and path.is_file()
        )
        if len(found) != 1:
            names = (
                f"{len(found)} tables ({first_of(path.name for path in found)})"
                if found
                else "no table (csv, tsv, wav.scp)"
            )
            raise UserError(f"{self.root}: {names}. Give the name of the one that describes the sounds: table: NAME.")
        return found[0]

    def _inside(self, clips: pd.DataFrame, where: Path) -> pd.DataFrame:
        """Clips cut out of longer files must lie in them; those of whole files are not read yet."""
        cut = clips[(clips.start_s > 0) | clips.duration_s.notna()]
        for path, rows in cut.groupby("sound"):
            length_s = sound(path).length_s
            stop_s = (rows.start_s + rows.duration_s.fillna(0)).max()
            if stop_s > length_s + _END_S:
                raise UserError(
                    f"{where}: a clip of {path} ends at {stop_s:.3f} s, but it lasts {length_s:.3f} s. Are the times in seconds, and of this file?"
                )
        return clips


def _together(clips: pd.DataFrame) -> pd.DataFrame:
    """A clip that has a row for each of its classes gets all of them, with commas between, at each of its rows."""
    place = ["sound", "start_s", "duration_s"]
    labels = clips.groupby(place, dropna=False, sort=False).label
    every = labels.transform(lambda one: ",".join(dict.fromkeys(filter(None, one))))
    return clips.assign(label=every.where(labels.transform("nunique") > 1, clips.label))
