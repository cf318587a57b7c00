"""A folder of stimuli: audio files or ready features, and the TextGrids that align them."""

import unicodedata
from functools import cached_property
from math import log10
from pathlib import Path

import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number
from n2s.studies.readers.arrays import frame_files, read_frames
from n2s.studies.readers.file_names import FileNames, key_of
from n2s.studies.readers.sentences import with_sentences
from n2s.studies.readers.sound import sound
from n2s.studies.readers.sound_findings import heard
from n2s.studies.readers.textgrid import read_alignment
from n2s.studies.readers.word_tables import read_word_tables
from n2s.studies.study import Frames

END_TOLERANCE_S = 0.1  # tolerance at an end: an aligner's last frame, a codec's padding
LOSSY = (".ogg", ".oga", ".opus", ".mp3")
#: If several files have one name, the first kind is taken: lossless before lossy.
AUDIO = (".wav", ".flac", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", *LOSSY)
SAME_S, SAME_DB = 0.01, 1.0  # two files of one name that differ by more may not be one sound


class StimulusFolder:
    """Finds the files of a stimulus.

    A stimulus' id is its path in the folder without the extension (``story1``, ``part1/story1``), spelled as
    on the disk. Names are found as `n2s.studies.readers.file_names.FileNames` says: in any case, with or without extension; with
    their own folder, or without any.

    Parameters
    ----------
    folder
        The folder of the audio, or, with ``ready``, of the arrays (`n2s.studies.readers.arrays.read_frames`).
    ready
        Whether there are features instead of audio.
    alignments
        The folder with ``<stimulus>.TextGrid`` for every stimulus; None: beside the audio, if there is one. In the place of a
        TextGrid there may be tables, ``<stimulus>_words.tsv`` and ``<stimulus>_phones.tsv``:
        `n2s.studies.readers.word_tables.read_word_tables`.
    word_tier, phone_tier, sentence_tier
        See `n2s.studies.readers.textgrid.read_alignment`.
    sentence_pause_s
        See `n2s.studies.readers.sentences.sentence_numbers`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ready: bool = False,
        alignments: Path | None = None,
        word_tier: str | None = None,
        phone_tier: str | None = None,
        sentence_tier: str | None = None,
        sentence_pause_s: float = 0.4,
    ):
        self.folder = folder
        self.ready = ready
        self.alignments = alignments
        self.tiers = {"word_tier": word_tier, "phone_tier": phone_tier, "sentence_tier": sentence_tier}
        check_number("sentence_pause_s", sentence_pause_s, low=0)
        self.sentence_pause_s = sentence_pause_s
        self._lengths_s: dict[str, float] = {}
        self._aligned: dict[str, pd.DataFrame] = {}

    @cached_property
    def _files(self) -> FileNames:
        if self.ready:
            return FileNames(self.folder, (".npy",), kind=".npy array", flat=True)
        return FileNames(self.folder, AUDIO, kind="wav/flac/ogg/mp3")

    @cached_property
    def _textgrids(self) -> FileNames:
        return FileNames(self.alignments or self.folder, (".textgrid",), kind="TextGrid", flat=True)

    @cached_property
    def _tables(self) -> FileNames:
        return FileNames(self.alignments or self.folder, (".tsv", ".csv"), kind="table", flat=True)

    def id(self, name: str, *, where: str) -> str:
        """The id of the stimulus that the events file ``where`` names ``name``; a UserError if there is none."""
        path = self._find(name, where)
        asked = Path(name.strip()).suffix.lower()
        if path.suffix.lower() in LOSSY and asked in AUDIO and asked != path.suffix.lower():
            text = (
                f"the events name a {asked} file, but only a {path.suffix.lower()} file of that name is there, and it is used: an encoder "
                "may have moved its start by up to 50 ms."
            )
            tell("odd", path, text)
        return unicodedata.normalize("NFC", path.relative_to(self.folder).with_suffix("").as_posix())

    def path(self, stimulus: str) -> Path:
        """The stimulus' file."""
        return self._find(stimulus, "the stimulus")

    def sources(self, stimulus: str) -> list[Path]:
        """Every file of the stimulus."""
        path = self.path(stimulus)
        files = frame_files(path) if self.ready else [path]
        return [*files, *self.alignment_files(stimulus).values()]

    def frames(self, stimulus: str) -> Frames:
        """The stimulus' ready features."""
        return read_frames(self.path(stimulus))

    def length_s(self, stimulus: str) -> float:
        """Its length in seconds: that of the decoded audio, whatever its header says, or to the end of the last frame of features.

        What is odd about the audio is said (`n2s.studies.readers.sound_findings.heard`).
        """
        if not self.ready:
            return heard(self.path(stimulus)).length_s
        if stimulus not in self._lengths_s:
            self._lengths_s[stimulus] = self.frames(stimulus).stop_s
        return self._lengths_s[stimulus]

    def alignment_files(self, stimulus: str) -> dict[str, Path]:
        """The files that align a stimulus: a TextGrid (as ""), or its tables by the kind of their rows.

        Nothing if there is none beside the audio; a UserError if ``alignments`` has none.
        """
        beside = self._textgrids.files.get(key_of(stimulus))
        if beside:
            return {"": beside[0]}
        found = {kind: self._tables.files.get(key_of(f"{stimulus}_{kind}s")) for kind in ("word", "phone")}
        tables = {kind: paths[0] for kind, paths in found.items() if paths}
        if "word" in tables or self.alignments is None:
            return tables
        return {"": self._textgrids.find(stimulus, where="the alignment of stimulus")[0]}

    def alignment(self, stimulus: str) -> pd.DataFrame | None:
        """``kind``, ``text``, ``onset``, ``duration``, ``sequence`` of its words, phones and sentences, in its time."""
        files = self.alignment_files(stimulus)
        if not files:
            return None
        if stimulus not in self._aligned:
            path = next(iter(files.values()))
            rows = read_alignment(path, **self.tiers) if "" in files else read_word_tables(files)
            rows = rows.assign(sequence="")
            stop_s, length_s = (rows.onset + rows.duration).max(), self.length_s(stimulus)
            if stop_s > length_s + END_TOLERANCE_S:
                raise UserError(
                    f"{path}: its last word or phone ends at {stop_s:.3f} s, but {self.path(stimulus)} lasts "
                    f"{length_s:.3f} s. Check that both are of one recording, and whole."
                )
            self._aligned[stimulus] = with_sentences(rows, self.sentence_pause_s)
        return self._aligned[stimulus]

    def _find(self, name: str, where: str) -> Path:
        paths = self._files.find(name, where=where)
        if len(paths) > 1:
            _check_one_sound(*paths)
        return paths[0]


def _check_one_sound(first: Path, *others: Path) -> None:
    """Compare files that have one name, but for their extension; only the first is used."""
    for other in others:
        try:
            one, two = sound(first), sound(other)
        except UserError as error:
            tell(
                "left out", other, f"it has the name of another file of sound, and one of them cannot be read: {error}"
            )
            continue
        apart_s = abs(one.length_s - two.length_s)
        if apart_s > END_TOLERANCE_S:
            raise UserError(
                f"{first} lasts {one.length_s:.3f} s and {other} {two.length_s:.3f} s: two sounds of one name. Remove, or "
                "rename, the one that was not played."
            )
        db = (
            abs(10 * log10(one.power / two.power))
            if one.power and two.power
            else 0.0
            if one.power == two.power
            else 99.0
        )
        if apart_s > SAME_S or db > SAME_DB:
            text = (
                f"two files of one name that are not quite one sound: the {first.suffix[1:]} is used. If the "
                f"{other.suffix[1:]} was played, or aligned, times may be off: remove the other."
            )
            tell("odd", f"{other} ({1000 * apart_s:.0f} ms, {db:.1f} dB apart)", text)
