"""From a raw recording to an array: MNE does the signal processing, a recipe sets the options."""

from abc import ABC, abstractmethod
from fractions import Fraction
from functools import partial

import mne
import numpy as np
from mne.filter import create_filter

from n2s.data.checked_signal import CheckedSignal
from n2s.data.edges import bad_spans, filtered_apart
from n2s.data.filtering import Resampler
from n2s.data.positions import sensor_positions
from n2s.data.recordings import Made, Preparation
from n2s.data.sensor_recording import SensorRecording
from n2s.errors import UserError
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

# Factors from MNE's units to ours, so that float32 and float16 can hold the values: T -> fT, T/m -> fT/cm, V -> uV.
UNITS = {"mag": (1e15, "fT"), "grad": (1e13, "fT/cm"), "eeg": (1e6, "uV")}

# Notch of a line frequency: passes 1 Hz away, stops within 0.1 Hz.
NOTCH = {"l_trans_bandwidth": 0.9, "h_trans_bandwidth": 0.9}


class Step(ABC):
    """One step of the cleaning that needs more than a number, on the whole raw recording: SSS, ICA, your own."""

    #: Seconds that one output sample depends on in time: 0 for a spatial filter.
    support_s: float = 0.0

    #: Whether it treats the stretches between interruptions apart (`spansfiltered_apart`), as the filters do.
    stops_at_edges: bool = False

    @abstractmethod
    def settings(self) -> dict:
        """All settings that change the result, as plain JSON types."""

    @abstractmethod
    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """Clean a loaded recording and return it."""


