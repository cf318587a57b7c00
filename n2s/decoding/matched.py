"""Sensors of a new recording, laid as a trained network takes them: by name, else by place."""

from dataclasses import dataclass

import numpy as np

from n2s.data.bad_channels import sensor_key
from n2s.data.front import Front
from n2s.data.places import NOWHERE
from n2s.data.positions import sensor_kinds
from n2s.data.sensor_front import places_of
from n2s.decoding.new_recording import NewRecording
from n2s.errors import UserError, first_of

NEAR = 0.04  # of the head's width on the map: neighbours of a cap of 128 lie about .08 apart
FEWEST = 0.5  # of a network's sensors that a recording must have, where they are known by their numbers


@dataclass(frozen=True)
class Laid:
    """Which column of a window each sensor of a recording has.

    Attributes
    ----------
    source
        (c,) For each column, the sensor's number in the recording; -1: it has none.
    positions, mask, kind
        (c, 2), (c,) and (c,): see `n2s.data.Batch`.
    said
        Sentences on what was matched, and what is missing.
    """

    source: np.ndarray
    positions: np.ndarray
    mask: np.ndarray
    kind: np.ndarray
    said: list[str]


def laid(new: NewRecording, front: Front, *, by_place: bool, subject: str | None) -> Laid:
    """Lay the sensors of a recording.

    Parameters
    ----------
    new
        The recording.
    front
        Of the training: sensors and their places.
    by_place
        Whether the network knows sensors by their places: it takes any. Else each column is one sensor: of that name, or of that unit and
        place (within `NEAR`), or 0.
    subject
        ``study/subject``; None: somebody new.

    Raises
    ------
    UserError
        Contacts in the brain of somebody new; fewer than half of the sensors of a network that knows them by their numbers.
    """
    whose = _whose(new, front, subject)
    trained, known = front.plain["layout"][whose], places_of(front, whose)
    mine = {sensor_key(name): i for i, name in enumerate(new.meta["ch_names"])}
    source = np.array([mine.get(sensor_key(name), -1) for name in trained], np.int64)
    by_name = int((source >= 0).sum())
    if by_place:
        return _by_place(new, known, by_name)
    near = _near(new, trained, known, source, front.plain["units"])
    mask = source >= 0
    lacks = [name for name, has in zip(trained, mask, strict=True) if not has]
    if mask.mean() < FEWEST:
        raise UserError(
            f"{new.name}: {mask.sum()} of the network's {len(trained)} sensors are in this recording; it lacks {first_of(lacks, 6)}. The network knows "
            "sensors by their numbers: fit one that knows them by their places (n2s.models.BrainEncoder with spatial attention), or give a "
            "recording of the same system."
        )
    said = [f"sensors: {by_name} of {len(trained)} by name{f', {near} by place' if near else ''}"]
    if lacks:
        said.append(f"missing sensors, 0 in all windows: {first_of(lacks, 8)}")
    good = np.array(new.meta["good"], bool)
    mask &= np.where(source >= 0, good[source], False)
    positions = np.array([known.get(name, (NOWHERE, NOWHERE)) for name in trained], np.float32)
    return Laid(source, positions, mask, sensor_kinds(trained), said)


def _whose(new: NewRecording, front: Front, subject: str | None) -> str:
    """Which set of sensors of the training: the person's own, the study's, that of all, or that with most names in common."""
    sets = front.plain["layout"]
    own = [one for one in (subject, (subject or "").split("/")[0], "") if one is not None and one in sets]
    if own:
        return own[0]
    people = [one for one in sets if "/" in one]
    if people:
        raise UserError(
            f"{new.name}: contacts in the brain are each person's own, and the network was trained on those of {first_of(people, 4)}. Say who it is "
            "(subject), or fit on this person."
        )
    names = {sensor_key(name) for name in new.meta["ch_names"]}
    return max(sets, key=lambda one: len(names & {sensor_key(name) for name in sets[one]}))


def _by_place(new: NewRecording, known: dict[str, np.ndarray], by_name: int) -> Laid:
    """All good sensors, at their own places; those of known names at the places that they had in training."""
    places = {sensor_key(name): place for name, place in known.items()}
    own = np.array(new.meta["positions"], np.float32).reshape(-1, 2)
    names = new.meta["ch_names"]
    same = np.array([sensor_key(name) in places for name in names])
    if (
        same.mean() >= FEWEST
    ):  # a map without some sensors would be stretched: the places of training are the right ones
        own = np.stack([places.get(sensor_key(name), place) for name, place in zip(names, own, strict=True)])
    mask = np.array(new.meta["good"], bool) & (own[:, 0] != NOWHERE)
    said = [f"sensors: {len(names)}, of which {int(same.sum())} bear the name of a training sensor (of {len(known)})"]
    missing = [name for name in known if sensor_key(name) not in {sensor_key(one) for one in names}]
    if by_name < len(known):
        said.append(
            f"{len(missing)} training sensors are not in this recording ({first_of(missing, 6)}); the network looks at places, and takes those that are there"
        )
    if (~mask).any():
        said.append(f"bad or without a place, left out: {first_of(np.array(names)[~mask], 6)}")
    return Laid(np.arange(len(names)), own.astype(np.float32), mask, sensor_kinds(names), said)


def _near(
    new: NewRecording, trained: list[str], known: dict[str, np.ndarray], source: np.ndarray, units: dict[str, str]
) -> int:
    """Fill columns without a sensor of that name with the nearest free one of that unit; returns how many."""
    free = [i for i in range(len(new.meta["ch_names"])) if i not in set(source.tolist()) and new.meta["good"][i]]
    places, n = np.array(new.meta["positions"], np.float32).reshape(-1, 2), 0
    for column in np.flatnonzero(source < 0):
        name = trained[column]
        alike = [i for i in free if new.meta["units"][i] == units.get(name)]
        if name not in known or not alike:
            continue
        away = np.linalg.norm(places[alike] - known[name], axis=1)
        if away.min() <= NEAR:
            source[column] = alike[int(away.argmin())]
            free.remove(source[column])
            n += 1
    return n
