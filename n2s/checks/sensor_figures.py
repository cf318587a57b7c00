"""Figures of one recording of MEG, EEG or iEEG: its sensors, events, spectrum, and the response to words."""

import mne
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.data.places import NOWHERE
from n2s.data.sensor_preparation import positions_of
from n2s.metrics.result import Drawing
from n2s.studies.events import KINDS
from n2s.studies.study import Recording, Study

EVOKED_S, BAND_HZ, SFREQ = (-0.2, 0.6), (1.0, 20.0), 100.0
SHOWN_S = 30.0
LOADED = 2**27  # numbers of a recording: 1 GB; of a longer one, its beginning is drawn
UNITS = {"mag": ("fT", 1e15), "eeg": ("µV", 1e6), "grad": ("fT/cm", 1e13), "seeg": ("µV", 1e6), "ecog": ("µV", 1e6)}
FAR_EAST = "[\u2e80-\uffff]"  # letters that matplotlib's own font lacks


def sensor_drawings(study: Study, recording: Recording) -> list[Drawing]:
    """Sensors, events, spectrum, and the average response to words, of one recording."""
    raw = study.load(recording)
    events = study.events(recording)
    picks = mne.pick_types(raw.info, meg=True, eeg=True, ecog=True, seeg=True, ref_meg=False)
    raw = raw.pick(picks, verbose="error")
    shown = min(raw.n_times, max(LOADED // len(picks), 1))
    raw = raw.crop(tmax=(shown - 1) / raw.info["sfreq"], verbose="error").load_data(verbose="error")
    kind = next(kind for kind in UNITS if kind in raw.get_channel_types())
    unit = UNITS[kind]
    places = positions_of(raw.info, recording.name)
    spectrum = raw.compute_psd(picks=kind, fmax=min(150.0, raw.info["sfreq"] / 2.01), n_jobs=1, verbose="error")
    return [
        Drawing(
            "Sensors",
            _layout(places, raw.info["bads"], raw.ch_names),
            f"{len(places)} sensors of {recording.name}, seen from above; red: marked bad.",
        ),
        Drawing("Events", _raster(events), f"The first {SHOWN_S:g} s of {recording.name}."),
        Drawing(
            "Spectrum",
            _spectrum(spectrum, unit),
            f"Power of each of {len(spectrum.ch_names)} {kind} sensors, and the median.",
        ),
        Drawing("Response to words", *_evoked(raw, events, kind, unit)),
    ]


def _axes(width: float, height: float) -> tuple[Figure, object]:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _layout(places: np.ndarray, bads: list[str], names: list[str]) -> Figure:
    figure, axes = _axes(4.5, 4.5)
    bad = np.isin(names, bads)
    shown = ~np.isclose(places, NOWHERE).all(1)
    axes.scatter(*places[shown].T, s=14, c=np.where(bad, "#D55E00", "#0072B2")[shown])
    axes.set_aspect("equal")
    axes.set(xlabel="left to right", ylabel="back to front", xticks=[], yticks=[])
    return figure


def _raster(events: pd.DataFrame) -> Figure:
    figure, axes = _axes(9, 3)
    kinds = [kind for kind in KINDS if (events.kind == kind).any()]
    start = events.onset.min()
    stop = min(start + SHOWN_S, (events.onset + events.duration).max() + 0.5)
    for row, kind in enumerate(kinds):
        shown = events[(events.kind == kind) & (events.onset < start + SHOWN_S)]
        axes.broken_barh(
            list(zip(shown.onset, shown.duration.clip(lower=0.02), strict=True)), (row - 0.3, 0.6), edgecolor="white"
        )
        if kind == "word":
            for word in shown[~shown.text.str.contains(FAR_EAST)].itertuples():
                axes.text(word.onset, row + 0.35, word.text, rotation=60, fontsize=6, va="bottom")
    axes.set(yticks=range(len(kinds)), yticklabels=kinds, xlabel="s in the recording", xlim=(start, stop))
    return figure


def _spectrum(spectrum: mne.time_frequency.Spectrum, unit: tuple[str, float]) -> Figure:
    figure, axes = _axes(8, 3.5)
    power = spectrum.get_data() * unit[1] ** 2
    axes.semilogy(spectrum.freqs[1:], power[:, 1:].T, color="#BBBBBB", linewidth=0.4)
    axes.semilogy(spectrum.freqs[1:], np.median(power, 0)[1:], color="#0072B2")
    axes.set(xlabel="frequency (Hz)", ylabel=f"power ({unit[0]}²/Hz)")
    return figure


def _evoked(raw: mne.io.BaseRaw, events: pd.DataFrame, kind: str, unit: tuple[str, float]) -> tuple[Figure, str]:
    """Average over word onsets (or sound onsets if there are no words), beside the average over as many random moments."""
    what = "word" if (events.kind == "word").any() else "sound"
    onset = events.onset[events.kind == what].to_numpy()
    low, high = BAND_HZ
    raw = raw.copy().pick(kind, verbose="error").filter(low, min(high, raw.info["sfreq"] / 2.5), verbose="error")
    data, sfreq = raw.get_data() * unit[1], raw.info["sfreq"]
    window = np.arange(round(EVOKED_S[0] * sfreq), round(EVOKED_S[1] * sfreq))
    rng = np.random.default_rng(0)
    figure, axes = _axes(8, 3.5)
    n = 0
    for times, color, label in (
        (rng.uniform(0, raw.times[-1], max(len(onset), 1)), "#999999", "random moments"),
        (onset, "#0072B2", f"{what} onsets"),
    ):
        at = np.rint(times * sfreq).astype(int)
        at = at[(at + window[0] >= 0) & (at + window[-1] < data.shape[1])]
        if len(at):
            mean = np.mean([data[:, one + window] for one in at], 0)
            axes.plot(1000 * window / sfreq, np.sqrt((mean**2).mean(0)), color=color, label=f"{label} (n = {len(at)})")
            n = len(at)
    if axes.lines:
        axes.legend(frameon=False)
    else:
        axes.text(0.5, 0.5, "the recording is too short", ha="center", transform=axes.transAxes)
    axes.set(xlabel=f"ms from {what} onset", ylabel=f"root mean square over sensors ({unit[0]})")
    return figure, f"{kind} sensors, {low:g} to {high:g} Hz, the average over {n} {what} onsets against random moments."