class SSS(Step):
    """Signal-space separation by `mne.preprocessing.maxwell_filter`.

    Parameters
    ----------
    calibration, cross_talk
        Site files of a Megin system (``sss_cal.dat``, ``ct_sparse.fif``).
    st_duration_s
        Buffer of the temporal extension (tSSS); None for the purely spatial filter.
    """

    stops_at_edges = True  # MNE's default: it skips data annotated as edge or bad_acq_skip

    def __init__(
        self, calibration: str | None = None, cross_talk: str | None = None, st_duration_s: float | None = None
    ):
        self.calibration, self.cross_talk, self.st_duration_s = calibration, cross_talk, st_duration_s
        self.support_s = 2 * st_duration_s if st_duration_s else 0.0

    def settings(self) -> dict:
        """See `Step`."""
        return {"calibration": self.calibration, "cross_talk": self.cross_talk, "st_duration_s": self.st_duration_s}

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`."""
        return mne.preprocessing.maxwell_filter(
            raw,
            calibration=self.calibration,
            cross_talk=self.cross_talk,
            st_duration=self.st_duration_s,
            verbose="error",
        )


class RemoveICA(Step):
    """Remove the components that follow the eye and heart channels (`mne.preprocessing.ICA`, find_bads).

    The unmixing is fitted on the whole recording, without labels or stimuli: it is part of the cleaning, as SSS is.

    Parameters
    ----------
    n_components
        Components to estimate.
    seed
        Seed for the estimation.
    """

    def __init__(self, n_components: int = 30, seed: int = 0):
        self.n_components, self.seed = n_components, seed

    def settings(self) -> dict:
        """See `Step`."""
        return {"n_components": self.n_components, "seed": self.seed}

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`."""
        ica = mne.preprocessing.ICA(self.n_components, random_state=self.seed, max_iter="auto", verbose="error")
        ica.fit(raw.copy().filter(1.0, None, verbose="error"), verbose="error")  # 1 Hz: drifts would fill components
        kinds = raw.get_channel_types(unique=True)
        found = [ica.find_bads_eog(raw, verbose="error")[0]] if "eog" in kinds else []
        if "ecg" in kinds or "mag" in kinds:
            found.append(ica.find_bads_ecg(raw, verbose="error")[0])
        if not found:
            raise UserError(
                f"RemoveICA: the recording has channels of type {kinds}, expected an EOG or ECG channel (or magnetometers, "
                "for a synthetic ECG) to tell which components to remove. Remove this step from the recipe."
            )
        ica.exclude = sorted({index for indices in found for index in indices})
        return ica.apply(raw, verbose="error")


class Preprocessing(Preparation):
    """Preprocessing of each recording before training, in this order: steps, notch, band-pass, reference, resampling.

    Parameters
    ----------
    sfreq
        Rate of the prepared recording, Hz; recordings of other rates are resampled to it.
    highpass_hz, lowpass_hz
        Band edges of MNE's zero-phase FIR filter; None for no filter (Défossez 2023 filters nothing).
    notch_hz
        Line frequencies to stop, 2 Hz wide.
    picks
        Channel types to keep: ``mag``, ``grad``, ``meg`` (both; never reference sensors) or ``eeg``.
    average_reference
        EEG: subtract the mean of the good channels.
    bads
        Channels that are bad in every recording, in addition to those that the study marks.
    steps
        SSS, ICA or your own `Step`, applied first to all channels.
    """

    kind = SensorRecording
    version = 6  # increase when the numbers change but the settings do not

    def __init__(
        self,
        *,
        sfreq: float = 120.0,
        highpass_hz: float | None = None,
        lowpass_hz: float | None = None,
        notch_hz: list[float] | None = None,
        picks: list[str] | None = None,
        average_reference: bool = False,
        bads: list[str] | None = None,
        steps: list[Step] | None = None,
    ):
        self.sfreq, self.highpass_hz, self.lowpass_hz = float(sfreq), highpass_hz, lowpass_hz
        self.notch_hz, self.picks = list(notch_hz or []), list(picks or ["meg"])
        self.average_reference, self.bads, self.steps = average_reference, list(bads or []), list(steps or [])
        unknown = set(self.picks) - {"meg", "mag", "grad", "eeg"}
        if unknown:
            raise UserError(f"preprocessing.picks: found {sorted(unknown)}, expected some of meg, mag, grad, eeg.")
        top = self.lowpass_hz or 0.0
        if self.sfreq <= 0 or top >= self.sfreq / 2:
            raise UserError(
                f"preprocessing: lowpass_hz {top:g} must be below half of sfreq {self.sfreq:g} (Nyquist). "
                "Lower the one or raise the other."
            )

    def settings(self) -> dict:
        """All settings that change the prepared numbers: the key of their cache."""
        return {
            "version": self.version,
            **{name: value for name, value in vars(self).items() if name != "steps"},
            "steps": [[type(step).__module__, type(step).__qualname__, step.settings()] for step in self.steps],
        }

    def make(self, study: Study, recording: Recording, where: str) -> Made:
        """See `Preparation`."""
        raw = study.load(recording)
        raw_sfreq, duration_s = raw.info["sfreq"], len(raw.times) / raw.info["sfreq"]
        events = events_table(study.events(recording), where=where, duration_s=duration_s)
        spans = bad_spans(raw)
        stretches = self.stretches(raw)
        data, sfreq, info = self(raw, where)
        meta = {
            "sfreq": sfreq,
            "raw_sfreq": raw_sfreq,
            "support_s": self.support_s(raw_sfreq),
            "supports_s": self.supports_s(raw_sfreq),
            "over_edges_s": sum(step.support_s for step in self.steps if not step.stops_at_edges),
            "stretches": stretches,
            "ch_names": info["ch_names"],
            "units": [UNITS[kind][1] for kind in info.get_channel_types()],
            "good": [name not in info["bads"] for name in info["ch_names"]],
            "positions": sensor_positions(info, where).round(6).tolist(),
            "bad_spans": spans,
            "preprocessing": self.settings(),
        }
        write_info = partial(mne.io.write_info, info=info, verbose="error")
        return Made(data, meta, {"events.parquet": events.to_parquet, "sensors-info.fif": write_info})

    def support_s(self, sfreq: float) -> float:
        """Seconds of raw recording that one prepared sample depends on, for a recording of ``sfreq`` Hz."""
        return (2 * self._resampler(sfreq).half + 1) / sfreq + sum(step.support_s for step in self.steps)

    def supports_s(self, sfreq: float) -> dict[str, float]:
        """The settings that make one prepared sample depend on its neighbours in time, and the length that each adds, s."""

        def length_s(low: float | None, high: float | None, **more: float) -> float:
            return (len(create_filter(None, sfreq, low, high, **more, verbose="error")) - 1) / sfreq

        found = {}
        if self.highpass_hz or self.lowpass_hz:  # one kernel, as long as its steeper edge needs
            edges = {f"highpass_hz {self.highpass_hz or 0:g}": (self.highpass_hz, None)} if self.highpass_hz else {}
            edges |= {f"lowpass_hz {self.lowpass_hz or 0:g}": (None, self.lowpass_hz)} if self.lowpass_hz else {}
            longest = max(edges, key=lambda name: length_s(*edges[name]))
            found[longest] = length_s(self.highpass_hz, self.lowpass_hz)
        found |= {f"notch_hz {hz:g}": length_s(hz + 1, hz - 1, **NOTCH) for hz in self.notch_hz}
        found[f"sfreq {self.sfreq:g}"] = 2 * self._resampler(sfreq).resampling / sfreq
        found |= {type(step).__name__: step.support_s for step in self.steps}
        return {name: seconds for name, seconds in found.items() if seconds}

    def stretches(self, raw: mne.io.BaseRaw) -> list[tuple[int, int]]:
        """(first, last) prepared samples of each stretch that is filtered as one."""
        up, down = (ratio := self._ratio(raw.info["sfreq"])).numerator, ratio.denominator
        return [(-(-start * up // down), -(-stop * up // down)) for start, stop in filtered_apart(raw)]

    def __call__(self, raw: mne.io.BaseRaw, where: str) -> tuple[np.ndarray, float, mne.Info]:
        """Clean one recording, block by block: a file is never held in memory, unless a step needs it.

        Returns
        -------
        data
            (t, c) float32 in fT, fT/cm and uV, time-major.
        sfreq
            The exact rate (a ratio of whole numbers times the recording's own).
        info
            Info of the kept channels, bad ones marked.

        Raises
        ------
        UserError
            No channel of the requested types; a good channel is flat, or holds NaN or infinite values.
        """
        for step in self.steps:
            raw = step(raw.load_data(verbose="error"))
        raw.info["bads"] = sorted(set(raw.info["bads"]) | (set(self.bads) & set(raw.ch_names)))
        picks = self._pick(raw.info, where)
        info = mne.pick_info(raw.info, picks)
        kinds = np.array(info.get_channel_types())
        scale = np.array([UNITS[kind][0] for kind in kinds])[:, None]
        good = np.array([name not in info["bads"] for name in info["ch_names"]])
        resampler = self._resampler(info["sfreq"])
        signal = CheckedSignal(raw, picks)
        data = np.zeros((-(-len(raw.times) * resampler.up // resampler.down), len(picks)), np.float32)
        for start, stop in filtered_apart(raw):
            for first, values in resampler(signal.read, start, stop):
                values *= scale
                if self.average_reference and (kinds == "eeg").any():
                    values[kinds == "eeg"] -= values[good & (kinds == "eeg")].mean(0)
                data[first : first + values.shape[1]] = values.T
        signal.check(info, where)
        return data, info["sfreq"] * resampler.up / resampler.down, info

    def _resampler(self, sfreq: float) -> Resampler:
        bands = [(self.highpass_hz, self.lowpass_hz, {})] if self.highpass_hz or self.lowpass_hz else []
        bands += [(hz + 1, hz - 1, NOTCH) for hz in self.notch_hz]
        kernels = [create_filter(None, sfreq, low, high, **more, verbose="error") for low, high, more in bands]
        ratio = self._ratio(sfreq)
        return Resampler(kernels, ratio.numerator, ratio.denominator)

    def _ratio(self, sfreq: float) -> Fraction:
        return Fraction(self.sfreq / sfreq).limit_denominator(1000)

    def _pick(self, info: mne.Info, where: str) -> np.ndarray:
        kinds = set(self.picks)
        meg = True if "meg" in kinds or {"mag", "grad"} <= kinds else next(iter(kinds & {"mag", "grad"}), False)
        picks = mne.pick_types(info, meg=meg, eeg="eeg" in kinds, ref_meg=False, exclude=[])
        if not len(picks):
            found = ", ".join(sorted(set(info.get_channel_types())))
            raise UserError(
                f"{where}: no channel of type {self.picks}; it has {found}. Set preprocessing.picks to one of those."
            )
        return picks
