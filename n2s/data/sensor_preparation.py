"""What every preparation of sensors has in common: which channels it keeps, and what the cache keeps beside their array."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial

import mne
import numpy as np
import pandas as pd

from n2s.data.channel_types import ELECTRODES, TYPES
from n2s.data.edges import bad_spans
from n2s.data.places import INSIDE, NOWHERE, brain_of, contact_places
from n2s.data.positions import sensor_positions
from n2s.data.recordings import Made, Preparation
from n2s.data.sensor_recording import SensorRecording
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study


class SensorPreparation(Preparation):
    """Prepares recordings of MEG, EEG or iEEG: see `n2s.data.Preprocessing` and `n2s.data.HighGamma`.

    Attributes
    ----------
    sfreq
        Rate of the prepared recordings, Hz. Sample i is at ``i / sfreq`` on the recording's clock.
    bads
        Channels that are bad in every recording that has them.
    picks
        Channel types to keep.
    """

    kind = SensorRecording
    sfreq: float
    bads: list[str]
    picks: list[str]

    #: Seconds that samples reach over interruptions, at which all else stops.
    over_edges_s: float = 0.0

    @abstractmethod
    def support_s(self, sfreq: float) -> float:
        """Seconds of raw recording that one prepared sample depends on, for a recording of ``sfreq`` Hz."""

    @abstractmethod
    def supports_s(self, sfreq: float) -> dict[str, float]:
        """The settings that make one prepared sample depend on its neighbours in time, and the length that each adds, s."""

    @abstractmethod
    def stretches(self, raw: mne.io.BaseRaw) -> list[tuple[int, int]]:
        """(first, last) prepared samples of each stretch that is filtered as one."""

    @abstractmethod
    def __call__(
        self, raw: mne.io.BaseRaw, where: str, spans: list[list[float]] | None = None
    ) -> tuple[np.ndarray, float, mne.Info]:
        """Clean one recording.

        Parameters
        ----------
        raw
            The recording.
        where
            Names it in messages.
        spans
            (onset, duration), s, of what no window may touch. Stretches that cannot be used are added.

        Returns
        -------
        data
            (t, c) float32 in fT, fT/cm and uV, time-major.
        sfreq
            Its exact rate.
        info
            Info of the kept channels, bad ones marked.
        """

    #: Whether it learns from recordings that a datamodule must name: `fitted_on`.
    learns: bool = False

    @property
    def cleaned(self) -> list[dict]:
        """What each step of the cleaning removed from the recording that was just prepared."""
        return []

    def fitted_on(
        self, training: Mapping[str, Sequence[tuple[float, float]]], held_out: Sequence[str] = ()
    ) -> "SensorPreparation":
        """A copy that knows the training stretches of one study: see `n2s.data.Preprocessing.fitted_on`. What learns nothing stays as it is."""
        return self

    def bound(self, study: Study, recording: Recording, events: pd.DataFrame) -> "SensorPreparation":
        """A copy for one recording, with what it needs to know beside the signal; by default nothing."""
        return self

    def make(self, study: Study, recording: Recording, where: str) -> Made:
        """See `Preparation`."""
        raw = study.load(recording)
        raw_sfreq, duration_s = raw.info["sfreq"], len(raw.times) / raw.info["sfreq"]
        events = events_table(study.events(recording), where=where, duration_s=duration_s)
        spans = bad_spans(raw)
        stretches = self.stretches(raw)
        bound = self.bound(study, recording, events)
        data, sfreq, info = bound(raw, where, spans)
        meta = {
            "sfreq": sfreq,
            "raw_sfreq": raw_sfreq,
            "support_s": self.support_s(raw_sfreq),
            "supports_s": self.supports_s(raw_sfreq),
            "over_edges_s": self.over_edges_s,
            "stretches": stretches,
            "ch_names": info["ch_names"],
            "units": [TYPES[kind][1] for kind in info.get_channel_types()],
            "good": [name not in info["bads"] for name in info["ch_names"]],
            "positions": positions_of(info, where).round(6).tolist(),
            "bad_spans": spans,
            "preprocessing": self.settings_for(study, recording),
            "cleaned": bound.cleaned,
        }
        if INSIDE & set(info.get_channel_types()):
            meta["frame"] = brain_of(raw)
        write_info = partial(mne.io.write_info, info=info, verbose="error")
        return Made(data, meta, {"events.parquet": events.to_parquet, "sensors-info.fif": write_info})


def positions_of(info: mne.Info, where: str) -> np.ndarray:
    """(c, 2) The place of each channel on the unit square; contacts inside the head may have none (`NOWHERE`), which is told."""
    if not set(info.get_channel_types()) <= INSIDE:
        return sensor_positions(info, where)
    placed = np.isfinite(contact_places(info)).all(1)
    found = np.full((len(placed), 2), NOWHERE, np.float32)
    if placed.any():
        found[placed] = sensor_positions(mne.pick_info(info, np.flatnonzero(placed)), where)
    lost = [name for name, at in zip(info["ch_names"], placed, strict=True) if not at and name not in info["bads"]]
    if lost:
        tell(
            "odd",
            where,
            f"{len(lost)} of {len(placed)} contacts have no place ({first_of(lost, 6, ', ...')}): no picture of the brain shows them. Add "
            "electrodes.tsv with coordsystem.json.",
        )
    return found


def check_picks(picks: list[str], known: list[str]) -> None:
    """Raise a `UserError` if a type of channels is none of those ``known``."""
    unknown = set(picks) - set(known)
    if unknown:
        raise UserError(f"preprocessing.picks: found {sorted(unknown)}, expected some of {', '.join(known)}.")


def picked(info: mne.Info, picks: list[str], where: str) -> np.ndarray:
    """(c,) The channels of the types in ``picks``; a `UserError` if a recording has none of them."""
    kinds = set(picks)
    meg = True if "meg" in kinds or {"mag", "grad"} <= kinds else next(iter(kinds & {"mag", "grad"}), False)
    electrodes = {kind: kind in kinds for kind in ELECTRODES}
    found = mne.pick_types(info, meg=meg, **electrodes, ref_meg=False, exclude=[])
    if not len(found):
        there = ", ".join(sorted(set(info.get_channel_types())))
        types = (
            " If they are contacts in the brain, say so in channels.tsv (type ECOG or SEEG)." if kinds <= INSIDE else ""
        )
        brain = [kind for kind in (*ELECTRODES, "mag", "grad") if kind in info.get_channel_types()]
        remedy = f"Set preprocessing.picks to [{', '.join(brain)}]" if brain else "None of them records a brain"
        raise UserError(f"{where}: no channel of type {', '.join(picks)}; it has {there}. {remedy}.{types}")
    return found
