"""Which windows of a test are independent: blocks of time, for intervals and for the null of chance."""

from typing import NamedTuple

import numpy as np

from n2s.metrics.blocks import LEAST_WINDOWS, N_BLOCKS, time_blocks
from n2s.systems.contrastive.ranked import RankedWindows


class WindowBlocks(NamedTuple):
    """The block of each window, (n,) each.

    ``independent`` are the shortest blocks that do not overlap, for the null in which brain and speech do not fit.
    ``steady`` are longer ones, for intervals.
    """

    independent: np.ndarray
    steady: np.ndarray


def window_blocks(result: RankedWindows) -> WindowBlocks:
    """Cut the windows of a test into blocks of time.

    Windows of a sentence share information, so that their blocks are longer.
    """
    stimulus = result.candidates.stimulus.to_numpy()
    start_s = result.candidates.start_s.to_numpy(np.float64)
    span_s = float(result.candidates.duration_s.max())
    order = np.lexsort((start_s, stimulus))
    next_to = stimulus[order][1:] == stimulus[order][:-1]
    overlap = bool((np.diff(start_s[order])[next_to] < span_s - 1e-6).any())
    if result.group is not None:
        first, last = {}, {}
        for group, at in zip(result.group, start_s[result.target], strict=True):
            first[group], last[group] = min(at, first.get(group, at)), max(at, last.get(group, at))
        spans = [last[group] - first[group] for group in first if group != -1]
        span_s, overlap = span_s + (float(np.median(spans)) if spans else 0.0), True
    least_s = span_s * (LEAST_WINDOWS if overlap else 1)
    heard = stimulus[result.target], start_s[result.target]
    return WindowBlocks(
        time_blocks(*heard, duration_s=span_s, n_blocks=10**9, least_s=least_s),
        time_blocks(*heard, duration_s=span_s, n_blocks=N_BLOCKS, least_s=least_s),
    )
