"""Vectors of words that somebody else computed: an HDF5 file beside a transcript, as the Podcast data set publishes them."""

import hashlib
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from n2s.errors import UserError, first_of, nearest, reading
from n2s.features.feature import ImpulseFeature
from n2s.features.rates import At, check_at, in_order, moments
from n2s.findings import tell
from n2s.paths import data_file
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.tsv import read_table
from n2s.studies.study import Impulses, Stimulus

NEAR_S, SAME = 0.05, 0.9  # of a word's place in both tables; the share of words that must be the stimulus' own
_COLUMNS = ("word_idx", "word", "start", "end")


class ReadyWords(ImpulseFeature):
    """The rows of an HDF5 dataset, averaged over the tokens of each word, put at the word.

    They are taken as they are: a language model may have read on over the borders of splits when it made them, and nothing here can undo
    that. `LanguageModelLayers` computes the same without. Only rows of words that the study has too, at the same time, are used.

    Parameters
    ----------
    vectors
        The HDF5 file; a relative path that does not exist here is searched in the folder ``N2S_DATA``.
    words
        Its transcript.tsv: a row for each row of the dataset, with ``word_idx``, ``word``, ``start``, ``end`` (s in the sound). Rows of one
        ``word_idx`` are the tokens of a word.
    key
        Which dataset, such as ``layer-24``; it may be left out if there is only one.
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> import h5py, numpy as np
    >>> from n2s.features import ReadyWords, example_stimulus
    >>> stimulus = example_stimulus()
    >>> with h5py.File(folder / "layers.h5", "w") as file:
    ...     file["layer-24"] = np.ones((4, 6), np.float32)
    >>> table = stimulus.words.assign(word_idx=range(4), word=stimulus.words.text, start=stimulus.words.onset)
    >>> table.assign(end=table.onset + table.duration).to_csv(folder / "transcript.tsv", sep="\\t", index=False)
    >>> ReadyWords(str(folder / "layers.h5"), str(folder / "transcript.tsv")).extract(stimulus).values.shape
    (4, 6)
    """

    def __init__(self, vectors: str, words: str, *, key: str | None = None, at: At = "middle") -> None:
        self.file, self.table_file, self.key, self.at = vectors, words, key, check_at(at, type(self).__name__)

    @property
    def n_features(self) -> int:
        """f: how many numbers a row has."""
        return self._shape[1]

    def settings(self) -> dict:
        """Both files (the vectors by name, size and time of change), the dataset, and where in the word."""
        about = self._path.stat()
        table = hashlib.sha256(data_file(self.table_file).read_bytes()).hexdigest()
        kept = {"vectors": f"{self._path.name}:{about.st_size}:{about.st_mtime_ns}", "words": table}
        return kept | {"key": self._dataset, "at": self.at}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, f), n: the words of the stimulus that the transcript has.

        Raises
        ------
        UserError
            The transcript is of another sound.
        """
        table, heard = self._words, self.heard(stimulus, start_s, stop_s)
        rows = _matched(table, heard)
        if (rows >= 0).sum() < SAME * len(heard):
            raise UserError(
                f"{data_file(self.table_file)}: only {(rows >= 0).sum()} of {len(heard)} words of stimulus '{stimulus.id}' are in it at their time "
                f"({first_of(heard.text[rows < 0], 4)} are not). It is of another sound, or its times are of another clock."
            )
        lost = int((rows < 0).sum())
        if lost:
            tell(
                "left out",
                f"{stimulus.id} ({lost} of {len(heard)} words)",
                "words without ready vectors: they have no value.",
            )
        heard, rows = heard[rows >= 0], rows[rows >= 0]
        return in_order(self._mean(table.iloc[rows]), moments(heard, self.at))

    def _mean(self, words: pd.DataFrame) -> np.ndarray:
        """(n, f) float32: the mean over the tokens of each word."""
        with reading(self._path, "a whole HDF5 file"), h5py.File(self._path) as file:
            data = file[self._dataset][()].astype(np.float32)  # one layer: a row a token
        means = [data[tokens].mean(0) for tokens in words.tokens]
        return np.stack(means) if means else np.zeros((0, self.n_features), np.float32)

    @cached_property
    def _path(self) -> Path:
        return data_file(self.file)

    @cached_property
    def _dataset(self) -> str:
        with reading(self._path, "a whole HDF5 file"), h5py.File(self._path) as file:
            there = [name for name, one in file.items() if isinstance(one, h5py.Dataset)]
        if self.key is None and len(there) == 1:
            return there[0]
        if self.key not in there:
            asked = "key is not given" if self.key is None else f"no dataset '{self.key}'"
            raise UserError(
                f"{self._path}: {asked}; there are {first_of(there, 12)}.{nearest(self.key or '', there)} Name one with key."
            )
        return self.key

    @cached_property
    def _shape(self) -> tuple[int, int]:
        with reading(self._path, "a whole HDF5 file"), h5py.File(self._path) as file:
            shape = file[self._dataset].shape
        if len(shape) != 2 or not all(shape):
            raise UserError(
                f"{self._path}: '{self._dataset}' is {shape}; expected rows of numbers, one for each row of the transcript."
            )
        return shape

    @cached_property
    def _words(self) -> pd.DataFrame:
        """``text``, ``onset``, ``tokens`` (rows of the dataset) of each word, by onset."""
        path = data_file(self.table_file)
        table = read_table(path, numbers=("word_idx", "start", "end"))
        missing = [name for name in _COLUMNS if name not in table]
        if missing:
            raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
        if len(table) != self._shape[0]:
            raise UserError(
                f"{path}: {len(table)} rows, but '{self._dataset}' of {self._path} has {self._shape[0]}: they are not of one model. Name the "
                "transcript that lies beside the vectors."
            )
        tokens = table.groupby("word_idx", sort=True).indices
        first = [rows[0] for rows in tokens.values()]
        found = pd.DataFrame(
            {"text": table.word.iloc[first].str.strip().to_numpy(), "onset": table.start.iloc[first].to_numpy()}
        )
        found["tokens"] = list(tokens.values())
        return found[np.isfinite(found.onset)].sort_values("onset", kind="stable", ignore_index=True)


def _matched(table: pd.DataFrame, heard: pd.DataFrame) -> np.ndarray:
    """(n,) The row of the table that is each heard word: the same text, at the same time; -1 if there is none."""
    onsets, names = table.onset.to_numpy(), table.text.map(sentence_id).to_numpy()
    found = np.full(len(heard), -1)
    for i, (onset, text) in enumerate(zip(heard.onset, heard.text.map(sentence_id), strict=True)):
        near = range(*np.searchsorted(onsets, [onset - NEAR_S, onset + NEAR_S]))
        same = [row for row in near if names[row] == text]
        if same:
            found[i] = min(same, key=lambda row: abs(onsets[row] - onset))
    return found
