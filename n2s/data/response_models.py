"""Response models: a canonical haemodynamic response, delayed copies for a response of any shape, or lags of sensors."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse

from n2s.data.frame_rate import ZEROS, at_rate
from n2s.data.hrf_response import LASTS_S, finite_columns, glover, hrf_response
from n2s.data.lanczos import lanczos_weights
from n2s.data.response_model import ResponseModel
from n2s.errors import UserError
from n2s.options import check_number, check_numbers
from n2s.studies.study import Frames, Impulses

FINE_HZ = 1000  # of the kernel that impulses are convolved with: the response changes over seconds
LOBES = 3  # of the Lanczos filter, as in the Huth lab's code


class Glover(ResponseModel):
    """The canonical haemodynamic response (Glover 1999): one column a dimension. For BOLD.

    Frames are convolved with it (`n2s.data.hrf_response`; a frame counts from its centre). So are impulses, with the response
    as a density, so that words come out as words a second.

    Parameters
    ----------
    reference
        Which moment of a volume its values are of, as a part of the TR: 0 its start, 0.5 its middle. fMRIPrep's slice timing
        correction takes the middle by default.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import Glover
    >>> from n2s.studies import Frames
    >>> click = Frames(np.r_[1.0, np.zeros(19)][:, None], rate_hz=1.0)
    >>> response = Glover().columns(click, 10, 2.0)  # 10 volumes of 2 s
    >>> int(response.argmax()) * 2.0  # its peak, s
    6.0
    """

    def __init__(self, *, reference: float = 0.0):
        self.reference = _reference(reference, "Glover")

    def reach_s(self, step_s: float) -> tuple[float, float]:
        """See `ResponseModel`: 32 s of kernel."""
        return LASTS_S, self.reference * step_s

    def delays_s(self, step_s: float) -> np.ndarray:
        """See `ResponseModel`."""
        return np.zeros(1)

    def undelayed(self) -> "FIR":
        """See `ResponseModel`: as `FIR` brings it to volumes."""
        return FIR([0], reference=self.reference)

    def columns(
        self, heard: Frames | Impulses, n_rows: int, step_s: float, *, events: bool | Sequence[int] = False
    ) -> np.ndarray:
        """See `ResponseModel`."""
        read_s = self.reference * step_s
        if isinstance(heard, Frames):
            found = hrf_response(heard.values, heard.rate_hz, heard.start_s - read_s, step_s, n_rows)
            return found.astype(np.float32)
        kernel = glover(1.0, FINE_HZ)
        lag_s = np.linspace(0, LASTS_S, len(kernel))
        times_s = np.asarray(heard.times_s, np.float64)
        first = np.ceil((times_s - read_s) / step_s).astype(np.int64)
        row = first[:, None] + np.arange(int(LASTS_S / step_s) + 1)
        weight = np.interp(row * step_s + read_s - times_s[:, None], lag_s, kernel / lag_s[1], left=0.0, right=0.0)
        inside = (row >= 0) & (row < n_rows)
        word = np.broadcast_to(np.arange(len(times_s))[:, None], row.shape)
        weights = scipy.sparse.csr_array((weight[inside], (row[inside], word[inside])), (n_rows, len(times_s)))
        return (weights @ finite_columns(heard.values, "Glover")).astype(np.float32)


class _Copies(ResponseModel):
    """Copies of a feature on the rows' clock, each later by a number of rows."""

    @abstractmethod
    def shifts(self, step_s: float) -> np.ndarray:
        """(k,) rows by which each copy is later."""

    @abstractmethod
    def on_rows(self, heard: Frames | Impulses, n_rows: int, step_s: float, events: bool | Sequence[int]) -> np.ndarray:
        """(n_rows, f): the feature at each row."""

    def delays_s(self, step_s: float) -> np.ndarray:
        """See `ResponseModel`."""
        return self.shifts(step_s) * step_s

    def columns(
        self, heard: Frames | Impulses, n_rows: int, step_s: float, *, events: bool | Sequence[int] = False
    ) -> np.ndarray:
        """See `ResponseModel`."""
        shifts = self.shifts(step_s)
        first, last = -int(shifts.max()), n_rows - 1 - int(shifts.min())  # rows that some copy shows
        moved = _later(heard, -first * step_s)
        values = self.on_rows(moved, last - first + 1, step_s, events)
        n_features = values.shape[1]
        found = np.empty((n_rows, len(shifts) * n_features), np.float32)
        for at, shift in enumerate(shifts.tolist()):
            start = -shift - first
            found[:, at * n_features : (at + 1) * n_features] = values[start : start + n_rows]
        return found


