"""Rows of both scanners for sources: a sound's components at lags beside MEG, and through the blood beside BOLD."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.signal
import torch
from einops import rearrange
from torch import Tensor

from n2s.data.hrf_response import hrf_response
from n2s.data.paired import PairedDataModule
from n2s.errors import UserError
from n2s.features.feature import FrameFeature
from n2s.studies.study import Frames
from n2s.systems.contrastive.window_rows import components, lagged, lags
from n2s.systems.fusion.bold_design import heard_in_run, without
from n2s.systems.fusion.bold_rows import MOST_NUISANCES

MOST_VOXELS, BLOCK = 600, 5000  # that are used, and that are looked at at once
CONSTANT = 1e-6  # deviation of a voxel, relative to the largest
CHUNK = 64  # windows read at once
MEG_MEMORY = 10  # samples that noise is predicted from: 200 ms at 50 Hz
BOLD_MEMORY = 2  # volumes: 4 s at a TR of 2 s
SMOOTH_S, FULL_S = 0.04, 0.1  # how alike a response is at neighbouring lags, and until when it is as strong as any
ROUGH = 1e-2  # penalty of the fit that only shows the noise, in units of the mean power of a column


class Sounds:
    """Components of the target, as MEG and BOLD are predicted from them: principal axes of training segments.

    Parameters
    ----------
    data
        Set up.
    n_features
        Components, at most. All have the same variance.
    """

    def __init__(self, data: PairedDataModule, n_features: int):
        if not isinstance(data.target, FrameFeature):
            raise UserError(
                f"sources follow frames of a sound, and data.target ({type(data.target).__name__}) is one vector a segment. Take n2s.features.Mel, say."
            )
        self.data = data
        train = rearrange(data.segment_targets("train"), "k f t -> (k t) f")
        self.axes, self.level = components(train, n_features, unit=True)
        self._placed = dict[tuple, np.ndarray]()

    def windows(self, target: Tensor) -> Tensor:
        """(n, f, t) -> (n, t, d)."""
        return (rearrange(target, "n f t -> n t f") - self.level) @ self.axes

    def components(self, values: np.ndarray) -> np.ndarray:
        """(l, f) standardised frames -> (l, d)."""
        return (values - self.level.numpy()) @ self.axes.numpy()

    def in_run(self, stimulus: str, offset_s: float, tr_s: float, n: int) -> np.ndarray:
        """(n, d) the response of BOLD to a whole sound whose time 0 is at ``offset_s`` of a run."""
        key = stimulus, round(offset_s, 3), tr_s, n
        if key not in self._placed:
            pieces = self.data.targets.courses(stimulus)
            self._placed[key] = self.slow([replace(one, start_s=one.start_s + offset_s) for one in pieces], tr_s, n)
        return self._placed[key]

    def slow(self, pieces: list[Frames], tr_s: float, n: int) -> np.ndarray:
        """(n, d) the response of BOLD to standardised frames on a run's clock; around them it is 0."""
        found = np.zeros((n, self.axes.shape[1]))
        for one in pieces:
            found += hrf_response(self.components(one.values), one.rate_hz, one.start_s, tr_s, n)
        return found


def expected(data: PairedDataModule, n_features: int, fades_s: float) -> Tensor:
    """(p, p) the root of the covariance that weights at lags are expected to have, ``(k d)`` both: smooth, and smaller at late lags.

    Parameters
    ----------
    data
        Whose lags (k) these are.
    n_features
        d: they are independent.
    fades_s
        After `FULL_S`, weights are expected to fall by 1/e in so long.
    """
    lag_s = lags(data) / data.shape.sfreq + data.shape.offset_s
    strength = np.exp(-np.maximum(lag_s - FULL_S, 0) / fades_s)
    alike = np.exp(-0.5 * ((lag_s[:, None] - lag_s) / SMOOTH_S) ** 2) + 1e-6 * np.eye(len(lag_s))
    return torch.from_numpy(np.kron(np.linalg.cholesky(alike * strength * strength[:, None]), np.eye(n_features)))


