"""The volumes of one person that an encoding model of BOLD is fitted on and asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.paired import PairedDataModule
from n2s.systems.fusion.bold_design import heard_in_run, slow_columns, with_playing, without
from n2s.systems.fusion.low_rank import TooFewSounds

LISTENED = "listen"  # the condition that a model is fitted in
APART = 10**6  # volumes: no run is as long
MOST_NUISANCES = 0.5  # of the training volumes of a run: with more of them, little of the response would be left


@dataclass
class BoldRows:
    """Training volumes of one person, run by run.

    Parameters
    ----------
    design
        (n, q, f) What was heard, less nuisances and that a sound plays: see `slow_columns`.
    response
        (n, p) Components of the person's voxels, less the same.
    group
        (n,) Number of the sound that each volume follows; of several the last that began.
    place
        (n,) Number of the volume; those of the next run begin `APART` later.
    windows
        (w, t) Rows of training segments that share no time with each other, of the most usual number of volumes.
    """

    design: np.ndarray
    response: np.ndarray
    group: np.ndarray
    place: np.ndarray
    windows: np.ndarray


def training_rows(data: PairedDataModule, subject: str, delays_s: Sequence[float]) -> BoldRows:
    """The volumes of the training segments of a person (``study/id``).

    Of each run, training volumes lose nuisances by themselves: a projection of the whole run would leave a trace of held-out sound in them.

    Parameters
    ----------
    data, subject
        Whose.
    delays_s
        See `slow_columns`.
    """
    bold, courses = volumes_of(data, subject, "train"), data.courses(subject)
    found, spans, first = [], [], 0
    for number, (run, own) in enumerate(bold.groupby("recording", sort=False)):
        values = np.asarray(courses.courses[run], np.float64)
        group = np.full(len(values), -1)
        for row in own.sort_values("begins_s").itertuples():
            group[row.first : row.stop] = row.group
        rows, nuisances = np.flatnonzero(group >= 0), courses.nuisances[run]
        nuisances = nuisances if nuisances.shape[1] < MOST_NUISANCES * len(rows) else nuisances[:, :0]
        heard, tr_s = heard_in_run(data, run), courses.tr_s[run]
        nuisances = with_playing(nuisances, heard, tr_s, delays_s)[rows]
        columns = slow_columns(heard, tr_s, len(values), delays_s, data.target.n_features)
        spans += [first + np.searchsorted(rows, np.arange(*span)) for span in apart(own, data.bold_options.segment_s)]
        found.append(
            (without(columns[rows], nuisances), without(values[rows], nuisances), group[rows], rows + number * APART)
        )
        first += len(rows)
    if not found:
        raise TooFewSounds("0 sounds that were listened to")
    lengths = [len(one) for one in spans]
    usual = max(set(lengths), key=lengths.count)
    windows = np.stack([one for one in spans if len(one) == usual])
    return BoldRows(*map(np.concatenate, zip(*found, strict=True)), windows)  # type: ignore[call-arg]


def volumes_of(data: PairedDataModule, subject: str, split: str) -> pd.DataFrame:
    """The windows of BOLD of a person in a split: ``row`` (of `window_table`), ``recording``, ``begins_s`` (the segment's start on the run's
    clock), ``first`` and ``stop`` (volumes), ``segment``, ``group`` (the sound's number). Of training, those that were listened to.
    """
    windows, pairs = data.windows[split], data.pairs[split]
    if split == "train":
        pairs = pairs[pairs.condition == LISTENED]
    used = np.unique(pairs.fmri.to_numpy())
    used = used[used >= 0]
    rows, table = used[windows.of_interval("subject")[used] == subject], windows.intervals
    found = pd.DataFrame(
        {
            "row": rows,
            "recording": windows.of_interval("recording")[rows],
            "begins_s": (table.onset - table.stimulus_onset).to_numpy()[windows.interval[rows]] + windows.start_s[rows],
            "segment": windows.segment[rows],
            "group": windows.of_interval("group_index")[rows],
        }
    )
    tr_s = found.recording.map({run: one.meta["tr_s"] for run, one in data.runs.items()}).to_numpy(float)
    bounds = np.zeros((len(found), 2), np.int64)
    for tr in np.unique(tr_s):
        own = tr_s == tr
        bounds[own] = data.bold_options.bounds(found.begins_s.to_numpy()[own], tr)[:, [0, -1]]
    return found.assign(first=bounds[:, 0], stop=bounds[:, 1], tr_s=tr_s)


def apart(own: pd.DataFrame, segment_s: float) -> np.ndarray:
    """(w, 2) First and last volume + 1 of the segments of one run that do not overlap: each next one begins when the one before has ended."""
    chosen, free_s = [], -np.inf
    for row in own.sort_values("begins_s").itertuples():
        if row.begins_s >= free_s - 1e-6:
            chosen.append((row.first, row.stop))
            free_s = row.begins_s + segment_s
    return np.array(chosen, np.int64).reshape(-1, 2)