class FIR(_Copies):
    """A response of any shape: the feature at each row (a volume), and copies of it some rows later (Huth et al. 2016).

    Words and phones are summed into rows by a Lanczos filter (`n2s.data.lanczos_resample`), as are frames, divided by their number a
    row, so that a steady feature keeps its value; events are only summed. Frames that are slower than rows are held.

    Parameters
    ----------
    delays
        In rows: how much later than the sound the brain is.
    reference
        See `Glover`.
    n_lobes
        Lobes of the filter on either side, each one row long.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import FIR
    >>> from n2s.studies import Frames
    >>> heard = Frames(np.arange(5.0)[:, None], rate_hz=1.0)
    >>> (FIR([0, 1, 2]).columns(heard, 5, 1.0).round(1) + 0.0).tolist()  # a row a volume
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [4.0, 3.0, 2.0]]
    """

    def __init__(self, delays: Sequence[int] = (1, 2, 3, 4), *, reference: float = 0.0, n_lobes: int = LOBES):
        check_number("FIR: n_lobes", n_lobes, low=1, whole=True)
        check_numbers("FIR: delays", delays, whole=True)
        if not len(delays) or len(set(delays)) < len(delays):
            raise UserError(
                f"FIR: delays are {list(delays)}; expected different whole numbers of rows, such as [1, 2, 3, 4]."
            )
        self.delays, self.n_lobes = tuple(int(one) for one in delays), int(n_lobes)
        self.reference = _reference(reference, "FIR")

    def reach_s(self, step_s: float) -> tuple[float, float]:
        """See `ResponseModel`: the delays, and the lobes of the filter on either side."""
        before = max(self.delays) + self.n_lobes - self.reference
        after = self.n_lobes + self.reference - min(self.delays)
        return max(before, 0.0) * step_s, max(after, 0.0) * step_s

    def undelayed(self) -> "FIR":
        """See `ResponseModel`."""
        return FIR([0], reference=self.reference, n_lobes=self.n_lobes)

    def shifts(self, step_s: float) -> np.ndarray:
        """See `_Copies`."""
        return np.array(self.delays)

    def on_rows(self, heard: Frames | Impulses, n_rows: int, step_s: float, events: bool | Sequence[int]) -> np.ndarray:
        """See `_Copies`."""
        rows_s = (np.arange(n_rows) + self.reference) * step_s
        values = finite_columns(heard.values, "FIR")
        if isinstance(heard, Impulses):
            return lanczos_weights(np.asarray(heard.times_s), rows_s, 1 / step_s, self.n_lobes) @ values
        summed = _summed(events, values.shape[1])
        if heard.rate_hz * step_s < 1 and not summed.any():
            return _held(heard, rows_s)
        scale = np.where(summed, 1.0, 1 / max(heard.rate_hz * step_s, 1.0))
        frames_s = heard.start_s + np.arange(len(values)) / heard.rate_hz
        return (lanczos_weights(frames_s, rows_s, 1 / step_s, self.n_lobes) @ values) * scale


