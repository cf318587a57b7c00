"""Where words begin among rows that are shorter than words: the most likely course of onsets, by dynamic programming."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from n2s.errors import UserError

WordTimes = Literal["even", "peaks"]

LONGEST_ROW_S = 0.1  # longer rows often hold two words
LONGEST_S = 3.0  # from a word to the next: how likely each length is, is counted; longer ones have a tail
BESIDE_S = 0.1  # lengths that are counted together
EVENNESS = 0.5  # less for the longest, by the square of the length: of courses that are equally likely the most even
# of the search for the offset of log-odds by which as many words are found as are counted
MOST_ODDS, N_HALVINGS = 50.0, 20


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


def log_intervals(begins: np.ndarray, stretches: Sequence[slice], step_s: float) -> np.ndarray:
    """How likely each number of rows is from a word to the next, as a log-concave distribution: the least that is nowhere below what is counted.

    By one that is not, a long silence and words close together would be likelier than words farther apart, and if too few words are counted
    they would stand in one place. The tail falls twice as steeply as the line from the likeliest number to k, as a bell would.

    Parameters
    ----------
    begins
        (n,) Whether a word begins in each row.
    stretches
        Rows that follow each other.
    step_s
        From row to row.

    Returns
    -------
    (k + 2,) log-probabilities of 0, 1, ... k rows, but for a constant, and how much is added for each row more. Counts are smoothed over
    `BESIDE_S`, and there is one more in all; those of k rows, which are `LONGEST_S`, and more are taken as spread over k.
    """
    k, width = round(LONGEST_S / step_s), max(2, round(BESIDE_S / step_s))
    rows = [np.diff(np.flatnonzero(begins[one])) for one in stretches]
    several = np.concatenate([*rows, np.zeros(0, int)]).astype(int)
    counts = np.bincount(several[several < k], minlength=k + 1).astype(float)
    triangle = np.convolve(np.ones(width), np.ones(width)) / width**2
    smooth = np.convolve(counts, triangle)[width - 1 :][: k + 1] + 1 / k
    smooth[0] = 1e-12  # a row holds one word
    smooth[k] = ((several >= k).sum() + 1) / k
    found = concave(np.log(smooth / (len(several) + 2))) - EVENNESS * np.linspace(0, 1, k + 1) ** 2
    likeliest = int(found[:k].argmax())
    tail = 2 * (found[k] - found[likeliest]) / (k - likeliest)
    return np.append(found, min(tail, found[k] - found[k - 1], -1 / k))


def concave(values: np.ndarray) -> np.ndarray:
    """(n,) -> (n,) the smallest concave course that is nowhere below them."""
    corners: list[int] = []
    for at, value in enumerate(values):
        while len(corners) > 1:
            a, b = corners[-2:]
            if (values[b] - values[a]) * (at - b) > (value - values[b]) * (b - a):
                break
            corners.pop()
        corners.append(at)
    return np.interp(np.arange(len(values)), corners, values[corners])


def of_rows(intervals: np.ndarray, n: np.ndarray) -> np.ndarray:
    """(m,) numbers of rows -> (m,) log-probabilities; see `log_intervals`."""
    k = len(intervals) - 2
    return intervals[np.minimum(n, k)] + intervals[-1] * np.maximum(n - k, 0)


def onset_rows(log_odds: np.ndarray, intervals: np.ndarray) -> np.ndarray:
    """The rows of words, by the largest sum of their log-odds and of the log-probabilities of the intervals between them.

    Before the first row and behind the last one there stands a word, too.

    Parameters
    ----------
    log_odds
        (m,) Of a word in each row.
    intervals
        (k + 2,) See `log_intervals`.

    Returns
    -------
    (n,) ascending.
    """
    k, tail = len(intervals) - 2, intervals[-1]
    best = np.concatenate([[0.0], log_odds, [0.0]])
    before, backwards = np.zeros(len(best), int), intervals[k:0:-1]  # of k, k - 1, ... 1 rows
    far = 0  # the best last word among those of k rows ago and earlier
    for row in range(1, len(best)):
        first = max(row - k, 0)
        if best[first] > best[far] + tail * (first - far):
            far = first
        total = best[first:row] + backwards[k - (row - first) :]
        last = first + int(total.argmax())
        gain = total[last - first]
        if row > k and (longer := best[far] + intervals[k] + tail * (row - k - far)) > gain:
            last, gain = far, longer
        best[row] += gain
        before[row] = last
    found, row = [], int(before[-1])
    while row > 0:
        found.append(row - 1)
        row = before[row]
    return np.array(found[::-1], int)


def counted_rows(log_odds: np.ndarray, intervals: np.ndarray, n: int) -> np.ndarray:
    """As `onset_rows`, with the offset of the log-odds by which there are ``n`` words.

    Where there are more by any offset that is large enough, words are left out one by one, by the smallest loss; see `left_out`.
    """
    if n < 1 or not len(log_odds):
        return np.zeros(0, int)
    low, high = -MOST_ODDS, MOST_ODDS
    log_odds = log_odds - np.median(log_odds)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if len(onset_rows(log_odds + middle, intervals)) < n else (low, middle)
    return left_out(onset_rows(log_odds + high, intervals), log_odds, intervals, n)


def left_out(found: np.ndarray, log_odds: np.ndarray, intervals: np.ndarray, n: int) -> np.ndarray:
    """The rows of n words: of all found, without those whose log-odds and intervals are missed least; of equal ones any, wherever they are."""
    edges = np.array([-1, *found, len(log_odds)])
    any_of = np.random.default_rng(0).permutation(len(edges))
    while len(edges) - 2 > n:
        steps = np.diff(edges)
        apart = of_rows(intervals, steps)
        loss = log_odds[edges[1:-1]] + apart[:-1] + apart[1:] - of_rows(intervals, steps[:-1] + steps[1:])
        least = 1 + np.lexsort((any_of[1:-1], loss.round(6)))[0]
        edges, any_of = np.delete(edges, least), np.delete(any_of, least)
    return edges[1:-1]
