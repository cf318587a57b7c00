"""Responses to a clip that was played several times: separate, or averaged."""

import numpy as np
import pandas as pd

from n2s.data.segments import Segments


def one_split(
    split: str,
    tables: list[pd.DataFrame],
    brains: list[np.ndarray],
    group_index: dict[str, int],
    *,
    average_repeats: bool,
) -> Segments:
    """The rows of one split.

    Parameters
    ----------
    split
        Its name.
    tables, brains
        Of each subject: the presentations of all splits, and their responses ``(n, v)`` or ``(n, volumes, v)``.
    group_index
        The number of each group.
    average_repeats
        Average a subject's responses to one clip.
    """
    rows, responses, heard, n = [], [], [], 0
    for table, brain in zip(tables, brains, strict=True):
        own = np.flatnonzero(table.split == split)
        part = table.iloc[own]
        apart = np.arange(len(own))
        row = part.groupby("clip_index", sort=False).ngroup().to_numpy() if average_repeats else apart
        first = np.unique(row, return_index=True)[1]
        if len(first) == len(own):  # nothing to average; + 0: as a sum begins, so that -0.0 becomes 0.0
            averaged = brain[own] + np.float32(0)
        else:
            averaged = np.zeros((len(first), *brain.shape[1:]), np.float32)
            np.add.at(averaged, row, brain[own])
            averaged /= np.bincount(row, minlength=len(first)).reshape(-1, *[1] * (brain.ndim - 1))
        responses.append(averaged)
        rows.append(part.iloc[first].assign(place=np.arange(len(first))))
        heard.append(part[["recording", "time_s"]].assign(row=n + row))
        n += len(first)
    found = pd.concat(rows, ignore_index=True)
    found["group_index"] = found.group.map(group_index)
    return Segments(found, responses, pd.concat(heard, ignore_index=True))
