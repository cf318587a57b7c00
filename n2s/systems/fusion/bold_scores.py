"""Test volumes of one person under each candidate segment, wherever in a run it was heard."""

from collections.abc import Mapping

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from n2s.data.paired import PairedDataModule
from n2s.systems.fusion.bold_design import heard_in_run, slow_columns, without
from n2s.systems.fusion.bold_model import BoldDecoder
from n2s.systems.fusion.bold_rows import volumes_of

SAME_S = 1e-3  # volumes whose times in a segment are as near as that are read together


def bold_scores(data: PairedDataModule, model: BoldDecoder, subject: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Windows of BOLD (n,) of a person (rows of `window_table`), and their log-likelihoods (n, k) under the unique segments of the split.

    A candidate is what the run in which this person heard it would have shown: what came before it counts, too, and it is cleaned as the
    run was. It is read at the times of the window's own volumes after the segment's start, between volumes by a cubic spline. Of a segment that
    the person did not hear in the scanner, somebody else's run is taken; one that nobody heard there has 0.
    """
    own, columns = volumes_of(data, subject, split), _Columns(data, model)
    courses, places = data.courses(subject), _places(data, subject, split)
    scores = np.zeros((len(own), len(data.windows[split].first)), np.float32)
    known = np.array(sorted(places), np.int64)
    seen = {
        run: without(np.asarray(courses.courses[run], np.float64), courses.nuisances[run])
        for run in own.recording.unique()
    }
    first_s = own["first"] * own.tr_s - own.begins_s
    kinds = own.assign(n=own.stop - own["first"], at=(first_s / SAME_S).round().astype(np.int64)).groupby(
        ["tr_s", "n", "at"]
    )
    for (tr_s, n, _), rows in kinds.indices.items():
        times_s = first_s.iloc[rows[0]] + tr_s * np.arange(n)
        would = np.stack([columns.at(*places[segment], times_s) for segment in known])
        windows = own.iloc[rows]
        volumes = np.stack([seen[one.recording][one.first : one.stop] for one in windows.itertuples()])
        found = model.scores(torch.from_numpy(would), torch.from_numpy(volumes))
        scores[np.ix_(rows, known)] = found.numpy()
    return own.row.to_numpy(), scores


class _Columns:
    """The columns of each run, cleaned as it was, at any time."""

    def __init__(self, data: PairedDataModule, model: BoldDecoder):
        self.data, self.delays_s, self._read = data, model.delays_s.tolist(), {}

    def at(self, run: str, begins_s: float, times_s: np.ndarray) -> np.ndarray:
        """(t, q, c) at some times after a moment of the run."""
        if run not in self._read:
            prepared = self.data.runs[run]
            tr_s, n = prepared.meta["tr_s"], prepared.meta["shape"][0]
            columns = slow_columns(
                heard_in_run(self.data, run), tr_s, n, self.delays_s, self.data.target.n_features + 1
            )
            cleaned = without(columns, np.asarray(prepared.array("nuisances.npy")))
            self._read[run] = CubicSpline(tr_s * np.arange(n), cleaned), tr_s * (n - 1)
        course, last_s = self._read[run]
        return course(np.clip(begins_s + times_s, 0.0, last_s))


def _places(data: PairedDataModule, subject: str, split: str) -> Mapping[int, tuple[str, float]]:
    """Segment -> the run and the moment in it at which it was heard: by this person, else by others."""
    found: dict[int, tuple[str, float]] = {}
    for name in [subject, *(one for one in data.fmri_subjects if one != subject)]:
        for row in volumes_of(data, name, split).itertuples():
            found.setdefault(int(row.segment), (row.recording, float(row.begins_s)))
    return found
