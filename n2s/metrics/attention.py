"""Which of two talkers was attended: a decoded time course against what both said, by length of window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n2s.metrics.blocks import time_blocks
from n2s.metrics.correlation import unit
from n2s.metrics.intervals import Interval, cluster_share_interval

#: s: as the literature reports (O'Sullivan 2015: 60; shorter ones for hearing aids).
LENGTHS_S = (5.0, 10.0, 30.0, 60.0)
LEAST_WINDOWS = 4  # that fit into all rows: with fewer, a shifted course still meets much of its own moment


@dataclass(frozen=True)
class Attention:
    """Decisions for one length of window.

    Parameters
    ----------
    length_s
        Of a window.
    right
        (w,) 1 for each window in which the attended sound correlates more with the decoded course, 0 where the other does, .5 for a tie.
    attended_r, unattended_r
        (w,) Correlation with either in each window, the mean over dimensions.
    null
        (N,) The share of right decisions in each draw of a course that is shifted in time against both sounds: what a decoder that
        knows the talkers and not the moment has. It is not .5 if one sound looks more like what is decoded.
    first
        (w,) The row at which each window begins, among the rows that were given.
    block
        (w,) Number of the block of time in which each window lies: windows of one block are not independent.
    n_left_out
        Windows in which a course or a sound is constant.
    """

    length_s: float
    right: np.ndarray
    attended_r: np.ndarray
    unattended_r: np.ndarray
    null: np.ndarray
    first: np.ndarray
    block: np.ndarray
    n_left_out: int = 0

    @property
    def n_windows(self) -> int:
        """Windows that are decided; they do not overlap."""
        return len(self.right)

    @property
    def share(self) -> float | None:
        """Share of right decisions; None without a window."""
        return float(self.right.mean()) if len(self.right) else None

    @property
    def interval(self) -> Interval | None:
        """`share` with its 95% interval over blocks of time; None without a window."""
        return self.interval_of(self.right)

    def interval_of(self, right: np.ndarray) -> Interval | None:
        """The interval of any decisions (w,) of these windows, 1 for a right one and 0 for a wrong one.

        Blocks are the sample (`n2s.metrics.intervals.cluster_share_interval`): decisions that follow each other hang together, because a
        listener's attention wanders, and because what sounds alike goes on for a while. It is of this listener and these sounds. Ends are
        None if all windows are in one block; the interval is None without a window.
        """
        if not len(right):
            return None
        if len(np.unique(self.block)) < 2:
            return Interval(float(np.mean(right)), None, None)
        return cluster_share_interval(right, self.block)

    @property
    def chance(self) -> float | None:
        """Mean of `null`; None without one."""
        return float(self.null.mean()) if len(self.null) else None

    @property
    def p(self) -> float | None:
        """One-sided: (1 + draws with at least this share) / (1 + draws); None without windows or draws."""
        if not len(self.right) or not len(self.null):
            return None
        return float((1 + (self.null >= self.right.mean() - 1e-12).sum()) / (1 + len(self.null)))


def attention(
    decoded: np.ndarray,
    attended: np.ndarray,
    unattended: np.ndarray,
    *,
    sfreq: float,
    stretches: Sequence[slice] | None = None,
    part: np.ndarray | None = None,
    lengths_s: Sequence[float] = LENGTHS_S,
    shift_s: float = 10.0,
    block_s: float = 10.0,
    n_draws: int = 500,
    seed: int = 0,
) -> list[Attention]:
    """Decide in windows that do not overlap which of two sounds a decoded course is of.

    A decoder that was trained on attended sounds is right where the attended one correlates more with what it decodes.

    Parameters
    ----------
    decoded
        (t, f) Decoded feature, of held-out rows.
    attended, unattended
        (t, f) The feature of what was attended, and of what played beside it.
    sfreq
        Rate of the rows, Hz.
    stretches
        Rows without a gap (`n2s.data.row_stretches`) in which both played; no window crosses their ends. None: all rows are one.
    part
        (t,) The recording of each row, say: blocks of time, over which the interval is, lie inside one. None: each stretch is one.
    lengths_s
        Of windows.
    shift_s
        Of the null, which turns the decoded course of all stretches in a circle against both sounds, so that it keeps its own spectrum: by
        this much or more (a quarter of all rows, if they are few), for as long as sounds and brain resemble themselves. And by the
        length of a window or more: what changes as slowly as that would still meet its own moment. There is none for lengths that do not
        fit four times into all stretches.
    block_s
        The shortest block of time, s; at least a window, and a twentieth of all.
    n_draws
        Of the null.
    seed
        Of the draws.

    Returns
    -------
    One `Attention` a length, without windows where no stretch is so long.

    Raises
    ------
    ValueError
        Shapes differ, or a value is not finite.
    """
    decoded, attended, unattended = (np.asarray(one, np.float64) for one in (decoded, attended, unattended))
    if decoded.ndim != 2 or not decoded.shape == attended.shape == unattended.shape:
        raise ValueError(f"shapes {decoded.shape}, {attended.shape}, {unattended.shape}; expected one (t, f) for all.")
    if not all(np.isfinite(one).all() for one in (decoded, attended, unattended)):
        raise ValueError("decoded, attended or unattended holds values that are not finite.")
    stretches = [slice(0, len(decoded))] if stretches is None else list(stretches)
    rows = np.concatenate([np.zeros(0, int), *(np.arange(len(decoded))[one] for one in stretches)])
    edges = np.cumsum([0, *(len(range(*one.indices(len(decoded)))) for one in stretches)])
    part = np.repeat(np.arange(len(stretches)), np.diff(edges)) if part is None else np.asarray(part)[rows]
    decoded, attended, unattended = decoded[rows], attended[rows], unattended[rows]
    found = []
    for length_s in lengths_s:
        n_rows = round(length_s * sfreq)
        starts = _starts(edges, n_rows)
        kept, right, r_one, r_other, null = _decided(
            decoded, attended, unattended, starts, n_rows, round(shift_s * sfreq), n_draws, seed
        )
        own = starts[kept]
        block = np.zeros(0, int)
        if len(own):
            block = time_blocks(part[own], rows[own] / sfreq, duration_s=n_rows / sfreq, least_s=max(length_s, block_s))
        found.append(Attention(length_s, right, r_one, r_other, null, rows[own], block, int((~kept).sum())))
    return found


def _starts(edges: np.ndarray, n_rows: int) -> np.ndarray:
    """(w,) The first row of each window."""
    if n_rows < 2:
        raise ValueError(f"windows of {n_rows} rows have no correlation; expected two rows or more.")
    return np.concatenate(
        [np.zeros(0, int), *(np.arange(a, b - n_rows + 1, n_rows) for a, b in zip(edges, edges[1:], strict=False))]
    )


def _decided(
    decoded: np.ndarray,
    attended: np.ndarray,
    unattended: np.ndarray,
    starts: np.ndarray,
    n_rows: int,
    n_shift: int,
    n_draws: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(w,) bool: which windows are decided; of these the decisions and both correlations; and the null."""
    windows = starts[:, None] + np.arange(n_rows)
    one, other = unit(attended[windows], 1), unit(unattended[windows], 1)
    right, r_one, r_other = _compared(decoded[windows], one, other)
    known = np.isfinite(right)
    one, other, windows, n = one[known], other[known], windows[known], len(decoded)
    null: list[float] = []
    if len(windows) and n >= LEAST_WINDOWS * n_rows:
        least = max(n_rows, min(n_shift, n // LEAST_WINDOWS))
        turns = np.random.default_rng(seed).integers(least, n - least, size=n_draws, endpoint=True)
        for turn in turns:
            drawn = _compared(decoded[(windows + turn) % n], one, other)[0]
            null.append(float(np.nanmean(drawn)) if np.isfinite(drawn).any() else 0.5)
    return known, right[known], r_one[known], r_other[known], np.array(null)


def _compared(decoded: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(w, n, f) decoded, and unit courses -> (w,) right decisions, both correlations; NaN where something is constant in all dimensions."""
    course = unit(decoded, 1)
    r_one, r_other = ((course * sound).sum(1) for sound in (one, other))
    changes = [(sound != 0).any(1) for sound in (course, one, other)]
    known = changes[0] & changes[1] & changes[2]
    count = known.sum(1)
    with np.errstate(invalid="ignore"):
        r_one, r_other = ((np.where(known, r, 0).sum(1) / count) for r in (r_one, r_other))
    right = np.where(r_one > r_other, 1.0, np.where(r_one == r_other, 0.5, 0.0))
    return np.where(count > 0, right, np.nan), r_one, r_other
