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
        (m, n) The same, if the truth is moved in a circle: the null. -1: the window that is taken for the own plays the same moment.
    """

    ranks: np.ndarray
    n_candidates: np.ndarray
    turned: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """(n,) The share of mismatched windows that a reconstruction resembles less than its own: 0.5 by chance."""
        return self._share(self.ranks)

    @property
    def null_correct(self) -> np.ndarray:
        """(m,) The mean of `correct` for each turn."""
        return np.array([self._share(one)[one >= 0].mean() for one in self.turned])

    def top(self, k: int) -> np.ndarray:
        """(n,) bool: whether the own is among the first k."""
        return self.ranks < k

    def null_top(self, k: int) -> np.ndarray:
        """(m,) The share in `top` for each turn."""
        return np.array([(one[one >= 0] < k).mean() for one in self.turned])

    def chance(self, k: int) -> float:
        """The share in `top` by guessing."""
        return float(np.minimum(1.0, k / self.n_candidates).mean())

    def _share(self, found: np.ndarray) -> np.ndarray:
        return 1 - found / (self.n_candidates - 1)


def match_windows(
    predicted: np.ndarray,
    true: np.ndarray,
    same: np.ndarray | None = None,
    *,
    moved: Iterable[np.ndarray] | None = None,
    most: int = MOST_TURNS,
) -> Matched:
    """Correlate the reconstruction of every window with all windows that were heard.

    Ties count as errors.

    Parameters
    ----------
    predicted, true
        (n, d) Windows of one length, all their numbers in a row.
    same
        (n, n) bool: windows that play the same moment; they are no mismatch. None: none do.
    moved
        (n, d) each: windows at the same places of the truth moved in a circle, for the null of few windows. None: the window some places
        further on is taken for the own.
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
    scores, own = unit(predicted, 1) @ unit(true, 1).T, np.arange(n)
    allowed = None if same is None or not (same & ~np.eye(n, dtype=bool)).any() else ~same | np.eye(n, dtype=bool)
    n_candidates = np.full(n, n) if allowed is None else allowed.sum(1)
    if n_candidates.min(initial=2) < 2:
        raise ValueError("a window has no other to compare with.")
    found = ranks(scores, own, allowed)
    if moved is not None:
        left = unit(predicted, 1)
        turned = [ranks(left @ unit(one, 1).T, own) for one in moved]
        return Matched(found, n_candidates, np.reshape(turned, (-1, n)))
    turns = np.unique(np.linspace(1, n - 1, min(most, n - 1)).round().astype(int)) if n > 1 else np.zeros(0, int)
    asked = (own + turns[:, None]) % max(n, 1)
    if allowed is not None:
        asked = np.where(allowed[own, asked], asked, -1)
        asked = asked[(asked >= 0).any(1)]
    return Matched(found, n_candidates, ranks_of_many(scores, asked, allowed))
