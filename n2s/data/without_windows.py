"""What was heard and is in no window: said, since nothing else shows that it is missing."""

from collections.abc import Iterable

import pandas as pd

from n2s.data.windows import Windows
from n2s.findings import tell


def tell_without_windows(intervals: pd.DataFrame, windows: Iterable[Windows], window_s: float) -> None:
    """Report the stimuli that are too short for a window, and the recordings without any window.

    Parameters
    ----------
    intervals
        Intervals of all splits, without the gaps at their borders (`n2s.data.gaps.lost_to_gaps` reports those).
    windows
        The windows of each split.
    window_s
        Their length, s.
    """
    longest = intervals.groupby("stimulus").duration.max()
    for stimulus in longest.index[longest < window_s - 1e-6]:
        tell("left out", stimulus, f"no stretch of it is as long as a window (data.window_s: {window_s:g} s).")
    used = {one for each in windows for one in each.of_interval("recording")}
    short = set(longest.index[longest < window_s - 1e-6])
    for recording, rows in intervals.groupby("recording"):
        if recording not in used and not set(rows.stimulus) <= short:
            tell(
                "left out",
                recording,
                "no window lies in it: bad spans and gaps between splits take all of what was heard.",
            )
