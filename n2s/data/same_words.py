"""Sentences that are said on both sides of a split: what is tested was heard in training, word for word."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.dealing import inside
from n2s.data.spans import merged
from n2s.findings import tell
from n2s.studies.readers.sentences import sentence_id

FEWEST_WORDS = 4  # shorter sentences are said again by chance
UNSPACED = "[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]"  # Thai, Lao, Japanese, Chinese: no spaces between words
LETTERS = 2  # of those, to a word


def sentences_of(heard: Mapping[str, Heard]) -> pd.DataFrame:
    """Each sentence of each stimulus once: ``stimulus`` (``study/stimulus``), ``middle_s`` on the sound's clock, ``text``."""
    found = []
    for study, one in heard.items():
        for events in one.events.values():
            rows = events[(events.kind == "sentence") & (events.stimulus != "") & (events.text != "")]
            middle_s = (rows.stimulus_onset + rows.duration / 2).round(1)
            found.append(
                pd.DataFrame({"stimulus": study + "/" + rows.stimulus, "middle_s": middle_s, "text": rows.text})
            )
    return pd.concat(found, ignore_index=True).drop_duplicates()


def tell_same_words(sentences: pd.DataFrame, tables: Iterable[pd.DataFrame]) -> None:
    """Tell how many held-out sentences are in training, too, over all folds.

    Parameters
    ----------
    sentences
        See `sentences_of`.
    tables
        The intervals of each fold: ``stimulus``, ``stimulus_onset``, ``duration``, ``split``.
    """
    n_words = np.maximum(sentences.text.str.split().str.len(), sentences.text.str.count(UNSPACED) / LETTERS)
    sentences = sentences[n_words >= FEWEST_WORDS]
    if sentences.empty:
        return
    texts = {text: sentence_id(text) for text in sentences.text.unique()}
    sentences = sentences.assign(words=sentences.text.map(texts))
    again: dict[str, str] = {}
    if sentences.words.is_unique:
        return
    for table in tables:
        said = {side: _within(sentences, table[table.split == side]) for side in ("train", "test")}
        both = said["test"][said["test"].words.isin(said["train"].words)]
        again |= dict(zip(both.words, both.text, strict=True))
    if again:
        tell(
            "odd",
            "data.split",
            f"{len(again)} of {len(set(texts.values()))} sentences are held out in one place and in training in another, word for word, "
            f"such as '{next(iter(again.values()))}': a model may know them by heart. SplitBySentence keeps equal sentences on one side.",
        )


def _within(sentences: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    spans = {name: merged(rows) for name, rows in table.groupby("stimulus")}
    middle_s, found = sentences.middle_s.to_numpy(), np.zeros(len(sentences), bool)
    for name, own in sentences.groupby("stimulus").indices.items():
        if name in spans:
            found[own] = inside(middle_s[own], spans[name])
    return sentences[found]
