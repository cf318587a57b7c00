"""Which volumes belong to a segment that MEG was recorded with, too, and their values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from n2s.data.bold_courses import BoldCourses, bold_courses
from n2s.data.bold_preparation import BoldRun
from n2s.data.gaps import Reach
from n2s.data.paired_reach import reaches
from n2s.data.windows import Windows
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number

ROUNDED_S = 0.011  # of a segment's start and of the TR: rounded numbers
SPREAD_S = 4.0  # the peak of the response to one moment is at least this wide, whatever lags are chosen


@dataclass(frozen=True)
class PairedBold:
    """The options of `n2s.data.PairedDataModule` that are about volumes; see there."""

    segment_s: float
    lags_s: tuple[float, float]
    bin_s: float
    response_s: float
    n_components: int
    roi: str | None

    def __post_init__(self) -> None:
        check_number("data.bin_s", self.bin_s, above=0)
        check_number("data.response_s", self.response_s, low=0)
        check_number("data.n_components", self.n_components, low=1, whole=True)
        if self.n_bins < 1:
            raise UserError(
                f"data.lags_s {list(self.lags_s)} and data.segment_s {self.segment_s:g} leave {self.lasts_s:g} s of volumes, less than one bin of "
                f"{self.bin_s:g} s (data.bin_s). Lengthen the segment to {self.bin_s - self.lags_s[1] + self.lags_s[0]:g} s or more."
            )

    @property
    def lasts_s(self) -> float:
        """From the first volume of a segment to the end of the last."""
        return self.segment_s + self.lags_s[1] - self.lags_s[0]

    @property
    def apart_s(self) -> float:
        """Seconds between two segments that no one sound reaches across, on either side: each reaches as far as the lags, or `SPREAD_S`."""
        return 2 * max(self.lags_s[1] - self.lags_s[0], SPREAD_S)

    @property
    def n_bins(self) -> int:
        """Bins of a segment."""
        return int(self.lasts_s / self.bin_s + 1e-6)

    @property
    def gap_s(self) -> float:
        """How far training is kept from held-out sound: then no sound moves volumes of both."""
        return max(self.response_s - self.lags_s[0], 0.0) + self.lags_s[1]

    @property
    def reach(self) -> Reach:
        """Of a run."""
        return Reach(self.gap_s)

    @property
    def meta(self) -> dict:
        """What makes the gap, for messages."""
        return {"support_s": self.gap_s, "supports_s": {"response_s (of BOLD)": self.gap_s}}

    def check(self, runs: Mapping[str, BoldRun]) -> None:
        """Raise a UserError where a bin, or a segment, is shorter than a volume; tell rates that differ."""
        rates = sorted({round(float(run.meta["tr_s"]), 3) for run in runs.values()})
        if len(rates) > 1:
            tell(
                "odd",
                "BOLD",
                f"runs have other rates: a volume each {', '.join(f'{one:g}' for one in rates)} s. A bin of {self.bin_s:g} s is the mean of more "
                "volumes in some, and less noisy there. Look at the TR in their files.",
            )
        for name, run in runs.items():
            tr_s = run.meta["tr_s"]
            if self.segment_s < tr_s - ROUNDED_S:
                raise UserError(
                    f"data.segment_s is {self.segment_s:g} s, but a volume of {name} lasts {tr_s:g} s: neighbouring segments would have the same "
                    f"volumes. The least length is {tr_s:g} s."
                )
            if self.bin_s < tr_s - ROUNDED_S:
                raise UserError(
                    f"data.bin_s is {self.bin_s:g} s, but a volume of {name} lasts {tr_s:g} s: bins without a volume. Set {tr_s:g} or more."
                )

    def bounds(self, begins_s: np.ndarray, tr_s: float) -> np.ndarray:
        """(n,) starts of segments on the run's clock -> (n, bins + 1): the first volume of each bin, and the one after the last.

        A volume is in the bin in which it starts; `ROUNDED_S` early is still in it.
        """
        edges_s = self.lags_s[0] + self.bin_s * np.arange(self.n_bins + 1)
        rounded_s = min(ROUNDED_S, tr_s / 20)
        return np.ceil((begins_s[:, None] + edges_s - rounded_s) / tr_s - 1e-9).astype(np.int64)

    def bins(self, begins_s: np.ndarray, tr_s: float) -> tuple[np.ndarray, np.ndarray]:
        """(n,) starts of segments -> (n, bins) twice: the first volume of each bin, and the one after its last.

        Where a TR is a little above ``bin_s``, no volume may start in a bin. Such a bin has the volume whose middle is nearest to its own.
        """
        edges = self.bounds(begins_s, tr_s)
        first, after = edges[:, :-1], edges[:, 1:]
        empty = first == after
        if empty.any():
            middle_s = begins_s[:, None] + self.lags_s[0] + self.bin_s * (np.arange(self.n_bins) + 0.5)
            earlier = np.abs((first - 0.5) * tr_s - middle_s) <= np.abs((first + 0.5) * tr_s - middle_s)
            first = np.where(empty & earlier, first - 1, first)
            after = np.where(empty, first + 1, after)
        return first, after

    def inside(self, windows: Windows, rows: np.ndarray, runs: Mapping[str, BoldRun]) -> np.ndarray:
        """(r,) bool: whether the run has all volumes of some windows, however they are jittered."""
        begins_s, recording = _begins_s(windows, rows, windows.start_s), windows.of_interval("recording")[rows]
        found = np.zeros(len(rows), bool)
        for name in np.unique(recording):
            own, meta = recording == name, runs[name].meta
            first = self.bins(begins_s[own], meta["tr_s"])[0][:, 0]
            last = self.bins(begins_s[own] + windows.jitter_s, meta["tr_s"])[1][:, -1]
            found[own] = (first >= 0) & (last <= meta["shape"][0])
        return found

    def unmoved(self, windows: Windows, rows: np.ndarray, spans: Mapping[str, np.ndarray]) -> np.ndarray:
        """(r,) bool: whether no volume of some windows, however they are jittered, is moved by what plays in ``spans`` (by recording)."""
        begins_s, recording = _begins_s(windows, rows, windows.start_s), windows.of_interval("recording")[rows]
        first_s = begins_s + self.lags_s[0] - self.response_s
        last_s = begins_s + windows.jitter_s + self.segment_s + self.lags_s[1]
        found = np.ones(len(rows), bool)
        for name in np.unique(recording):
            own = recording == name
            found[own] = ~reaches(spans[name], first_s[own], last_s[own])
        return found

    def courses(self, runs: Mapping[str, BoldRun], windows: Windows, rows: np.ndarray, subject: str) -> BoldCourses:
        """A person's runs as components; ``rows``: all training windows of BOLD."""
        begins_s, recording = _begins_s(windows, rows, windows.start_s), windows.of_interval("recording")[rows]
        training = {}
        for name, run in runs.items():
            seen, tr_s = np.zeros(run.meta["shape"][0], bool), run.meta["tr_s"]
            starts = begins_s[recording == name]
            first = self.bins(starts, tr_s)[0][:, 0]
            last = self.bins(starts + windows.jitter_s, tr_s)[1][:, -1]
            for start, stop in zip(first, last, strict=True):
                seen[start:stop] = True
            training[name] = seen
        return bold_courses(runs, training, self.n_components, roi=self.roi, where=subject)

    def read(self, courses: BoldCourses, windows: Windows, rows: np.ndarray, start_s: np.ndarray) -> np.ndarray:
        """(r, bins, p) float32: the mean of each bin's volumes; ``start_s (n,)``: where all windows start in their sounds, with jitter."""
        begins_s, recording = _begins_s(windows, rows, start_s), windows.of_interval("recording")[rows]
        found = np.zeros((len(rows), self.n_bins, self.n_components), np.float32)
        for name in np.unique(recording):
            own = np.flatnonzero(recording == name)
            bins, values = self.bins(begins_s[own], courses.tr_s[name]), courses.courses[name]
            for at, first, after in zip(own, *bins, strict=True):
                part = np.asarray(values[first[0] : after[-1]], np.float32)
                part = np.concatenate([part, np.zeros((1, part.shape[1]), np.float32)])  # so that an end is an index
                edges = np.stack([first, after], 1).ravel() - first[0]
                found[at] = np.add.reduceat(part, edges)[::2] / (after - first)[:, None]
        return found


def _begins_s(windows: Windows, rows: np.ndarray, start_s: np.ndarray) -> np.ndarray:
    """(r,) When some windows begin, on their runs' clocks."""
    table = windows.intervals
    return (table.onset - table.stimulus_onset).to_numpy()[windows.interval[rows]] + start_s[rows]


def tell_outside(n: int) -> None:
    """Say how many segments have no BOLD, since a run ends too early or begins too late."""
    if n:
        tell("left out", "BOLD", f"{n} segments have no fMRI: not all of their volumes are in the run.")
