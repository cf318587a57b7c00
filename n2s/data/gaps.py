"""Gaps between splits: how far a filter reaches, where it stops, and how much data the gaps cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.errors import UserError, counted, first_of

TINY_S = 1e-6  # shorter intervals are dropped


@dataclass(frozen=True)
class Reach:
    """How far raw samples reach through the filters of one recording, s.

    ``gap_s`` inside a stretch that was filtered as one. ``stretches`` are those, (start, stop) in s; beyond one's ends
    only ``over_edges_s`` counts, of steps that do not stop there. Without stretches all is one.
    Rests of intervals at an edge below ``sliver_s`` are dropped: onsets are rounded, and no window fits.
    """

    gap_s: float
    over_edges_s: float = 0.0
    stretches: Sequence[tuple[float, float]] = ((-np.inf, np.inf),)
    sliver_s: float = 0.02


def purge(rows: pd.DataFrame, reach: Reach | float, priority: Mapping[str, int]) -> pd.DataFrame:
    """Cut the intervals of one recording where a filter stops, and open a gap between intervals of different splits.

    Parameters
    ----------
    rows
        Intervals: ``onset``, ``duration``, ``stimulus_onset``, ``split``.
    reach
        The reach in the recording. The lower-priority side is cut back until it is so far away.
    priority
        Priority of each split.
    """
    reach = reach if isinstance(reach, Reach) else Reach(reach)
    start, stop = np.array(reach.stretches).T
    onset, end = rows.onset.to_numpy()[:, None], (rows.onset + rows.duration).to_numpy()[:, None]
    low, high = np.maximum(onset, start), np.minimum(end, stop)
    whole = high - low > end - onset - 1e-9
    row, stretch = np.nonzero(high - low > np.where(whole, TINY_S, reach.sliver_s))
    rows = _moved(rows.iloc[row], low[row, stretch], high[row, stretch])
    inside = _opened(rows, stretch, reach.gap_s, priority)
    return _opened(inside, np.zeros(len(inside)), reach.over_edges_s, priority)


def _opened(rows: pd.DataFrame, stretch: np.ndarray, gap_s: float, priority: Mapping[str, int]) -> pd.DataFrame:
    """Gaps between rows of one stretch."""
    onset, stop = rows.onset.to_numpy(), (rows.onset + rows.duration).to_numpy()
    rank = rows.split.map(priority).to_numpy()
    start, end = onset.copy(), stop.copy()
    for i in range(len(rows)):
        dearer = (rank > rank[i]) & (stretch == stretch[i])
        later, earlier = dearer & (onset > onset[i]), dearer & (onset <= onset[i])
        end[i] = min(stop[i], (onset[later] - gap_s).min(initial=np.inf))
        start[i] = max(onset[i], (stop[earlier] + gap_s).max(initial=-np.inf))
    left = end - start > TINY_S
    return _moved(rows[left], start[left], end[left])


def _moved(rows: pd.DataFrame, start: np.ndarray, end: np.ndarray) -> pd.DataFrame:
    return rows.assign(onset=start, duration=end - start, stimulus_onset=rows.stimulus_onset + (start - rows.onset))


@dataclass(frozen=True)
class Lost:
    """What the gaps cost in one study."""

    study: str
    gap_s: float
    filters: dict[str, float]  # settings that make the gap, and the length of each, s
    seconds: float  # over all splits
    windows: int  # for training

    @property
    def made_by(self) -> str:
        """The setting that causes most of the gap."""
        return max(self.filters, key=self.filters.get, default="one sample")

    def __str__(self) -> str:
        return (
            f"{self.study}: the gap of {self.gap_s:.2f} s at borders between splits ({self.made_by}) took "
            f"{self.seconds:.{0 if self.seconds >= 10 else 1}f} s, {self.windows} training windows"
        )


def lost_to_gaps(before: pd.DataFrame, after: pd.DataFrame, metas: Mapping[str, dict], windows: Callable) -> list[Lost]:
    """What the gaps cost, for each study that lost anything.

    Parameters
    ----------
    before, after
        Intervals without and with gaps, with ``study``.
    metas
        Metadata of the prepared recordings, by ``study/recording``.
    windows
        Counts the training windows of intervals.
    """
    found = []
    for study, rows in before.groupby("study"):
        left = after[after.study == study]
        seconds = rows.duration.sum() - left.duration.sum()
        if seconds >= 0.05:
            meta = max((m for key, m in metas.items() if key.split("/")[0] == study), key=lambda m: m["support_s"])
            took = windows(rows) - windows(left)
            found.append(Lost(study, meta["support_s"], meta["supports_s"], float(seconds), took))
    return found


def empty_split(
    split: str, intervals: pd.DataFrame, *, would_be: int, lost: Sequence[Lost], window_s: float
) -> UserError:
    """The error for a split without windows, with the cause.

    Parameters
    ----------
    split
        Name of the split.
    intervals
        Those of all splits.
    would_be
        Number of windows that it would have without gaps.
    lost
        The losses through gaps.
    window_s
        Length of a window.
    """
    if would_be:
        gap = max(lost, key=lambda one: one.gap_s)
        name = gap.made_by.split(" ")[0]
        if name == "response_s":  # of volumes: an option of the data, and nothing is filtered
            return UserError(
                f"the {split} split is empty: what held-out sound moves took all of its {would_be} windows of {window_s:g} s. Volumes up to "
                f"{gap.gap_s:.0f} s from it are left out on either side. Lower data.response_s or data.lags_s, or hold out longer pieces."
            )
        return UserError(
            f"the {split} split is empty: the gap at borders between splits took all of its {would_be} windows of "
            f"{window_s:g} s ({gap.seconds:.0f} s in all splits). Filters reach {gap.gap_s:.2f} s, so that this much is cut "
            f"off on either side of what is held out; {gap.made_by} makes {gap.filters.get(gap.made_by, 0.0):.2f} s of it. "
            f"Lower or leave out preprocessing.{name}, hold out longer pieces, or mark where the recording was cut "
            "(annotations BAD_ACQ_SKIP or EDGE): filters stop there and no gap is opened."
        )
    rows, stories = intervals[intervals.split == split], sorted(intervals.story.unique())
    if rows.empty:
        free = sorted(intervals.story[intervals.split == "train"].unique()) or stories
        one = len(stories) == 1
        all_of = f"the only story, {stories[0]}, is" if one else f"all {len(stories)} stories ({first_of(stories)}) are"
        remedy = (
            "Cut it with data.split SplitByTime" if one else f"Name stories for it, data.split.{split}: [{free[-1]}]"
        )
        return UserError(
            f"the {split} split is empty: {all_of} in {' and '.join(sorted(intervals.split.unique()))}. {remedy}, or change data.split's "
            "fractions or seed."
        )
    own = sorted(rows.story.unique())
    return UserError(
        f"the {split} split is empty: no window of {window_s:g} s fits its {counted(len(rows), 'interval')} "
        f"({'story' if len(own) == 1 else 'stories'} {first_of(own)}). Name other stories in data.split ({split}), change its fractions or "
        "seed, or shorten window_s."
    )
