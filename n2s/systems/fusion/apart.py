"""Which segments are so far apart that their BOLD has nothing in common: for exchanged responses and for blocks."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from n2s.metrics.window_blocks import WindowBlocks, window_blocks
from n2s.systems.fusion.pairs_scored import ScoredPairs


def near_candidates(pairs: ScoredPairs) -> np.ndarray:
    """(n, k) booleans: the candidates whose BOLD may hold some of a pair's own, or the reverse.

    Two segments are near in one stimulus, or in one run of the pair's person, also where their stimuli differ (two sentences, one after
    the other). Only stimuli count where the clock of a run is not known.
    """
    candidates = pairs.candidates
    stimulus = np.unique(candidates.stimulus.to_numpy(), return_inverse=True)[1]
    start_s = candidates.start_s.to_numpy(np.float64)
    reach_s = (
        candidates.duration_s.to_numpy(np.float64) + pairs.reach_s
    )  # from a segment's start to the next that is not near
    between = _near(start_s, reach_s) & (stimulus[:, None] == stimulus)
    near = between[pairs.target]
    for rows, at_s in _runs(pairs):
        target = pairs.target[rows]
        first, second = np.nonzero(_near(at_s, reach_s[target]))
        near[rows[first], target[second]] = True
    return near


def blocks_of(pairs: ScoredPairs) -> WindowBlocks:
    """Which pairs are independent: longer blocks where BOLD takes part, of segments that follow each other in a run."""
    if pairs.fmri is None:
        return window_blocks(pairs.candidates, pairs.target)
    longest_s = float(pairs.candidates.duration_s.max())
    # as many whole segments as a block needs so that only responses at its ends meet those of the next block
    least_s = longest_s * np.ceil((longest_s + 2 * pairs.reach_s) / longest_s - 1e-9)
    return window_blocks(_on_a_clock(pairs), pairs.target, least_s=least_s)


def _on_a_clock(pairs: ScoredPairs) -> pd.DataFrame:
    """The candidates with a run as ``stimulus`` and its clock as ``start_s``, where a run has them.

    People may hear stimuli in orders of their own. Every stimulus is placed in one run, that which has the most stimuli.
    """
    candidates = pairs.candidates
    stimulus, number = np.unique(candidates.stimulus.to_numpy(), return_inverse=True)
    runs = []
    for name, (rows, at_s) in enumerate(_runs(pairs)):
        own, first = np.unique(number[pairs.target[rows]], return_index=True)
        shift_s = at_s[first] - candidates.start_s.to_numpy(np.float64)[pairs.target[rows[first]]]
        runs.append((name, own, shift_s))
    place = [f"stimulus {one}" for one in stimulus]
    moved_s, open_ = np.zeros(len(stimulus)), np.ones(len(stimulus), bool)
    for name, own, shift_s in sorted(runs, key=lambda one: -len(one[1])):
        for one, by_s in zip(own[open_[own]], shift_s[open_[own]], strict=True):
            place[one], moved_s[one] = f"run {name}", by_s
        open_[own] = False
    start_s = candidates.start_s.to_numpy(np.float64) + moved_s[number]
    return candidates.assign(stimulus=np.array(place, object)[number], start_s=start_s)


def _runs(pairs: ScoredPairs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each run in the scanner whose clock is known: the rows, and when their segments start in it, s."""
    at_s = pairs.windows.fmri_start_s.to_numpy(np.float64)
    named = (pairs.windows.fmri_recording != "").to_numpy() & np.isfinite(at_s)
    owner = pd.Series(pairs.listener) + "\n" + pairs.windows.fmri_recording.to_numpy().astype(str)
    for rows in owner[named].groupby(owner[named], sort=False).groups.values():
        yield rows.to_numpy(), at_s[rows.to_numpy()]


def _near(start_s: np.ndarray, reach_s: np.ndarray) -> np.ndarray:
    """(m, m) whether the later of two segments starts before the earlier one's reach has ended."""
    away_s = start_s - start_s[:, None]
    return np.where(away_s >= 0, away_s < reach_s[:, None] - 1e-6, -away_s < reach_s - 1e-6)
