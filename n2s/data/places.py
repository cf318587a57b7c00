"""The places of sensors on the head, as a recording has them: found, and of a sensible size."""

from typing import Literal

import mne
import numpy as np

from n2s.data.channel_types import ELECTRODES
from n2s.errors import UserError, first_of
from n2s.findings import tell

INSIDE = frozenset({"ecog", "seeg", "dbs"})  # types of contacts that were put where each patient needed them
NOWHERE = -0.1  # position of a sensor that is missing in a recording, or bad and without a place
HEAD_M = (0.02, 0.3)  # median distance of electrodes from their centre: a head's is near 0.1 m
FAR, CLOSE = 4.0, 0.05  # one electrode's distance from the origin, as a part of the others' median
SAME_M = 1e-4  # two electrodes are larger than this
ENOUGH = 8  # electrodes, for statistics of their places


def check_places(info: mne.Info, where: str) -> np.ndarray:
    """(c,) Whether each channel has a place.

    ``n/a``, NaN and 0 0 0 are no place. Sensors of MEG need none where MNE has a layout of the system.

    Raises
    ------
    UserError
        A good electrode has no place, or one far from all others.
    """
    names, kinds = np.array(info["ch_names"]), np.array(info.get_channel_types())
    good = ~np.isin(names, info["bads"])
    places = np.array([channel["loc"][:3] for channel in info["chs"]], float).reshape(-1, 3)
    placed = np.isfinite(places).all(1) & places.any(1)
    if np.isin(kinds[~placed], ["mag", "grad"]).any():
        placed |= np.isin([name.replace(" ", "") for name in names], _layout_names(info))
    lost = names[good & ~placed].tolist()
    if lost or not placed.any():
        lost = lost or names.tolist()
        listed = f"{', '.join(lost[:8])}{' ...' if len(lost) > 8 else ''}"
        raise UserError(
            f"{where}: {len(lost)} of {len(names)} channels have no place on the head ({listed}; n/a, or 0 0 0).{_hint(lost)} "
            "Spatial attention needs one: add an electrodes.tsv to the BIDS folder or set a montage that has these names; or "
            "mark them as bad in channels.tsv, or as EOG or MISC if they are no EEG."
        )
    among = placed & np.isin(kinds, ELECTRODES)
    if among.sum() > 1:
        _check_electrodes(places[among], names[among], kinds[among], where)
    return placed


def brain_of(raw: mne.io.BaseRaw) -> Literal["mni", "own"]:
    """Whose brain the places of a recording's contacts are in: MNI's (fsaverage and Talairach, too), or the person's own."""
    montage = raw.get_montage()
    return "mni" if montage is not None and montage.get_positions()["coord_frame"] == "mni_tal" else "own"


def contact_places(info: mne.Info) -> np.ndarray:
    """(c, 3) mm, right, front and up; NaN where a channel has no place."""
    places = 1e3 * np.array([channel["loc"][:3] for channel in info["chs"]], float).reshape(-1, 3)
    places[~(np.isfinite(places).all(1) & places.any(1))] = np.nan
    return places


def placed_sensors(meta: dict, where: str) -> np.ndarray:
    """(c,) bool: the sensors that windows take, from the ``meta`` of a prepared recording: good ones that have a place.

    Contacts in the brain without one are left out, which is told: the spatial attention of networks needs a place of each.

    Raises
    ------
    UserError
        No good contact has a place; a good sensor is outside the unit square, as a preparation of your own may give it.
    """
    positions, good = np.array(meta["positions"], float).reshape(-1, 2), np.array(meta["good"], bool)
    nowhere = good & np.isclose(positions, NOWHERE).all(1)
    if nowhere.any():
        listed = first_of(np.array(meta["ch_names"])[nowhere], 6, ", ...")
        of_all = f"{nowhere.sum()} of {good.sum()} good contacts have no place ({listed})"
        remedy = "Add electrodes.tsv with coordsystem.json to the BIDS folder"
        if "frame" not in meta or nowhere.sum() == good.sum():  # no contacts, or none is left
            raise UserError(
                f"{where}: {of_all}, and windows need one of each for spatial attention. {remedy}, or mark them as bad."
            )
        told = f"{of_all}: windows leave them out, since spatial attention needs to know where each is. {remedy} to take them, too."
        tell("left out", where, told)
    kept = good & ~nowhere
    outside = kept & ~((positions >= 0) & (positions <= 1)).all(1)  # NaN is outside, too
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise UserError(
            f"{where}: {outside.sum()} of {good.sum()} good sensors lie outside the unit square; {meta['ch_names'][first]} is at "
            f"{positions[first].round(3).tolist()}, expected both in [0, 1]. Scale the positions that your preparation gives."
        )
    return kept


def _check_electrodes(places: np.ndarray, names: np.ndarray, kinds: np.ndarray, where: str) -> None:
    away = np.linalg.norm(places - np.median(places, axis=0), axis=1)
    size_m = float(np.median(away))
    radius = np.linalg.norm(places, axis=1)
    if len(places) >= ENOUGH and (kinds == "eeg").all():
        typical = float(np.median(radius))
        odd = (radius > FAR * typical) | (radius < CLOSE * typical)
        if odd.any():
            listed = ", ".join(
                f"{name} ({one:.3g} m)" for name, one in zip(names[odd][:5], radius[odd][:5], strict=True)
            )
            raise UserError(
                f"{where}: {odd.sum()} electrodes lie far from the others: {listed} from the origin, where the median is "
                f"{typical:.3g} m. Is their unit another one? Correct electrodes.tsv, or mark them as bad."
            )
        if not HEAD_M[0] <= size_m <= HEAD_M[1]:
            tell(
                "odd",
                where,
                f"the electrodes lie {size_m:.3g} m from their centre (median), expected about 0.1 m: their unit is not the metre. "
                "n2s uses their directions from the origin, not their distances.",
            )
    near = np.linalg.norm(places[:, None] - places[None], axis=2) < SAME_M * max(1.0, size_m / HEAD_M[1])
    pairs = np.argwhere(np.triu(near, 1)) if size_m > SAME_M else []
    if len(pairs):
        listed = ", ".join(f"{names[one]} and {names[other]}" for one, other in pairs[:5])
        tell("odd", where, f"electrodes at the same place: {listed}. Spatial attention cannot tell them apart.")


def _layout_names(info: mne.Info) -> list[str]:
    """The sensors of a system whose map MNE knows by their names, without their places."""
    try:
        layout = mne.find_layout(info, exclude=[])
    except (RuntimeError, ValueError):  # MNE has none, and would compute one from the places
        return []
    computed = layout is None or layout.kind in ("EEG", "custom")
    return [] if computed else [name.replace(" ", "") for name in layout.names]


def _hint(lost: list[str]) -> str:
    """The names of the 10-10 system that some look like: a montage matches only equal names."""
    known = mne.channels.make_standard_montage("easycap-M1").ch_names
    lower = {name.lower(): name for name in known}
    meant = {}
    for name in lost[:8]:
        plain = name.upper().removeprefix("EEG").strip(" _-").split("-")[0].strip(" .")
        if plain.lower() in lower and lower[plain.lower()] != name:
            meant[name] = lower[plain.lower()]
    listed = ", ".join(f"'{name}' for '{other}'" for name, other in meant.items())
    return f" A montage needs its own names: rename {listed}." if meant else ""
