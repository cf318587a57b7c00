"""The port of a competition's holdout: windows of the brain whose labels are kept secret, and the file that is handed in."""

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n2s.errors import UserError, first_of
from n2s.paths import written_whole

#: Rows of probabilities may miss a sum of 1 by this much: they were computed in float32.
OFF_ONE = 1e-3


@dataclass(frozen=True)
class Span:
    """The samples of a window, from the moment that it is of: ``start`` to ``start + n``."""

    start: int
    n: int


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a holdout that lie in one file: they are scaled together."""

    subject: str
    n_rows: int


class Holdout(ABC):
    """Windows without labels. `n2s predict` classifies them in place of the test windows, and writes the file that is handed in.

    Attributes
    ----------
    names
        The classes, in the order of the file's columns.
    n_logits
        Of a network: one for each class, or 1 for the second of two.
    sfreq
        Samples per second.
    n_channels
        Sensors.
    ch_names
        Their names; None: the files do not say, and they are in the order of the study's recordings.
    standardised
        Whether the windows are z-scores already.
    submission
        The name of the file.
    """

    names: tuple[str, ...]
    n_logits: int
    sfreq: float
    n_channels: int
    ch_names: tuple[str, ...] | None = None
    standardised: bool = False
    submission: str = "submission.csv"

    @abstractmethod
    def parts(self, span: Span) -> list[Part]:
        """The rows, in the order of the submission.

        Parameters
        ----------
        span
            Of a window.

        Raises
        ------
        UserError
            The holdout has no such windows, or its files are not those of the competition.
        """

    @abstractmethod
    def windows(self, part: int, rows: np.ndarray, span: Span) -> np.ndarray:
        """(b, c, n) float32 of some rows of a part."""

    @abstractmethod
    def write(self, path: Path, probabilities: np.ndarray, span: Span) -> None:
        """Write the file that is handed in.

        Parameters
        ----------
        path
            The file.
        probabilities
            (n, k) of all rows and classes, in the order of `parts` and `names`; of one logit k is 2.
        span
            Of a window.

        Raises
        ------
        UserError
            They are no probabilities, or not of as many rows as the competition asks for.
        """


def check_probabilities(probabilities: np.ndarray, n_rows: int, n_classes: int, what: str) -> np.ndarray:
    """(n, k) float64 probabilities, each row of which sums to 1.

    Raises
    ------
    UserError
        Another number of rows or classes than the competition asks for, or numbers that are no probabilities.
    """
    found = np.asarray(probabilities, np.float64)
    if found.shape != (n_rows, n_classes):
        raise UserError(
            f"{what}: probabilities of shape {found.shape}; the competition asks for {n_rows} rows of {n_classes} classes. Predict all of "
            "the holdout's windows, with the network of these classes."
        )
    off = ~np.isfinite(found).all(1) | (found < 0).any(1) | (np.abs(found.sum(1) - 1) > OFF_ONE)
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise UserError(
            f"{what}: {off.sum()} rows are no probabilities (0 or more, with a sum of 1); the first is row {row}, with values from "
            f"{found[row].min():.3g} to {found[row].max():.3g} and a sum of {found[row].sum():.3g}. Fit the network again if its logits are "
            "not finite."
        )
    return found


def check_count(n_found: int, n_expected: int | None, where: object, what: str) -> None:
    """Raise a UserError if a file has another number of rows than the competition asks for; None: any number is right."""
    if n_expected is not None and n_found != n_expected:
        raise UserError(
            f"{where}: {n_found} {what}; the competition has {n_expected}. Copy the file again from its source, or set n_rows to the number "
            "that the competition asks for (null: any)."
        )


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, whole or not at all."""
    with written_whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def needed(root: Path, name: str, source: str) -> Path:
    """A file of a holdout; a UserError that says where to get it, if it is not there."""
    path = root / name
    if not path.is_file():
        there = first_of(sorted(one.name for one in root.iterdir()), 6) or "nothing"
        raise UserError(f"{path}: no such file; {root} holds {there}. Download it from {source}.")
    return path
