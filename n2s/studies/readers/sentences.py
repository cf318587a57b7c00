"""Sentences: an id that depends only on the words, and the ends of sentences that are not marked."""

import hashlib
import re
import unicodedata

import numpy as np
import pandas as pd

from n2s.studies.readers.sentence_ends import sentence_ends
from n2s.studies.text import plain

TOLERANCE_S = 0.01  # a rounded time in a text file
_APOSTROPHES = re.compile("['’‘ʼ`´]")


def sentence_id(text: str) -> str:
    """A sentence's id: the same for the same words everywhere, whatever the case, punctuation, white space and Unicode form.

    The first 12 hexadecimal digits of the SHA-256 of the NFKC-normalised, case-folded letters and digits.
    """
    folded = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", plain(text))).casefold()
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return hashlib.sha256((" ".join(words.split()) or text).encode()).hexdigest()[:12]


def sentence_numbers(words: pd.DataFrame, pause_s: float) -> np.ndarray:
    """Number the sentences of ungrouped words: see `n2s.studies.readers.sentence_ends.sentence_ends`.

    Parameters
    ----------
    words
        ``text``, ``onset``, ``duration`` (s), by onset.
    pause_s
        Shortest silence between two sentences, s. At 0.4 s two Dutch stories that have 102 and 96 sentences in print
        fall into 92 and 106, of 10 and 9 words.

    Returns
    -------
    ndarray
        (n words) 0, 0, ..., 1, 1, ...
    """
    last = sentence_ends(words, pause_s)
    return np.concatenate([[0], np.cumsum(last[:-1])])[: len(words)].astype(int)


def sequences(words: pd.DataFrame, given: pd.Series) -> pd.Series:
    """The `sentence_id` of each word if the data set numbers its sentences: consecutive equal numbers are a sentence.

    Parameters
    ----------
    words
        ``text``, ``onset``; with the index of ``given``.
    given
        The number of each word's sentence in the data set, "" for a word outside sentences.
    """
    ordered = words[given != ""].sort_values("onset", kind="stable")
    number = given[ordered.index]
    return ordered.groupby((number != number.shift()).cumsum()).text.transform(" ".join).map(sentence_id)


def containing(times: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Index of the interval around each time (the latest to start, if there are several), -1 if there is none."""
    inside = (times[:, None] >= starts - TOLERANCE_S) & (times[:, None] <= stops + TOLERANCE_S)
    latest = np.where(inside, starts, -np.inf).argmax(axis=1) if len(starts) else np.zeros(len(times), int)
    return np.where(inside.any(axis=1), latest, -1)


def with_sentences(rows: pd.DataFrame, pause_s: float) -> pd.DataFrame:
    """Give the words and phones of one presented sound their ``sequence``, and add its sentences if it has none.

    Existing values are kept: a word's ``sequence``, else that of the ``sentence`` row around it. Otherwise the words are
    grouped by `sentence_numbers`. A missing sequence becomes the `sentence_id` of the text.

    Parameters
    ----------
    rows
        ``kind``, ``text``, ``onset``, ``duration``, ``sequence`` ("" if unknown), on one clock; other columns are
        kept, and those of a new sentence are its first word's.
    pause_s
        See `sentence_numbers`.
    """
    rows = rows.sort_values(["onset", "duration"], ascending=[True, False], kind="stable", ignore_index=True)
    is_word, is_sentence = rows.kind == "word", rows.kind == "sentence"
    if not is_sentence.any():
        if not is_word.any():
            return rows
        rows = pd.concat([rows, _made_sentences(rows[is_word], pause_s)], ignore_index=True)
    middles = (rows.onset + rows.duration / 2).to_numpy()
    sentences = np.flatnonzero(rows.kind == "sentence")
    onsets = rows.onset.to_numpy()[sentences]
    home = containing(middles, onsets, onsets + rows.duration.to_numpy()[sentences])
    for number, row in enumerate(sentences):
        if not rows.at[row, "text"]:
            rows.at[row, "text"] = " ".join(rows.text[(home == number) & (rows.kind == "word")])
        if not rows.at[row, "sequence"] and rows.at[row, "text"]:
            rows.at[row, "sequence"] = sentence_id(rows.at[row, "text"])
    lacking = np.flatnonzero(rows.kind.isin(["word", "phone"]) & (rows.sequence == "") & (home >= 0))
    rows.loc[lacking, "sequence"] = rows.sequence.to_numpy()[sentences[home[lacking]]]
    return rows


def _made_sentences(words: pd.DataFrame, pause_s: float) -> pd.DataFrame:
    """One ``sentence`` row for each run of words with one given sequence, or for each sentence of `sentence_numbers`."""
    given = words.sequence.to_numpy()
    if (given != "").any():
        numbers = np.concatenate([[0], np.cumsum(given[1:] != given[:-1])])
        words, numbers = words[given != ""], numbers[given != ""]
    else:
        numbers = sentence_numbers(words, pause_s)
    first = np.flatnonzero(np.diff(numbers, prepend=-1))  # numbers never fall
    onsets, texts = words.onset.to_numpy(), words.text.to_numpy()
    stops = np.fmax.reduceat(onsets + words.duration.to_numpy(), first)
    return words.iloc[first].assign(
        kind="sentence",
        text=[" ".join(texts[a:b]) for a, b in zip(first, [*first[1:], len(words)], strict=True)],
        duration=stops - np.fmin.reduceat(onsets, first),
    )
