"""Windows: pairs of (where in a recording, where in a stimulus), never a copy of either."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from n2s.data.placements import Placement
from n2s.data.responses import Response
from n2s.errors import UserError
from n2s.options import check_number


@dataclass(frozen=True)
class WindowShape(Response):
    """Length of a window, and the part that the model sees.

    A window is the stretch [start, start + window_s] in which audio and brain run together. The model gets the brain from
    ``start + offset_s`` to the end, and audio of equal length from the start: brain at t + offset is paired with audio at
    t (Défossez 2023: window 3 s, offset 150 ms). The mean over ``baseline_s`` from the window's start is subtracted from
    each channel (0: no baseline).

    ``offset_s`` holds exactly, also where it is no whole number of samples: the model's first sample is the nearest one,
    and the audio moves with it (`shift_s`). What is left is rounding without a bias: the brain of a window starts at the
    sample nearest to its start, and a feature has its values on the samples of the stimulus' clock; each is at most half a
    sample away. At 50 Hz half a sample is 10 ms. Where a stimulus and the windows in it start on whole samples, both are 0.
    """

    sfreq: float
    window_s: float = 3.0
    offset_s: float = 0.15
    baseline_s: float = 0.5

    def __post_init__(self) -> None:
        check_number("data.window_s", self.window_s, above=0)
        check_number("data.offset_s", self.offset_s, low=0)
        check_number("data.baseline_s", self.baseline_s, low=0)
        if not 0 <= self.offset_s < self.window_s or not 0 <= self.baseline_s <= self.window_s:
            raise UserError(
                f"window_s {self.window_s:g}, offset_s {self.offset_s:g}, baseline_s {self.baseline_s:g}: the offset must be "
                "shorter than the window, the baseline at most as long, none negative."
            )
        if self.n_times < 1:
            raise UserError(
                f"window_s {self.window_s:g} and offset_s {self.offset_s:g} leave no sample at {self.sfreq:g} Hz "
                "(preprocessing.sfreq). Lengthen the window or raise the rate."
            )

    @property
    def n_window(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.sfreq)

    @property
    def n_offset(self) -> int:
        """Samples at the window's start that only serve the baseline."""
        return round(self.offset_s * self.sfreq)

    @property
    def shift_s(self) -> float:
        """Seconds from a window's start to the audio that is paired with the model's first sample: at most half a sample.

        0.15 s are 7.5 samples of 50 Hz: the model's first sample is the 8th, at 160 ms, and is paired with audio at 10 ms.
        """
        off = self.n_offset - self.offset_s * self.sfreq
        return 0.0 if abs(off) < 1e-6 else off / self.sfreq

    @property
    def n_baseline(self) -> int:
        """Samples of the baseline."""
        return round(self.baseline_s * self.sfreq)

    @property
    def n_times(self) -> int:
        """t: samples that the model sees."""
        return self.n_window - self.n_offset

    @property
    def duration_s(self) -> float:
        """Seconds that the model sees."""
        return self.n_times / self.sfreq

    @property
    def lag_s(self) -> float:
        """See `n2s.data.responses.Response`."""
        return self.offset_s

    def lasts_s(self, segment_s: float) -> float:
        """See `n2s.data.responses.Response`: as long as what the model sees, whatever the segment."""
        return self.duration_s


