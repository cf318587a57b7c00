"""From a raw recording to an array: MNE does the signal processing, a recipe says what."""

from abc import ABC, abstractmethod
from fractions import Fraction

import mne
import numpy as np
from mne.filter import create_filter
from scipy.signal import resample_poly

from n2s.errors import UserError

# What one unit of MNE's is in ours, so that float32 and float16 hold it: T -> fT, T/m -> fT/cm, V -> uV.
UNITS = {"mag": (1e15, "fT"), "grad": (1e13, "fT/cm"), "eeg": (1e6, "uV")}

# Of a line frequency: passed 1 Hz away, stopped within 0.1 Hz.
NOTCH = {"l_trans_bandwidth": 0.9, "h_trans_bandwidth": 0.9}


class Step(ABC):
    """One step of the cleaning that needs more than a number, on the whole raw recording: SSS, ICA, your own."""

    #: Seconds that one output sample depends on in time: 0 for a spatial filter.
    support_s: float = 0.0

    @abstractmethod
    def settings(self) -> dict:
        """Everything that changes the result, as plain JSON types."""

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
        Of the estimation.
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


class Preprocessing:
    """What is done to each recording before training, in this order: steps, notch, band-pass, reference, resampling.

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
        Channels that are bad in every recording, in addition to what the study marks.
    steps
        SSS, ICA or your own `Step`, applied first to all channels.
    """

    version = 1  # bump when the numbers change though the settings do not

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
        """Everything that changes the prepared numbers: what their cache is keyed by."""
        return {
            "version": self.version,
            **{name: value for name, value in vars(self).items() if name != "steps"},
            "steps": [[type(step).__module__, type(step).__qualname__, step.settings()] for step in self.steps],
        }

    def support_s(self, sfreq: float) -> float:
        """Seconds of raw recording that one prepared sample depends on, for a recording of ``sfreq`` Hz."""
        filters = [(self.highpass_hz, self.lowpass_hz, {})] if self.highpass_hz or self.lowpass_hz else []
        filters += [(hz + 1, hz - 1, NOTCH) for hz in self.notch_hz]
        taps = sum(len(create_filter(None, sfreq, low, high, **more, verbose="error")) for low, high, more in filters)
        up, down = self._ratio(sfreq)
        resampling_s = (
            0.0 if up == down else (20 * max(up, down) + 1) / (sfreq * up)
        )  # the taps of scipy's resample_poly
        return taps / sfreq + resampling_s + sum(step.support_s for step in self.steps)

    def __call__(self, raw: mne.io.BaseRaw, where: str) -> tuple[np.ndarray, float, mne.Info]:
        """Clean one recording.

        Returns
        -------
        data
            (t, c) float32 in fT, fT/cm and uV, time-major.
        sfreq
            The exact rate (a ratio of whole numbers times the recording's own).
        info
            Of the kept channels, bad ones marked.
        """
        for step in self.steps:
            raw = step(raw.load_data(verbose="error"))
        raw.info["bads"] = sorted(set(raw.info["bads"]) | (set(self.bads) & set(raw.ch_names)))
        picks = self._pick(raw.info, where)
        raw = raw.pick(picks, verbose="error").load_data(verbose="error")
        self._check_channels(raw, where)
        for hz in self.notch_hz:
            raw.filter(hz + 1, hz - 1, **NOTCH, verbose="error")
        if self.highpass_hz or self.lowpass_hz:
            raw.filter(self.highpass_hz, self.lowpass_hz, verbose="error")
        if self.average_reference:
            raw.set_eeg_reference("average", verbose="error")
        up, down = self._ratio(raw.info["sfreq"])
        scale = [UNITS[kind][0] for kind in raw.get_channel_types()]
        n_times = -(-len(raw.times) * up // down)
        data = np.empty((n_times, len(scale)), np.float32)
        for channel, factor in enumerate(scale):  # one channel at a time: no second copy of the recording
            signal = raw.get_data(channel)[0] * factor
            data[:, channel] = signal if up == down else resample_poly(signal, up, down)
        return data, raw.info["sfreq"] * up / down, raw.info

    def _ratio(self, sfreq: float) -> tuple[int, int]:
        ratio = Fraction(self.sfreq / sfreq).limit_denominator(1000)
        return ratio.numerator, ratio.denominator

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

    @staticmethod
    def _check_channels(raw: mne.io.BaseRaw, where: str) -> None:
        """A flat or non-finite channel that nobody marked as bad would be learned from, or poison the scaler."""
        good = [name for name in raw.ch_names if name not in raw.info["bads"]]
        broken, flat = [], []
        for name in good:
            signal = raw.get_data(name)[0]
            if not np.isfinite(signal).all():
                broken.append(name)
            elif np.ptp(signal) == 0:
                flat.append(name)
        if broken or flat:
            found = [
                f"{kind}: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"
                for kind, names in (("NaN or infinite", broken), ("flat", flat))
                if names
            ]
            raise UserError(
                f"{where}: {len(broken) + len(flat)} of {len(good)} good channels carry no signal ({'; '.join(found)}). "
                "Mark them as bad in channels.tsv (status: bad) or list them in preprocessing.bads."
            )
        for name in raw.info["bads"]:  # a bad channel is masked; its numbers must only not be NaN
            index = raw.ch_names.index(name)
            raw._data[index] = np.nan_to_num(raw._data[index], nan=0.0, posinf=0.0, neginf=0.0)
