"""Time-segment matching: is a stretch of one person's response more like the others' at that moment than at any other?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from n2s.metrics.retrieval import ranks


@dataclass(frozen=True)
class SegmentMatching:
    """Ranks of the true segment of each person and segment.

    Parameters
    ----------
    ranks
        (s, k) Of the segment of all others at the same moment, among the k segments; 0 is the best. -1: no target of the person changes.
    turned
        (s, k - 1, k) The same, if the segments of all others are moved on in a circle: the null.
    """

    ranks: np.ndarray
    turned: np.ndarray

    @property
    def n_segments(self) -> int:
        """K."""
        return self.ranks.shape[1]

    @property
    def chance(self) -> float:
        """1 / k."""
        return 1 / self.n_segments

    @property
    def accuracy(self) -> np.ndarray:
        """(s,) Share of segments that are found; NaN where nothing changes."""
        return np.where((self.ranks >= 0).all(1), (self.ranks == 0).mean(1), np.nan)

    @property
    def p(self) -> np.ndarray:
        """(s,) One-sided: (1 + turns that find as many) / k; never below 1 / k."""
        found, null = (self.ranks == 0).mean(1), (self.turned == 0).mean(2)
        p = (1 + (null >= found[:, None] - 1e-12).sum(1)) / self.n_segments
        return np.where((self.ranks >= 0).all(1), p, np.nan)


def segment_matching(responses: Iterable[np.ndarray], windows: np.ndarray) -> SegmentMatching:
    """Match each segment of each person to the mean of all others: the correlation over targets and time, of one left out.

    Every target is z-scored over time, per person: what is alike in all segments does not count.

    Parameters
    ----------
    responses
        Blocks (s, n, v) of targets that all people share, at moments that all share: whole brains need not be in memory.
    windows
        (k, w) Moments of each segment. Segments must not overlap.

    Raises
    ------
    ValueError
        Fewer than two people or segments, segments that overlap, or no target.

    References
    ----------
    Haxby et al. 2011, Neuron 72:404 (18 s, one person left out). Guntupalli et al. 2016, Cereb. Cortex 26:2919.
    """
    windows = np.asarray(windows)
    if windows.ndim != 2 or len(windows) < 2:
        raise ValueError(f"windows is of shape {windows.shape}; expected (k, w) with two segments or more.")
    if len(np.unique(windows)) < windows.size:
        raise ValueError("segments overlap: neighbours would be alike, right or wrong.")
    sums = None
    for block in responses:
        block = np.asarray(block, np.float64)
        if block.ndim != 3 or len(block) < 2:
            raise ValueError(f"responses is of shape {block.shape}; expected (s, n, v) of two people or more.")
        found = [_sums(own, others, windows) for own, others in _left_out(block)]
        sums = found if sums is None else [one + more for one, more in zip(sums, found, strict=True)]
    if sums is None:
        raise ValueError("there is no target to compare.")
    r = np.stack([one.correlations() for one in sums])
    k, here = len(windows), np.arange(len(windows))
    known = np.isfinite(r).all((1, 2))
    plain = np.stack([np.where(flag, ranks(one, here), -1) for flag, one in zip(known, r, strict=True)])
    turns = (here + np.arange(1, k)[:, None]) % k
    turned = np.stack([np.stack([ranks(one, turn) for turn in turns]) for one in r])
    return SegmentMatching(plain, turned)


def _left_out(block: np.ndarray) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """(n, v) of each person, and the mean of the others; a target that never changes in a person is 0 there."""
    deviation = block.std(1, keepdims=True)
    still = deviation <= 1e-12 * np.abs(block).max(1, keepdims=True)
    scaled = np.where(still, 0.0, (block - block.mean(1, keepdims=True)) / np.where(still, 1.0, deviation))
    total = scaled.sum(0)
    for own in scaled:
        yield own, (total - own) / (len(block) - 1)


@dataclass
class _Sums:
    """Over targets and time of pairs of segments: ``xy (k, k)``; of each ``x, xx, y, yy (k,)``; and how many numbers."""

    xy: np.ndarray
    x: np.ndarray
    xx: np.ndarray
    y: np.ndarray
    yy: np.ndarray
    n: int

    def __add__(self, other: "_Sums") -> "_Sums":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Sums(*(one + more for one, more in pairs))

    def correlations(self) -> np.ndarray:
        """(k, k) NaN where a segment is constant."""
        spread = [whole - mean**2 / self.n for whole, mean in ((self.xx, self.x), (self.yy, self.y))]
        with np.errstate(invalid="ignore", divide="ignore"):
            r = (self.xy - np.outer(self.x, self.y) / self.n) / np.sqrt(np.outer(*spread))
        flat = [one <= 1e-12 * whole for one, whole in zip(spread, (self.xx, self.yy), strict=True)]
        return np.where(flat[0][:, None] | flat[1][None], np.nan, r)


def _sums(own: np.ndarray, others: np.ndarray, windows: np.ndarray) -> _Sums:
    x, y = (one[windows].reshape(len(windows), -1) for one in (own, others))
    return _Sums(x @ y.T, x.sum(1), np.square(x).sum(1), y.sum(1), np.square(y).sum(1), x.shape[1])
