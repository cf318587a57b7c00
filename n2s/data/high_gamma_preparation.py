"""iEEG prepared as high-gamma activity: referenced, its envelope averaged in short windows, with the purge that this needs."""

from collections.abc import Iterator

import mne
import numpy as np

from n2s.data.artefacts import Read, leave_out_beside
from n2s.data.bad_channels import mark_bads
from n2s.data.band_power import LOOKED_S, check_band_power
from n2s.data.bands import check_file
from n2s.data.channel_types import ELECTRODES, TYPES, check_types
from n2s.data.checked_signal import CheckedSignal, leave_out
from n2s.data.edges import filtered_apart
from n2s.data.high_gamma import (
    STOP_HZ,
    check_windows,
    filters_of,
    frames_of,
    harmonics,
    shortest_samples,
    support_s,
)
from n2s.data.reference import Reference, Referenced, settings_of
from n2s.data.sensor_preparation import SensorPreparation, check_picks, picked
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number

READ = 2**14  # samples that are looked at together
HELD = 2**25  # numbers of a recording that are held at once (0.25 GB): files are read again for each such part
SLIVER = 1e-9  # of a sample: rounding


class HighGamma(SensorPreparation):
    """High-gamma activity of iEEG (`n2s.data.high_gamma`) in place of the signal, at ``1 / hop_s`` Hz, in uV.

    Row i is the mean of the envelope over ``window_s`` around ``i * hop_s`` on the recording's clock (the frames of the published
    extraction start there, and so are half a window later), so that it is as late as the activity itself. Filters never reach over
    interruptions. Rows at both ends of a stretch, as far as the filters reach, are not used: they see its edges, not the brain; nor are rows
    whose windows lie partly in a bad span, or that see a huge artefact in one. The support of filters and window keeps training rows away
    from held-out ones.

    Parameters
    ----------
    band_hz
        Edges of the band.
    line_hz
        The power line's frequency, whose multiples inside the band are stopped. None: as the file or its JSON says
        (PowerLineFrequency). 0: nothing is stopped.
    window_s, hop_s
        Length of the windows, and from one to the next.
    reference
        `CommonAverage`, `Bipolar` or `Laplacian`; None: as recorded.
    picks
        Channel types to keep: ``ecog``, ``seeg``, ``dbs`` or ``eeg``. By default ECoG and sEEG.
    bads
        Channels that are bad in every recording that has them, in addition to those that the study marks.

    Examples
    --------
    >>> from n2s.data import HighGamma
    >>> prepared = HighGamma(band_hz=(70, 170), line_hz=50, hop_s=0.01)
    >>> prepared.sfreq, prepared.picks
    (100.0, ['ecog', 'seeg'])
    """

    version = 1  # increase when the numbers change but the settings do not

    def __init__(
        self,
        *,
        band_hz: tuple[float, float] = (70.0, 170.0),
        line_hz: float | None = None,
        window_s: float = 0.05,
        hop_s: float = 0.01,
        reference: Reference | None = None,
        picks: list[str] | None = None,
        bads: list[str] | None = None,
    ):
        for name, seconds in (("window_s", window_s), ("hop_s", hop_s)):
            check_number(f"preprocessing.{name}", seconds, above=0)
        harmonics(band_hz, None if line_hz == 0 and not isinstance(line_hz, bool) else line_hz)
        self.band_hz, self.line_hz = (float(band_hz[0]), float(band_hz[1])), line_hz
        self.window_s, self.hop_s, self.reference = float(window_s), float(hop_s), reference
        self.picks, self.bads = list(picks or ["ecog", "seeg"]), list(bads or [])
        check_picks(self.picks, list(ELECTRODES))
        self.sfreq = 1 / self.hop_s

    def settings(self) -> dict:
        """See `Preparation`."""
        plain = {name: value for name, value in vars(self).items() if name != "reference"}
        return {"version": self.version, "kind": "high-gamma", **plain, "reference": settings_of(self.reference)}

    def support_s(self, sfreq: float) -> float:
        """See `SensorPreparation`: all but 1e-4 of the energy, as recursive filters never end."""
        return self._filters_s(sfreq) + self.window_s

    def supports_s(self, sfreq: float) -> dict[str, float]:
        """See `SensorPreparation`."""
        band_s = support_s(sfreq, self.band_hz, None)
        found = {
            f"band_hz {self.band_hz[0]:g} to {self.band_hz[1]:g}": band_s,
            f"window_s {self.window_s:g}": self.window_s,
        }
        if (line_s := self._filters_s(sfreq) - band_s) > 0:
            found["line_hz"] = line_s
        return found

    def stretches(self, raw: mne.io.BaseRaw) -> list[tuple[int, int]]:
        """See `SensorPreparation`."""
        return [self._rows(start, stop, raw.info["sfreq"]) for start, stop in filtered_apart(raw)]

    def __call__(
        self, raw: mne.io.BaseRaw, where: str, spans: list[list[float]] | None = None
    ) -> tuple[np.ndarray, float, mne.Info]:
        """Reference and extract one recording, some channels at a time, each as a whole.

        See `SensorPreparation`.

        Raises
        ------
        UserError
            The recording has no channel of these types, not twice the band's upper edge as its rate, or no known power line; a good
            channel carries no signal; the reference does not fit.
        """
        spans = [] if spans is None else spans
        raw_hz, apart = raw.info["sfreq"], filtered_apart(raw)
        half_s = self.window_s / 2
        partly_bad = [
            [max(onset - half_s, 0.0), length + half_s + min(onset, half_s)] for onset, length in spans if length
        ]
        line_hz = self._line_hz(raw.info, where)
        try:
            filters = filters_of(raw_hz, self.band_hz, line_hz)
            check_windows(raw_hz, self.window_s, self.hop_s)
        except UserError as error:
            raise UserError(f"{where}: {str(error).removeprefix('high_gamma: ')}") from None
        check_file(raw.info, *self.band_hz, raw_hz / 2, where)
        raw.info["bads"] = sorted(set(raw.info["bads"]) | set(mark_bads(self.bads, raw.ch_names, where)))
        picks = picked(raw.info, self.picks, where)
        info = mne.pick_info(raw.info, picks)
        check_types(info, where)
        new = Referenced.as_recorded(info) if self.reference is None else self.reference(info, where)
        signal = CheckedSignal(raw, picks, spans)
        averages = np.zeros((new.averages.shape[0], raw.n_times))
        for start, stop in apart:
            for first in range(start, stop, READ):
                last = min(first + READ, stop)
                averages[:, first:last] = new.averages @ signal.read(first, last)
        reach_s = self.support_s(raw_hz) / 2
        good = np.array([name not in info["bads"] for name in info["ch_names"]])
        if good.any() and signal.lowest[good].min() >= 0:
            tell(
                "odd",
                where,
                "no good channel is ever below 0: this is an envelope, as high-gamma activity that was extracted before, and its envelope "
                "is not high-gamma activity. Take Preprocessing for it.",
            )
        longest = max(apart, key=lambda one: one[1] - one[0])
        middle, half = sum(longest) // 2, round(LOOKED_S / 2 * raw_hz)
        some = signal.read_again(max(middle - half, longest[0]), min(middle + half, longest[1]))
        check_band_power(some[good], raw_hz, self.band_hz, where)
        leave_out(signal.check(info, where), spans, reach_s, where)
        data = np.zeros((_first_at(raw.n_times / (self.hop_s * raw_hz)), len(new.group)), np.float32)
        for columns in _some(len(new.group), raw.n_times):
            for (start, stop), (first, last) in zip(apart, self.stretches(raw), strict=True):
                if stop - start < shortest_samples(filters) or first == last:
                    continue
                values = _referenced(raw, picks, new, columns, slice(start, stop))
                values -= _taken(averages[:, start:stop], new.group[columns])
                windows = self._windows(np.arange(first, last), raw_hz, start, stop)
                data[first:last, columns] = frames_of(values, filters, *windows)
        scale = np.array([TYPES[kind][0] for kind in new.info.get_channel_types()], np.float32)
        data *= scale

        def rows(read: Read, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
            first, last = self._rows(start, stop, raw_hz)
            edge = int(np.ceil(reach_s * self.sfreq))  # rows that see the ends
            if stop - start >= shortest_samples(filters) and last - first > 2 * edge:
                windows = self._windows(np.arange(first, last), raw_hz, start, stop)
                yield first + edge, (frames_of(new(read(start, stop)), filters, *windows) * scale)[edge:-edge]

        reach = int(np.ceil(4 * reach_s * raw_hz))  # recursive filters: what is huge is seen further than all else
        kept = np.array([name not in new.info["bads"] for name in new.info["ch_names"]])
        leave_out_beside(
            signal.read_again, rows, data, kept, stretches=apart, reach=reach, raw_hz=raw_hz, sfreq=self.sfreq, spans=spans, where=where
        )  # fmt: skip
        spans += partly_bad
        self._leave_out_edges(apart, raw_hz, reach_s, spans, where)
        return data, self.sfreq, new.info

    def _filters_s(self, sfreq: float) -> float:
        """The filters' support; where only a file knows the line, it is the longer one of 50 and 60 Hz."""
        if self.line_hz is not None:
            return support_s(sfreq, self.band_hz, self.line_hz or None)
        fitting = [hz for hz in (50.0, 60.0) if max(harmonics(self.band_hz, hz), default=0) + STOP_HZ < sfreq / 2]
        return max(support_s(sfreq, self.band_hz, hz) for hz in (None, *fitting))

    def _line_hz(self, info: mne.Info, where: str) -> float | None:
        known = info["line_freq"]
        if self.line_hz is None:
            if not known:
                raise UserError(
                    f"{where}: neither the recording nor its JSON (PowerLineFrequency) says the power line's frequency, whose harmonics "
                    f"lie inside {self.band_hz[0]:g} to {self.band_hz[1]:g} Hz. Set preprocessing.line_hz to 50 (Europe, most of Asia) or 60 "
                    "(the Americas), or to 0 if they were taken out."
                )
            found = float(known)
        else:
            found = float(self.line_hz)
            if known and found and abs(found - known) > 1:
                tell(
                    "odd",
                    where,
                    f"preprocessing.line_hz is {found:g}, but the recording's power line has {known:g} Hz (PowerLineFrequency): the wrong "
                    "harmonics are stopped, if that is right.",
                )
        near = [edge for edge in self.band_hz if found and abs(edge - max(round(edge / found), 1) * found) <= STOP_HZ]
        if near:
            listed = " and ".join(f"{edge:g}" for edge in near)
            tell(
                "odd",
                where,
                f"band_hz: the edge {listed} Hz lies on a harmonic of the power line's {found:g} Hz, which passes there in part. Move the edge.",
            )
        return found or None

    def _rows(self, start: int, stop: int, sfreq: float) -> tuple[int, int]:
        """The first row of a stretch of samples, and the one after its last."""
        step = self.hop_s * sfreq
        return _first_at(start / step), _first_at(stop / step)

    def _windows(self, rows: np.ndarray, sfreq: float, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """First sample of each row's window, and the one after its last, inside a stretch and counted from its start."""
        first = np.floor((rows * self.hop_s - self.window_s / 2) * sfreq + SLIVER).astype(int)
        last = np.floor(first + self.window_s * sfreq + SLIVER).astype(int)
        first = np.clip(first, start, stop - 1)
        return first - start, np.clip(last, first + 1, stop) - start

    def _leave_out_edges(
        self, apart: list[tuple[int, int]], sfreq: float, reach_s: float, spans: list[list[float]], where: str
    ) -> None:
        """No window uses rows that see an edge."""
        for start, stop in apart:
            start_s, stop_s = start / sfreq, stop / sfreq
            edge_s = min(reach_s, (stop_s - start_s) / 2)
            spans += [[start_s, edge_s], [stop_s - edge_s, edge_s]]
        text = f"{reach_s:.2f} s at each end, where filters and Hilbert transform see the edge"
        more = f" of {len(apart)} stretches" if len(apart) > 1 else ""
        tell("left out", where, f"{text}{more}.")


def _first_at(at: float) -> int:
    """The first whole number at or after a point, but for rounding."""
    return int(np.ceil(at - SLIVER))


def _some(n_columns: int, n_times: int) -> Iterator[slice]:
    """The columns that are held together."""
    step = max(1, HELD // n_times)
    for first in range(0, n_columns, step):
        yield slice(first, min(first + step, n_columns))


def _referenced(raw: mne.io.BaseRaw, picks: np.ndarray, new: Referenced, columns: slice, samples: slice) -> np.ndarray:
    """(d, t) float64: some referenced channels, their averages not yet subtracted; values that are not finite are 0."""
    weights = new.weights[columns]
    used = np.unique(weights.indices)
    values = raw[picks[used], samples][0]
    return weights[:, used] @ np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _taken(averages: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(d, t): the average that each channel loses."""
    found = np.zeros((len(group), averages.shape[1]))
    found[group >= 0] = averages[group[group >= 0]]
    return found
