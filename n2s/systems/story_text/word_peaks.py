"""Where words begin among rows that are shorter than words: the most likely course of onsets, by dynamic programming."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from n2s.errors import UserError

WordTimes = Literal["even", "peaks"]

LONGEST_ROW_S = 0.1  # longer rows often hold two words
LONGEST_ROWS = 60  # from a word to the next: all that are longer are equally likely
MOST_ODDS, N_HALVINGS = (
    50.0,
    20,
)  # of the search for the offset of log-odds by which as many words are found as are counted


def check_word_times(word_times: str) -> None:
    """Raises a `UserError` if there is no such option."""
    if word_times not in get_args(WordTimes):
        raise UserError(f"model.word_times is '{word_times}'; expected even or peaks.")


def check_rows(step_s: float) -> None:
    """Raises a `UserError` if rows are too long to place words in."""
    if step_s > LONGEST_ROW_S + 1e-9:
        raise UserError(
            f"model.word_times is peaks, which places each word in a row of its own, and rows are {step_s:g} s apart; expected at most "
            f"{LONGEST_ROW_S:g} s. Set model.word_times: even (for volumes), or raise data.preprocessing.sfreq."
        )


def log_intervals(begins: np.ndarray, stretches: Sequence[slice]) -> np.ndarray:
    """(n,) whether a word begins in each row -> (k + 1,) log-probability of each number of rows from a word to the next.

    The last stands for all longer ones. Counts are smoothed with those of their neighbours, and there is one more in all.
    """
    rows = [np.diff(np.flatnonzero(begins[one])) for one in stretches]
    several = np.concatenate([*rows, np.zeros(0, int)]).astype(int)
    counts = np.bincount(np.minimum(several, LONGEST_ROWS), minlength=LONGEST_ROWS + 1).astype(float)
    smooth = np.convolve(counts, (0.25, 0.5, 0.25), "same") + 1 / LONGEST_ROWS
    smooth[0] = 1e-12  # a row holds one word
    return np.log(smooth / smooth.sum())


def onset_rows(log_odds: np.ndarray, intervals: np.ndarray) -> np.ndarray:
    """The rows of words, by the largest sum of their log-odds and of the log-probabilities of the intervals between them.

    Before the first row and behind the last one there stands a word, too.

    Parameters
    ----------
    log_odds
        (m,) Of a word in each row.
    intervals
        (k + 1,) See `log_intervals`.

    Returns
    -------
    (n,) ascending.
    """
    k = len(intervals) - 1
    best = np.concatenate([[0.0], log_odds, [0.0]])
    before, backwards = np.zeros(len(best), int), intervals[:0:-1]  # of k, k - 1, ... 1 rows
    far = 0  # the best last word among those of k rows ago and earlier
    for row in range(1, len(best)):
        first = max(row - k, 0)
        if best[first] > best[far]:
            far = first
        total = best[first:row] + backwards[k - (row - first) :]
        last = first + int(total.argmax())
        gain = total[last - first]
        if row > k and best[far] + intervals[k] > gain:
            last, gain = far, best[far] + intervals[k]
        best[row] += gain
        before[row] = last
    found, row = [], int(before[-1])
    while row > 0:
        found.append(row - 1)
        row = before[row]
    return np.array(found[::-1], int)


def counted_rows(log_odds: np.ndarray, intervals: np.ndarray, n: int) -> np.ndarray:
    """As `onset_rows`, with the offset of the log-odds by which there are ``n`` words.

    Where there are more by any offset that is large enough, those with the smallest log-odds are left out.
    """
    if n < 1 or not len(log_odds):
        return np.zeros(0, int)
    low, high = -MOST_ODDS, MOST_ODDS
    log_odds = log_odds - np.median(log_odds)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if len(onset_rows(log_odds + middle, intervals)) < n else (low, middle)
    found = onset_rows(log_odds + high, intervals)
    return np.sort(found[np.argsort(-log_odds[found], kind="stable")[:n]])
