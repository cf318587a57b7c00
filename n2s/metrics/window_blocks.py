"""Which windows of a retrieval test are independent: blocks of time, for intervals and for the null of chance."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from n2s.metrics.blocks import LEAST_WINDOWS, N_BLOCKS, time_blocks


class WindowBlocks(NamedTuple):
    """The block of each window, (n,) each.

    ``independent`` are the shortest blocks that do not overlap, for the null in which brain and speech do not fit.
    ``steady`` are longer ones, for intervals.
    """

    independent: np.ndarray
    steady: np.ndarray


def window_blocks(
    candidates: pd.DataFrame, target: np.ndarray, group: np.ndarray | None = None, *, least_s: float = 0.0
) -> WindowBlocks:
    """Cut the windows of a test into blocks of time.

    Windows of a sentence share information, so that their blocks are longer.

    Parameters
    ----------
    candidates
        k rows: ``stimulus``, ``start_s``, ``duration_s``.
    target
        (n,) Index of the true candidate of each window.
    group
        (n,) Windows that share information; -1: none.
    least_s
        Blocks are at least as long, s: for responses that reach further than their window.
    """
    stimulus = candidates.stimulus.to_numpy()
    start_s = candidates.start_s.to_numpy(np.float64)
    span_s = float(candidates.duration_s.max())
    order = np.lexsort((start_s, stimulus))
    next_to = stimulus[order][1:] == stimulus[order][:-1]
    overlap = bool((np.diff(start_s[order])[next_to] < span_s - 1e-6).any())
    if group is not None:
        first, last = {}, {}
        for one, at in zip(group, start_s[target], strict=True):
            first[one], last[one] = min(at, first.get(one, at)), max(at, last.get(one, at))
        spans = [last[one] - first[one] for one in first if one != -1]
        span_s, overlap = span_s + (float(np.median(spans)) if spans else 0.0), True
    least_s = max(span_s * (LEAST_WINDOWS if overlap else 1), least_s)
    heard = stimulus[target], start_s[target]
    return WindowBlocks(
        time_blocks(*heard, duration_s=span_s, n_blocks=10**9, least_s=least_s),
        time_blocks(*heard, duration_s=span_s, n_blocks=N_BLOCKS, least_s=least_s),
    )
