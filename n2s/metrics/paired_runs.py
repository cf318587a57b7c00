"""Two runs on the same test rows: differences that are paired row by row, with an interval over people or over blocks of time."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from n2s.metrics.intervals import cluster_interval, t_interval

#: What says that two rows are the same: who, which recording, which moment of which sound.
KEY = ("subject", "recording", "stimulus", "start_s")
STEP_S = 0.05  # two starts that are nearer are one: runs at other rates place a window up to a sample apart
FEW = 3  # people: an interval over fewer says next to nothing


class Paired(NamedTuple):
    """The second run minus the first on rows that both tested.

    ``mean`` is the mean over people of their mean differences; ``low`` and ``high`` are None where nothing varies; ``over`` says over what the
    interval is; ``first`` and ``second`` are the scores on these rows.
    """

    mean: float
    low: float | None
    high: float | None
    over: str
    n_rows: int
    n_people: int
    first: float
    second: float


def aligned(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that both tables have, in one order.

    Parameters
    ----------
    one, other
        Columns `KEY`, and ``among`` where a row is ranked among candidates: rows with other numbers of candidates are not the same.
    """
    first, second = (_keyed(table) for table in (one, other))
    shared = first.index.intersection(second.index, sort=False)
    return first.loc[shared].reset_index(drop=True), second.loc[shared].reset_index(drop=True)


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    keys = [table[name].astype(str) for name in KEY[:3]]
    keys.append(pd.Series(np.round(table.start_s.to_numpy(float) / STEP_S).astype(int), table.index))
    if "among" in table:
        keys.append(table.among)
    again = table.groupby(keys, sort=False).cumcount()  # a window that a recording has twice
    return table.set_index(pd.MultiIndex.from_arrays([*keys, again]))


def paired(one: pd.DataFrame, other: pd.DataFrame, score: str) -> Paired | None:
    """The difference in a score; None where the runs share no row.

    Parameters
    ----------
    one, other
        Columns `KEY`, the score of each row, and ``block``: rows of one block are not independent.
    score
        The column.

    Returns
    -------
    With three people or more the interval is over people; with fewer, over blocks of time.
    """
    first, second = aligned(one, other)
    if not len(first):
        return None
    gain = second[score].to_numpy(float) - first[score].to_numpy(float)
    subject = first.subject.to_numpy()
    names = np.unique(subject)
    by_person = {key: np.array([values[subject == name].mean() for name in names])
                 for key, values in (("gain", gain), ("first", first[score].to_numpy(float)), ("second", second[score].to_numpy(float)))}  # fmt: skip
    own = by_person["gain"]
    low = high = None
    over = f"{len(names)} people"
    if len(names) >= FEW:
        if np.ptp(own) > 1e-12:
            _, low, high = t_interval(own, bounds=(-math.inf, math.inf))
    else:
        block = first.block.to_numpy()
        over = f"{len(np.unique(block))} blocks of time"
        if len(np.unique(block)) > 1 and np.ptp(gain) > 1e-12:
            _, low, high = cluster_interval(gain, block)
    ends = (None if one is None else float(one) for one in (low, high))
    return Paired(  # type: ignore[call-arg]
        float(own.mean()),
        *ends,
        over,
        len(first),
        len(names),
        float(by_person["first"].mean()),
        float(by_person["second"].mean()),
    )
