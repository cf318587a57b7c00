"""The rows of a fold by language: which is heard at each, and equal amounts of each for training."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from n2s.data.encoding_data import EncodingData, Fold
from n2s.data.row_stretches import row_stretches
from n2s.errors import UserError
from n2s.systems.cross_language.cells import Training


@dataclass(frozen=True)
class FoldRows:
    """Rows of one subject and fold. Training rows are followed by test rows: a place is a number among all of these.

    Parameters
    ----------
    data, subject, fold
        Whose.
    """

    data: EncodingData
    subject: str
    fold: Fold

    @property
    def n_train(self) -> int:
        """Training rows; places from here on are test rows."""
        return len(self.fold.train)

    @cached_property
    def table(self) -> pd.DataFrame:
        """``EncodingData.rows`` of all places, with ``row`` (its number), ``language`` ("": silence) and ``heard`` (whether a sound plays)."""
        numbers = np.concatenate([self.fold.train, self.fold.test])
        found = self.data.rows(self.subject).iloc[numbers].reset_index(drop=True)
        language = found.stimulus.astype(str).map(lambda name: self.data.languages.get(name, ""))
        return found.assign(row=numbers, language=language, heard=found.stimulus_s.notna().to_numpy())

    @cached_property
    def language(self) -> np.ndarray:
        """(n,) of each place."""
        return self.table.language.to_numpy().astype(str)

    def train(self, language: str) -> np.ndarray:
        """Places of all training rows of a language."""
        return np.flatnonzero(self.language[: self.n_train] == language)

    def test(self, language: str) -> np.ndarray:
        """Places of the test rows of a language."""
        return self.n_train + np.flatnonzero(self.language[self.n_train :] == language)

    def stretches(self, places: np.ndarray) -> list[slice]:
        """Where, among some places in order (of one side), consecutive rows lie."""
        return row_stretches(self.data.rows(self.subject), self.table.row.to_numpy()[places])

    def of(self, training: Training, n_rows: int | None) -> np.ndarray:
        """Places that a training takes, in order.

        Parameters
        ----------
        training
            Which languages; test rows of the others than ``training.toward`` are among them, if it is matched.
        n_rows
            How many places, both languages together; None: all of one language, half of each of two.

        Raises
        ------
        UserError
            There are none.
        """
        found = [self.part(training, number, n_rows) for number in range(len(training.languages))]
        return np.sort(np.concatenate(found))

    def part(self, training: Training, number: int, n_rows: int | None) -> np.ndarray:
        """Places of one of its languages, in order: see `of`."""
        language, n = training.languages[number], len(training.languages)
        own = self.train(language)
        if training.toward and language != training.toward:
            own = np.concatenate([own, self.test(language)])
        if not len(own):
            raise UserError(f"{self.subject}, {self.fold.name}: there are no training rows in {language}.")
        wanted = len(own) // n if n_rows is None else min(n_rows // n, len(own))
        return self._part(own, wanted, ends=bool(number))

    def _part(self, places: np.ndarray, n: int, *, ends: bool) -> np.ndarray:
        """N of some places: the beginning (or the end) of each stretch, in proportion; translations in test rows are whole."""
        if n >= len(places):
            return places
        held = places[places >= self.n_train][:n]
        own = places[places < self.n_train]
        left = n - len(held)
        stretches = self.stretches(own) if len(own) else []
        lengths = np.array([one.stop - one.start for one in stretches])
        taken = np.floor(np.cumsum(lengths) * left / max(len(own), 1) + 1e-9).astype(int)
        counts = np.diff([0, *taken])
        parts = [
            own[one.stop - count : one.stop] if ends else own[one.start : one.start + count]
            for one, count in zip(stretches, counts, strict=True)
        ]
        return np.concatenate([*parts, held])