@dataclass(frozen=True)
class Filter:
    """Takes out of a row what the rows before it say of its noise; ``taps (m + 1,)``, the first is 1."""

    taps: np.ndarray

    @classmethod
    def of(cls, power: np.ndarray) -> "Filter":
        """From the autocovariance of noise at lags 0 to m (Yule-Walker)."""
        if len(power) < 2 or power[0] <= 0:
            return cls(np.ones(1))
        past = scipy.linalg.solve_toeplitz(power[:-1], power[1:])
        return cls(np.concatenate([[1.0], -past]))

    @property
    def memory(self) -> int:
        """How many rows before."""
        return len(self.taps) - 1

    def __call__(self, values: Tensor) -> Tensor:
        """(..., t, d) -> (..., t - m, d)."""
        t, m = values.shape[-2], self.memory
        return sum(tap * values[..., m - lag : t - lag, :] for lag, tap in enumerate(self.taps.tolist()))

    def covariance(self, n: int) -> np.ndarray:
        """(n, n) of noise over n rows, where what is left of a row's noise has a variance of 1."""
        impulse = np.zeros(max(1000, 4 * n))
        impulse[0] = 1.0
        response = scipy.signal.lfilter([1.0], self.taps, impulse)
        power = [float(response[lag:] @ response[: len(response) - lag]) for lag in range(n)]
        return scipy.linalg.toeplitz(power)


@dataclass(frozen=True)
class MEGRows:
    """Training windows of one person, whole: components of the sensors (n, t, v), and the sound's at lags (n, t, p); ``story (n,)``."""

    x: Tensor
    y: Tensor
    story: np.ndarray
    axes: Tensor  # (c, v)
    level: Tensor  # (c,)


def meg_rows(data: PairedDataModule, sounds: Sounds, subject: str) -> MEGRows:
    """Read training windows that do not overlap."""
    windows = data.meg_windows["train"]
    pairs = data.pairs["train"]
    listening = pairs[
        (pairs.condition == "listen") & (pairs.meg >= 0)
    ].meg.to_numpy()  # what is said moves the brain in another way
    own = np.flatnonzero((windows.of_interval("subject") == subject) & np.isin(windows.rows, listening))
    if not len(own):
        raise UserError(
            f"{subject} has no training segment that was listened to. Give a training story, or leave the person out (data.subjects)."
        )
    order = own[np.lexsort((windows.start_s[own], windows.of_interval("recording")[own]))]
    kept, last = [], (None, -np.inf)
    for row in order:
        recording, start_s = windows.of_interval("recording")[row], windows.start_s[row]
        if recording != last[0] or start_s >= last[1] + data.shape.window_s - 1e-6:
            kept.append(row)
            last = recording, start_s
    kept = np.array(kept)
    brain, target = read(data, "train", kept)
    axes, level = components(rearrange(brain, "n c t -> (n t) c"), brain.shape[1], unit=True)
    x = lagged(sounds.windows(target), -lags(data))
    y = (rearrange(brain, "n c t -> n t c") - level) @ axes
    return MEGRows(x, y, windows.of_interval("group_index")[kept], axes, level)


