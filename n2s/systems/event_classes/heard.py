"""The sound of windows at events: what a classifier of the sound alone would see."""

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.data.recordings import prepare
from n2s.data.side_signals import SideSignals
from n2s.data.splits import stretches
from n2s.data.window_cuts import cut_windows
from n2s.features.mel import Mel
from n2s.features.store import FeatureStore
from n2s.studies.study import Stimulus, Study

N_BANDS, RATE_HZ = 10, 50.0
MEL = {"n_mels": N_BANDS, "sfreq": 16000, "n_fft": 512, "hop": 320}
SILENT = -5.0  # log10 of Mel's floor
QUIET = 0.03  # of the 99th percentile: envelopes are seen on a logarithmic scale above it
LEAST_SHARE = 0.9  # of the windows have a sound


def heard_windows(data: EventDataModule) -> dict[str, np.ndarray] | str:
    """Split -> (n, bands, samples at 50 Hz) sound of each window, as the brain's window has it; or why there is none, as a sentence.

    Of what is heard, the log-mel spectrogram of the stimuli. Where somebody speaks, or stimuli have no sound, envelopes of the sound that was
    recorded beside the brain (`n2s.data.SideSignals`).
    """
    listened = all(set(data.events(split).condition) <= {"listen"} for split in ("train", "test"))
    ways = (of_stimuli, of_recordings) if listened else (of_recordings, of_stimuli)
    found = ways[0](data)
    other = ways[1](data) if isinstance(found, str) else found
    return f"{found} {other}" if isinstance(other, str) else other


def of_stimuli(data: EventDataModule) -> dict[str, np.ndarray] | str:
    """See `heard_windows`: from the sound files of what is heard."""
    found, store, sounds = {}, FeatureStore(Mel(**MEL)), {}
    n_samples = _n_samples(data)
    for split in ("train", "test"):
        table = data.events(split)
        windows, known = np.full((len(table), N_BANDS, n_samples), SILENT, np.float32), np.zeros(len(table), bool)
        for recording, rows in table.groupby("recording", sort=False).indices.items():
            study = recording.split("/")[0]
            start_s = table.start_s.to_numpy(float)[rows]
            stimulus, at_s = played(data.recordings[recording].events, start_s, data.shape.window_s)
            for name in dict.fromkeys(stimulus[stimulus != ""]):
                if (study, name) not in sounds:
                    said_there = name == recording.rpartition("/")[2]  # no stimulus, and no file
                    sounds[study, name] = None if said_there else _mel(store, data.studies[study], name)
                if sounds[study, name] is not None:
                    mine = np.flatnonzero(stimulus == name)
                    windows[rows[mine]] = _cut(sounds[study, name], at_s[mine], n_samples)
                    known[rows[mine]] = True
        if known.mean() < LEAST_SHARE:
            return f"{(~known).sum()} of {len(table)} {split} windows have no sound file."
        found[split] = windows
    return found


def of_recordings(data: EventDataModule) -> dict[str, np.ndarray] | str:
    """See `heard_windows`: from the sound that was recorded beside the brain."""
    wanted = set().union(*(data.events(split).recording for split in ("train", "test")))
    preparation, items = SideSignals(sfreq=RATE_HZ, groups=["audio"], n_mels=N_BANDS), {}
    for name, study in data.studies.items():
        found = {f"{name}/{item.recording.name}": item for item in prepare(study, preparation, n_jobs=data.n_jobs)}
        items |= {key: item for key, item in found.items() if key in wanted}
    common = set.intersection(*(set(item.meta["ch_names"]) for item in items.values())) if items else set()
    if not common:
        lacking = [key for key, item in items.items() if not item.meta["ch_names"]]
        return f"no sound was recorded beside the brain in {lacking[0] if lacking else 'all recordings'}."
    arrays, rates = {}, {}
    for key, item in items.items():
        order = [item.meta["ch_names"].index(one) for one in sorted(common)]
        values = np.maximum(np.nan_to_num(np.array(item.brain[:, order], np.float64)), 0)
        floor = QUIET * np.maximum(np.percentile(values, 99, axis=0), np.finfo(np.float32).tiny)
        arrays[key], rates[key] = np.log(values + floor), item.meta["sfreq"]
    found = {}
    for split in ("train", "test"):
        table = data.events(split)
        first = np.rint(table.start_s.to_numpy(float) * table.recording.map(rates).to_numpy(float)).astype(int)
        found[split] = cut_windows(arrays, table.recording, first, _n_samples(data))
    return found


def played(events: pd.DataFrame, start_s: np.ndarray, window_s: float) -> tuple[np.ndarray, np.ndarray]:
    """The stimulus that plays in the middle of each window, or at least in a part of it ("" if none), and the window's start in it, s.

    Parameters
    ----------
    events
        Of the recording.
    start_s, window_s
        (n,) starts of windows on its clock, and their length, s.
    """
    rows = stretches(events)
    rows = rows[rows.attended != "no"].sort_values("onset")
    stimulus, found = np.full(len(start_s), "", object), np.zeros(len(start_s))
    if rows.empty:
        return stimulus, found
    onset, stop = rows.onset.to_numpy(float), (rows.onset + rows.duration).to_numpy(float)
    at = (np.searchsorted(onset, start_s + window_s / 2, "right") - 1).clip(0)
    near = (start_s + window_s > onset[at]) & (start_s < stop[at])
    stimulus[near] = rows.stimulus.to_numpy(object)[at[near]]
    return stimulus, rows.stimulus_onset.to_numpy(float)[at] + start_s - onset[at]


def _mel(store: FeatureStore, study: Study, stimulus: str) -> np.ndarray | None:
    path = study.audio(stimulus)
    return None if path is None else store.frames(Stimulus(stimulus, path))[0].values


def _cut(mel: np.ndarray, start_s: np.ndarray, n_samples: int) -> np.ndarray:
    """(n, bands, samples) from (l, bands); silence outside."""
    at = np.rint(start_s[:, None] * RATE_HZ).astype(int) + np.arange(n_samples)
    inside = (at >= 0) & (at < len(mel))
    return np.where(inside[..., None], mel[at.clip(0, len(mel) - 1)], SILENT).transpose(0, 2, 1)


def _n_samples(data: EventDataModule) -> int:
    return max(1, round(data.shape.window_s * RATE_HZ))
