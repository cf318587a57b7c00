"""Sounds of MEG and fMRI that are alike and not equal: another encoding, level or cut. They get the clock of the MEG's sound."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from n2s.data.identity import shared_sound, sound_identities
from n2s.data.spans import lengths, merged, minus
from n2s.data.stimuli import length_s
from n2s.errors import first_of
from n2s.findings import tell
from n2s.studies.study import Stimulus

LEAST = 0.8  # of the shorter sound, found at one offset
BRIDGED_S, BRIDGED = (
    5.0,
    0.1,
)  # pauses and ends in which nothing can be compared: so long, or this share of the shorter sound
ONE_LAG_S = 0.05  # offsets this near are one: a fingerprint knows them to a fiftieth of a second, encoders delay
CLEAR = 1.25  # times as much of the sound as the next best partner
HALF = 0.5  # of the shorter sound, at any offsets: no pair, but one side of a split
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


class Alike(NamedTuple):
    """What `alike_sounds` found: ``pieces`` that are one sound, and ``links``, fMRI's and MEG's ``study/stimulus`` of sounds that share half
    and are no pair: only one side of a split may have both.
    """

    pieces: list[Piece]
    links: list[tuple[str, str]]


def alike_sounds(stimuli: Mapping[str, Stimulus], fmri: set[str]) -> Alike:
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
        return Alike([], [])
    unique = {names[0]: stimuli[names[0]] for names in (meg | own).values()}
    shared = shared_sound(unique)
    found: list[Piece] = []
    links: list[tuple[str, str]] = []
    failed: list[str] = []
    for identity, names in own.items():
        candidates = _candidates(shared, identity, meg, stimuli[names[0]], unique)
        good, why = _chosen([one for one in candidates if one.share >= LEAST])
        failed += [f"{names[0]} ({one})" for one in why or ([] if good else _nearly(candidates))]
        half = [] if good else [other for other, share in _shares(candidates).items() if share >= HALF]
        for name in names:
            links += [(name, other) for other in half]
            found += [replace(one, fmri=name, name=_named(one, name, good)) for one in good]
    _tell(found, failed, stimuli)
    return Alike(found, links)


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


def _shares(candidates: list[Piece]) -> dict[str, float]:
    """For each sound of the MEG, how much of the shorter sound is alike at any offset."""
    found = {}
    for name in dict.fromkeys(one.meg for one in candidates):
        own = [one for one in candidates if one.meg == name]
        shorter_s = lengths(own[0].spans).sum() / max(own[0].share, 1e-9)
        found[name] = float(lengths(merged(np.concatenate([one.spans for one in own]))).sum() / max(shorter_s, 1e-9))
    return found


def _nearly(candidates: list[Piece]) -> list[str]:
    """What was found of a sound that has no partner."""
    if not candidates:
        return []
    best = max(candidates, key=lambda one: one.share)
    lags = [one.lag_s for one in candidates if one.meg == best.meg]
    whole = _shares(candidates)[best.meg]
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
            "the shorter sound, and one partner to be clearly the best. Use the same file in both, if they are the same. Those that share half are "
            "on one side of the split.",
        )
