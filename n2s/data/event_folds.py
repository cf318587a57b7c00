"""Every window of a recipe, and folds of each person's runs: for analyses in which each window is held out once."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.cross_validated import CrossValidated
from n2s.data.event_data import EventDataModule
from n2s.data.event_frames import Frames
from n2s.data.event_heard import heard_of
from n2s.data.event_intervals import EXCLUDED, Dealt, deal
from n2s.data.event_tables import lay_windows_at_events, windows_of
from n2s.data.recordings import prepare
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.sensor_recording import SensorRecording
from n2s.data.training_parts import learned_from
from n2s.errors import UserError
from n2s.findings import tell


class EveryUnit(CrossValidated):
    """The units of another split, none of them held out yet: all are called test."""

    def side(self, dealt: pd.DataFrame) -> np.ndarray:
        """See `CrossValidated`."""
        return np.full(len(dealt), "test", object)


@dataclass(frozen=True)
class EveryWindow:
    """All windows of a recipe.

    Parameters
    ----------
    data
        The datamodule that they are of.
    recordings
        By ``study/recording``, of those with events that have a window.
    table
        See `n2s.data.EventDataModule.events`; and ``first``, the sample at which a window starts.
    dealt
        The units that a split keeps together.
    """

    data: EventDataModule
    recordings: Mapping[str, SensorRecording]
    table: pd.DataFrame
    dealt: Dealt

    def subject_of(self, key: str) -> str:
        """``study/subject`` of a recording."""
        return f"{key.split('/')[0]}/{self.recordings[key].recording.subject}"

    def training_of(self, subject: str, held_out: Iterable[str] = ()) -> tuple[dict[str, list], list[str]]:
        """What steps of the cleaning may learn from: see `n2s.data.Preprocessing.fitted_on`."""
        own = [key for key in self.recordings if self.subject_of(key) == subject]
        return _told(self.dealt, own, set(held_out))

    def cleaned_for(
        self, subject: str, held_out: set[str], preparation: SensorPreparation | None = None
    ) -> Mapping[str, SensorRecording]:
        """The recordings of a subject, cleaned by steps that have learned from all units but those that are held out.

        ``preparation``: another one than the recipe's.
        """
        own = {key: item for key, item in self.recordings.items() if self.subject_of(key) == subject}
        if preparation is None and not self.data.preprocessing.learns:
            return own
        study = self.data.studies[subject.split("/")[0]]
        preparation = preparation or self.data.preprocessing
        if preparation.learns:
            preparation = preparation.fitted_on(*self.training_of(subject, held_out))
        items = prepare(study, preparation, [item.recording for item in own.values()], n_jobs=1)
        names = {item.recording for item in own.values()}
        return {f"{subject.split('/')[0]}/{item.recording.name}": item for item in items if item.recording in names}


@dataclass(frozen=True)
class Fold:
    """Rows of a person's table that are trained on and tested, and the units that are held out."""

    train: np.ndarray
    test: np.ndarray
    units: frozenset[str]


def every_window(data: EventDataModule) -> EveryWindow:
    """Prepare the recordings of a recipe, and place its windows in all of them.

    Raises
    ------
    UserError
        There is no window.
    """
    split = data.split.split if isinstance(data.split, CrossValidated) else data.split
    dealt = deal(EveryUnit(split, n_folds=2), heard_of(data.studies, split, data.event_windows))
    recordings: dict[str, SensorRecording] = {}
    for name, study in data.studies.items():
        chosen = [one for one in study.recordings() if len(dealt.of(f"{name}/{one.name}"))]
        preparation = data.preprocessing
        if (
            preparation.learns
        ):  # from all, for lengths and spans: what is tested is cleaned anew (`EveryWindow.cleaned_for`)
            preparation = preparation.fitted_on(*_told(dealt, [f"{name}/{one.name}" for one in chosen], set()))
        items = prepare(study, preparation, chosen, n_jobs=data.n_jobs)
        recordings |= {f"{name}/{item.recording.name}": item for item in items}
    subject = {key: f"{key.split('/')[0]}/{item.recording.subject}" for key, item in recordings.items()}
    places = {
        key: {"recording": key, "recording_index": i, "study": key.split("/")[0], "subject": subject[key], "subject_index": 0}
        for i, key in enumerate(recordings)
    }  # fmt: skip
    event_windows = copy(data.event_windows)
    if isinstance(event_windows, Frames):
        event_windows.test_step_s = None  # as in training: a window at each sample is for scores of samples
    tables = lay_windows_at_events(recordings, dealt, event_windows, data.shape, offset_s=data.offset_s, places=places)
    table = tables["test"]
    if table.empty:
        raise UserError(
            "data: no window lies in any recording. See what was left out above; data.windows names the events that have one."
        )
    windows = windows_of(table)
    sfreq = np.array([item.meta["sfreq"] for item in recordings.values()])
    table = table.assign(first=windows.brain_start(windows.start_s, sfreq, np.arange(len(windows))))
    return EveryWindow(data, recordings, table, dealt)


