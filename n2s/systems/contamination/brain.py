"""The windows of a person's sensors, of folds in which steps of the cleaning learn anew; and what such steps have taken out."""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
import pandas as pd

from n2s.data.cleaning.by_reference import RemoveByReference
from n2s.data.cleaning.ica import RemoveICA
from n2s.data.cleaning.ssp import SSP
from n2s.data.event_folds import EveryWindow
from n2s.data.sensor_recording import SensorRecording
from n2s.data.window_cuts import cut_windows
from n2s.models.window_classifiers import WindowClassifier
from n2s.systems.contamination.compared import Rows, decoded
from n2s.systems.contamination.sources import Sensors, brain_source

TAKING = (RemoveICA, RemoveByReference, SSP)  # steps that take out components of the sensors
ROUNDING = 1e-4  # of a sensor's deviation


class Brain:
    """The windows of a person's sensors; read anew for each fold where a step of the cleaning learns from training runs."""

    def __init__(self, every: EveryWindow, subject: str, table: pd.DataFrame, rows: Rows):
        self.every, self.subject, self.table, self.rows = every, subject, table, rows
        self.learns = every.data.preprocessing.learns
        used = table.recording.unique()
        self._recordings = {}
        self.sensors = Sensors.of({key: item for key, item in self.cleaned(rows.folds[0].units).items() if key in used})

    def cleaned(self, units: frozenset[str]) -> Mapping:
        """The recordings for a fold."""
        units = units if self.learns else frozenset()
        if units not in self._recordings:
            self._recordings = {units: self.every.cleaned_for(self.subject, set(units))}
        return self._recordings[units]

    def windows(
        self, kept: np.ndarray, units: frozenset[str], first: np.ndarray | None = None, n_times: int = 0
    ) -> np.ndarray:
        """(m, c, t) Some of the windows, cleaned for a fold; ``first``: others of ``n_times``, without a baseline."""
        shape = self.every.data.shape
        at, n, n_baseline = (
            (self.table["first"].to_numpy(), shape.n_window, shape.n_baseline) if first is None else (first, n_times, 0)
        )
        recording = self.table.recording.to_numpy(object)[kept]
        own = {key: item for key, item in self.cleaned(units).items() if key in set(recording)}
        return brain_source(own, self.sensors.in_recordings(own), recording, at[kept], n, n_baseline=n_baseline)

    def taken_out(self, kept: np.ndarray, classifier: WindowClassifier) -> np.ndarray | None:
        """(m, k) The decoder taught from what steps that take components out have removed; None if they remove nothing.

        That is the difference between recordings that are cleaned without these steps, and with them.
        """
        steps = [one for one in getattr(self.every.data.preprocessing, "steps", ()) if not isinstance(one, TAKING)]
        if len(steps) == len(getattr(self.every.data.preprocessing, "steps", ())):
            return None
        before = copy(self.every.data.preprocessing)
        before.steps = steps
        shape, part = self.every.data.shape, self.rows.some(kept)
        first, recording = self.table["first"].to_numpy()[kept], self.table.recording.to_numpy(object)[kept]
        sets = [[fold] for fold in part.folds] if self.learns else [part.folds]
        found, something = np.full((int(kept.sum()), part.n_classes), np.nan), False
        for folds in sets:
            own = {key: item for key, item in self.cleaned(folds[0].units).items() if key in set(recording)}
            others = self.every.cleaned_for(self.subject, set(folds[0].units), before)
            arrays = {key: removed(others[key], item, self.sensors.names) for key, item in own.items()}
            something = something or any(one.any() for one in arrays.values())
            x = cut_windows(arrays, recording, first, shape.n_window, n_baseline=shape.n_baseline)
            logs = decoded(x, part.with_folds(folds), classifier) if x.any() else found
            found = np.where(np.isfinite(logs), logs, found)
        return found if something else None

    def decoded(
        self, kept: np.ndarray, classifier: WindowClassifier, sensors: np.ndarray | None = None, *, teach: np.ndarray | None = None,
        tested: np.ndarray | None = None, first: np.ndarray | None = None, n_times: int = 0,
    ) -> np.ndarray:  # fmt: skip
        """(m, k) See `n2s.systems.contamination.compared.decoded`; ``sensors``: some of them."""
        part = self.rows.some(kept)
        sets = [part.folds] if not self.learns else [[fold] for fold in part.folds]
        found = np.full((int(kept.sum()), part.n_classes), np.nan)
        for folds in sets:
            x = self.windows(kept, folds[0].units, first, n_times)
            x = x if sensors is None else x[:, sensors]
            logs = decoded(x, part.with_folds(folds), classifier, teach=teach, tested=tested)
            found = np.where(np.isfinite(logs), logs, found)
        return found


def removed(before: SensorRecording, after: SensorRecording, names: Sequence[str]) -> np.ndarray:
    """(t, c) float32 What steps have taken out of some sensors; 0 where one is bad, and where only rounding differs."""
    found = np.zeros((min(len(before.brain), len(after.brain)), len(names)), np.float32)
    columns = [
        {name: i for i, (name, ok) in enumerate(zip(one.meta["ch_names"], one.meta["good"], strict=True)) if ok}
        for one in (before, after)
    ]
    at = [i for i, name in enumerate(names) if all(name in one for one in columns)]
    whole, left = (
        np.nan_to_num(np.array(one.brain[: len(found), [own[names[i]] for i in at]], np.float32))
        for one, own in zip((before, after), columns, strict=True)
    )
    found[:, at] = whole - left
    found[:, at] *= found[:, at].std(0) > ROUNDING * whole.std(0)
    return found
