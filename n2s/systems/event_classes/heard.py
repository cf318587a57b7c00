"""The sound of windows at events: what a classifier of the sound alone would see."""

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.data.splits import stretches
from n2s.features.mel import Mel
from n2s.features.store import FeatureStore
from n2s.studies.study import Stimulus

MEL = {"n_mels": 10, "sfreq": 16000, "n_fft": 512, "hop": 320}
RATE_HZ, SILENT = 50.0, -5.0  # log10 of Mel's floor
LEAST_SHARE = 0.9  # of the windows have a sound


def heard_windows(data: EventDataModule) -> dict[str, np.ndarray] | str:
    """Split -> (n, bands, samples at 50 Hz) log-mel spectrogram of each window; or why there is none, as a sentence.

    The sound is that of the stimuli, as the brain's window has it, without a delay.
    """
    found = {}
    store, sounds = FeatureStore(Mel(**MEL)), {}
    n_samples = max(1, round(data.shape.window_s * RATE_HZ))
    for split in ("train", "test"):
        table = data.events(split)
        windows, known = np.full((len(table), MEL["n_mels"], n_samples), SILENT, np.float32), np.zeros(len(table), bool)
        for recording, rows in table.groupby("recording", sort=False).indices.items():
            stimulus, start_s = _played(
                data.recordings[recording].events, table.start_s.to_numpy(float)[rows], data.shape.window_s
            )
            study = data.studies[recording.split("/")[0]]
            for name in dict.fromkeys(stimulus[stimulus != ""]):
                if (recording.split("/")[0], name) not in sounds:
                    own = name == recording.rpartition("/")[2]  # what was said there: no file
                    path = None if own else study.audio(name)
                    mel = None if path is None else store.frames(Stimulus(name, path))[0].values
                    sounds[recording.split("/")[0], name] = mel
                mel = sounds[recording.split("/")[0], name]
                if mel is None:
                    continue
                mine = np.flatnonzero(stimulus == name)
                at = np.rint(start_s[mine, None] * RATE_HZ).astype(int) + np.arange(n_samples)
                inside = (at >= 0) & (at < len(mel))
                values = np.where(inside[..., None], mel[at.clip(0, len(mel) - 1)], SILENT)
                windows[rows[mine]], known[rows[mine]] = values.transpose(0, 2, 1), True
        if not len(table) or known.mean() < LEAST_SHARE:
            return f"{(~known).sum()} of {len(table)} {split} windows have no sound file."
        found[split] = windows
    return found


def _played(events: pd.DataFrame, start_s: np.ndarray, window_s: float) -> tuple[np.ndarray, np.ndarray]:
    """The stimulus that plays in the middle of each window ("" if none), and the window's start in it, s."""
    rows = stretches(events).query("attended != 'no'").sort_values("onset")
    stimulus, found = np.full(len(start_s), "", object), np.zeros(len(start_s))
    if rows.empty:
        return stimulus, found
    onset, stop = rows.onset.to_numpy(float), (rows.onset + rows.duration).to_numpy(float)
    middle = start_s + window_s / 2
    at = (np.searchsorted(onset, middle, "right") - 1).clip(0)
    near = (start_s + window_s > onset[at]) & (start_s < stop[at])  # a part of the window plays it
    stimulus[near] = rows.stimulus.to_numpy(object)[at[near]]
    return stimulus, rows.stimulus_onset.to_numpy(float)[at] + start_s - onset[at]