def read(data: PairedDataModule, split: str, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Brain (n, c, t) and target (n, f, t) of some windows of MEG."""
    batches = [data.reader(split).batch(part) for part in np.array_split(rows, -(-len(rows) // CHUNK))]
    brain = torch.cat([batch.brain.float().cpu() * batch.mask.cpu()[..., None] for batch in batches])
    return brain, torch.cat([batch.target.float().cpu() for batch in batches])


class BoldRows:
    """The runs of one person: voxels, z-scored by training volumes, and what was heard through the blood, cleaned as the run was.

    Of more than `MOST_VOXELS`, those that follow what was heard best in training volumes are kept.

    Parameters
    ----------
    data, sounds
        Set up.
    subject
        ``study/id``.
    voxels
        Numbers of those to use; None: they are chosen.
    """

    def __init__(self, data: PairedDataModule, sounds: Sounds, subject: str, voxels: np.ndarray | None = None):
        self.data, self.sounds, self.subject = data, sounds, subject
        self._placed, self._given = dict[tuple, np.ndarray](), voxels
        of = {key: f"{key.split('/', 1)[0]}/{run.recording.subject}" for key, run in data.runs.items()}
        self.runs = {key: run for key, run in data.runs.items() if of[key] == subject}
        self.tr_s = {key: float(run.meta["tr_s"]) for key, run in self.runs.items()}
        self.nuisances = {key: np.asarray(run.array("nuisances.npy")) for key, run in self.runs.items()}

    @cached_property
    def training(self) -> dict[str, np.ndarray]:
        """Run -> (t,) the story that a volume is trained with; -1: none."""
        windows, found = self.data.windows["train"], {}
        recording, begins_s = windows.of_interval("recording"), self.begins_s("train")
        for key, run in self.runs.items():
            found[key] = np.full(run.meta["shape"][0], -1)
            own = np.flatnonzero(recording == key)
            bounds = self.data.bold_options.bounds(begins_s[own], self.tr_s[key])
            for row, first, last in zip(own, bounds[:, 0], bounds[:, -1], strict=True):
                found[key][max(first, 0) : last] = windows.of_interval("group_index")[row]
        return found

    @cached_property
    def _following(self) -> tuple[np.ndarray, np.ndarray]:
        """(v,) numbers of voxels of the region, and how much of their variance in training volumes features explain there."""
        key = next(iter(self.runs))
        inside = np.flatnonzero(self.runs[key].bold(key).voxels(self.data.roi, key))
        trained = [key for key in self.runs if (self.training[key] >= 0).any()]
        x = np.concatenate([self.trained(key, self.heard(key))[self.training[key] >= 0] for key in trained])
        found = []
        for part in np.array_split(inside, -(-len(inside) // BLOCK)):
            y = [self.trained(key, self._centred(key, part))[self.training[key] >= 0] for key in trained]
            y = np.concatenate(y)
            power = np.square(y).sum(0)
            left = rough_residual(torch.from_numpy(x), torch.from_numpy(y)).square().sum(0).numpy()
            found.append(np.where(power > 0, 1 - left / np.maximum(power, 1e-300), 0.0))
        return inside, np.concatenate(found)

    @cached_property
    def voxels(self) -> np.ndarray:
        """(v,) numbers of the voxels that are used, among all of a run."""
        if self._given is not None:
            return self._given
        inside, explained = self._following
        return np.sort(inside[np.argsort(-explained, kind="stable")[:MOST_VOXELS]])

    @property
    def clear(self) -> np.ndarray:
        """(n,) numbers among `voxels` of those that follow what was heard beyond doubt (3 deviations of chance), the clearest first."""
        inside, explained = self._following
        n = sum(int((one >= 0).sum()) for one in self.training.values())
        q = self.sounds.axes.shape[1]
        own = explained[np.searchsorted(inside, self.voxels)]
        order = np.argsort(-own, kind="stable")
        return order[own[order] > (q + 3 * (2 * q) ** 0.5) / n]

    @cached_property
    def courses(self) -> dict[str, np.ndarray]:
        """Run -> (t, v) z-scored; voxels that never change in training are 0."""
        found = {key: self._centred(key, self.voxels) for key in self.runs}
        trained = [self.trained(key, found[key])[self.training[key] >= 0] for key in found]
        scale = np.sqrt(np.mean(np.concatenate(trained) ** 2, axis=0))
        gain = np.where(scale > CONSTANT * scale.max(), 1 / np.maximum(scale, 1e-300), 0.0)
        return {key: values * gain for key, values in found.items()}

    def _centred(self, key: str, voxels: np.ndarray) -> np.ndarray:
        values = np.asarray(self.runs[key].bold(key).data[:, voxels], np.float64)
        seen = self.training[key] >= 0
        if not np.isfinite(values).all():
            raise UserError(
                f"{key}: voxels have values that are NaN or infinite. Leave them out with a region (data.roi), or have the study put zeros in their place (nan: zero)."
            )
        return values - values[seen if seen.any() else slice(None)].mean(0)

    def begins_s(self, split: str) -> np.ndarray:
        """(n,) When the windows of a split begin on the clocks of their recordings."""
        windows = self.data.windows[split]
        return (windows.intervals.onset - windows.intervals.stimulus_onset).to_numpy()[
            windows.interval
        ] + windows.start_s

    def cleaned(self, key: str, columns: np.ndarray) -> np.ndarray:
        """(t, d) without the run's nuisances and mean: that of training volumes, or of all where there are none."""
        out = self.nuisances[key]
        columns = columns - out @ (out.T @ columns)
        seen = self.training[key] >= 0
        return columns - columns[seen if seen.any() else slice(None)].mean(0)

    def heard(self, key: str) -> np.ndarray:
        """(t, d) of what was heard in a run, as it is."""
        return self.sounds.slow(heard_in_run(self.data, key), self.tr_s[key], len(self.training[key]))

    def trained(self, key: str, values: np.ndarray) -> np.ndarray:
        """(t, d) of a run -> (t, d) without nuisances and mean; training volumes alone say how much there is of these, and all others are 0.

        A projection of the whole run would leave a trace of held-out sound in training volumes.
        """
        seen, found = np.flatnonzero(self.training[key] >= 0), np.zeros(values.shape)
        if not len(seen):
            return found
        out = self.nuisances[key][seen]
        found[seen] = without(values[seen], out if out.shape[1] < MOST_NUISANCES * len(seen) else out[:, :0])
        return found

    def placed(self, key: str, stimulus: str, offset_s: float) -> np.ndarray:
        """(t, d) of a run in which one sound would have been played alone, from ``offset_s`` on."""
        at = key, stimulus, round(offset_s, 3)
        if at not in self._placed:
            n, tr_s = len(self.training[key]), self.tr_s[key]
            self._placed[at] = self.cleaned(key, self.sounds.in_run(stimulus, offset_s, tr_s, n))
        return self._placed[at]

    def rows(self, noise: Filter) -> list[tuple[int, Tensor, Tensor]]:
        """``(story, x, y)`` of training volumes, filtered; a volume counts if the filter sees training volumes of its story alone."""
        found = []
        for key in self.runs:
            story = self.training[key]
            if (story < 0).all():
                continue
            both = self.heard(key), np.asarray(self.courses[key], np.float64)
            x, y = (noise(torch.from_numpy(self.trained(key, one))) for one in both)
            m = noise.memory
            same = np.all([story[m - lag : len(story) - lag] == story[m:] for lag in range(m + 1)], axis=0)
            for number in np.unique(story[story >= 0]):
                own = torch.from_numpy(same & (story[m:] == number))
                if own.any():
                    found.append((int(number), x[own], y[own]))
        return found


def rough_residual(x: Tensor, y: Tensor) -> Tensor:
    """(n, k) what a ridge leaves of responses (n, k); columns (n, q)."""
    x, y = x.double(), y.double()
    gram = x.T @ x
    gram.diagonal().add_(ROUGH * gram.diagonal().mean().clamp(min=1e-12))
    return y - x @ torch.linalg.solve(gram, x.T @ y)


def autocovariance(parts: list[Tensor], memory: int) -> np.ndarray:
    """(m + 1,) The mean over channels of the autocovariance of noise (t, k) in some parts; a lag that no part holds ends it."""
    found = []
    for lag in range(memory + 1):
        held = [(part[lag:] * part[: len(part) - lag]).mean(1) for part in parts if len(part) > 4 * max(lag, 1)]
        if not held:
            break
        found.append(float(torch.cat(held).mean()))
    return np.array(found)
