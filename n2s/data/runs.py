"""Whole runs of a brain as rows: volumes of BOLD, or samples of sensors, of one subject in one order of columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from n2s.data.bad_channels import Places
from n2s.data.bold_preparation import BoldRun
from n2s.data.encoding_data import Measured
from n2s.data.places import INSIDE, NOWHERE, contact_places
from n2s.data.recordings import PreparedRecording
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.fmri import FMRIStudy, Space
from n2s.studies.study import Study

BLOCK = 2**26  # numbers that are checked at once
MOST_OUTSIDE = 0.1  # of a sound may be played after a run's last row
TRIMMED_S = 20.0  # and this much of any sound after that of BOLD: volumes at the ends of runs are cut off
ROUNDED_S = 0.1  # of a sound's length
SEAM_S = 0.02  # between clips that continue each other: times with two decimals


@dataclass(frozen=True)
class Run:
    """One prepared recording.

    Parameters
    ----------
    name, subject
        ``study/recording`` and ``study/subject``.
    prepared
        Its array in the cache.
    plays
        The stretches that were heard (`n2s.data.splits.stretches`), with stimuli as ``study/stimulus``; onsets may be negative.
    beside
        What played at once with these and was not attended.
    first
        Number of its first row among all rows of the subject.
    """

    name: str
    subject: str
    prepared: PreparedRecording
    plays: pd.DataFrame
    beside: pd.DataFrame
    first: int = 0

    def after(self, n_rows: int) -> "Run":
        """The same run behind this many rows of others."""
        return replace(self, first=n_rows)

    @cached_property
    def played(self) -> pd.DataFrame:
        """All that played, attended or not."""
        return pd.concat([self.plays, self.beside], ignore_index=True) if len(self.beside) else self.plays

    @property
    def n_rows(self) -> int:
        """N."""
        return self.prepared.meta["shape"][0]

    @property
    def step_s(self) -> float:
        """From one row to the next: the TR, or a sample."""
        return self.prepared.meta["tr_s"] if self.is_bold else 1 / self.prepared.meta["sfreq"]

    @property
    def is_bold(self) -> bool:
        """Whether its rows are volumes."""
        return isinstance(self.prepared, BoldRun)

    @property
    def rows(self) -> slice:
        """Its rows among all of the subject."""
        return slice(self.first, self.first + self.n_rows)

    @cached_property
    def times_s(self) -> np.ndarray:
        """(n,) on the run's clock."""
        return np.arange(self.n_rows) * self.step_s

    @property
    def filter_s(self) -> float:
        """Two rows that are closer share recorded samples through filters. Volumes are cleaned as whole runs instead."""
        return 0.0 if self.is_bold else float(self.prepared.meta["support_s"])

    @cached_property
    def nuisances(self) -> np.ndarray | None:
        """(n, k) Orthonormal: the trend, drifts and confounds that were taken out of a run of BOLD; None if nothing was."""
        found = self.prepared.array("nuisances.npy") if self.is_bold else np.zeros((0, 0))
        return found if found.shape[1] else None

    def usable(self, trim_s: tuple[float, float]) -> np.ndarray:
        """(n,) bool: not in a bad span, nor trimmed off its ends."""
        stop_s = self.n_rows * self.step_s - trim_s[1]
        found = (self.times_s >= trim_s[0] - 1e-9) & (self.times_s < stop_s - 1e-9)
        for onset, duration in self.prepared.meta.get("bad_spans", []):
            found &= (self.times_s < onset - 1e-9) | (self.times_s > onset + duration + 1e-9)
        return found

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(k, v) float32 of some of its rows and columns."""
        data = self.prepared.brain_mapped()
        return np.asarray(data[rows])[:, _all_or(columns, data.shape[1])]


def _all_or(columns: np.ndarray, n: int) -> np.ndarray | slice:
    """Some columns, or a slice of all ``n`` where they are all in their order, which copies nothing."""
    return slice(None) if np.array_equal(columns, np.arange(n)) else columns


def separable(n_rows: int, n_nuisances: int) -> bool:
    """Whether nuisances can be taken out of so many rows alone: half of the degrees of freedom must be left."""
    return n_rows >= 2 * (1 + n_nuisances)


def joined_plays(stretches: pd.DataFrame, study: str) -> pd.DataFrame:
    """What played in a run, stretches that only continue each other as one: clips of one sound have no seams."""
    kept: list[dict] = []
    last_of: dict[str, dict] = {}
    for row in stretches.sort_values("onset", kind="stable").to_dict("records"):
        last = last_of.get(row["stimulus"])
        stop_s = row["onset"] + row["duration"]
        if last is not None:
            moved_s = (row["onset"] - last["onset"]) - (row["stimulus_onset"] - last["stimulus_onset"])
            if abs(moved_s) < SEAM_S and row["onset"] - last["onset"] - last["duration"] < SEAM_S:
                last["duration"] = max(last["duration"], stop_s - last["onset"])
                continue
        last_of[row["stimulus"]] = row
        kept.append(row)
    table = pd.DataFrame(kept, columns=stretches.columns)
    return table.assign(stimulus=study + "/" + table.stimulus.astype(str))


def check_clock(run: Run) -> None:
    """Check that a run lasts as long as what was heard in it.

    Raises
    ------
    UserError
        A sound is outside the run, or a part of it that no trimming explains.
    """
    stop_s = run.n_rows * run.step_s
    what = "volumes" if run.is_bold else "samples"
    plays = run.played
    begun, ended = plays.onset, plays.onset + plays.duration
    late_s = (ended - stop_s).max()
    for row in plays[(begun >= stop_s) | (ended <= 0)].itertuples():
        side = f"{row.onset - stop_s:.2f} s after its end" if row.onset > 0 else f"{-row.onset:.2f} s before its start"
        raise UserError(
            f"{run.name}: '{row.stimulus}' plays from {row.onset:.2f} to {row.onset + row.duration:.2f} s, {side}: the run has "
            f"{run.n_rows} {what} of {run.step_s:.6g} s, {stop_s:.2f} s. Check the onsets (s, from the run's first row), the "
            f"{'TR' if run.is_bold else 'rate'}, and that brain and events are of one run."
        )
    longest_s = plays.duration.max() if len(plays) else 0.0
    allowed_s = max(TRIMMED_S if run.is_bold else 2 * run.step_s, ROUNDED_S, MOST_OUTSIDE * longest_s)
    if late_s > allowed_s:
        raise UserError(
            f"{run.name}: the brain ends {late_s:.2f} s before what was heard: {run.n_rows} {what} of {run.step_s:.6g} s are "
            f"{stop_s:.2f} s, the last sound ends at {ended.max():.2f} s. Check the {'TR' if run.is_bold else 'rate'}, the onsets and "
            "durations of the events, and that no rows were cut off the run's start."
        )
    if late_s > max(run.step_s, ROUNDED_S):
        tell("odd", run.name, f"the brain ends {late_s:.2f} s before what was heard; what lies after it is not used.")


def measured(runs: Sequence[Run], study: Study, roi: str | None) -> Measured:
    """What the columns of a subject's runs are, those without any change left out.

    Raises
    ------
    UserError
        Runs have other voxels, rates or sensors, values are not finite, or nothing is left.
    """
    first = runs[0]
    for run in runs:
        if run.is_bold != first.is_bold or abs(run.step_s - first.step_s) > 1e-6 * first.step_s:
            raise UserError(
                f"{first.subject}: {first.name} has a row each {first.step_s:.6g} s, {run.name} each {run.step_s:.6g} s. Runs of one "
                "subject need one rate: leave those of another out, or resample them."
            )
    return _voxels(runs, study, roi) if first.is_bold else _sensors(runs)


def _voxels(runs: Sequence[Run], study: FMRIStudy, roi: str | None) -> Measured:
    first = runs[0]
    bolds = [run.prepared.bold(run.name) for run in runs]
    n_voxels, inside = bolds[0].data.shape[1], bolds[0].voxels(roi, first.name)
    for run, bold in zip(runs, bolds, strict=True):
        if bold.data.shape[1] != n_voxels:
            raise UserError(
                f"{run.name}: {bold.data.shape[1]} voxels or vertices, but {first.name} of the same subject has {n_voxels}. Bring all "
                "runs of a subject into one space, mask or mesh."
            )
        if (bold.voxels(roi, run.name) != inside).any():
            raise UserError(
                f"{run.name}: the region '{roi}' has other voxels than in {first.name} of the same subject."
            )
    space = study.space(first.prepared.recording.subject)
    if space is not None and space.mask is not None:
        in_mask = int((np.asarray(space.mask.dataobj) != 0).sum())
        if in_mask != n_voxels:
            raise UserError(
                f"{first.name}: {n_voxels} voxels, but the mask of {first.subject} has {in_mask}. Runs and mask are of two "
                "preparations: give the mask that the runs were cut with."
            )
    chosen = np.flatnonzero(inside)
    still = np.logical_and.reduce([_constant(run, chosen) for run in runs])
    if still.all():
        raise UserError(
            f"{first.subject}: none of {len(chosen)} voxels ever changes. Check the runs' files and data.roi."
        )
    if still.any():
        tell("left out", first.subject, f"{still.sum()} of {len(chosen)} voxels, which never change in any run.")
    chosen = chosen[~still]
    return Measured(
        _kind(space),
        chosen.astype(str),
        {name: np.asarray(one)[chosen] for name, one in bolds[0].rois.items()},
        None if bolds[0].places is None else np.asarray(bolds[0].places)[chosen],
        space,
        chosen,
    )


def _kind(space: Space | None) -> Literal["voxel", "vertex", "grayordinate"]:
    if space is None or space.grayordinates is not None:
        return "voxel" if space is None else "grayordinate"
    return "voxel" if space.mesh is None else "vertex"


def _sensors(runs: Sequence[Run]) -> Measured:
    metas = [run.prepared.meta for run in runs]
    names = [[name for name, good in zip(one["ch_names"], one["good"], strict=True) if good] for one in metas]
    found = [Places(one["ch_names"], metas[0]["ch_names"]) for one in metas]
    good = [{at for at, own in enumerate(one["good"]) if own} for one in metas]
    shared = [name for name in names[0] if all(one.of(name) in own for one, own in zip(found, good, strict=True))]
    if not shared:
        raise UserError(
            f"{runs[0].subject}: no sensor is good in all of its {len(runs)} recordings. Check the bad channels, or leave one out."
        )
    taken = [{one.of(name) for name in shared} for one in found]
    lost = {
        name for one, own in zip(metas, taken, strict=True) for at, name in enumerate(one["ch_names"]) if at not in own
    }
    lost = sorted(lost - set(shared))
    if lost:
        tell(
            "left out",
            runs[0].subject,
            f"{len(lost)} {'sensor that is' if len(lost) == 1 else 'sensors that are'} bad or absent in a recording: {first_of(lost, 6, ', ...')}.",
        )
    at = [metas[0]["ch_names"].index(name) for name in shared]
    still = np.logical_and.reduce([_constant(run, column_places(run, np.array(shared))) for run in runs])
    if still.all():
        raise UserError(f"{runs[0].subject}: none of {len(shared)} sensors ever changes. Check the recordings' files.")
    if still.any():
        tell("left out", runs[0].subject, f"{still.sum()} of {len(shared)} sensors, which never change.")
    places = np.asarray(metas[0]["positions"], np.float64).reshape(len(metas[0]["ch_names"]), -1)[at]
    names = np.array(shared)[~still]
    if not INSIDE & runs[0].prepared.channel_types:
        return Measured("sensor", names, {}, places[~still])
    places[(places == NOWHERE).all(1)] = np.nan
    contacts_mm, frame = contact_places(runs[0].prepared.info)[at][~still], metas[0].get("frame", "own")
    return Measured("sensor", names, {}, places[~still], own_names=True, contacts_mm=contacts_mm, frame=frame)


def column_places(run: Run, what: Measured | np.ndarray) -> np.ndarray:
    """(v,) where the columns lie in a run's array: sensors may be in another order in each."""
    if isinstance(what, Measured):
        if what.chosen is not None:
            return what.chosen
        what = what.names
    places = Places(run.prepared.meta["ch_names"], list(what))
    return np.array([places.of(name) for name in what])


def _constant(run: Run, columns: np.ndarray) -> np.ndarray:
    """(v,) bool: which columns never change in a run; a UserError if one is not finite."""
    data = run.prepared.brain_mapped()
    low, high = np.full((2, len(columns)), np.inf)
    high = -high
    step, bad, taken = max(1, BLOCK // data.shape[1]), np.zeros(len(columns), bool), _all_or(columns, data.shape[1])
    for at in range(0, len(data), step):
        part = np.asarray(data[at : at + step])[:, taken]
        bad |= ~np.isfinite(part).all(0)
        low, high = np.fmin(low, part.min(0)), np.fmax(high, part.max(0))
    if bad.any():
        what = "voxels" if run.is_bold else "sensors"
        mend = (
            "Leave them out with a region (data.roi) or a mask, or have the study put zeros in their place (nan: zero)."
            if run.is_bold
            else "Mark them as bad (data.preprocessing.bads)."
        )
        raise UserError(f"{run.name}: {bad.sum()} of {bad.size} {what} have values that are NaN or infinite. {mend}")
    return low == high
