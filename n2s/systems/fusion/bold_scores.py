"""Test volumes of one person under each candidate segment, as if it had been heard where the window is."""

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from n2s.data.hrf_response import LASTS_S
from n2s.data.paired import PairedDataModule
from n2s.systems.fusion.bold_design import heard_in_run, nuisance_basis, slow_columns, with_playing
from n2s.systems.fusion.bold_model import BoldDecoder
from n2s.systems.fusion.bold_rows import volumes_of

STEP_S = 0.5  # at which responses to a sound are computed; between them, they are cubic splines
AROUND_S = 6.0  # before a sound: responses may be earlier than Glover's


def bold_scores(data: PairedDataModule, model: BoldDecoder, subject: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Windows of BOLD (n,) of a person (rows of `window_table`), and their log-likelihoods (n, k) under the unique segments of the split.

    A candidate says that its whole sound plays so that the candidate begins where the window does: what comes before it in the sound counts,
    too. What that would evoke is cleaned as the window's run was, nuisances and the course of "a sound plays" included, and compared in the
    window's volumes. So where in a run a candidate was heard is not known. Other sounds of the run are noise.
    """
    own, courses, sounds = volumes_of(data, subject, split), data.courses(subject), _Sounds(data, model)
    segments = data.windows[split].segments
    scores = np.zeros((len(own), len(segments)), np.float32)
    for run, rows in own.reset_index(drop=True).groupby("recording", sort=False):
        values, tr_s = np.asarray(courses.courses[run], np.float64), courses.tr_s[run]
        nuisances = with_playing(courses.nuisances[run], heard_in_run(data, run), tr_s, model.delays_s.tolist())
        basis = nuisance_basis(nuisances)
        for at, row in zip(rows.index, rows.itertuples(), strict=True):
            cleaning = -basis[row.first : row.stop] @ basis.T
            cleaning[np.arange(len(cleaning)), np.arange(row.first, row.stop)] += 1
            times_s = tr_s * np.arange(len(values)) - row.begins_s
            would = [cleaning @ sounds.at(one.stimulus, one.start_s + times_s) for one in segments.itertuples()]
            given = np.stack(would), cleaning @ values, cleaning
            scores[at] = model.scores(*map(torch.from_numpy, given)).numpy()
    return own.row.to_numpy(), scores


class _Sounds:
    """What each sound would evoke in one person's brain, at any time."""

    def __init__(self, data: PairedDataModule, model: BoldDecoder):
        self.data, self.model, self._read = data, model, dict[str, tuple[CubicSpline, float, float]]()

    def at(self, stimulus: str, times_s: np.ndarray) -> np.ndarray:
        """(t, r) at some times of a sound (``study/stimulus``); 0 where it moves nothing."""
        if stimulus not in self._read:
            pieces = self.data.targets.courses(stimulus)
            first_s = min(one.start_s for one in pieces) - AROUND_S
            last_s = max(one.start_s + len(one.values) / one.rate_hz for one in pieces) + LASTS_S + AROUND_S
            n, q = int((last_s - first_s) / STEP_S) + 2, self.model.delays_s.tolist()
            later = [type(one)(one.values, one.rate_hz, one.start_s - first_s) for one in pieces]
            columns = slow_columns(later, STEP_S, n, q, self.data.target.n_features)
            would = self.model.would(torch.from_numpy(columns)).numpy()
            self._read[stimulus] = CubicSpline(STEP_S * np.arange(n), would), first_s, first_s + STEP_S * (n - 1)
        course, first_s, last_s = self._read[stimulus]
        inside = (times_s >= first_s) & (times_s <= last_s)
        found = np.zeros((len(times_s), course.c.shape[-1]))
        found[inside] = course(times_s[inside] - first_s)
        return found
