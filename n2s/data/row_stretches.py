"""Rows of one recording that follow each other without a gap: lags must not reach over a border."""

import numpy as np
import pandas as pd


def row_stretches(rows: pd.DataFrame, numbers: np.ndarray) -> list[slice]:
    """Where, among some rows of a subject, stretches of consecutive rows lie.

    Parameters
    ----------
    rows
        All rows of the subject (`n2s.data.encoding_data.EncodingData.rows`).
    numbers
        (n,) Row numbers, ascending, such as `n2s.data.encoding_data.Fold.train`.

    Returns
    -------
    Slices of ``numbers``, in order: all of one stretch are of one recording, one step apart.
    """
    numbers = np.asarray(numbers)
    if not len(numbers):
        return []
    run = rows.recording.cat.codes.to_numpy()[numbers]
    ends = np.flatnonzero((np.diff(numbers) != 1) | (np.diff(run) != 0)) + 1
    return [slice(int(a), int(b)) for a, b in zip([0, *ends], [*ends, len(numbers)], strict=True)]
