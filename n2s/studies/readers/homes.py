"""The sound that a word, phone or sentence of a table lies in, and the story of a sound: two may play at once."""

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.sentences import containing
from n2s.studies.readers.word_clocks import APART_S


def homes_of(parts: pd.DataFrame, sounds: pd.DataFrame) -> np.ndarray:
    """The sound around each part: one of its stimulus, if it names one and several play; else the latest to start.

    A part that says its place in the sound may come a tenth of the sound's length after it, if the clocks differ.
    """
    home = containing(_middle(parts), *_extent(sounds))
    for told in set(parts.attended) - {""}:
        own, same = parts.attended == told, np.flatnonzero(sounds.attended == told)
        found = containing(_middle(parts[own]), *_extent(sounds.iloc[same]))
        home[own] = np.append(same, -1)[found]
    for stimulus in set(parts.stimulus) - {""}:
        own, same = parts.stimulus == stimulus, np.flatnonzero(sounds.stimulus == stimulus)
        found = containing(_middle(parts[own]), *_extent(sounds.iloc[same]))
        home[own] = np.where(found >= 0, np.append(same, -1)[found], home[own])
    for told in set(parts.attended[home < 0]):
        late = np.flatnonzero((home < 0) & parts.timed & (parts.attended == told))
        same = np.flatnonzero(sounds.attended == told) if told else np.arange(len(sounds))
        start, stop = _extent(sounds.iloc[same])
        found = containing(_middle(parts.iloc[late]), start, stop + np.maximum(0.1 * (stop - start), APART_S))
        found = np.append(same, -1)[found]
        last = np.append(sounds.stimulus_onset + sounds.duration, -np.inf)
        inside = parts.stimulus_onset.to_numpy()[late] <= last[found]
        home[late[inside]] = found[inside]
    return home


def check_clear(parts: pd.DataFrame, sounds: pd.DataFrame, where: str) -> None:
    """A UserError if a part lies in two sounds of which one was attended, and does not say in which."""
    if not (sounds.attended != "").any():
        return
    middle, (start, stop) = _middle(parts)[:, None], _extent(sounds)
    unclear = (((middle > start) & (middle < stop)).sum(1) > 1) & (parts.stimulus == "") & (parts.attended == "")
    if unclear.any():
        first = parts[unclear].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: a {first.kind} '{first.text[:40]}' at {first.onset:.3f} s, where two sounds play, does not say "
            f"of which it is ({int(unclear.sum())} such rows). Name its stimulus, or write yes or no in its column attended."
        )


def stories_of(sounds: pd.DataFrame, stories: pd.DataFrame) -> pd.Series:
    """The story of each sound: its own, or that of the row of a story around it, which was attended if the sound was."""
    story = sounds.story.copy()
    for told, own in sounds.groupby("attended"):
        same = stories[stories.attended == told] if told and (stories.attended != "").any() else stories
        inside = containing(_middle(own), *_extent(same))
        story[own.index] = np.where(
            (own.story == "") & (inside >= 0), np.array([*same.story, ""], object)[inside], own.story
        )
    return story


def _middle(rows: pd.DataFrame) -> np.ndarray:
    return (rows.onset + rows.duration / 2).to_numpy(float)


def _extent(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows.onset.to_numpy(float), (rows.onset + rows.duration).to_numpy(float)
