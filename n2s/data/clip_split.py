"""One split of fMRI data: a row a sample, and each subject's responses."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd


@dataclass
class ClipSplit:
    """One split: a row a sample, and the responses of each subject.

    ``table`` has ``subject``, ``study``, ``stimulus``, ``start_s``, ``duration_s``, ``group``, ``label``, ``key`` and, as
    numbers, ``subject_index``, ``group_index``, ``clip_index`` (unique sounds) and ``place`` (in the subject's responses).
    ``heard``: the presentations that were averaged into each row: ``row``, ``recording``, ``time_s``.
    """

    table: pd.DataFrame
    brain: list[np.ndarray]
    heard: pd.DataFrame

    def rows_of(self, subject_index: int) -> np.ndarray:
        """Rows of a subject, in the order of its responses."""
        return np.flatnonzero(self.table.subject_index.to_numpy() == subject_index)

    @classmethod
    def of(
        cls,
        split: str,
        tables: list[pd.DataFrame],
        brains: list[np.ndarray],
        group_index: dict[str, int],
        *,
        average_repeats: bool,
    ) -> Self:
        """The split's rows of each subject's presentations.

        Parameters
        ----------
        split
            Its name.
        tables, brains
            Of each subject: the presentations, and their responses ``(n, v)`` or ``(n, volumes, v)``.
        group_index
            The number of each group.
        average_repeats
            Average the responses to one clip.
        """
        rows, responses, heard, n = [], [], [], 0
        for table, brain in zip(tables, brains, strict=True):
            own = np.flatnonzero(table.split == split)
            part = table.iloc[own]
            apart = np.arange(len(own))
            row = part.groupby("clip_index", sort=False).ngroup().to_numpy() if average_repeats else apart
            first = np.unique(row, return_index=True)[1]
            averaged = np.zeros((len(first), *brain.shape[1:]), np.float32)
            np.add.at(averaged, row, brain[own])
            averaged /= np.bincount(row, minlength=len(first)).reshape(-1, *[1] * (brain.ndim - 1))
            responses.append(averaged)
            rows.append(part.iloc[first].assign(place=np.arange(len(first))))
            heard.append(part[["recording", "time_s"]].assign(row=n + row))
            n += len(first)
        found = pd.concat(rows, ignore_index=True)
        found["group_index"] = found.group.map(group_index)
        return cls(found, responses, pd.concat(heard, ignore_index=True))
