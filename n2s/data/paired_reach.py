"""Volumes that held-out sound moves, whatever the intervals of their own run say: no segment of training sees one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.priority import PRIORITY
from n2s.data.spans import merged
from n2s.findings import tell

_PLAYED = ("sound", "story", "sentence")


def moved_by(heard: Mapping[str, Heard], dealt: pd.DataFrame, split: str) -> dict[str, np.ndarray]:
    """When each recording plays sound that is held out from a split: (k, 2) s on its clock, disjoint and in order.

    Held out from training is what is validation or test for anybody, and test from validation. Intervals alone do not tell it: a
    sentence that one listener's events lack is heard all the same.

    Parameters
    ----------
    heard
        What each study heard.
    dealt
        See `n2s.data.splits.Split.intervals`: also what is not used.
    split
        Which.
    """
    rows = dealt[dealt.split.map(PRIORITY) > PRIORITY[split]]
    held = {sound: merged(part) for sound, part in rows.groupby("sound")}
    found = {}
    for study, one in heard.items():
        for recording, events in one.events.items():
            played = events[events.kind.isin(_PLAYED) & (events.stimulus != "")]
            spans = [np.zeros((0, 2))]
            for row in played.itertuples():
                sound = held.get(one.sounds.get(row.stimulus, f"{study}/{row.stimulus}"))
                if sound is not None:
                    own = np.clip(sound, row.stimulus_onset, row.stimulus_onset + row.duration)
                    spans.append(own[own[:, 1] > own[:, 0]] + row.onset - row.stimulus_onset)
            found[recording] = merged(np.concatenate(spans))
    return found


def reaches(spans: np.ndarray, start_s: np.ndarray, stop_s: np.ndarray) -> np.ndarray:
    """(n,) bool: which of some stretches [start, stop] overlap one of ``spans`` (k, 2), disjoint and in order."""
    at = np.searchsorted(spans[:, 1], start_s + 1e-6, "right")
    begins = np.append(spans[:, 0], np.inf)
    return begins[at] < stop_s - 1e-6


def tell_moved(n: int, of: int, response_s: float) -> None:
    """Say how many segments have no BOLD, since held-out sound was heard near them and is in no interval there."""
    if n:
        tell(
            "left out",
            "BOLD",
            f"{n} of {of} segments of training and validation have no fMRI: within {response_s:g} s (data.response_s) their run plays sound that is "
            "held out elsewhere.",
        )
