"""Recordings as they are cleaned, but at a rate that holds voice and muscles; and the waveforms recorded beside them."""

from copy import copy
from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
from scipy.signal import resample_poly

from n2s.data.bands import Band
from n2s.data.edges import filtered_apart
from n2s.data.filtering import Resampler
from n2s.data.preprocessing import Preprocessing
from n2s.data.sensor_preparation import SensorPreparation
from n2s.data.side_channels import Channels, find
from n2s.data.side_head import head_moves
from n2s.data.side_signals import SideSignals
from n2s.data.splits import stretches
from n2s.features.audio import audio_duration_s, read_audio
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

WIDE_HZ = 500.0  # holds voices to 225 Hz, and most of what muscles of the face give
CHANNELS = ("audio", "emg", "eog", "ecg")
FINER = 16  # between samples of so many times the rate, lines are good enough


def wide_band(preparation: SensorPreparation, sfreq: float) -> SensorPreparation:
    """The same preparation, with its cleaning and without its filters, at another rate. Of band power: the signals that it is the power of."""
    if not isinstance(preparation, Preprocessing):
        return Preprocessing(sfreq=sfreq, picks=list(preparation.picks), bads=list(preparation.bads))
    wide = copy(preparation)
    wide.sfreq, wide.highpass_hz, wide.lowpass_hz, wide.notch_hz = float(sfreq), None, None, []
    return wide


class Waveforms(NamedTuple):
    """``groups``: of each ``(t, d)`` float32 waveforms and their names; ``lowpass_hz``: of the recording, by its header.

    ``pairs``: the names that are differences of two channels.
    """

    groups: dict[str, tuple[np.ndarray, list[str]]]
    lowpass_hz: float
    pairs: frozenset[str]


def waveforms(study: Study, recording: Recording, side: SideSignals, *, sfreq: float, where: str) -> Waveforms:
    """The side signals of a recording at a rate, as many samples as `wide_band` gives.

    Sound that is no channel is that of the file recorded beside (``recorded``), and of what is heard (``heard``).
    """
    raw = study.load(recording)
    ratio = Band(sfreq, None, None, []).ratio(raw.info["sfreq"])
    n_times = -(-raw.n_times * ratio.numerator // ratio.denominator)
    rate_hz = raw.info["sfreq"] * float(ratio)
    found, pairs = {}, set()
    for group in CHANNELS:
        signals = find(raw.info, group, side.named[group], where) if group in side.groups else []
        if signals:
            data, names = _channels(raw, signals, ratio.numerator, ratio.denominator, n_times)
            pairs |= {one.name for one in signals if len(one.weights) > 1}
            if names:
                found[group] = (data, names)
    if "audio" in side.groups and "audio" not in found:
        sounds = _sounds(study, recording, n_times, rate_hz, raw.n_times / raw.info["sfreq"], where)
        if sounds:
            found["audio"] = (np.stack(list(sounds.values()), 1), list(sounds))
    if "head" in side.groups:
        moves = head_moves(raw, n_times, rate_hz, where)
        if moves:
            found["head"] = (np.stack([one.values for one in moves], 1).astype(np.float32), [one.name for one in moves])
    return Waveforms(found, raw.info["lowpass"] or np.inf, frozenset(pairs))


def _channels(raw: mne.io.BaseRaw, signals: list, up: int, down: int, n_times: int) -> tuple[np.ndarray, list[str]]:
    read, data = Channels(raw, signals), np.zeros((n_times, len(signals)), np.float32)
    for start, stop in filtered_apart(raw):
        for first, values in Resampler([], up, down)(read, start, stop):
            data[first : first + values.shape[1]] = values.T
    alive = ~read.dead
    return data[:, alive], [one.name for one, lives in zip(signals, alive, strict=True) if lives]


def _sounds(
    study: Study, recording: Recording, n_times: int, rate_hz: float, duration_s: float, where: str
) -> dict[str, np.ndarray]:
    """(t,) ``recorded``: the file beside; ``heard``: other sounds, by the events. Those that there are: a voice and what it answers may overlap."""
    beside = study.recorded_sound(recording)
    parts: dict[str, list] = {"recorded": [], "heard": []}
    if beside is not None:
        parts["recorded"].append((beside.path, beside.start_s, 0.0, audio_duration_s(beside.path)))
    laid = stretches(events_table(study.events(recording), where=where, duration_s=duration_s))
    for stimulus, rows in laid.groupby("stimulus"):
        path = study.audio(stimulus)
        if path is not None and path.is_file() and (beside is None or path != beside.path):
            parts["heard"] += [(path, row.onset, row.stimulus_onset, row.duration) for row in rows.itertuples()]
    found = {name: _laid(own, n_times, rate_hz) for name, own in parts.items()}
    return {name: values for name, values in found.items() if values.any()}


def _laid(parts: list[tuple[Path, float, float, float]], n_times: int, rate_hz: float) -> np.ndarray:
    """(t,) Stretches of files: (path, onset in the recording, start in the file, length), s."""
    found = np.zeros(n_times, np.float32)
    for path, onset, start_s, length_s in parts:
        stop_s = min(start_s + length_s, audio_duration_s(path))
        if stop_s - start_s < 0.05:
            continue
        values = at_rate(read_audio(path, round(rate_hz), start_s, stop_s).numpy(), rate_hz)
        at = round(onset * rate_hz)
        low, high = max(at, 0), min(at + len(values), n_times)
        if high > low:
            found[low:high] += values[low - at : high - at]
    return found


def at_rate(values: np.ndarray, rate_hz: float) -> np.ndarray:
    """(n,) at the nearest whole rate -> (m,) at the rate itself: over minutes, a part of a Hz is many samples."""
    hz = round(rate_hz)
    if abs(rate_hz - hz) < 1e-9:
        return values
    fine_s = np.arange(FINER * len(values)) / (FINER * hz)
    at_s = np.arange(int((len(values) - 1) * rate_hz / hz) + 1) / rate_hz
    return np.interp(at_s, fine_s, resample_poly(values, FINER, 1)).astype(np.float32)