class Lags(_Copies):
    """The feature at each sample, and copies of it at every lag: a temporal response function of MEG, EEG or iEEG.

    Frames come to the brain's rate as everywhere (`n2s.data.frame_rate.at_rate`): faster ones are low-pass filtered, slower ones are held,
    events are summed. Impulses are summed at the nearest sample.

    Parameters
    ----------
    tmin, tmax
        First and last lag, s: how much later than the sound the brain is. A negative lag looks at sound that comes.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import Lags
    >>> from n2s.studies import Frames
    >>> model = Lags(tmin=0.0, tmax=0.02)
    >>> model.delays_s(0.01).tolist()
    [0.0, 0.01, 0.02]
    >>> model.columns(Frames(np.arange(1.0, 5.0)[:, None], rate_hz=100.0), 4, 0.01).tolist()
    [[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [4.0, 3.0, 2.0]]
    """

    def __init__(self, tmin: float = -0.1, tmax: float = 0.5):
        check_number("Lags: tmin", tmin)
        check_number("Lags: tmax", tmax, low=tmin)
        self.tmin, self.tmax = float(tmin), float(tmax)

    def reach_s(self, step_s: float) -> tuple[float, float]:
        """See `ResponseModel`: the lags, and the low-pass on either side."""
        shifts, filter_s = self.shifts(step_s), ZEROS * step_s
        return max(shifts.max() * step_s + filter_s, 0.0), max(filter_s - shifts.min() * step_s, 0.0)

    def undelayed(self) -> "Lags":
        """See `ResponseModel`."""
        return Lags(0.0, 0.0)

    def shifts(self, step_s: float) -> np.ndarray:
        """See `_Copies`."""
        first, last = np.floor(np.array([self.tmin, self.tmax]) / step_s + 0.5 + 1e-6).astype(int)
        return np.arange(first, last + 1)

    def on_rows(self, heard: Frames | Impulses, n_rows: int, step_s: float, events: bool | Sequence[int]) -> np.ndarray:
        """See `_Copies`."""
        found = np.zeros((n_rows, heard.values.shape[1]), np.float32)
        if isinstance(heard, Impulses):
            row = np.floor(np.asarray(heard.times_s) / step_s + 0.5 + 1e-6).astype(np.int64)
            inside = (row >= 0) & (row < n_rows)
            np.add.at(found, row[inside], np.asarray(heard.values, np.float32)[inside])
            return found
        if not len(heard.values):
            return found
        rate_hz = 1 / step_s
        # the rows of this piece: the next one's begin where they end, so that none counts twice
        edges = np.array(heard.span_s) * rate_hz
        low, high = np.ceil(edges - 1e-6).astype(np.int64).clip(0, n_rows)
        frames = replace(at_rate(heard, rate_hz, events), within_s=heard.span_s)
        found[low:high] = _held(frames, np.arange(low, high) * step_s)
        return found


def _held(frames: Frames, rows_s: np.ndarray) -> np.ndarray:
    """(n, f): the nearest frame to each moment, 0 outside all: the next piece's frames begin where these end, and none counts twice."""
    if not len(frames.values):
        return np.zeros((len(rows_s), frames.values.shape[1]))
    place = (rows_s - frames.start_s) * frames.rate_hz
    nearest = np.floor(place + 0.5 + 1e-6).astype(np.int64).clip(0, len(frames.values) - 1)
    first, last = ((edge_s - frames.start_s) * frames.rate_hz for edge_s in frames.span_s)
    inside = (place > first - 1e-6) & (place < last - 1e-6)
    return np.where(inside[:, None], np.asarray(frames.values)[nearest], 0.0)


def _later(heard: Frames | Impulses, shift_s: float) -> Frames | Impulses:
    if isinstance(heard, Frames):
        within_s = heard.within_s and (heard.within_s[0] + shift_s, heard.within_s[1] + shift_s)
        return replace(heard, start_s=heard.start_s + shift_s, within_s=within_s)
    return replace(heard, times_s=np.asarray(heard.times_s, np.float64) + shift_s)


def _summed(events: bool | Sequence[int], n_features: int) -> np.ndarray:
    found = np.zeros(n_features, bool)
    found[slice(None) if events is True else list(events or [])] = True
    return found


def _reference(reference: float, name: str) -> float:
    check_number(f"{name}: reference", reference, low=0, high=1)
    return float(reference)
