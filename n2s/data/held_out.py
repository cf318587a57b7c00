"""Keeps the held-out parts of a sound out of everybody's training."""

import numpy as np
import pandas as pd

from n2s.data.priority import HELD_OUT_FIRST
from n2s.data.spans import TINY_S, merged, minus

_CLOCK_S = 1e-3  # two intervals are on the same clock if they differ by less


def apart(intervals: pd.DataFrame) -> pd.DataFrame:
    """Join intervals with nothing between them, and cut out everything that is held out for anybody.

    Two intervals of one split follow each other in a recording: they are joined if the sound simply played on, and if no
    listener has a stretch of another split, or one that is kept out, between them. A moment of a sound that is test for
    anybody is then cut out of everybody's validation and training, and validation is cut out of training: listeners'
    clocks and events differ.

    Parameters
    ----------
    intervals
        See `n2s.data.splits.Split.intervals`.

    Returns
    -------
    The intervals that are ``used``, with ``context_start_s`` and ``context_stop_s``: the range of the sound around
    an interval without a moment of another split (s on the sound's clock, 0 and inf at its ends).
    """
    rows = intervals.sort_values(["recording", "onset"], kind="stable")
    foreign = _foreign(rows)
    streams = rows.groupby(["recording", "attended"], sort=False)  # what plays at once does not follow each other
    joined = pd.concat([_join(part, foreign) for _, part in streams], ignore_index=True)
    joined = joined.sort_values(["recording", "onset"], kind="stable", ignore_index=True)
    held = pd.concat([joined[joined.used], rows[~rows.used]], ignore_index=True)
    return _with_context(_cut(joined[joined.used], held), held)


def _foreign(rows: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """(sound, split) -> the stretches of the sound that are in other splits."""
    return {
        (sound, split): merged(part[part.split != split])
        for sound, part in rows.groupby("sound")
        for split in part.split.unique()
    }


def _join(rows: pd.DataFrame, foreign: dict[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    kept: list[dict] = []
    for row in rows.to_dict("records"):
        last = kept[-1] if kept else None
        if last and all(last[name] == row[name] for name in ("split", "stimulus", "used")):
            brain_s, audio_s = row["onset"] - last["onset"], row["stimulus_onset"] - last["stimulus_onset"]
            between = np.array([[last["stimulus_onset"] + last["duration"], row["stimulus_onset"]]])
            free = _overlap_s(between, foreign[row["sound"], row["split"]]) <= TINY_S
            if abs(brain_s - audio_s) < _CLOCK_S and audio_s > 0 and free:
                last["duration"] = max(last["duration"], brain_s + row["duration"])
                continue
        kept.append(dict(row))
    return pd.DataFrame(kept)


def _overlap_s(span: np.ndarray, taken: np.ndarray) -> float:
    length_s = span[0, 1] - span[0, 0]
    return 0.0 if length_s <= TINY_S else length_s - np.diff(minus(span, taken)).sum()


def _cut(rows: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    dearer = {
        (sound, split): merged(part[part.split.isin(HELD_OUT_FIRST[: HELD_OUT_FIRST.index(split)])])
        for sound, part in held.groupby("sound")
        for split in HELD_OUT_FIRST
    }
    kept = []
    for row in rows.to_dict("records"):
        own = np.array([[row["stimulus_onset"], row["stimulus_onset"] + row["duration"]]])
        for start_s, stop_s in minus(own, dearer[row["sound"], row["split"]]):
            onset = row["onset"] + start_s - row["stimulus_onset"]
            kept.append(row | {"onset": onset, "stimulus_onset": start_s, "duration": stop_s - start_s})
    return pd.DataFrame(kept, columns=rows.columns)


def _with_context(rows: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    borders = {sound: _borders(part) for sound, part in held.groupby("sound")}
    middles = rows.stimulus_onset + rows.duration / 2
    context = np.zeros((len(rows), 2))
    for place, (sound, middle) in enumerate(zip(rows.sound, middles, strict=True)):
        at = np.searchsorted(borders[sound], middle)
        context[place] = borders[sound][at - 1 : at + 1]
    return rows.assign(context_start_s=context[:, 0], context_stop_s=context[:, 1])


def _borders(rows: pd.DataFrame) -> np.ndarray:
    """The borders of one sound, in order: 0, the middle of each gap in which its split changes, inf."""
    taken, runs = np.zeros((0, 2)), []
    for split in HELD_OUT_FIRST:
        own = minus(merged(rows[rows.split == split]), taken)
        taken = merged(np.concatenate([taken, own]))
        runs += [(start_s, stop_s, split) for start_s, stop_s in own]
    runs.sort()
    found = [(one[1] + other[0]) / 2 for one, other in zip(runs, runs[1:], strict=False) if one[2] != other[2]]
    return np.array([0.0, *found, np.inf])
