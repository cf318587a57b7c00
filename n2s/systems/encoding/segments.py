"""Time-segment matching between subjects who share targets and held-out stimuli."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from n2s.metrics.intervals import cluster_share_interval
from n2s.metrics.segment_matching import segment_matching
from n2s.systems.encoding.ceilings import Shared

SEGMENT_S = 18.0  # Haxby et al. 2011
FEWEST = 4  # segments: chance is a quarter


def matched_segments(shared: Shared, subjects: Sequence[str], rate_hz: float) -> dict | None:
    """Plain types for a result's settings: length, ``n``, ``chance``, and each subject's ``accuracy``, interval and ``p``.

    None if so few segments fit into what all subjects share.
    """
    n_rows = round(SEGMENT_S * rate_hz)
    windows = segments(shared.moments, n_rows, rate_hz) if n_rows >= 1 else np.zeros((0, 1), int)
    if len(windows) < FEWEST:
        return None
    found = segment_matching(shared.blocks(), windows)
    lines = {}
    for name, ranks, accuracy, p in zip(subjects, found.ranks, found.accuracy, found.p, strict=True):
        if np.isfinite(accuracy):
            _, low, high = cluster_share_interval((ranks == 0).astype(float), np.arange(len(ranks)))
            lines[name] = {"accuracy": float(accuracy), "low": float(low), "high": float(high), "p": float(p)}
    return {"segment_s": SEGMENT_S, "n": len(windows), "chance": found.chance, "subjects": lines}


def segments(moments: pd.DataFrame, n_rows: int, rate_hz: float) -> np.ndarray:
    """(k, n_rows) Numbers of shared moments: segments that follow each other, each inside one stimulus and without a gap.

    Parameters
    ----------
    moments
        ``stimulus``, ``stimulus_s`` of each, in order.
    n_rows
        Of a segment.
    rate_hz
        Of the moments.
    """
    apart = np.diff(moments.stimulus_s.to_numpy()) * rate_hz
    stimulus = moments.stimulus.astype(str).to_numpy()
    ends = np.flatnonzero((np.abs(apart - 1) > 0.5) | (stimulus[1:] != stimulus[:-1])) + 1
    found = [np.zeros((0, n_rows), int)]
    for start, stop in zip([0, *ends], [*ends, len(moments)], strict=True):
        n = (stop - start) // n_rows
        found.append(start + np.arange(n * n_rows).reshape(n, n_rows))
    return np.concatenate(found)
