"""The place of each sensor on a flat, unit-square map of the head."""

import re

import mne
import numpy as np

from n2s.data.places import NOWHERE, check_places
from n2s.errors import UserError


def sensor_positions(info: mne.Info, where: str) -> np.ndarray:
    """(c, 2) positions in [0, 1], min-max normalised over the recording's sensors.

    From MNE's layout of the system if there is one (as in Défossez 2023), else from the sensors' 3-D places, projected
    azimuthally from above the head. Electrodes inside the head (sEEG) are projected as all others, so contacts of one shaft
    lie close together. A bad channel needs no place: it is `NOWHERE`, outside the square.

    Raises
    ------
    UserError
        A good channel has no place, or all lie at one point.
    """
    placed = check_places(info, where)
    known = mne.pick_info(info, np.flatnonzero(placed))
    places = _from_layout(known)
    if places is None:
        places = _from_projection(known)
    low, high = places.min(0), places.max(0)
    if len(places) > 2 and not (high > low).any():
        raise UserError(
            f"{where}: all {len(places)} sensors lie at one point of the head's map. Check electrodes.tsv or the montage: "
            "spatial attention needs to know where each sensor is."
        )
    found = np.full((len(placed), 2), NOWHERE, np.float32)
    found[placed] = (places - low) / np.maximum(high - low, 1e-9)
    return found


def sensor_kinds(ch_names: list[str]) -> np.ndarray:
    """(c,) The number of each sensor at its place, as Megin numbers them; 0 for all sensors of other systems.

    In ``MEG 0113`` the last digit counts: 1 the magnetometer (kind 0), 2 and 3 the two planar gradiometers.
    """
    found = [re.fullmatch(r"MEG ?\d{3}([123])", name) for name in ch_names]
    return np.array([int(match[1]) - 1 if match else 0 for match in found])


def _from_layout(info: mne.Info) -> np.ndarray | None:
    try:
        layout = mne.find_layout(info, exclude=[])
    except (RuntimeError, ValueError):  # MNE has no layout, or the channels have no positions
        return None
    if layout is None:
        return None
    known = {name.replace(" ", ""): box for name, box in zip(layout.names, layout.pos, strict=True)}
    boxes = [known.get(name.replace(" ", "")) for name in info["ch_names"]]
    if any(box is None for box in boxes):
        return None
    boxes = np.array(boxes)
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return centres if np.isfinite(centres).all() else None  # MNE divides by the extent, which one sensor has not


def _from_projection(info: mne.Info) -> np.ndarray:
    places = np.array([channel["loc"][:3] for channel in info["chs"]])
    x, y, z = (places - _sphere_centre(places)).T
    radius = np.maximum(np.linalg.norm([x, y, z], axis=0), 1e-12)
    angle = np.arccos(np.clip(z / radius, -1, 1)) / np.maximum(np.hypot(x, y), 1e-9)
    return np.stack([x * angle, y * angle], axis=1)


def _sphere_centre(places: np.ndarray) -> np.ndarray:
    """Centre of the least-squares sphere through the sensors: |p|^2 = 2 p.c + const."""
    if len(places) < 5:
        return np.zeros(3)
    system = np.column_stack([2 * places, np.ones(len(places))])
    return np.linalg.lstsq(system, (places**2).sum(1), rcond=None)[0][:3]
