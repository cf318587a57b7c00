"""Tables of clips as they are found in the wild: which column is what, and the layouts of LJSpeech, Common Voice and Kaldi."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.corpora.corpus import COLUMNS
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.readers.cells import table_cells
from n2s.studies.readers.side_files import read_text
from n2s.studies.readers.tsv import as_numbers

#: Column -> names that it has elsewhere, the first that is there counts.
NAMES = {
    "sound": ("sound", "path", "file", "filename", "file_name", "fname", "filepath", "file_path", "audio", "audio_path", "audio_file",
              "audio_filepath", "audio_filename", "wav", "wav_path", "wav_filename", "clip", "slice_file_name", "id", "utt_id"),
    "text": ("text", "sentence", "transcript", "transcription", "normalized_text", "normalized_transcription", "utterance"),
    "label": ("label", "labels", "class", "classname", "class_name", "category", "tag", "tags", "scene", "scene_label"),
    "start_s": ("start_s", "start", "start_time", "begin", "onset", "offset"),
    "duration_s": ("duration_s", "duration", "dur"),
    "stop": ("stop_s", "stop", "end_s", "end", "end_time"),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "user_id", "reader", "session", "recording", "article",
                "src_file", "fsid", "freesound_id"),
    "split": ("split", "subset", "set", "partition"),
}  # fmt: skip
#: A column of sounds that were cut out of longer ones: start and end, in such a table, are times in those (UrbanSound8K).
SLICES = "slice_file_name"
SPLITS = {
    "train": "train", "training": "train", "tr": "train", "val": "val", "valid": "val", "validation": "val", "validate": "val",
    "dev": "val", "development": "val", "cv": "val", "test": "test", "testing": "test", "eval": "test", "evaluation": "test", "": "",
}  # fmt: skip
_SEPARATORS = "\t|;,"


def read_clips(path: Path) -> pd.DataFrame:
    """A table of commas, semicolons, tabs or bars with a header, or LJSpeech's ``metadata.csv`` without one.

    ``sound`` is as the table names it. ``label`` and ``text`` are "" where there is no such column.

    Raises
    ------
    UserError
        There is no column of sounds, or none of texts and labels; a time is no number, or a split is unknown.
    """
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    if not lines:
        raise UserError(f"{path}: an empty file. Expected a table of sounds.")
    alike = [
        one
        for one in _SEPARATORS
        if len({line.count(one) for line in lines[:9]} - {0}) == 1 and all(one in line for line in lines[:9])
    ]
    separator = alike[0] if alike else max(_SEPARATORS, key=lines[0].count)  # commas lie inside quotes, too
    if separator == "|" and not {*NAMES["sound"]} & {cell.strip().lower() for cell in lines[0].split("|")}:
        return _ljspeech(path, lines)
    cells = table_cells(path, separator)
    known = {name.lower().strip(): name for name in cells}
    found = {column: next((known[name] for name in names if name in known), None) for column, names in NAMES.items()}
    if found["sound"] is None or (found["text"] is None and found["label"] is None):
        lacking = (
            "sounds (sound, path, filename)" if found["sound"] is None else "transcripts (text) or classes (label)"
        )
        raise UserError(f"{path}: no column of {lacking}; there are {first_of(cells, 12)}. Rename one.")
    clips = pd.DataFrame({"sound": cells[found["sound"]]}, cells.index)
    for column in ("text", "label", "speaker", "split"):
        clips[column] = cells[found[column]].str.strip() if found[column] else ""
    if found["stop"] is None and "offset" in known and found["start_s"] != known["offset"]:
        # beside an onset it is the end (DCASE); alone, or with a duration, a start (NeMo)
        found["stop"] = known["offset"]
    whole = found["sound"].lower().strip() == SLICES
    for column in ("start_s", "duration_s", "stop"):
        clips[column] = as_numbers(cells[found[column]], path) if found[column] and not whole else np.nan
    return _checked(clips, path)


def _checked(clips: pd.DataFrame, path: Path) -> pd.DataFrame:
    empty = clips.sound.str.strip() == ""
    if empty.any():
        tell("left out", path, f"{int(empty.sum())} of {len(clips)} rows name no sound.")
        clips = clips[~empty]
    split = clips.split.str.lower()
    unknown = sorted(set(split) - set(SPLITS))
    if unknown:
        raise UserError(
            f"{path}: split is {first_of(map(repr, unknown))}; expected train, val (dev, validation) or test."
        )
    given = clips.duration_s.isna() & clips.stop.notna()
    clips = clips.assign(
        start_s=clips.start_s.fillna(0.0), split=split.map(SPLITS), speaker=clips.speaker.replace("-", "")
    )
    clips.loc[given, "duration_s"] = clips.stop[given] - clips.start_s[given]
    wrong = (clips.start_s < 0) | (clips.duration_s <= 0)
    if wrong.any():
        row = wrong.idxmax()
        raise UserError(
            f"{path}, line {row + 2}: a clip from {clips.start_s[row]:g} s that lasts {clips.duration_s[row]:g} s; expected seconds."
        )
    return clips[list(COLUMNS)].reset_index(drop=True)


def _ljspeech(path: Path, lines: list[str]) -> pd.DataFrame:
    """``id|text|normalised text``: quotes are plain text; the last cell is what is spoken."""
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    odd = [number for number, row in enumerate(rows, 1) if len(row) not in (2, 3) or not row[0]]
    if odd:
        raise UserError(f"{path}, line {odd[0]}: expected id|text or id|text|normalised text, as LJSpeech has it.")
    clips = [(row[0], 0.0, np.nan, row[-1] or row[1], "", "", "") for row in rows]
    return pd.DataFrame(clips, columns=list(COLUMNS))


def read_kaldi(folder: Path) -> pd.DataFrame:
    """``wav.scp``, ``text``, and, where they are there, ``segments`` (utterance, recording, begin, end) and ``utt2spk``.

    Raises
    ------
    UserError
        A sound is the output of a program, or a segment has no recording or no times.
    """
    sounds = _pairs(folder / "wav.scp")
    piped = [name for name, place in sounds.items() if place.endswith("|")]
    if piped:
        raise UserError(
            f"{folder / 'wav.scp'}: {len(piped)} sounds are the output of a program ({piped[0]}: {sounds[piped[0]]}), which n2s does "
            "not run. Write them to files, and their paths here."
        )
    texts = _pairs(folder / "text")
    speakers = _pairs(folder / "utt2spk") if (folder / "utt2spk").is_file() else {}
    places = {name: (name, 0.0, np.nan) for name in sounds}
    if (folder / "segments").is_file():
        places = {}
        for name, told in _pairs(folder / "segments").items():
            try:
                recording, begin, end = told.split()
                places[name] = (recording, float(begin), float(end) - float(begin))
            except ValueError:
                raise UserError(
                    f"{folder / 'segments'}: '{name} {told}'; expected utterance, recording, begin, end (s)."
                ) from None
    silent = [name for name in texts if name not in places or places[name][0] not in sounds]
    if silent:
        tell("left out", folder / "text", f"{len(silent)} utterances have no sound in wav.scp ({first_of(silent, 3)}).")
    rows = [
        (sounds[places[name][0]], *places[name][1:], text, "", speakers.get(name, ""), "")
        for name, text in texts.items()
        if name in places and places[name][0] in sounds
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pairs(path: Path) -> dict[str, str]:
    """First word -> the rest of its line, after a space or a tab."""
    found: dict[str, str] = {}
    for line in read_text(path).splitlines():
        name, rest = [*line.split(maxsplit=1), "", ""][:2]
        if name and found.setdefault(name, rest.strip()) != rest.strip():
            raise UserError(f"{path}: '{name}' comes twice. Keep one.")
    return found
