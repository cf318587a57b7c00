"""Match-mismatch: does a reconstruction resemble the stretch of sound that was heard, or another one?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from n2s.metrics.correlation import unit
from n2s.metrics.retrieval import ranks, ranks_of_many

MOST_TURNS = 200


@dataclass(frozen=True)
class Matched:
    """Ranks of the windows that were heard, among all windows of the same length.

    Parameters
    ----------
    ranks
        (n,) Of each window's own among its candidates; 0 is the best.
    n_candidates
        (n,) Its own included.
    turned
        (m, n) The same, if the truth is moved in a circle: the null. -1: the window that is taken for the own plays the same moment, or
        nothing else is left to compare it with.
    n_turned
        (m, n) Its candidates.
    """

    ranks: np.ndarray
    n_candidates: np.ndarray
    turned: np.ndarray
    n_turned: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """(n,) The share of mismatched windows that a reconstruction resembles less than its own: 0.5 by chance."""
        return 1 - self.ranks / (self.n_candidates - 1)

    @property
    def null_correct(self) -> np.ndarray:
        """(m,) The mean of `correct` for each turn."""
        both = zip(self.turned, self.n_turned, strict=True)
        return np.array([1 - (one[one >= 0] / (n[one >= 0] - 1)).mean() for one, n in both])

    def top(self, k: int) -> np.ndarray:
        """(n,) bool: whether the own is among the first k."""
        return self.ranks < k

    def null_top(self, k: int) -> np.ndarray:
        """(m,) The share in `top` for each turn."""
        return np.array([(one[one >= 0] < k).mean() for one in self.turned])

    def chance(self, k: int) -> float:
        """The share in `top` by guessing."""
        return float(np.minimum(1.0, k / self.n_candidates).mean())


def match_windows(
    predicted: np.ndarray,
    true: np.ndarray,
    same: np.ndarray | None = None,
    *,
    moved: Iterable[tuple[np.ndarray, np.ndarray | None]] | None = None,
    most: int = MOST_TURNS,
) -> Matched:
    """Correlate the reconstruction of every window with all windows that were heard.

    Ties count as errors.

    Parameters
    ----------
    predicted, true
        (n, d) Windows of one length, all their numbers in a row.
    same
        (n, n) bool: windows that play the same moment; they are no mismatch, and one candidate for others. None: none do.
    moved
        (n, d) each: windows at the same places of the truth moved in a circle, for the null of few windows, and which of them play the
        same moment, as ``same``. None: the window some places further on is taken for the own.
    most
        Turns of the null without ``moved``, evenly spread over the circle.

    Raises
    ------
    ValueError
        Shapes that differ, or a window without a mismatched one.

    References
    ----------
    de Cheveigné et al. 2018, NeuroImage 172:206; Puffay et al. 2023, J. Neural Eng. 20:041003.
    """
    if predicted.shape != true.shape or predicted.ndim != 2:
        raise ValueError(f"predicted is {predicted.shape}, true {true.shape}; expected two arrays (n, d) of one shape.")
    n = len(true)
    left, own = unit(predicted, 1), np.arange(n)
    scores, allowed = left @ unit(true, 1).T, _allowed(same)
    n_candidates = candidate_counts(same, n)
    if n_candidates.min(initial=2) < 2:
        raise ValueError("a window has no other to compare with.")
    found = ranks(scores, own, allowed)
    if moved is not None:
        drawn = [_ranked(left @ unit(one, 1).T, alike) for one, alike in moved]
        return Matched(found, n_candidates, *_stacked(drawn, n))
    turns = np.unique(np.linspace(1, n - 1, min(most, n - 1)).round().astype(int)) if n > 1 else np.zeros(0, int)
    asked = (own + turns[:, None]) % max(n, 1)
    if allowed is None:
        return Matched(found, n_candidates, ranks_of_many(scores, asked), np.full(asked.shape, n))
    asked = asked[allowed[own, asked].any(1)]
    # what plays the same moment as the window that is taken for the own is no mismatch of it
    drawn = [_ranked(scores[:, at], same[np.ix_(at, at)], wanted=allowed[own, at]) for at in asked]
    return Matched(found, n_candidates, *_stacked(drawn, n))


def _allowed(same: np.ndarray | None) -> np.ndarray | None:
    """(n, n) bool: the candidates of each window, no two of which play the same moment; None: all."""
    if same is None:
        return None
    own = np.eye(len(same), dtype=bool)
    if not (same & ~own).any():
        return None
    first = np.zeros(len(same), bool)
    for window, alike in enumerate(same):
        first[window] = not (alike & first).any()
    return (first & ~same) | own


def candidate_counts(same: np.ndarray | None, n: int) -> np.ndarray:
    """(n,) How many candidates each window has, itself included: see ``same`` of `match_windows`."""
    allowed = _allowed(same)
    return np.full(n, n) if allowed is None else allowed.sum(1)


def _ranked(
    scores: np.ndarray, same: np.ndarray | None, wanted: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) Ranks along the diagonal of (n, n) scores and the number of candidates; -1 for windows that are not wanted, or without another."""
    n = len(scores)
    allowed, count = _allowed(same), candidate_counts(same, n)
    known = (count > 1) & (True if wanted is None else wanted)
    return np.where(known, ranks(scores, np.arange(n), allowed), -1), count


def _stacked(drawn: list[tuple[np.ndarray, np.ndarray]], n: int) -> tuple[np.ndarray, np.ndarray]:
    """(m, n) ranks and numbers of candidates of the draws in which some window is ranked."""
    kept = [one for one in drawn if (one[0] >= 0).any()]
    found, count = zip(*kept, strict=True) if kept else ((), ())
    return np.reshape(found, (-1, n)).astype(int), np.reshape(count, (-1, n)).astype(int)
