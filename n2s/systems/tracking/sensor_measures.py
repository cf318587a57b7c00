"""Measures of tracking at each sensor of one person, beside those of circularly shifted envelopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.fft import prev_fast_len
from torch import Tensor

from n2s.errors import UserError
from n2s.metrics.band_signals import analytic_stretches
from n2s.metrics.phase_locking import (
    acoustic_edges,
    coupling,
    edge_locking,
    edges_inside,
    phase_and_amplitude,
    window_rows,
)
from n2s.metrics.tracking_coherence import BANDS, CrossSpectra, check_bands
from n2s.metrics.tracking_information import FEWEST, information
from n2s.options import check_options, check_pair

#: Kinds of measures; see `MeasureOptions`.
KINDS = ("coherence", "plv", "information", "edges", "coupling")


@dataclass(frozen=True)
class MeasureOptions:
    """How tracking is measured.

    Parameters
    ----------
    bands
        Name -> lowest and highest frequency, Hz.
    kinds
        ``coherence`` and ``plv`` (`n2s.metrics.tracking_coherence`), ``information`` (Gaussian-copula mutual information of phase and
        amplitude), ``edges`` (phase-locking after acoustic edges), ``coupling`` (amplitude of the second band to the phase of the
        first; there is none with one band).
    segment_s
        Of coherence and phase-locking, s.
    edges_s
        First and last moment after an edge at which phases are compared, s.
    delays_s
        Delays of the brain among which that of a band is sought, s.
    n_shifts
        Circular shifts of the envelope, which give the chance level; 0: none, and nothing is corrected.
    min_shift_s
        The smallest shift in either direction, s: beyond it an envelope no longer resembles itself.
    seed
        Of the shifts.
    """

    bands: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(BANDS))
    kinds: tuple[str, ...] = KINDS
    segment_s: float = 4.0
    edges_s: tuple[float, float] = (0.0, 0.4)
    delays_s: tuple[float, float] = (-0.1, 0.5)
    n_shifts: int = 100
    min_shift_s: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise UserError(f"measures {list(self.kinds)}; expected some of {', '.join(KINDS)}.")
        check_options("MeasureOptions: ", above=0, segment_s=self.segment_s, min_shift_s=self.min_shift_s)
        check_options("MeasureOptions: ", low=0, whole=True, n_shifts=self.n_shifts, seed=self.seed)
        for name, values in (("edges_s", self.edges_s), ("delays_s", self.delays_s)):
            first, last = check_pair(f"MeasureOptions: {name}", values)
            if not first <= last:
                raise UserError(f"{name} is [{first}, {last}]: the first comes after the last.")

    def check_frames(self, frames_hz: float, space: str) -> None:
        """Raise a UserError if a band ends above half the rate of the frames of a feature space: what is there is no sound."""
        for name, (_, high) in self.bands.items():
            if high > frames_hz / 2:
                raise UserError(
                    f"band {name} ends at {high:g} Hz, but '{space}' has {frames_hz:g} frames a second, which hold frequencies up to "
                    f"{frames_hz / 2:g} Hz alone. Give it {2 * high:g} or more (data.features.{space}.rate_hz), or give a lower band."
                )


@dataclass
class SensorMeasures:
    """What `sensor_measures` finds.

    Parameters
    ----------
    values
        Measure (``coherence_delta``) -> (c,) NaN where a sensor has none.
    shifted
        Measure -> (s, c) of shifted envelopes.
    coherency
        (k, c) complex.
    frequencies
        (k,) Hz.
    shifted_coherence
        (k, c) mean over shifts; None without any.
    n_segments, seconds
        How much went into them.
    absent
        Measures without a value: no stretch is long enough for a phase of the band, or for a whole window after an edge.
    """

    coherency: np.ndarray
    frequencies: np.ndarray
    shifted_coherence: np.ndarray | None
    n_segments: int
    seconds: float
    values: dict[str, np.ndarray] = field(default_factory=dict)
    shifted: dict[str, np.ndarray] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def leave_out(self, name: str, n_shifts: int) -> None:
        """Note that a measure has no value."""
        n_sensors = self.coherency.shape[1]
        self.values[name], self.shifted[name] = np.full(n_sensors, np.nan), np.full((n_shifts, n_sensors), np.nan)
        self.absent.append(name)

    def add(self, name: str, found: Tensor) -> None:
        """Put (1 + s, c) under a name: as it is, then shifted."""
        values = found.cpu().numpy()
        self.values[name], self.shifted[name] = values[0], values[1:]


def sensor_measures(
    brain: Sequence[Tensor], envelope: Sequence[Tensor], sfreq: float, options: MeasureOptions
) -> SensorMeasures:
    """Measure the tracking at each sensor.

    Parameters
    ----------
    brain
        Stretches (t, c) without a gap, in order of time.
    envelope
        (t,) of each.
    sfreq
        Hz.
    options
        What is measured.

    Raises
    ------
    UserError
        Too little data, or a rate below twice a band's end.
    """
    check_bands(options.bands, sfreq)
    seconds = sum(map(len, envelope)) / sfreq
    shifts_s = drawn_shifts(seconds, options)
    spectra = CrossSpectra.of(brain, envelope, sfreq, options.bands, options.segment_s)
    every = torch.stack(
        [spectra.envelope, *(spectra.heard(_moved(envelope, round(shift * sfreq))) for shift in shifts_s)]
    )
    coherence = spectra.coherence(every)
    found = SensorMeasures(
        spectra.coherency().cpu().numpy(),
        spectra.frequencies,
        coherence[1:].mean(0).cpu().numpy() if len(shifts_s) else None,
        spectra.n_segments,
        seconds,
    )
    if "coherence" in options.kinds:
        for band, values in spectra.by_band(coherence).items():
            found.add(f"coherence_{band}", values)
    if "plv" in options.kinds:
        for band, values in spectra.by_band(spectra.plv(every)).items():
            found.add(f"plv_{band}", values)
    _of_bands(found, brain, envelope, sfreq, shifts_s, options)
    still = torch.stack([one.amax(0) for one in brain]).amax(0) == torch.stack([one.amin(0) for one in brain]).amin(0)
    for values in (*found.values.values(), *found.shifted.values()):
        values[..., still.cpu().numpy()] = np.nan
    return found


def drawn_shifts(seconds: float, options: MeasureOptions) -> np.ndarray:
    """(s,) seconds, each as far from 0 as the options say."""
    if not options.n_shifts:
        return np.empty(0)
    if seconds < 4 * options.min_shift_s:
        raise UserError(
            f"{seconds:.1f} s are too short for circular shifts of {options.min_shift_s:g} s or more in either direction "
            f"(min_shift_s): give {4 * options.min_shift_s:g} s at least, or a smaller shift."
        )
    low, high = options.min_shift_s, seconds - options.min_shift_s
    return np.random.default_rng(options.seed).uniform(low, high, options.n_shifts)


def _turns(shifts_s: np.ndarray, seconds: float, n_rows: int, rate_hz: float, options: MeasureOptions) -> list[int]:
    """Drawn shifts as rows of a shorter circle: ends of stretches were cut, and a shift of nearly the whole circle would be none.

    The smallest is that of the options; in short data a quarter of the rows.
    """
    least = min(round(options.min_shift_s * rate_hz), n_rows // 4)
    share = (shifts_s - options.min_shift_s) / (seconds - 2 * options.min_shift_s)
    return np.round(least + share * (n_rows - 2 * least)).astype(int).tolist()


def _moved(envelope: Sequence[Tensor], n_rows: int) -> Sequence[Tensor]:
    """All stretches joined, moved in a circle, and cut as before."""
    return torch.cat(list(envelope)).roll(n_rows).split([len(one) for one in envelope])


def _of_bands(
    found: SensorMeasures,
    brain: Sequence[Tensor],
    envelope: Sequence[Tensor],
    sfreq: float,
    shifts_s: np.ndarray,
    options: MeasureOptions,
) -> None:
    """Measures of phases and amplitudes over time."""
    bands, seconds = options.bands, sum(map(len, envelope)) / sfreq
    for band, ends in bands.items() if {"information", "edges"} & set(options.kinds) else ():
        own, step, cut = analytic_stretches(brain, sfreq, ends)
        joined = torch.cat(own)
        rows = (
            prev_fast_len(len(joined)) if len(joined) else 0
        )  # transforms of other lengths take several times as long
        shifts = _turns(shifts_s, seconds, rows, sfreq / step, options)
        if rows < FEWEST:
            for kind in [one for one in ("information", "edges") if one in options.kinds]:
                found.leave_out(f"{kind}_{band}", len(shifts))
            continue
        if "information" in options.kinds:
            heard = torch.cat(analytic_stretches([one[:, None] for one in envelope], sfreq, ends)[0])[:, 0]
            found.add(f"information_{band}", information(joined[:rows], heard[:rows], shifts))
        if "edges" in options.kinds:
            window = window_rows(options.edges_s, sfreq / step)
            edges, before = [], 0
            for one, part in zip(envelope, own, strict=True):
                at = np.round(acoustic_edges(one, sfreq) * sfreq / step).astype(int) - cut
                edges.append(before + edges_inside(at, window, len(part)))  # what follows them is of another stretch
                before += len(part)
            whole = edges_inside(np.concatenate(edges), window, rows)
            if len(whole) and len(window):
                found.add(f"edges_{band}", edge_locking(joined[:rows], whole, window, shifts))
            else:
                found.leave_out(f"edges_{band}", len(shifts))
    if "coupling" in options.kinds and len(bands) > 1:
        (slow, slow_hz), (fast, fast_hz) = list(bands.items())[:2]
        long = any(len(one) for one in analytic_stretches([part[:, :1] for part in brain], sfreq, slow_hz)[0])
        phase, amplitude, step = phase_and_amplitude(brain, sfreq, slow_hz, fast_hz) if long else ((), (), 1)
        if len(phase) < FEWEST:
            found.leave_out(f"coupling_{slow}_{fast}", len(shifts_s))
            return
        rows = prev_fast_len(len(phase))
        shifts = _turns(shifts_s, seconds, rows, sfreq / step, options)
        found.add(f"coupling_{slow}_{fast}", coupling(phase[:rows], amplitude[:rows], shifts))