def folds_of(
    table: pd.DataFrame, recordings: Mapping[str, SensorRecording], *, n_folds: int, window_s: float
) -> tuple[np.ndarray, list[Fold]]:
    """Folds of one person's windows: whole units are held out; with one unit alone, blocks of time, which is told.

    A training window that is nearer to a tested one of the same recording than filters reach is left out.

    Parameters
    ----------
    table
        Of one person: see `EveryWindow`.
    recordings
        By name: for the reach of their filters.
    n_folds
        At most so many; fewer where there are fewer units.
    window_s
        Length of a window, s.

    Returns
    -------
    (n,) the unit of each window, and the folds.
    """
    unit = table.unit.to_numpy(object)
    if len(set(unit)) < 2:
        unit = _blocks(table, n_folds)
        tell(
            "odd",
            f"{table.subject.iloc[0]}",
            f"all windows are of one run: {len(set(unit))} blocks of time are held out in turn, and training windows near them are left out. "
            "What changes slowly over a run may be in training and in test.",
        )
    names, counts = np.unique(unit.astype(str), return_counts=True)
    of_fold: dict[str, int] = {}
    size = np.zeros(min(n_folds, len(names)), int)
    for at in np.lexsort((names, -counts)):
        of_fold[names[at]] = int(np.argmin(size))
        size[of_fold[names[at]]] += counts[at]
    fold = np.array([of_fold[str(one)] for one in unit])
    start = table.start_s.to_numpy(float)
    folds = []
    for number in range(len(size)):
        test, train = np.flatnonzero(fold == number), fold != number
        for key in table.recording.iloc[test].unique():
            mine = (table.recording == key).to_numpy()
            if not (mine & train).any():
                continue
            reach_s = recordings[key].reach.gap_s
            tested = np.sort(start[mine & (fold == number)])
            at = np.searchsorted(tested, start)
            nearest = np.minimum(
                np.abs(start - tested[np.clip(at, 0, len(tested) - 1)]),
                np.abs(start - tested[np.clip(at - 1, 0, None)]),
            )
            train &= ~(mine & (nearest < window_s + reach_s))
        folds.append(
            Fold(np.flatnonzero(train), test, frozenset(name for name, one in of_fold.items() if one == number))
        )
    return unit.astype(str), folds


def _blocks(table: pd.DataFrame, n_folds: int) -> np.ndarray:
    """(n,) Equal numbers of consecutive windows."""
    order = np.lexsort((table.start_s.to_numpy(float), table.recording.to_numpy(str)))
    found = np.empty(len(table), object)
    found[order] = [f"block {i * n_folds // max(len(table), 1) + 1}" for i in range(len(table))]
    return found


def _told(dealt: Dealt, recordings: Iterable[str], held_out: set[str]) -> tuple[dict[str, list], list[str]]:
    """What steps of the cleaning may learn from in some recordings, where some units are held out."""
    pieces = dealt.pieces[dealt.pieces.recording.isin(list(recordings))]
    out = pieces.unit.isin(held_out) | (pieces.split == EXCLUDED)
    return learned_from(pieces.assign(split=np.where(out, "test", "train")))
