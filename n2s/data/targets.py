"""What the brain is compared with: stimulus features as one table of rows that windows index."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.frame_rate import at_rate, cut
from n2s.data.residency import HALF_MAX
from n2s.data.target_checks import check_reach, tell_constant
from n2s.data.windows import Windows, WindowShape
from n2s.errors import UserError
from n2s.features.feature import ClipFeature, Feature, FrameFeature
from n2s.features.store import FeatureStore
from n2s.studies.study import Frames, Stimulus

BLOCK = 2**24  # numbers that are summed at once
LOSS = 1e-5  # of a dimension's power, that rounding to float16 may take


class Targets:
    """Features of all stimuli at the brain's rate (`at_rate`), standardised on training audio, one row a frame (or a clip).

    Rows are float16, or float32 where a dimension has so large an offset beside its changes that float16 would lose them.

    Parameters
    ----------
    feature
        A `FrameFeature` or a `ClipFeature`.
    stimuli
        By their id in the interval tables.
    windows
        Of each split.
    per_dimension
        Standardise each dimension on its own; else with one mean and one deviation over all (Défossez 2023).
    """

    def __init__(
        self,
        feature: Feature,
        stimuli: Mapping[str, Stimulus],
        windows: Mapping[str, Windows],
        shape: WindowShape,
        *,
        per_dimension: bool,
    ):
        self._shape, self._feature = shape, feature
        store = FeatureStore(feature)
        if isinstance(feature, FrameFeature):
            intervals = pd.concat([w.intervals.assign(of=split) for split, w in windows.items()], ignore_index=True)
            pieces = self._cut(store, stimuli, intervals)
            self._pieces = [at_rate(piece, shape.sfreq, feature.events, shift_s=shape.shift_s) for piece in pieces]
            values = np.concatenate([piece.values for piece in self._pieces])
            self._first = np.concatenate([[0], np.cumsum([len(piece.values) for piece in self._pieces])]).astype(
                np.int64
            )
            self._last = np.diff(self._first) - 1
            self._rate_hz = np.array([piece.rate_hz for piece in self._pieces])
            self._zero_s = np.array([piece.start_s for piece in self._pieces])
            self._piece_of = {split: self._find(intervals[intervals.of == split]) for split in windows}
            self._check_reach(windows)
            known = self._training_rows(intervals[intervals.of == "train"])
        elif isinstance(feature, ClipFeature):
            if any(w.jitter_s for w in windows.values()):
                raise UserError(
                    "data: a clip feature is computed once a segment, so train_windows must not jitter. Set jitter: false."
                )
            self._pieces = None
            blocks = {split: self._clips(store, stimuli, w) for split, w in windows.items()}
            values = np.concatenate(list(blocks.values()))
            ends = np.cumsum([len(block) for block in blocks.values()])
            self._first = dict(zip(blocks, ends - [len(block) for block in blocks.values()], strict=True))
            known = np.arange(self._first["train"], self._first["train"] + len(blocks["train"]))
        else:
            raise UserError(f"data.target is a {type(feature).__name__}, expected a FrameFeature or a ClipFeature.")
        feature.release()
        mean, deviation, largest = _moments(values, known, per_dimension=per_dimension)
        # what never changes in training audio tells nothing: it is 0 everywhere, also where it changes later
        changes = deviation > 1e-6 * largest
        self.scale = np.float32(
            np.where(changes, deviation, np.inf)
        )  # what values are divided by: 0 where it never changes
        self.values = _standardised(values, known, mean, self.scale.astype(np.float64))
        if self._pieces is not None:
            for split, one in _laid(windows).items():
                rows = self.rows(split, one, one.start_s[one.first], one.first)
                tell_constant(self.values, rows[:, 0], rows[:, -1], self._places(one).iloc[one.first], split)
        # (f,), or () of all dimensions together; float32 as networks are
        self.mean, self.deviation = np.float32(mean), np.float32(np.where(changes, deviation, 1))

    def rows(self, split: str, windows: Windows, start_s: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(b, t) rows of `values` for the windows ``rows`` that start at ``start_s``: at the brain's rate, or the nearest of slower frames."""
        if self._pieces is None:
            return self._first[split] + windows.segment[rows][:, None]
        time_s = start_s[:, None] + self._shape.shift_s + np.arange(self._shape.n_times) / self._shape.sfreq
        return self._nearest(self._piece_of[split][windows.interval[rows]], time_s)

    def courses(self, stimulus: str) -> list[Frames]:
        """A whole stimulus (``study/stimulus``) in the standardised rows of `values`: a piece between each two borders of splits; [] if no window lies in it.

        Raises
        ------
        UserError
            The feature is one of clips.
        """
        if self._pieces is None:
            raise UserError(
                f"data.target is a {type(self._feature).__name__}, one vector a segment; a course over time needs a FrameFeature."
            )
        if stimulus not in self._of_stimulus:
            return []
        first, cuts = self._of_stimulus[stimulus]
        spans = [(at, self._first[at], self._first[at + 1]) for at in range(first, first + len(cuts) + 1)]
        return [
            Frames(self.values[start:stop].astype(np.float32), float(self._rate_hz[at]), float(self._zero_s[at]))
            for at, start, stop in spans
        ]

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        """(n, *shape) float32 of rows of `values` in the feature's own units, to the precision of float16 deviations."""
        found = self.values[clip] * self.deviation + self.mean
        return found.astype(np.float32).reshape(-1, *self._feature.shape)

    def _nearest(self, piece: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        """(b,) pieces, (b, t) seconds -> (b, t) rows."""
        place = (time_s - self._zero_s[piece, None]) * self._rate_hz[piece, None]
        frame = np.floor(place + 0.5 + 1e-6).astype(np.int64)  # the later of two that are equally near, always
        return self._first[piece, None] + np.clip(frame, 0, self._last[piece, None])

    def _cut(self, store: FeatureStore, stimuli: Mapping[str, Stimulus], intervals: pd.DataFrame) -> list[Frames]:
        self._of_stimulus: dict[str, tuple[int, np.ndarray]] = {}
        pieces: list[Frames] = []
        borders = {audio: split_borders(rows) for audio, rows in intervals.groupby("audio")}
        for name, audio in dict(zip(intervals.stimulus, intervals.audio, strict=True)).items():
            cuts = borders[audio]
            found = store.frames(stimuli[name], cuts_s=cuts)
            if len(found) == 1:  # not contextual; but no filter of another rate may reach across a border
                found = cut(found[0], cuts)
            self._of_stimulus[name] = (len(pieces), cuts)
            pieces += found
        return pieces

    def _find(self, intervals: pd.DataFrame) -> np.ndarray:
        """(n,) the piece that each interval lies in."""
        middle = intervals.stimulus_onset + intervals.duration / 2
        found = []
        for name, time_s in zip(intervals.stimulus, middle, strict=True):
            first, cuts = self._of_stimulus[name]
            found.append(first + int(np.searchsorted(cuts, time_s)))
        return np.array(found, np.int64)

    def _check_reach(self, windows: Mapping[str, Windows]) -> None:
        for split, one in _laid(windows).items():
            piece = self._piece_of[split][one.interval]
            last_s = self._zero_s[piece] + self._last[piece] / self._rate_hz[piece]
            name = type(self._feature).__name__
            check_reach(self._places(one), self._zero_s[piece], last_s, self._rate_hz[piece], feature=name)

    def _places(self, windows: Windows) -> pd.DataFrame:
        """Where each window lies in its stimulus."""
        stop_s = windows.start_s + self._shape.duration_s
        stimulus = windows.of_interval("stimulus")
        return pd.DataFrame({"stimulus": stimulus, "start_s": windows.start_s, "stop_s": stop_s})

    def _training_rows(self, intervals: pd.DataFrame) -> np.ndarray:
        used = np.zeros(self._first[-1], bool)
        for row, piece in zip(intervals.itertuples(), self._find(intervals), strict=True):
            frames = self._pieces[piece]
            start = max(round((row.stimulus_onset - frames.start_s) * frames.rate_hz), 0)
            stop = max(round((row.stimulus_onset + row.duration - frames.start_s) * frames.rate_hz), start + 1)
            used[self._first[piece] + start : self._first[piece] + min(stop, len(frames.values))] = True
        return np.flatnonzero(used)

    def _clips(self, store: FeatureStore, stimuli: Mapping[str, Stimulus], windows: Windows) -> np.ndarray:
        segments = windows.segments
        start_s = windows.paired_s(self._shape.shift_s)[segments["first"].to_numpy()]
        values = np.zeros((len(segments), self._feature.n_features), np.float32)
        for name, rows in segments.groupby("stimulus"):
            values[rows.index] = store.clips(stimuli[name], start_s[rows.index], self._shape.duration_s)
        return values


def _laid(windows: Mapping[str, Windows]) -> dict[str, Windows]:
    """The splits that have windows: there may be none for validation."""
    return {split: one for split, one in windows.items() if len(one)}


def _moments(
    values: np.ndarray, known: np.ndarray, *, per_dimension: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, deviation and largest magnitude (f,) of some rows, or () of all dimensions together; summed in float64."""
    parts = np.array_split(known, max(1, len(known) * values.shape[1] // BLOCK))
    axis = 0 if per_dimension else None
    size = len(known) if per_dimension else len(known) * values.shape[1]
    mean = sum(values[part].sum(axis, dtype=np.float64) for part in parts) / size
    square = sum(np.square(values[part] - mean).sum(axis) for part in parts) / size
    largest = np.max([np.abs(values[part]).max(axis) for part in parts], axis=0)
    return mean, np.sqrt(square), largest


def _standardised(values: np.ndarray, known: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float16, if that keeps all but `LOSS` of the power of each dimension's changes in training; else float32."""
    total, square, error = np.zeros((3, values.shape[1]))
    for part in np.array_split(known, max(1, len(known) * values.shape[1] // BLOCK)):
        exact = (values[part] - mean) / scale
        half = exact.clip(-HALF_MAX, HALF_MAX).astype(np.float16)
        total, square = total + exact.sum(0), square + np.square(exact).sum(0)
        error = error + np.square(half - exact).sum(0)
    changes = square - total**2 / len(known)
    if (error > LOSS * np.maximum(changes, 1e-12 * square)).any():
        return ((values - mean) / scale).astype(np.float32)
    found, step = np.empty(values.shape, np.float16), max(1, BLOCK // values.shape[1])
    for at in range(0, len(values), step):
        found[at : at + step] = ((values[at : at + step] - mean) / scale).clip(-HALF_MAX, HALF_MAX)
    return found


def split_borders(intervals: pd.DataFrame) -> np.ndarray:
    """The moments of one sound, s, where its split changes, in order.

    Parameters
    ----------
    intervals
        All that are laid in that sound, of any split and under any name, with ``context_start_s`` and ``context_stop_s``
        as `n2s.data.splits.joined` gives them.
    """
    borders = np.unique(intervals[["context_start_s", "context_stop_s"]])
    return borders[(borders > 0) & np.isfinite(borders)]
