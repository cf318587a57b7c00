"""A folder of stimuli: audio files or ready features, and the TextGrids that align them."""

from functools import cached_property
from pathlib import Path

import pandas as pd
import soundfile

from n2s.errors import UserError, nearest
from n2s.studies.readers.arrays import read_frames
from n2s.studies.readers.sentences import with_sentences
from n2s.studies.readers.textgrid import read_alignment
from n2s.studies.study import Frames

END_TOLERANCE_S = 0.1  # tolerance at an end: an aligner's last frame, a codec's padding
AUDIO = (".wav", ".flac", ".ogg", ".mp3")  # if two files have one name, the first kind is taken: lossless before lossy


class StimulusFolder:
    """Finds the files of a stimulus.

    A stimulus' id is its path in the folder without the extension (``story1``, ``part1/story1``), spelled as
    on the disk. Names are found in any case, with or without folder and extension.

    Parameters
    ----------
    folder
        The folder of the audio, or, with ``ready``, of the arrays (`n2s.studies.readers.arrays.read_frames`).
    ready
        Whether there are features instead of audio.
    alignments
        The folder with ``<stimulus>.TextGrid`` for every stimulus; None: beside the audio, if there is one.
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
        self.sentence_pause_s = sentence_pause_s
        self._lengths_s: dict[str, float] = {}
        self._aligned: dict[str, pd.DataFrame] = {}

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Id in lower case -> file."""
        return _index(self.folder, (".npy",) if self.ready else AUDIO)

    @cached_property
    def _textgrids(self) -> dict[str, Path]:
        return _index(self.alignments or self.folder, (".textgrid",))

    def id(self, name: str, *, where: str) -> str:
        """The id of the stimulus that the events file ``where`` names ``name``; a UserError if there is none."""
        return self._id(self._find(name, self._files, where=where))

    def path(self, stimulus: str) -> Path:
        """The stimulus' file."""
        return self._find(stimulus, self._files, where="the stimulus")

    def sources(self, stimulus: str) -> list[Path]:
        """Every file of the stimulus."""
        files = [self.path(stimulus), self.textgrid(stimulus)]
        if self.ready:
            files.append(files[0].with_suffix(".json"))
        return [file for file in files if file is not None]

    def frames(self, stimulus: str) -> Frames:
        """The stimulus' ready features."""
        return read_frames(self.path(stimulus))

    def length_s(self, stimulus: str) -> float:
        """Its length in seconds: from the audio file's header, or to the end of the last frame of features."""
        if stimulus not in self._lengths_s:
            path = self.path(stimulus)
            if self.ready:
                length_s = self.frames(stimulus).stop_s
            else:
                try:
                    length_s = soundfile.info(str(path)).duration
                except soundfile.LibsndfileError as error:
                    raise UserError(
                        f"{path}: cannot be read as audio ({error}). Expected wav, flac, ogg or mp3."
                    ) from None
            self._lengths_s[stimulus] = length_s
        return self._lengths_s[stimulus]

    def textgrid(self, stimulus: str) -> Path | None:
        """The stimulus' TextGrid. None if there is none beside the audio; a UserError if ``alignments`` has none."""
        if self.alignments is None:
            return self._textgrids.get(stimulus.lower())
        return self._find(stimulus, self._textgrids, where="the alignment of stimulus")

    def alignment(self, stimulus: str) -> pd.DataFrame | None:
        """``kind``, ``text``, ``onset``, ``duration``, ``sequence`` of its words, phones and sentences, in its time."""
        path = self.textgrid(stimulus)
        if path is None:
            return None
        if stimulus not in self._aligned:
            rows = read_alignment(path, **self.tiers).assign(sequence="")
            stop_s, length_s = (rows.onset + rows.duration).max(), self.length_s(stimulus)
            if stop_s > length_s + END_TOLERANCE_S:
                raise UserError(
                    f"{path}: its last word or phone ends at {stop_s:.3f} s, but {self.path(stimulus)} lasts "
                    f"{length_s:.3f} s. Check that both are of one recording, and whole."
                )
            self._aligned[stimulus] = with_sentences(rows, self.sentence_pause_s)
        return self._aligned[stimulus]

    def _id(self, path: Path) -> str:
        return path.relative_to(self.folder).with_suffix("").as_posix()

    def _find(self, name: str, files: dict[str, Path], *, where: str) -> Path:
        folder = self.folder if files is self._files else self.alignments
        wanted = name.replace("\\", "/").lower().strip().lstrip("./").removeprefix(f"{self.folder.name.lower()}/")
        # An extension is one of audio or features; "lw1.0" is a name. A name without its folder will do if it is the
        # only one: stim_file may be relative to the data set, to its stimuli, or nothing but a name.
        stem = wanted
        for suffix in (*AUDIO, ".gz", ".npy", ".npz"):
            stem = stem.removesuffix(suffix)
        for known in (wanted, stem):
            if known in files:
                return files[known]
        same = [path for key, path in files.items() if key.rsplit("/", 1)[-1] == stem.rsplit("/", 1)[-1]]
        if len(same) == 1:
            return same[0]
        if same:
            raise UserError(
                f"{where} '{name}': {folder} holds {[str(path.relative_to(folder)) for path in same]}. Say which."
            )
        if not folder.is_dir():
            raise UserError(
                f"{where} '{name}': there is no folder {folder}.{nearest(folder.name, _names(folder.parent))}"
            )
        kinds = (
            "TextGrid" if files is not self._files else ".npy array" if self.ready else "/".join(s[1:] for s in AUDIO)
        )
        raise UserError(
            f"{where} '{name}': no {kinds} of that name in {folder}, which holds {len(files)}."
            f"{nearest(stem, list(files))} Put the file there, or name the right folder."
        )


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _index(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Every file of these kinds below a folder, by its path there in lower case without the extension."""
    found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    found.sort(key=lambda path: suffixes.index(path.suffix.lower()), reverse=True)
    index: dict[str, Path] = {}
    for path in found:
        key = path.relative_to(folder).with_suffix("").as_posix().lower()
        if key in index and index[key].suffix.lower() == path.suffix.lower():
            raise UserError(f"{folder}: {index[key].name} and {path.name} differ only in case. Rename one.")
        index[key] = path
    return index
