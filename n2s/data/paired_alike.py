"""Sounds of MEG and fMRI that are alike and not equal: another encoding, level or cut. They get the clock of the MEG's sound."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.identity import shared_sound, sound_identities
from n2s.data.spans import lengths, merged, minus
from n2s.data.stimuli import length_s
from n2s.errors import first_of
from n2s.findings import tell
from n2s.studies.study import Stimulus
from n2s.studies.text import normal

LEAST = 0.8  # of the shorter sound, found at one offset
BRIDGED_S, BRIDGED = (
    5.0,
    0.1,
)  # pauses and ends in which nothing can be compared: so long, or this share of the shorter sound
ONE_LAG_S = 0.05  # offsets this near are one: a fingerprint knows them to a fiftieth of a second, encoders delay
CLEAR = 1.25  # times as much of the sound as the next best partner
TOLD = 0.2  # of the shorter sound: less is a jingle, or chance


@dataclass(frozen=True)
class Piece:
    """A part of a sound in fMRI (all of it, in general) that is a sound of the MEG.

    Parameters
    ----------
    fmri, meg
        The two sounds, ``study/stimulus``.
    name
        What the part is called, ``study/stimulus``: as the sound, if there is no other part of it.
    lag_s
        Later on the clock of the MEG's sound than on that of the fMRI's, s.
    spans
        (n, 2) Where it is in the fMRI's sound, s.
    share
        How much of the shorter sound was found at this offset.
    identity, length_s
        Of the MEG's sound.
    """

    fmri: str
    meg: str
    name: str
    lag_s: float
    spans: np.ndarray
    share: float
    identity: str
    length_s: float


def alike_sounds(stimuli: Mapping[str, Stimulus], fmri: set[str]) -> list[Piece]:
    """Find which sounds of fMRI are sounds of the MEG though their samples differ, and say it.

    One offset has to hold for `LEAST` of the shorter sound, and no other sound of the MEG may be nearly as much of it. A long sound in
    fMRI may hold several of the MEG, and a long one of the MEG several of fMRI. What is alike and fails is told, and is no pair.

    Parameters
    ----------
    stimuli
        Of all studies, by ``study/stimulus``.
    fmri
        The names of the studies of fMRI.
    """
    identities = sound_identities(stimuli)
    meg, own = {}, {}
    for name in sorted(stimuli):
        side = own if name.split("/", 1)[0] in fmri else meg
        side.setdefault(identities[name], []).append(name)
    own = {identity: names for identity, names in own.items() if identity not in meg}
    if not own or not meg:
        return []
    unique = {names[0]: stimuli[names[0]] for names in (meg | own).values()}
    shared = shared_sound(unique)
    found: list[Piece] = []
    failed: list[str] = []
    for identity, names in own.items():
        candidates = _candidates(shared, identity, meg, stimuli[names[0]], unique)
        good, why = _chosen([one for one in candidates if one.share >= LEAST])
        failed += [f"{names[0]} ({one})" for one in why or ([] if good else _nearly(candidates))]
        for name in names:
            found += [replace(one, fmri=name, name=_named(one, name, good)) for one in good]
    _tell(found, failed, stimuli)
    return found


def on_meg_clock(heard: Mapping[str, Heard], pieces: list[Piece]) -> dict[str, Heard]:
    """What was heard, with the sounds of some pieces as those of the MEG: events are moved and cut, identities and lengths are the MEG's.

    Where a long sound in fMRI becomes several, each is of the MEG's story, unless the study itself says something about its story.
    """
    found = dict(heard)
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


def _candidates(
    shared: pd.DataFrame, identity: str, meg: Mapping[str, list[str]], own: Stimulus, unique: Mapping[str, Stimulus]
) -> list[Piece]:
    """A piece for each sound of the MEG and each offset that has something in common with one sound of fMRI."""
    ahead = shared[(shared.one == identity) & shared.other.isin(list(meg))]
    back = shared[(shared.other == identity) & shared.one.isin(list(meg))]
    rows = pd.concat(
        [
            pd.DataFrame({"meg": ahead.other, "start_s": ahead.one_start_s, "lag_s": ahead.other_start_s - ahead.one_start_s, "lasts_s": ahead.duration_s}),
            pd.DataFrame({"meg": back.one, "start_s": back.other_start_s, "lag_s": back.one_start_s - back.other_start_s, "lasts_s": back.duration_s}),
        ]
    )  # fmt: skip
    has_s = length_s(own)
    found = []
    for other, part in rows.groupby("meg", sort=True):
        name = meg[other][0]
        lasts_s = length_s(unique[name])
        shorter_s = min(has_s, lasts_s)
        for lag_s, stretches in _by_lag(part):
            within = max(0.0, -lag_s), min(has_s, lasts_s - lag_s)
            spans = _bridged(stretches, within, min(BRIDGED_S, BRIDGED * shorter_s))
            share = float(lengths(spans).sum() / shorter_s)
            found.append(Piece("", name, "", lag_s, spans, min(share, 1.0), other, lasts_s))
    return sorted(found, key=lambda one: (-lengths(one.spans).sum(), one.meg, one.lag_s))


def _by_lag(rows: pd.DataFrame) -> Iterator[tuple[float, np.ndarray]]:
    """The offsets of some stretches, that of most sound first, and the (n, 2) stretches of each."""
    rows = rows.sort_values("lag_s", kind="stable")
    while len(rows):
        lag_s, lasts_s = rows.lag_s.to_numpy(), rows.lasts_s.to_numpy()
        near = np.abs(lag_s[:, None] - lag_s) <= ONE_LAG_S
        best = near[np.argmax(near @ lasts_s)]
        half = np.searchsorted(np.cumsum(lasts_s[best]), lasts_s[best].sum() / 2)
        start_s = rows.start_s.to_numpy()[best]
        yield float(lag_s[best][half]), np.stack([start_s, start_s + lasts_s[best]], 1)
        rows = rows[~best]


def _bridged(stretches: np.ndarray, within: tuple[float, float], gap_s: float) -> np.ndarray:
    """The union of stretches inside two borders, without the gaps that are shorter than ``gap_s``."""
    if within[1] <= within[0]:
        return np.zeros((0, 2))
    gaps = minus(np.array([within]), merged(np.clip(stretches, *within)))
    return minus(np.array([within]), gaps[lengths(gaps) > gap_s])


def _chosen(candidates: list[Piece]) -> tuple[list[Piece], list[str]]:
    """The pieces of one sound that do not overlap; or none, and why, where two partners are nearly as good."""
    good: list[Piece] = []
    for one in candidates:
        own_s = lengths(one.spans).sum()
        for other in good:
            both_s = own_s - lengths(minus(one.spans, other.spans)).sum()
            if both_s > 0.5 * own_s:
                if lengths(other.spans).sum() < CLEAR * own_s:
                    what = f"{other.meg} and {one.meg}" if one.meg != other.meg else f"{one.meg} at two places"
                    return [], [f"it is like {what}, both about as much"]
                break
        else:
            taken = merged(np.concatenate([np.zeros((0, 2)), *(other.spans for other in good)]))
            good.append(replace(one, spans=minus(one.spans, taken)))
    return good, []


def _nearly(candidates: list[Piece]) -> list[str]:
    """What was found of a sound that has no partner."""
    if not candidates:
        return []
    best = max(candidates, key=lambda one: one.share)
    lags = [one.lag_s for one in candidates if one.meg == best.meg]
    covered_s = lengths(merged(np.concatenate([one.spans for one in candidates if one.meg == best.meg]))).sum()
    whole = covered_s / max(lengths(best.spans).sum() / max(best.share, 1e-9), 1e-9)
    if max(best.share, whole) < TOLD:
        return []
    if len(lags) > 1 and whole >= best.share + 0.1:
        return [
            f"{whole:.0%} of it or of {best.meg} are alike, at {len(lags)} offsets from {min(lags):+.2f} to {max(lags):+.2f} s: one plays faster, "
            "or was cut"
        ]
    return [f"{best.share:.0%} of it or of {best.meg} are alike, {best.lag_s:+.2f} s apart"]


def _named(piece: Piece, name: str, good: list[Piece]) -> str:
    if len(good) == 1:
        return name
    again = [one for one in good if one.meg == piece.meg]
    number = f" {1 + [id(one) for one in again].index(id(piece))}" if len(again) > 1 else ""
    return f"{name}, {piece.meg.split('/', 1)[1]}{number}"


def _tell(found: list[Piece], failed: list[str], stimuli: Mapping[str, Stimulus]) -> None:
    if found:
        names = list(dict.fromkeys(one.fmri for one in found))
        outside_s = sum(
            length_s(stimuli[name]) - sum(lengths(one.spans).sum() for one in found if one.fmri == name)
            for name in names
        )
        left = f" {outside_s:.1f} s of them that are not in the MEG's are left out." if outside_s >= 0.05 else ""
        told = first_of(
            f"{one.fmri} is {one.meg}, {one.lag_s:+.2f} s ({one.share:.0%} are alike)"
            if one.name == one.fmri
            else f"{one.name} is {one.meg}, {one.lag_s:+.2f} s ({one.share:.0%})"
            for one in found
        )
        tell(
            "corrected",
            "data.studies",
            f"{len(names)} sounds of fMRI are sounds of the MEG in another encoding, level or cut: {told}. They are read as the MEG's, and "
            f"their times moved to its clock.{left}",
        )
    if failed:
        tell(
            "odd",
            "data.studies",
            f"{len(failed)} sounds of fMRI are like sounds of the MEG, but no pair: {first_of(failed)}. One offset has to hold for {LEAST:.0%} of "
            "the shorter sound, and one partner to be clearly the best. Use the same file in both, if they are the same.",
        )