@dataclass
class Windows:
    """The windows of one split: arrays of one length, and the interval table that they index."""

    intervals: (
        pd.DataFrame
    )  # see n2s.data.splits.INTERVAL, with `recording`, `recording_index`, `subject_index`, `stimulus_index`
    interval: np.ndarray  # (n,) row in `intervals`
    start_s: np.ndarray  # (n,) s in the stimulus
    segment: np.ndarray  # (n,) windows at one instant of one audio have one number, for all subjects and studies
    jitter_s: float = 0.0
    sentence: np.ndarray | None = None  # (n,) see n2s.data.sentences

    def __len__(self) -> int:
        return len(self.start_s)

    def of_interval(self, column: str) -> np.ndarray:
        """(n,) a column of each window's interval."""
        return self.intervals[column].to_numpy()[self.interval]

    @cached_property
    def first(self) -> np.ndarray:
        """(k,) The first window of each segment."""
        return np.unique(self.segment, return_index=True)[1]

    @property
    def sentence_heard(self) -> np.ndarray:
        """(n,) Windows of one sentence of one recording have one number; -1: no sentence."""
        number = self.of_interval("recording_index") * (self.sentence.max() + 1) + self.sentence
        return np.where(self.sentence == -1, -1, number)

    def by_study(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For each study: its windows, and their segments, which are the candidates; both sorted."""
        study = self.of_interval("study")
        rows = {name: np.flatnonzero(study == name) for name in dict.fromkeys(study)}
        return {name: (found, np.unique(self.segment[found])) for name, found in rows.items()}

    @property
    def segments(self) -> pd.DataFrame:
        """Every unique segment in the order of its number: see `segments_of`."""
        return self.segments_of(np.arange(len(self)))

    def segments_of(self, windows: np.ndarray) -> pd.DataFrame:
        """The unique segments of some windows, sorted: ``stimulus``, ``start_s``, ``story``, ``first`` (a window)."""
        first = windows[np.unique(self.segment[windows], return_index=True)[1]]
        rows = self.intervals.iloc[self.interval[first]]
        return pd.DataFrame(
            {
                "stimulus": rows.stimulus.to_numpy(),
                "start_s": self.start_s[first],
                "story": rows.story.to_numpy(),
                "first": first,
            }
        )

    def jittered(self, window_s: float, seed: list[int]) -> np.ndarray:
        """(n,) starts in s, each shifted by up to ``jitter_s``, but never out of its interval; one shift per segment."""
        if not self.jitter_s or not len(self):
            return self.start_s
        shift = np.random.default_rng(seed).uniform(0, self.jitter_s, self.segment.max() + 1)
        stop_s = (self.intervals.stimulus_onset + self.intervals.duration).to_numpy()[self.interval]
        # the smallest margin over subjects: all subjects have the same cut of a segment
        np.minimum.at(shift, self.segment, np.maximum(stop_s - window_s - self.start_s, 0.0))
        return self.start_s + shift[self.segment]

    def paired_s(self, shift_s: float) -> np.ndarray:
        """(n,) s in the stimulus where the audio of the model's first sample is (`WindowShape.shift_s`).

        The same for all windows of a segment, and never before their interval, where another split may end.
        """
        if not shift_s or not len(self):
            return self.start_s
        return np.maximum(self.start_s + shift_s, self.of_interval("stimulus_onset"))[self.first][self.segment]

    def brain_start(self, start_s: np.ndarray, sfreq: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """First brain sample of windows ``rows`` when they start at ``start_s``; ``sfreq`` of each recording, Hz.

        The nearest sample, but not before its interval, where another stretch of the recording may end.
        """
        table = self.intervals
        interval = self.interval[rows]
        onset_s = (table.onset - table.stimulus_onset).to_numpy()[interval] + start_s
        own_hz = sfreq[table.recording_index.to_numpy()[interval]]
        begin = np.ceil(table.onset.to_numpy()[interval] * own_hz - 1e-6)
        return np.maximum(np.rint(onset_s * own_hz), begin).astype(np.int64)


def lay_windows(
    intervals: pd.DataFrame,
    placement: Placement,
    *,
    window_s: float,
    words: dict[str, pd.DataFrame],
    bad_spans: dict[str, list],
    jitter: bool,
    same_s: float,
) -> Windows:
    """Place windows in every interval; those with nearly the same start in a sound get one start, as one segment.

    Parameters
    ----------
    intervals
        Intervals of one split. ``audio`` shows which stimuli are the same sound.
    placement
        Where windows start.
    window_s
        Length; a window lies completely inside its interval.
    words
        Words of each stimulus (`Stimulus.words`): the same for all subjects.
    bad_spans
        (onset, duration) of the stretches of each recording that are annotated as bad: no window touches one.
    jitter
        Whether the placement's jitter applies (training only).
    same_s
        Windows with starts closer than this are one: half a sample of the brain, below which two of them have the same
        samples. Shifted windows of different segments stay at least this far apart.
    """
    intervals = intervals.reset_index(drop=True)
    jitter_s = max(placement.jitter_s - same_s, 0.0) if jitter else 0.0
    index, starts = [], []
    for row in intervals.itertuples():
        stop_s = row.stimulus_onset + row.duration
        start_s = placement.starts(row.stimulus_onset, stop_s, window_s, words[row.stimulus])
        onset_s = start_s + row.onset - row.stimulus_onset
        reach_s = window_s + jitter_s
        for bad_onset, bad_duration in bad_spans[row.recording]:
            clear = (onset_s + reach_s <= bad_onset) | (onset_s >= bad_onset + bad_duration)
            start_s, onset_s = start_s[clear], onset_s[clear]
        index.append(np.full(len(start_s), row.Index))
        starts.append(start_s)
    interval = np.concatenate(index).astype(np.int64) if index else np.zeros(0, np.int64)
    start_s = np.concatenate(starts) if starts else np.zeros(0)
    segment, start_s = instants(intervals.audio.to_numpy()[interval], start_s, same_s)
    return Windows(intervals, interval, start_s, segment, jitter_s)


def instants(audio: np.ndarray, start_s: np.ndarray, same_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Number the instants of sounds: starts of one sound that lie within ``same_s`` of the first of them are one.

    Starts further apart are never one, regardless of how many lie between.

    Parameters
    ----------
    audio
        (n,) Identity of the sounds.
    start_s
        (n,) s in them.
    same_s
        s.

    Returns
    -------
    Number of each (n,), in the order in which they appear, and the first start of its number (n,).
    """
    if not len(start_s):
        return np.zeros(0, np.int64), start_s
    sound = pd.factorize(audio)[0]
    order = np.lexsort((start_s, sound))
    sound, time_s = sound[order], start_s[order]
    first = np.r_[True, (np.diff(sound) != 0) | (np.diff(time_s) >= same_s)]
    begin, end = np.flatnonzero(first), np.append(np.flatnonzero(first)[1:], len(first))
    chains = time_s[end - 1] - time_s[begin] >= same_s  # of neighbours: cut where the first of them is too far
    for low, high in zip(begin[chains], end[chains], strict=True):
        while time_s[high - 1] - time_s[low] >= same_s:
            low += np.searchsorted(time_s[low:high], time_s[low] + same_s)
            first[low] = True
    number, common_s = np.empty(len(order), np.int64), np.empty(len(order))
    number[order] = np.cumsum(first) - 1
    common_s[order] = time_s[first][np.cumsum(first) - 1]
    return pd.factorize(number)[0], common_s
