"""The scale of each sensor and of each voxel, from training data only."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange

from n2s.data.bad_channels import sensor_key
from n2s.data.recordings import PreparedRecording
from n2s.data.windows import Windows, WindowShape
from n2s.errors import UserError, first_of, reading
from n2s.findings import tell
from n2s.paths import cache_dir, written_whole

N_WINDOWS = 200  # windows per recording for the fit of its scaler: Défossez 2023
OWN, POOLED, ITSELF = "own training windows", "the subject's training windows", "the recording itself"
CONSTANT = 1e-6  # deviation, relative to the mean, due to rounding to float32
N_PLACES = 2000  # samples of a recording that tell its offset
STRIDE = 4  # every 4th sample of them: quantiles of neighbours differ little
HELD = 1e-6  # of a channel's largest spread in a window: what changes less from sample to sample stands still
HELD_SHARE = 0.05  # of the samples, from which on those that stand still do not count


@dataclass(frozen=True)
class Scaler:
    """``(x - centre) / scale`` for each channel, all (c,) float32; ``source``: the data that it was fitted on.

    As `fit_scaler` gives it, ``scale`` is 0 where nothing changes; as `fit_scalers` gives it, never.
    """

    centre: np.ndarray
    scale: np.ndarray
    source: str  # OWN, POOLED or ITSELF


def fit_scalers(
    recordings: Mapping[str, PreparedRecording], windows: Iterable[Windows], shape: WindowShape, *, source: str
) -> dict[str, Scaler]:
    """The scaler of each recording: from its own ``windows``, or from its subject's if it has none.

    A channel that never changes in those windows says nothing of its scale: it has the median of the subject's other
    recordings, or of the sensors with its unit, and that is told.

    Parameters
    ----------
    recordings
        By ``study/recording``, in the order of the windows' ``recording_index``.
    windows
        Windows for the fit: those of training.
    shape
        Shape of a window.
    source
        Description of the windows, stored in the scalers.
    """
    keys = list(recordings)
    lengths = {"n_window": shape.n_window, "n_baseline": shape.n_baseline, "source": source}
    own = {
        key: fit_scaler(recordings[key], found, **lengths)
        for key, found in zip(keys, window_starts(recordings, windows), strict=True)
        if len(found)
    }
    by_subject: dict[str, list] = {}
    for key, scaler in own.items():
        by_subject.setdefault(_subject(key, recordings), []).append((recordings[key], scaler))
    found = {}
    for key, item in recordings.items():
        others = by_subject.get(_subject(key, recordings), [])
        found[key] = _whole(key, item, own[key], others) if key in own else pooled_scaler(item, others)
    return found


def _whole(
    key: str, prepared: PreparedRecording, scaler: Scaler, others: list[tuple[PreparedRecording, Scaler]]
) -> Scaler:
    """The scaler with a scale for the channels that have none."""
    still = scaler.scale <= 0
    if not still.any():
        return scaler
    good = still & np.array(prepared.meta["good"])
    if good.any():
        listed = first_of(np.array(prepared.meta["ch_names"])[good], more=" ...")
        tell(
            "odd",
            key,
            f"channels that never change in what their scale is taken from ({scaler.source}): {listed}. They are scaled as in the subject's "
            "other recordings, or as the median sensor of their unit. Mark them as bad if they carry no signal.",
        )
    instead = pooled_scaler(prepared, others).scale
    return Scaler(scaler.centre, np.where(still, instead, scaler.scale), scaler.source)


def window_starts(recordings: Mapping[str, PreparedRecording], windows: Iterable[Windows]) -> list[np.ndarray]:
    """(n,) first brain samples of the windows of each recording."""
    sfreq = np.array([item.meta["sfreq"] for item in recordings.values()])
    starts: list[list[np.ndarray]] = [[] for _ in recordings]
    for some in windows:
        first = some.brain_start(some.start_s, sfreq, np.arange(len(some)))
        recording = some.of_interval("recording_index")
        order = np.argsort(recording, kind="stable")
        for at, part in zip(*_runs(recording[order]), strict=True):
            starts[at].append(first[order[part]])
    return [np.concatenate([np.zeros(0, np.int64), *found]) for found in starts]


def _runs(values: np.ndarray) -> tuple[np.ndarray, list[slice]]:
    """The different values of a sorted array, and the position of each."""
    known, first = np.unique(values, return_index=True)
    ends = [*first[1:], len(values)]
    return known, [slice(start, stop) for start, stop in zip(first, ends[: len(first)], strict=True)]


def _subject(key: str, recordings: Mapping[str, PreparedRecording]) -> str:
    return f"{key.split('/')[0]}/{recordings[key].recording.subject}"


def fit_scaler(
    prepared: PreparedRecording, starts: np.ndarray, *, n_window: int, n_baseline: int, source: str
) -> Scaler:
    """Median and interquartile range of each channel over windows, each minus its baseline (as in training).

    Where a channel stands still for more than a twentieth of the time (a loose electrode, a switch), only the rest counts.

    Parameters
    ----------
    prepared
        The recording, in its physical units.
    starts
        (n,) First sample of each window to fit on.
    n_window, n_baseline
        Samples of a window, and of the baseline at its start (0: none is subtracted).
    source
        Stored in the result.
    """
    starts = np.unique(np.clip(starts, 0, len(prepared.brain) - n_window))  # events may reach a little out of it
    chosen = starts[:: max(1, len(starts) // N_WINDOWS)]
    identity = json.dumps([3, N_WINDOWS, STRIDE, chosen.tolist(), n_window, n_baseline])
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    path = cache_dir() / "scalers" / f"{prepared.key}-{key}.npy"
    if path.exists():
        with reading(path, "a whole array", "Delete it: the same command makes it again."):
            return Scaler(*np.load(path), source=source)
    centre, scale = robust_scale(prepared.brain, chosen, n_window=n_window, n_baseline=n_baseline)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, np.stack([centre, scale]).astype(np.float32))
    return Scaler(centre.astype(np.float32), scale.astype(np.float32), source=source)


def robust_scale(
    brain: np.ndarray, starts: np.ndarray, *, n_window: int, n_baseline: int
) -> tuple[np.ndarray, np.ndarray]:
    """Median and interquartile range (c,) of each channel over the windows from ``starts (n,)`` of ``brain (t, c)``; see `fit_scaler`."""
    raw = np.stack([brain[start : start + n_window : STRIDE] for start in starts])  # (n, t, c)
    centre, moves = np.median(raw[:, ::4], axis=(0, 1)), _moves(raw)
    partly = np.flatnonzero(moves.mean((0, 1)) < 1 - HELD_SHARE)
    for channel in partly[moves[..., partly].any((0, 1))]:
        centre[channel] = np.median(raw[..., channel][moves[..., channel]])
    if n_baseline:
        raw = raw - np.stack([brain[s : s + n_baseline].mean(0) for s in starts])[:, None]
    low, high = np.percentile(rearrange(raw, "n t c -> (n t) c"), [25, 75], axis=0)
    scale = high - low
    for channel in partly:
        rest = raw[..., channel][moves[..., channel]]
        scale[channel] = np.subtract(*np.percentile(rest, [75, 25])) if len(rest) else 0.0
    return centre, scale


def _moves(raw: np.ndarray) -> np.ndarray:
    """(n, t, c) Whether a sample differs from both neighbours in its window."""
    change = np.abs(np.diff(raw, axis=1)) > HELD * np.ptp(raw, axis=1).max(0)
    edge = np.ones_like(raw[:, :1], dtype=bool)
    return np.concatenate([edge, change], axis=1) & np.concatenate([change, edge], axis=1)


def pooled_scaler(prepared: PreparedRecording, others: list[tuple[PreparedRecording, Scaler]]) -> Scaler:
    """For a recording without training windows: the median, channel by channel, of its subject's training scalers.

    A sensor that no other recording has, in another spelling either, gets the median over sensors with its unit.
    """
    if not others:
        raise UserError(
            f"{prepared.recording.name}: subject {prepared.recording.subject} has no training data, so nothing says how to scale "
            "its sensors. Give the subject a training story, or set data.scaler to 'recording' (each recording scaled on itself, "
            "without labels; the report says so)."
        )
    return pooled(prepared.meta, [(other.meta, scaler) for other, scaler in others])


def pooled(meta: Mapping, others: Sequence[tuple[Mapping, Scaler]]) -> Scaler:
    """See `pooled_scaler`, of ``ch_names`` and ``units``."""
    columns: dict[str, list[tuple[float, float]]] = {"none": [(0.0, 1.0)]}
    for other, scaler in others:
        for name, unit, centre, scale in zip(
            other["ch_names"], other["units"], scaler.centre, scaler.scale, strict=True
        ):
            if scale > 0:
                for what in (name, f"like {sensor_key(name)}", f"all {unit}"):
                    columns.setdefault(what, []).append((centre, scale))
    found = [
        next(
            np.median(columns[what], axis=0)
            for what in (name, f"like {sensor_key(name)}", f"all {unit}", "none")
            if what in columns
        )
        for name, unit in zip(meta["ch_names"], meta["units"], strict=True)
    ]
    centre, scale = np.array(found, np.float32).T
    return Scaler(centre, scale, source=POOLED)


def tell_far(recordings: Mapping[str, PreparedRecording], scalers: Mapping[str, Scaler], clamp: float) -> None:
    """Tell recordings without training windows that lie beyond the clamp: their offset is another one than in training.

    For windows without a baseline, which would take it out.
    """
    for key, scaler in scalers.items():
        item = recordings[key]
        if scaler.source != POOLED:
            continue
        centre = np.median(item.brain[:: 1 + len(item.brain) // N_PLACES], axis=0)
        away = (np.abs(centre - scaler.centre) / scaler.scale)[np.array(item.meta["good"])]
        if (away > clamp).any():
            tell(
                "odd",
                key,
                f"{(away > clamp).sum()} of {len(away)} channels lie {np.median(away[away > clamp]):.3g} interquartile ranges from where the "
                f"subject's training recordings have them, beyond data.clamp {clamp:g}: all of their values are clipped. Set "
                "preprocessing.highpass_hz, or data.baseline_s.",
            )


@dataclass(frozen=True)
class VoxelScale:
    """Mean and deviation (v,) of each voxel over training clips; ``deviation`` 0: it is constant."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, brain: np.ndarray) -> "VoxelScale":
        """From (k, v) or (k, n, v) of training clips."""
        rows = rearrange(brain, "... v -> (...) v").astype(np.float64)
        mean, deviation = rows.mean(0), rows.std(0)
        deviation[deviation <= CONSTANT * np.abs(mean)] = 0
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def apply(self, brain: np.ndarray) -> np.ndarray:
        """Z-scores; a voxel that was constant in training is 0."""
        tells = self.deviation > 0
        return np.where(tells, (brain - self.mean) / np.where(tells, self.deviation, 1), 0).astype(np.float32)
