"""From a raw recording to an array: MNE does the signal processing, a recipe sets the options."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from fractions import Fraction

import mne
import numpy as np
import pandas as pd
from mne.filter import create_filter

from n2s.data.artefacts import Read, leave_out_beside
from n2s.data.bad_channels import mark_bads
from n2s.data.bands import NOTCH_WIDTH_HZ, Band, check_lengths
from n2s.data.channel_types import ELECTRODES, TYPES, check_types, reference_groups
from n2s.data.checked_signal import CheckedSignal, leave_out
from n2s.data.cleaning.bad_sensors import FindBadChannels
from n2s.data.cleaning.ica import RemoveICA
from n2s.data.cleaning.learning import Told, learn, learning_key
from n2s.data.cleaning.run import Cleaning
from n2s.data.cleaning.sss import SSS, check_shielding
from n2s.data.edges import filtered_apart
from n2s.data.filtering import Resampler
from n2s.data.reference import Reference, Referenced, settings_of
from n2s.data.sensor_preparation import SensorPreparation, check_picks, picked
from n2s.data.steps import ITSELF, LearnedStep, Step
from n2s.errors import UserError
from n2s.options import check_number, check_numbers
from n2s.studies.study import Recording, Study

__all__ = ["SSS", "Preprocessing", "RemoveICA", "Step"]  # the steps, too: recipes name them here

# Notch of a line frequency: passes 1 Hz away, stops within 0.1 Hz.
NOTCH = {"l_trans_bandwidth": 0.9, "h_trans_bandwidth": 0.9}


class Preprocessing(SensorPreparation):
    """Preprocessing of each recording before training, in this order: bad channels, steps, notch, band-pass, reference, resampling.

    Parameters
    ----------
    sfreq
        Rate of the prepared recording, Hz; recordings of other rates are resampled to it.
    highpass_hz, lowpass_hz
        Band edges of MNE's zero-phase FIR filter; None for no filter (Défossez 2023 filters nothing).
    notch_hz
        Line frequencies to stop, 2 Hz wide.
    picks
        Channel types to keep: ``mag``, ``grad``, ``meg`` (both; never reference sensors), ``eeg``, ``ecog``, ``seeg`` or ``dbs``.
    average_reference
        Subtract the mean of the good channels, of EEG, ECoG and sEEG each.
    reference
        `CommonAverage`, `Bipolar` or `Laplacian` of contacts in the brain, in place of ``average_reference``.
    bads
        Channels that are bad in every recording that has them, in addition to those that the study marks: before the steps, as
        those. Names that differ only in case, spaces and leading zeros are the same (`n2s.data.bad_channels.found_bads`).
    steps
        SSS, ICA and others of `n2s.data.cleaning`, or your own `Step`, applied to all channels, before the filters. SSS comes before
        all that changes signals. Steps that learn (`n2s.data.steps.LearnedStep`) need a datamodule that names the training runs.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from n2s.data import Preprocessing
    >>> noise = 1e-5 * np.random.default_rng(0).standard_normal((3, 5_000))
    >>> raw = mne.io.RawArray(noise, mne.create_info(["Cz", "Pz", "Oz"], 500.0, "eeg"), verbose="error")
    >>> brain, sfreq, meta = Preprocessing(sfreq=100, highpass_hz=0.5, lowpass_hz=40, picks=["eeg"])(raw, "sub-01")
    >>> brain.shape, sfreq, round(float(brain.std()))  # (t, c), Hz, uV
    ((1000, 3), 100.0, 5)
    """

    version = 9  # increase when the numbers change but the settings do not

    def __init__(
        self,
        *,
        sfreq: float = 120.0,
        highpass_hz: float | None = None,
        lowpass_hz: float | None = None,
        notch_hz: list[float] | None = None,
        picks: list[str] | None = None,
        average_reference: bool = False,
        reference: Reference | None = None,
        bads: list[str] | None = None,
        steps: list[Step] | None = None,
    ):
        check_number("preprocessing.sfreq", sfreq, above=0)
        check_numbers("preprocessing.notch_hz", notch_hz)
        self.sfreq, self.highpass_hz, self.lowpass_hz = float(sfreq), highpass_hz, lowpass_hz
        self.notch_hz, self.picks = list(notch_hz or []), list(picks or ["meg"])
        self.average_reference, self.reference = average_reference, reference
        self.bads, self.steps = list(bads or []), list(steps or [])
        if average_reference and reference is not None:
            raise UserError("preprocessing: average_reference is true, and there is a reference, too. Leave one out.")
        check_picks(self.picks, ["meg", *TYPES])
        if average_reference and not set(ELECTRODES) & set(self.picks):
            raise UserError(
                f"preprocessing.average_reference is for electrodes, and picks is {self.picks}. Set it to false, or pick eeg, "
                "ecog or seeg."
            )
        self._told: Told | None = None
        self._cleaning: Cleaning | None = None
        _check_order(self.steps)
        self._band()

    def settings(self) -> dict:
        """All settings that change the prepared numbers: the key of their cache."""
        own = {} if self.reference is None else {"reference": settings_of(self.reference)}
        return own | {
            "version": self.version,
            **{
                name: value
                for name, value in vars(self).items()
                if name not in ("steps", "reference") and name[0] != "_"
            },
            "steps": [[type(step).__module__, type(step).__qualname__, step.settings()] for step in self.steps],
        }

    def settings_for(self, study: Study, recording: Recording) -> dict:
        """See `Preparation`: with what its steps learn from, and the files that they read.

        Raises
        ------
        UserError
            A step learns, and nothing says from what; see `n2s.data.cleaning.learning.learn_from`.
        """
        learned = learning_key(self.steps, study, recording, self._told)
        files = [path for step in self.steps for path in step.files(list(study.sources(recording)))]
        stats = [
            [str(path), stat.st_size, stat.st_mtime_ns] for path in files if path.exists() and (stat := path.stat())
        ]
        return self.settings() | ({"learned_from": learned} if learned else {}) | ({"files": stats} if stats else {})

    @property
    def learns(self) -> bool:
        """Whether some step learns from recordings that a datamodule must name."""
        return any(isinstance(step, LearnedStep) and step.fit_on != ITSELF for step in self.steps)

    @property
    def cleaned(self) -> list[dict]:
        """See `SensorPreparation`."""
        return [] if self._cleaning is None else self._cleaning.removed

    def fitted_on(
        self, training: Mapping[str, Sequence[tuple[float, float]]], held_out: Sequence[str] = ()
    ) -> "Preprocessing":
        """A copy whose steps learn from these stretches of one study, for `n2s.data.recordings.prepare`.

        Parameters
        ----------
        training
            By a recording's name, the (start, stop), s on its clock, that are training; stop may be inf.
        held_out
            Names of the recordings of which something is held out: steps that learn from a task refuse them.
        """
        new = copy(self)
        new._told = Told.of(training, held_out)
        return new

    def bound(self, study: Study, recording: Recording, events: pd.DataFrame) -> "Preprocessing":
        """See `SensorPreparation`."""
        if not self.steps:
            return self

        def opened(one: Recording) -> mne.io.BaseRaw:
            return self._marked(study.load(one), f"{study.name}, {one.name}")

        new, settings = copy(self), {"bads": self.bads, "picks": self.picks}
        learned = learn(
            self.steps, study, recording, self._told, settings=settings, opened=opened, check=self._check_before_steps
        )
        new._cleaning = Cleaning(self.steps, learned, events)
        return new

    @property
    def over_edges_s(self) -> float:
        """See `SensorPreparation`: of steps that do not stop there."""
        return sum(step.support_s for step in self.steps if not step.stops_at_edges)

    def support_s(self, sfreq: float) -> float:
        """See `SensorPreparation`."""
        return (2 * self._resampler(sfreq).half + 1) / sfreq + sum(step.support_s for step in self.steps)

    def supports_s(self, sfreq: float) -> dict[str, float]:
        """See `SensorPreparation`."""

        def length_s(low: float | None, high: float | None, **more: float) -> float:
            return (len(create_filter(None, sfreq, low, high, **more, verbose="error")) - 1) / sfreq

        found = {}
        if self.highpass_hz or self.lowpass_hz:  # one kernel, as long as its steeper edge needs
            edges = {f"highpass_hz {self.highpass_hz or 0:g}": (self.highpass_hz, None)} if self.highpass_hz else {}
            edges |= {f"lowpass_hz {self.lowpass_hz or 0:g}": (None, self.lowpass_hz)} if self.lowpass_hz else {}
            longest = max(edges, key=lambda name: length_s(*edges[name]))
            found[longest] = length_s(self.highpass_hz, self.lowpass_hz)
        found |= {f"notch_hz {hz:g}": length_s(*edges, **NOTCH) for hz, edges in self._notches(sfreq).items()}
        found[f"sfreq {self.sfreq:g}"] = 2 * self._resampler(sfreq).resampling / sfreq
        found |= {type(step).__name__: step.support_s for step in self.steps}
        return {name: seconds for name, seconds in found.items() if seconds}

    def stretches(self, raw: mne.io.BaseRaw) -> list[tuple[int, int]]:
        """See `SensorPreparation`."""
        up, down = (ratio := self._ratio(raw.info["sfreq"])).numerator, ratio.denominator
        return [(-(-start * up // down), -(-stop * up // down)) for start, stop in filtered_apart(raw)]

    def __call__(
        self, raw: mne.io.BaseRaw, where: str, spans: list[list[float]] | None = None
    ) -> tuple[np.ndarray, float, mne.Info]:
        """Clean one recording, block by block: a file is never held in memory, unless a step needs it.

        See `SensorPreparation`. The rate is a ratio of whole numbers times the recording's own.

        Raises
        ------
        UserError
            No channel of the requested types; a good channel carries no signal, or none of a brain's size (`CheckedSignal`); the
            recording cannot hold the band; a step fails.
        """
        spans = [] if spans is None else spans
        band, raw_hz = self._band(), raw.info["sfreq"]
        band.check(raw.info, where)
        raw, gaps = self._marked(raw, where), []
        if self.steps:
            cleaning = self._cleaning or Cleaning.alone(self.steps)
            cleaning.check = self._check_before_steps
            raw, gaps = cleaning.run(raw, where, spans)
        picks = picked(raw.info, self.picks, where)
        info = mne.pick_info(raw.info, picks)
        check_types(info, where)
        kinds = np.array(info.get_channel_types())
        scale = np.array([TYPES[kind][0] for kind in kinds])[:, None]
        good = np.array([name not in info["bads"] for name in info["ch_names"]])
        groups = reference_groups(kinds, good, where) if self.average_reference else []
        new = Referenced.as_recorded(info) if self.reference is None else self.reference(info, where)
        apart = filtered_apart(raw)
        check_lengths(self.supports_s(raw_hz), [(stop - start) / raw_hz for start, stop in apart], where)
        resampler = self._resampler(raw_hz)
        signal = CheckedSignal(raw, picks, spans)
        data = np.zeros((-(-len(raw.times) * resampler.up // resampler.down), len(new.group)), np.float32)

        def rows(read: Read, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
            for first, values in resampler(read, start, stop):
                values *= scale
                for those in groups:
                    values[those] -= values[good & those].mean(0)
                yield first, (values if self.reference is None else new(values)).T

        for start, stop in apart:
            for first, values in rows(signal.read, start, stop):
                data[first : first + len(values)] = values
        rate_hz = raw_hz * resampler.up / resampler.down
        gaps += signal.check(info, where, cleaned=bool(self.steps))
        kept = np.array([name not in new.info["bads"] for name in new.info["ch_names"]])
        leave_out_beside(
            signal.read_again, rows, data, kept, stretches=apart, reach=resampler.half, raw_hz=raw_hz, sfreq=rate_hz, spans=spans,
            where=where,
        )  # fmt: skip
        leave_out(gaps, spans, self.support_s(raw_hz) / 2, where)
        return data, rate_hz, new.info

    def _band(self) -> Band:
        return Band(self.sfreq, self.highpass_hz, self.lowpass_hz, self.notch_hz)

    def _marked(self, raw: mne.io.BaseRaw, where: str) -> mne.io.BaseRaw:
        raw.info["bads"] = sorted(set(raw.info["bads"]) | set(mark_bads(self.bads, raw.ch_names, where)))
        check_shielding(raw.info, self.steps, where)
        return raw

    def _check_before_steps(self, raw: mne.io.BaseRaw, where: str, spans: list[list[float]]) -> list[list[float]]:
        """Steps mix channels: a dead one would spoil the others. `CheckedSignal.check` of what goes into them."""
        meg = any(isinstance(step, SSS) for step in self.steps)
        others = mne.pick_types(raw.info, meg=meg, ref_meg=False, exclude=[])
        picks = np.union1d(picked(raw.info, self.picks, where), others)
        signal = CheckedSignal(raw, picks, spans)
        signal.read_all(filtered_apart(raw))
        return signal.check(mne.pick_info(raw.info, picks), where)

    def _resampler(self, sfreq: float) -> Resampler:
        bands = [(self.highpass_hz, self.lowpass_hz, {})] if self.highpass_hz or self.lowpass_hz else []
        bands += [(*edges, NOTCH) for edges in self._notches(sfreq).values()]
        kernels = [create_filter(None, sfreq, low, high, **more, verbose="error") for low, high, more in bands]
        ratio = self._ratio(sfreq)
        return Resampler(kernels, ratio.numerator, ratio.denominator)

    def _ratio(self, sfreq: float) -> Fraction:
        return self._band().ratio(sfreq)

    def _notches(self, sfreq: float) -> dict[float, tuple[float, float]]:
        half = NOTCH_WIDTH_HZ / 2  # the stopped band: its lower edge is given second, as MNE wants it
        return {hz: (hz + half, hz - half) for hz in self._band().notches(sfreq)}


def _check_order(steps: Sequence[Step]) -> None:
    """Raise a `UserError` if SSS, or what it needs, comes too late."""
    names = [type(step).__name__ for step in steps]
    if len(one := [name for name in names if name in ("SSS", "FindBadChannels")]) > len(set(one)):
        raise UserError(f"preprocessing.steps: {names} have one of {sorted(set(one))} twice. Leave one out.")
    for i, step in enumerate(steps):
        mixes = (LearnedStep, SSS) if isinstance(step, FindBadChannels) else LearnedStep
        before = [name for one, name in zip(steps[:i], names, strict=False) if isinstance(one, mixes)]
        if isinstance(step, SSS) and before:
            raise UserError(
                f"preprocessing.steps: SSS comes after {before[0]}, but models the field that the sensors measured. Put SSS first."
            )
        if isinstance(step, FindBadChannels) and before:
            raise UserError(
                f"preprocessing.steps: FindBadChannels comes after {before[0]}, which spreads bad channels. Put FindBadChannels first."
            )
