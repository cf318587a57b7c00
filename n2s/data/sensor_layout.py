"""Which column of a window each sensor has: the same for a sensor of that name in all recordings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n2s.data.bad_channels import sensor_key
from n2s.data.places import INSIDE
from n2s.data.sensor_recording import SensorRecording
from n2s.errors import UserError, first_of
from n2s.findings import tell


@dataclass(frozen=True)
class SensorLayout:
    """Columns of windows.

    Attributes
    ----------
    names
        Sensor of each column; where people have electrodes of their own, those of who has most.
    columns
        Of each recording, (c,) the column of each of its sensors.
    of
        Sensor of each column, by whose they are: "" for one set of sensors in all; else ``study/subject`` of contacts in the brain, or a study.
    """

    names: list[str]
    columns: list[np.ndarray]
    of: dict[str, list[str]]

    @property
    def n_layouts(self) -> int:
        """How many sets of sensors share these columns: people with contacts of their own, or devices."""
        return len(self.of)


def lay_sensors(
    recordings: Mapping[str, SensorRecording],
    *,
    studies_apart: bool = False,
    trained: Mapping[str, list[str]] | None = None,
) -> SensorLayout:
    """A column for every sensor that some recording has, in the order of the recording with most; then those that it lacks.

    Sensors are known by their names, however they are written (`n2s.data.bad_channels.sensor_key`). Contacts in the brain bear the
    same names in other people, at other places: each person's columns begin at 0.

    Parameters
    ----------
    recordings
        By ``study/recording``.
    studies_apart
        The columns of each study begin at 0, too: for networks that know sensors by their places.
    trained
        ``of`` of the layout that a network learned: the columns are the same.

    Raises
    ------
    UserError
        A recording has no good sensor, or one that ``trained`` does not have.
    """
    empty = [key for key, item in recordings.items() if not any(item.meta["good"])]
    if empty:
        raise UserError(
            f"{first_of(empty, 4)}: all sensors are marked as bad, so that windows would hold nothing. Mend the marks (channels.tsv, or "
            "preprocessing.bads), or leave these recordings out of the study."
        )
    groups: dict[str, list[int]] = {}
    for index, (key, item) in enumerate(recordings.items()):
        study = key.split("/")[0]
        whose = f"{study}/{item.recording.subject}" if item.channel_types & INSIDE else study if studies_apart else ""
        groups.setdefault(whose, []).append(index)
    given = [item.meta["ch_names"] for item in recordings.values()]
    of: dict[str, list[str]] = {}
    columns: list[np.ndarray] = [np.zeros(0, np.int64)] * len(given)
    for whose, group in groups.items():
        if trained is not None and whose not in trained:
            listed = first_of([one or "sensors outside the head" for one in trained], 4)
            raise UserError(
                f"the network takes sensors by their numbers, and was trained on those of {listed}; {whose or next(iter(recordings))} has others. "
                "Fit it on data with them, or take a network that knows sensors by their places (n2s.models.EncoderClassifier)."
            )
        own = [given[index] for index in group]
        of[whose], found = _laid(own, whose or "data", None if trained is None else trained[whose])
        for index, column in zip(group, found, strict=True):
            columns[index] = column
    return SensorLayout(max((trained or of).values(), key=len), columns, of)


def _laid(
    given: Sequence[list[str]], where: str, trained: list[str] | None = None
) -> tuple[list[str], list[np.ndarray]]:
    """Names of the columns, and the column of each sensor of each recording."""
    every = [*given, *([] if trained is None else [trained])]
    plain = [[sensor_key(name) for name in names] for names in every]
    alike = any(len(set(own)) < len(own) for own in plain)  # sensors of one recording that differ in spelling alone
    keys = (every if alike else plain)[: len(given)]
    name_of: dict[str, str] = {}
    if trained is not None:
        name_of = dict(zip(every[-1] if alike else plain[-1], trained, strict=True))
        new = [
            name
            for own, names in zip(keys, given, strict=True)
            for key, name in zip(own, names, strict=True)
            if key not in name_of
        ]
        if new:
            raise UserError(
                f"{where}: the network takes sensors by their numbers, and was not trained with {first_of(list(dict.fromkeys(new)), 4)}; it knows "
                f"{first_of(trained, 4)}. Pick the same sensors (preprocessing.picks), or fit the network on these data."
            )
    most = max(map(len, keys))
    order = sorted(range(len(keys)), key=lambda index: len(keys[index]) < most)  # one of those with most comes first
    for index in order:
        for key, name in zip(keys[index], given[index], strict=True):
            name_of.setdefault(key, name)
    column = {key: number for number, key in enumerate(name_of)}
    if min(map(len, keys)) < len(name_of):
        lacks = Counter(name_of[key] for own in keys for key in name_of.keys() - set(own))
        listed = first_of([f"{name} ({n})" for name, n in lacks.most_common()])
        tell(
            "odd",
            where,
            f"some of {len(keys)} recordings lack some of {len(name_of)} sensors: {listed}. Windows hold 0 in place of them.",
        )
    return list(name_of.values()), [np.array([column[key] for key in own], np.int64) for own in keys]
