"""Sounds of fMRI that are the MEG's move to its clock: their events, words, identities and audio."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.paired_alike import ONE_LAG_S, Piece
from n2s.studies.study import Stimulus
from n2s.studies.text import normal


def on_meg_clock(
    heard: Mapping[str, Heard], pieces: list[Piece], links: list[tuple[str, str]] = ()
) -> dict[str, Heard]:
    """What was heard, with the sounds of some pieces as those of the MEG: events are moved and cut, identities and lengths are the MEG's.

    Where a long sound in fMRI becomes several, each is of the MEG's story, unless the study itself says something about its story.
    ``links`` (see `n2s.data.paired_alike.Alike`) become equal content, so that a split keeps them together.
    """
    found = _linked(heard, links)
    heard = dict(found)
    stories = _stories(heard)
    for study in {one.name.split("/", 1)[0] for one in pieces}:
        own = [one for one in pieces if one.name.startswith(f"{study}/")]
        one = heard[study]
        said = {normal(name) for name in (*(one.official or {}), *(one.content or {}))}
        events = {name: moved_events(table, own, stories, said) for name, table in one.events.items()}
        new = {piece.name.split("/", 1)[1]: piece for piece in own}
        gone = {piece.fmri.split("/", 1)[1] for piece in own} - set(new)
        sounds = {name: identity for name, identity in one.sounds.items() if name not in gone}
        lasts_s = {name: lasting for name, lasting in one.lengths_s.items() if name not in gone}
        content = one.content
        if content is not None:
            by_name = {normal(name): value for name, value in content.items()}
            was = {name: normal(piece.fmri.split("/", 1)[1]) for name, piece in new.items()}
            content = dict(content) | {name: by_name[old] for name, old in was.items() if old in by_name}
        found[study] = replace(
            one,
            events=events,
            content=content,
            sounds=sounds | {name: piece.identity for name, piece in new.items()},
            lengths_s=lasts_s | {name: piece.length_s for name, piece in new.items()},
        )
    return found


def _linked(heard: Mapping[str, Heard], links: list[tuple[str, str]]) -> dict[str, Heard]:
    content = {
        study: {normal(name): value for name, value in (one.content or {}).items()} for study, one in heard.items()
    }
    for link in [*links, *links[::-1]]:  # twice: a name reaches all that hang together
        keys = [(study, normal(stimulus)) for study, _, stimulus in (name.partition("/") for name in link)]
        names = [content[study].get(stimulus) for study, stimulus in keys]
        for study, stimulus in keys:
            content[study][stimulus] = min((one for one in names if one), default=keys[1][1])
    linked = {name.split("/", 1)[0] for link in links for name in link}
    return {study: replace(one, content=content[study]) if study in linked else one for study, one in heard.items()}


def moved_stimuli(stimuli: Mapping[str, Stimulus], pieces: list[Piece]) -> dict[str, Stimulus]:
    """All stimuli (``study/stimulus``); those of pieces have the MEG's sound, and their own words on its clock."""
    gone = {one.fmri for one in pieces}
    found = {name: stimulus for name, stimulus in stimuli.items() if name not in gone}
    for one in pieces:
        own, sound = stimuli[one.fmri], stimuli[one.meg]
        words, phones = (_moved_words(table, one) for table in (own.words, own.phones))
        name = one.name.split("/", 1)[1]
        found[one.name] = Stimulus(name, sound.audio, words, sound.ready, phones)
    return found


def moved_events(
    events: pd.DataFrame, pieces: list[Piece], stories: Mapping[str, str], said: set[str] = frozenset()
) -> pd.DataFrame:
    """The events of one recording; rows of a piece's sound are moved to the MEG's clock, and cut where they lie outside.

    Parameters
    ----------
    events
        See `n2s.studies.events.events_table`.
    pieces
        Of the recording's study.
    stories
        Sound of the MEG (``study/stimulus``) -> its story.
    said
        Stories of which the study says something (a split, a content): they keep their names.
    """
    of = {}
    for one in pieces:
        of.setdefault(one.fmri.split("/", 1)[1], []).append(one)
    if not events.stimulus.isin(list(of)).any():
        return events
    tables = [events[~events.stimulus.isin(list(of))]]
    for stimulus, own in of.items():
        rows = events[events.stimulus == stimulus]
        for one in own:
            cut = pd.concat([_cut(rows, start_s, stop_s) for start_s, stop_s in one.spans])
            cut = _on_clock(cut, one)
            if len(own) > 1 and one.meg in stories:
                keeps = cut.story.map(normal).isin(said)
                cut["story"] = cut.story.where(keeps, stories[one.meg])
            tables.append(cut)
    found = pd.concat(tables)
    return found.sort_values(["onset", "duration"], ascending=[True, False], kind="stable", ignore_index=True)


def _cut(rows: pd.DataFrame, start_s: float, stop_s: float) -> pd.DataFrame:
    """What of some events lies in [start, stop] of their sound; of words and phones, those that begin there."""
    begins, ends = rows.stimulus_onset, rows.stimulus_onset + rows.duration
    short = rows.kind.isin(["word", "phone"])
    inside = np.where(
        short, (begins >= start_s) & (begins < stop_s), (begins < stop_s - 1e-6) & (ends > start_s + 1e-6)
    )
    rows, begins, ends = rows[inside], begins[inside], ends[inside]
    late_s = (start_s - begins).clip(lower=0)
    duration = np.minimum(ends, stop_s) - np.maximum(begins, start_s)
    return rows.assign(onset=rows.onset + late_s, stimulus_onset=begins + late_s, duration=duration.clip(lower=0))


def _on_clock(rows: pd.DataFrame, piece: Piece) -> pd.DataFrame:
    """Times in the MEG's sound; what ends so near its ends that the offset is not known so well ends with it."""
    start_s = rows.stimulus_onset + piece.lag_s
    stop_s = start_s + rows.duration
    long = ~rows.kind.isin(["word", "phone"])
    new_start_s = start_s.mask((start_s < 0) | (long & (start_s <= ONE_LAG_S)), 0.0)
    new_stop_s = stop_s.mask(long & (stop_s >= piece.length_s - ONE_LAG_S), piece.length_s)
    return rows.assign(
        stimulus=piece.name.split("/", 1)[1],
        stimulus_onset=new_start_s,
        onset=rows.onset + (new_start_s - start_s).where(long, 0.0),
        duration=(new_stop_s - new_start_s).where(long, rows.duration),
    )


def _moved_words(words: pd.DataFrame, piece: Piece) -> pd.DataFrame:
    inside = np.zeros(len(words), bool)
    for start_s, stop_s in piece.spans:
        inside |= ((words.onset >= start_s) & (words.onset < stop_s)).to_numpy(bool)
    own = words[inside]
    return own.assign(onset=(own.onset + piece.lag_s).clip(lower=0)).reset_index(drop=True)


def _stories(heard: Mapping[str, Heard]) -> dict[str, str]:
    """``study/stimulus`` -> the one story that it is heard in."""
    found: dict[str, set[str]] = {}
    for study, one in heard.items():
        for table in one.events.values():
            rows = table[table.stimulus != ""].drop_duplicates(["stimulus", "story"])
            for stimulus, story in zip(rows.stimulus, rows.story, strict=True):
                found.setdefault(f"{study}/{stimulus}", set()).add(story)
    return {name: next(iter(stories)) for name, stories in found.items() if len(stories) == 1}
