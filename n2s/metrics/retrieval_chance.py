"""Accuracies against chance: the bounds of chance, p-values, and their correction for the number of tests."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from n2s.metrics.controls import Null, holm, null_of_hits
from n2s.metrics.cross_fitted import SPREAD


class Comparison(NamedTuple):
    """An accuracy against chance: the bounds of chance (99.9%) and the p-value, before and after the correction.

    All are None where there are too few independent windows.
    """

    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None


Comparisons = Mapping[str, Mapping[str, Comparison]]  # row -> accuracy -> comparison


def null(
    found: np.ndarray,
    k: int,
    expected: float,
    rows_of: Mapping[str, np.ndarray],
    block: np.ndarray,
    *,
    n_folds: int,
) -> Null | None:
    """The null of a top-k accuracy, mean over subjects; None where there are too few independent windows.

    Parameters
    ----------
    found
        (n,) Ranks.
    k
        The first k count as hits.
    expected
        The accuracy of chance.
    rows_of
        Subject -> its windows.
    block
        (n,) The independent block of each window.
    n_folds
        Folds that were held out in turn: chance is wider (`n2s.metrics.cross_fitted`).
    """
    weight = np.zeros(len(found))  # a score is the mean over subjects, however many windows each has
    for rows in rows_of.values():
        weight[rows] = 1 / len(rows)
    used = weight > 0
    distribution = null_of_hits(found[used] < k, block[used], expected, weight[used])
    if distribution is None or n_folds < 2:
        return distribution
    return distribution._replace(n=max(1.0, distribution.n / SPREAD**2))


def compared(
    found: np.ndarray,
    k: int,
    expected: float,
    rows_of: Mapping[str, np.ndarray],
    block: np.ndarray,
    *,
    n_folds: int,
) -> Comparison:
    """A top-k accuracy against chance. See `null` for the arguments."""
    distribution = null(found, k, expected, rows_of, block, n_folds=n_folds)
    if distribution is None:
        return Comparison(None, None, None, None)
    score = np.mean([np.mean(found[rows] < k) for rows in rows_of.values()])
    p = distribution.p_value(float(score))
    return Comparison(*distribution.bounds(), p, p)


def corrected(tests: Sequence[Comparisons]) -> tuple[list[Comparisons], int]:
    """Correct the p-values of all test sets that are shown together (Holm).

    Returns
    -------
    The test sets' comparisons with ``p_corrected``, and how many p-values there are.
    """
    p = [test.p for one in tests for by_score in one.values() for test in by_score.values() if test.p is not None]
    found = iter(holm(np.array(p)))
    new = [
        {
            row: {
                name: test if test.p is None else test._replace(p_corrected=float(next(found)))
                for name, test in by_score.items()
            }
            for row, by_score in one.items()
        }
        for one in tests
    ]
    return new, len(p)
