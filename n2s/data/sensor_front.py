"""What windows of sensors leave for recordings of anybody else: the scale of each sensor by person, its column, its place."""

from collections.abc import Mapping

import numpy as np

from n2s.data.front import Front
from n2s.data.places import NOWHERE
from n2s.data.scaler import OWN, Scaler
from n2s.data.sensor_recording import SensorRecording
from n2s.data.windows import WindowShape


def sensor_front(
    recordings: Mapping[str, SensorRecording],
    scalers: Mapping[str, Scaler],
    *,
    subjects: list[str],
    layout: Mapping[str, list[str]],
    shape: WindowShape,
    clamp: float,
) -> Front:
    """The front of a datamodule of sensors.

    Parameters
    ----------
    recordings, scalers
        By ``study/recording``.
    subjects
        ``study/subject``, in the order of their numbers.
    layout
        Sensor of each column, by whose they are (`n2s.data.sensor_layout.SensorLayout.of`).
    shape
        Of a window.
    clamp
        Values beyond this many interquartile ranges are clipped; inf: none.
    """
    scales: dict[str, list] = {}
    units: dict[str, str] = {}
    places: dict[str, dict[str, list[float]]] = {}
    for key, item in recordings.items():
        study, meta = key.split("/")[0], item.meta
        person = f"{study}/{item.recording.subject}"
        whose = next(one for one in (person, study, "") if one in layout)
        for name, unit, place, good in zip(
            meta["ch_names"], meta["units"], meta["positions"], meta["good"], strict=True
        ):
            units[name] = unit
            if good and place[0] != NOWHERE:
                places.setdefault(whose, {}).setdefault(name, place)
        if scalers[key].source == OWN:
            scales.setdefault(person, []).append((meta["ch_names"], scalers[key]))
    arrays: dict[str, np.ndarray] = {}
    sensors = {}
    for i, (person, own) in enumerate(scales.items()):
        by_name: dict[str, list[tuple[float, float]]] = {}
        for names, scaler in own:
            for name, centre, scale in zip(names, scaler.centre, scaler.scale, strict=True):
                by_name.setdefault(name, []).append((centre, scale))
        sensors[person] = list(by_name)
        arrays[f"scale.{i}"] = np.array([np.median(one, axis=0) for one in by_name.values()], np.float32).T
    for i, (whose, names) in enumerate(layout.items()):
        known = places.get(whose, {})
        arrays[f"place.{i}"] = np.array([known.get(name, (NOWHERE, NOWHERE)) for name in names], np.float32)
    plain = {
        "kind": "sensors",
        "subjects": list(subjects),
        "scaled": sensors,
        "units": units,
        "layout": {whose: list(names) for whose, names in layout.items()},
        "sfreq": shape.sfreq,
        "window_s": shape.window_s,
        "offset_s": shape.offset_s,
        "baseline_s": shape.baseline_s,
        "clamp": None if clamp == float("inf") else clamp,
    }
    return Front(plain, arrays)


def scale_of(front: Front, subject: str) -> tuple[dict, Scaler]:
    """What `n2s.data.scaler.pooled` takes of a person: the sensors with their units, and their scale in training."""
    people = list(front.plain["scaled"])
    names = front.plain["scaled"][subject]
    centre, scale = front.arrays[f"scale.{people.index(subject)}"]
    meta = {"ch_names": names, "units": [front.plain["units"][name] for name in names]}
    return meta, Scaler(centre, scale, source=OWN)


def places_of(front: Front, whose: str) -> dict[str, np.ndarray]:
    """Sensor -> (2,) its place on the unit square, of one of the sets of sensors in ``layout``; without those that have none."""
    sets = list(front.plain["layout"])
    found = front.arrays[f"place.{sets.index(whose)}"]
    named = zip(front.plain["layout"][whose], found, strict=True)
    return {name: place for name, place in named if place[0] != NOWHERE}
