"""When words are said, from the brain: how many in each volume, and their times."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from n2s.data.row_stretches import row_stretches
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.held_out_residuals import held_out_r2


def later_responses(rows: pd.DataFrame, numbers: np.ndarray, responses: Tensor, shifts: np.ndarray) -> Tensor:
    """(n, v) responses -> (n, k v): those of later rows beside each other, by which each word is answered; 0 behind the end of a stretch.

    Parameters
    ----------
    rows
        All rows of the subject.
    numbers
        (n,) Which of them the responses are of.
    responses
        (n, v)
    shifts
        (k,) How much later, in rows.
    """
    return beside(responses, row_stretches(rows, numbers), shifts)


def beside(values: Tensor, stretches: Sequence[slice], shifts: np.ndarray) -> Tensor:
    """(n, v) -> (n, k v): of each row those that are so many rows (k,) later, beside each other; 0 outside its stretch."""
    found = values.new_zeros(len(values), len(shifts), values.shape[1])
    for part in stretches:
        length = part.stop - part.start
        for at, shift in enumerate(np.asarray(shifts).tolist()):
            first, stop = max(-shift, 0), min(length - shift, length)
            if stop > first:
                found[part.start + first : part.start + stop, at] = values[part][first + shift : stop + shift]
    return found.flatten(1)


class WordRateModel:
    """Words a row, by ridge regression on the responses of later rows.

    Parameters
    ----------
    alphas, n_folds
        See `n2s.models.EncodingRidge`.
    """

    def __init__(self, alphas: tuple[float, ...], n_folds: int):
        self._ridge = EncodingRidge(alphas, n_folds=n_folds)

    def fit(self, later: Tensor, rate: Tensor, groups: list) -> dict[str, Tensor]:
        """(n, k v) responses and (n, 1) words a row -> ``coef``, ``intercept``, ``mean`` words a row and ``r2`` of held-out folds."""
        self._ridge.fit(later, rate, groups)
        return {
            "coef": self._ridge.coef_[:, 0],
            "intercept": self._ridge.intercept_[0],
            "mean": rate.mean(),
            "r2": held_out_r2(self._ridge, later, rate, groups).max(),
        }


def predicted_rate(fitted: dict[str, Tensor], later: Tensor) -> np.ndarray:
    """(m, k v) -> (m,) words a row."""
    return (later @ fitted["coef"].to(later) + fitted["intercept"].to(later)).cpu().double().numpy()


def words_in_bins(rate: np.ndarray, rows_per_bin: int) -> np.ndarray:
    """(m,) words a row -> (b,) whole numbers of words in bins of some rows; the last bin may be shorter.

    Sums are rounded, not bins: rounded by itself, a bin of .45 words would never have any, and all words would be lost.
    """
    starts = np.arange(0, len(rate), rows_per_bin)
    if not len(rate):
        return np.zeros(0, int)
    total = np.cumsum(np.clip(np.add.reduceat(rate, starts), 0, None))
    return np.diff(np.round(total + 1e-9), prepend=0).astype(int)


def word_times(counts: np.ndarray, first_s: float, step_s: float, rows_per_bin: int, n_rows: int) -> np.ndarray:
    """(n,) times of words, evenly in their bins (Tang et al. 2023).

    Parameters
    ----------
    counts
        (b,) See `words_in_bins`.
    first_s
        The moment that the first row's words are counted around, s.
    step_s
        From row to row.
    rows_per_bin, n_rows
        As for `words_in_bins`.
    """
    found = []
    for number, count in enumerate(counts.tolist()):
        start = number * rows_per_bin
        n = min(rows_per_bin, n_rows - start)
        begin_s = first_s + (start - 0.5) * step_s
        found.append(begin_s + (np.arange(count) + 0.5) * n * step_s / max(count, 1))
    return np.concatenate(found) if found else np.zeros(0)
