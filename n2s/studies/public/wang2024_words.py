"""The transcripts of the Brain Treebank: words with their times in the movie, sentences, loudness and pitch."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.sentences import sequences
from n2s.studies.readers.tsv import read_table
from n2s.studies.study import Frames

FRAMES_HZ = 100.0
TRUE = ("true", "1", "1.0")


def movie_words(path: Path) -> pd.DataFrame:
    """``text``, ``onset``, ``duration`` (s in the movie), ``sequence`` of each word, by onset.

    Rows without times are parts of words (``n't``): left out, and told. A word that `is_onset` marks begins a sentence.

    Raises
    ------
    UserError
        A column is missing, or no word has times.
    """
    table = _timed(path)
    text = table.text.str.strip()
    words = pd.DataFrame({"text": text, "onset": table.start, "duration": table.end - table.start, "sequence": ""})
    if "is_onset" in table:
        number = table.is_onset.str.lower().isin(TRUE).cumsum().astype(str)
        words["sequence"] = sequences(words, number).reindex(words.index).fillna("")
    return words


def movie_frames(path: Path) -> Frames:
    """(l, 3) Whether a word is being said, and its ``rms`` and ``pitch``; words without one of these have the median of the others.

    Raises
    ------
    UserError
        See `movie_words`; or a column is missing, or without any number.
    """
    table = _timed(path)
    measures = []
    for name in ("rms", "pitch"):
        if name not in table or table[name].isna().all():
            raise UserError(
                f"{path}: no numbers in a column {name}; there are {', '.join(table)}. Bring the movies' sound: audio_dir."
            )
        lost = int(table[name].isna().sum())
        if lost:
            tell(
                "corrected",
                f"{path} ({lost} of {len(table)} words)",
                f"no {name}: they have the median of the movie's words.",
            )
        measures.append(table[name].fillna(table[name].median()).to_numpy())
    values = np.zeros((int(np.ceil(table.end.max() * FRAMES_HZ)) + 1, 3), np.float32)
    first, last = np.rint(table.start * FRAMES_HZ).astype(int), np.rint(table.end * FRAMES_HZ).astype(int)
    for start, stop, *said in zip(first, np.maximum(last, first + 1), *measures, strict=True):
        values[start:stop] = 1.0, *said
    return Frames(values, FRAMES_HZ)


def _timed(path: Path) -> pd.DataFrame:
    table = read_table(path, numbers=("start", "end", "rms", "pitch"), separator=",")
    missing = [name for name in ("text", "start", "end") if name not in table]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
    good = (
        table[["start", "end"]].notna().all(axis=1)
        & (table.text.str.strip() != "")
        & (table.end >= table.start)
        & (table.start >= 0)
    )
    if not good.any():
        raise UserError(f"{path}: no word has a start and an end. Unpack transcripts.zip again.")
    if not good.all():
        tell("left out", f"{path} ({(~good).sum()} of {len(table)} rows)", "parts of words, or words without times.")
    return table[good].sort_values("start", kind="stable", ignore_index=True)
