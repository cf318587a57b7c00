"""What a decoder is taught from: the sensors, some of them, and what was recorded beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from n2s.data.places import INSIDE
from n2s.data.sensor_recording import SensorRecording
from n2s.data.side_channels import GROUPS
from n2s.data.side_signals import SideRecording
from n2s.data.window_cuts import cut_windows

#: Source -> what tables call it. Those of `GROUPS` are side signals.
LABELS = {
    "brain": "brain",
    "audio": "sound",
    "emg": "EMG",
    "eog": "EOG",
    "ecg": "ECG",
    "head": "head position",
    "reaching": "all that reaches the sensors",
    "edge": "sensors at the edge",
    "inner": "sensors in the middle",
    "removed": "what ICA and SSP took out",
}
REMOVED = "removed"
LEAST_SENSORS = 12  # to tell an edge from a middle
FLOOR = 0.03  # of its 99th percentile: an envelope is seen on a logarithmic scale, above this, so that ringing of filters is not


@dataclass(frozen=True)
class Sensors:
    """The sensors of a person: ``names``, ``places (c, 2)``, ``kinds``; ``columns``: of each recording, -1 where one is bad."""

    names: list[str]
    places: np.ndarray
    kinds: list[str]
    columns: dict[str, np.ndarray]

    @classmethod
    def of(cls, recordings: Mapping[str, SensorRecording]) -> "Sensors":
        """Those that all recordings have, and that are good in one of them."""
        metas = {key: item.meta for key, item in recordings.items()}
        common = set.intersection(*(set(meta["ch_names"]) for meta in metas.values()))
        good = set().union(*({n for n, ok in zip(m["ch_names"], m["good"], strict=True) if ok} for m in metas.values()))
        key = next(iter(metas))
        names = [name for name in metas[key]["ch_names"] if name in common & good]
        at = [metas[key]["ch_names"].index(name) for name in names]
        kinds = np.array(recordings[key].info.get_channel_types(), object)[at].tolist()
        found = cls(names, np.array(metas[key]["positions"], float)[at], kinds, {})
        return found.in_recordings(recordings)

    def in_recordings(self, recordings: Mapping[str, SensorRecording]) -> "Sensors":
        """The same sensors, by name, in some recordings: they may have others too, in another order, or lack some."""
        columns = {}
        for key, item in recordings.items():
            good = zip(item.meta["ch_names"], item.meta["good"], strict=True)
            number = {name: i for i, (name, ok) in enumerate(good) if ok}
            columns[key] = np.array([number.get(name, -1) for name in self.names], int)
        return replace(self, columns=columns)

    def edge_and_middle(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Numbers of the outermost third, and of the innermost third; None where there is no edge."""
        placed = np.isfinite(self.places).all(1) & (self.places >= 0).all(1)
        if placed.sum() < LEAST_SENSORS or set(self.kinds) & INSIDE:
            return None
        rows = np.flatnonzero(placed)
        middle = (self.places[rows].max(0) + self.places[rows].min(0)) / 2
        order = rows[np.argsort(np.linalg.norm(self.places[rows] - middle, axis=1), kind="stable")]
        n = len(order) // 3
        return np.sort(order[-n:]), np.sort(order[:n])


@dataclass(frozen=True)
class SideWindows:
    """Windows ``x (m, d, t)`` of a side signal, and which windows of a person those are: ``kept (n,)``, m of them."""

    x: np.ndarray
    kept: np.ndarray


def side_arrays(items: Mapping[str, SideRecording], group: str) -> dict[str, np.ndarray]:
    """By recording, (t, d): the signals of a group that most recordings have, of those that have them; envelopes as logarithms."""
    names = {
        key: {name for name, own in zip(item.meta["ch_names"], item.meta["groups"], strict=True) if own == group}
        for key, item in items.items()
    }
    holders = {name: tuple(key for key in items if name in names[key]) for name in sorted(set().union(*names.values()))}
    if not holders:
        return {}
    having = max(holders.values(), key=len)
    common = {name for name, keys in holders.items() if keys == having}
    found = {}
    for key in having:
        item = items[key]
        own = [i for i, name in enumerate(item.meta["ch_names"]) if name in common and item.meta["groups"][i] == group]
        order = sorted(own, key=lambda i, item=item: item.meta["ch_names"][i])
        values = np.array(item.brain[:, order], np.float64)
        if group in ("audio", "emg"):
            floor = FLOOR * np.maximum(np.percentile(np.nan_to_num(values), 99, axis=0), np.finfo(np.float32).tiny)
            values = np.log(np.maximum(values, 0) + floor)
        found[key] = values
    return found


def side_sources(
    items: Mapping[str, SideRecording], table: pd.DataFrame, *, first: np.ndarray, n_times: int, n_baseline: int = 0
) -> dict[str, SideWindows]:
    """Group -> windows of a person's side signals, of the recordings that have them.

    Parameters
    ----------
    items
        By recording, of the recordings in the table.
    table, first
        Of the windows; the sample at which each starts.
    n_times, n_baseline
        Of a window.
    """
    found = {}
    for group in GROUPS:
        arrays = side_arrays(items, group)
        kept = table.recording.isin(list(arrays)).to_numpy()
        if kept.any():
            x = cut_windows(arrays, table.recording[kept], first[kept], n_times, n_baseline=n_baseline)
            found[group] = SideWindows(x, kept)
    return found


def joined(parts: Sequence[SideWindows]) -> SideWindows:
    """Several signals beside each other, at the windows that have them all."""
    kept = np.all([one.kept for one in parts], axis=0)
    return SideWindows(np.concatenate([one.x[kept[one.kept]] for one in parts], axis=1), kept)


def brain_source(
    recordings: Mapping[str, SensorRecording],
    sensors: Sensors,
    recording: Sequence[str],
    first: np.ndarray,
    n_times: int,
    *,
    n_baseline: int = 0,
) -> np.ndarray:
    """(n, c, t) windows of a person's sensors."""
    arrays = {key: item.brain for key, item in recordings.items()}
    return cut_windows(arrays, recording, first, n_times, columns=sensors.columns, n_baseline=n_baseline)


def separation(x: np.ndarray, label: np.ndarray, n_bins: int = 10) -> np.ndarray:
    """(c,) Share of a sensor's variance over windows that lies between classes, mean over bins of time; less what chance gives."""
    edges = np.unique(np.linspace(0, x.shape[2], min(n_bins, x.shape[2]) + 1).round().astype(int))
    values = np.add.reduceat(x.astype(np.float64), edges[:-1], axis=2) / np.diff(edges)
    values -= values.mean(0)
    names, number = np.unique(label, return_inverse=True)
    counts = np.bincount(number)
    means = np.stack([values[number == i].mean(0) for i in range(len(names))])
    total = np.square(values).mean(0)
    between = (counts[:, None, None] * np.square(means)).sum(0) / len(label)
    share = np.divide(between, total, out=np.zeros_like(total), where=total > 1e-12)
    by_chance = (len(names) - 1) / max(len(label) - 1, 1)
    return (share - by_chance).mean(1)
