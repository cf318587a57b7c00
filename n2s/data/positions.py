"""The place of each sensor on a flat, unit-square map of the head."""

import re

import mne
import numpy as np

from n2s.errors import UserError


def sensor_positions(info: mne.Info, where: str) -> np.ndarray:
    """(c, 2) positions in [0, 1], min-max normalised over the recording's sensors.

    From MNE's layout of the system if there is one (as in Défossez 2023), else from the sensors' 3-D places, projected
    azimuthally from above the head.
    """
    places = _from_layout(info)
    if places is None:
        places = _from_projection(info, where)
    low, high = places.min(0), places.max(0)
    return ((places - low) / np.maximum(high - low, 1e-9)).astype(np.float32)


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
    return boxes[:, :2] + boxes[:, 2:] / 2  # the centre of each box


def _from_projection(info: mne.Info, where: str) -> np.ndarray:
    places = np.array([channel["loc"][:3] for channel in info["chs"]])
    lost = [
        name
        for name, place in zip(info["ch_names"], places, strict=True)
        if not np.isfinite(place).all() or not place.any()
    ]
    if lost:
        raise UserError(
            f"{where}: {len(lost)} of {len(places)} channels have no place on the head ({', '.join(lost[:5])} ...). "
            "Spatial attention needs one: add an electrodes.tsv to the BIDS folder or set a montage, or mark them as bad "
            "and drop them."
        )
    x, y, z = (places - _sphere_centre(places)).T
    radius = np.linalg.norm([x, y, z], axis=0)
    angle = np.arccos(np.clip(z / radius, -1, 1)) / np.maximum(np.hypot(x, y), 1e-9)
    return np.stack([x * angle, y * angle], axis=1)


def _sphere_centre(places: np.ndarray) -> np.ndarray:
    """Centre of the least-squares sphere through the sensors: |p|^2 = 2 p.c + const."""
    if len(places) < 5:
        return np.zeros(3)
    system = np.column_stack([2 * places, np.ones(len(places))])
    return np.linalg.lstsq(system, (places**2).sum(1), rcond=None)[0][:3]
