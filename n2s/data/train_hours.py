"""Less training audio, for learning curves."""

import numpy as np
import pandas as pd

from n2s.data.spans import lengths, merged


def shortened(intervals: pd.DataFrame, hours: float | None) -> pd.DataFrame:
    """Keep the first ``hours`` of unique training audio, in the order of the stimuli's names; None: all. Other splits stay.

    Parameters
    ----------
    intervals
        As `n2s.data.splits.joined` gives them, with ``audio``: the same for all stimuli that are one sound.
    hours
        Of unique audio, however many people heard it.
    """
    if hours is None:
        return intervals
    left_s, allowed = hours * 3600, {}
    train = intervals[intervals.split == "train"]
    for audio in train.sort_values("stimulus", kind="stable").audio.unique():
        spans = merged(train[train.audio == audio])
        before_s = np.cumsum(lengths(spans)) - lengths(spans)
        last = np.searchsorted(before_s, left_s) - 1  # the last stretch that begins before the hours are used up
        allowed[audio] = min(spans[last, 0] + left_s - before_s[last], spans[last, 1]) if last >= 0 else 0.0
        left_s = max(left_s - lengths(spans).sum(), 0.0)
    stop = intervals.audio.map(allowed).fillna(np.inf).where(intervals.split == "train", np.inf)
    return intervals.assign(duration=np.minimum(intervals.duration, stop - intervals.stimulus_onset)).query(
        "duration > 0"
    )
