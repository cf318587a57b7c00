"""Listeners whose EEG follows an envelope with a known delay, in a BIDS folder with ready features."""

from pathlib import Path

import mne
import numpy as np
from builders import bids_from_raw, write_frames

SFREQ, DELAY = 32.0, 3  # Hz, samples


def envelope_of(story: str, n: int) -> np.ndarray:
    """(n, 1) smooth noise, the same for every listener."""
    noise = np.random.default_rng([7, *map(ord, story)]).standard_normal(n + 8)
    return np.convolve(noise, np.hanning(9) / 2, "valid")[:n, None].astype(np.float32)


def bids_of_followers(
    root: Path,
    *,
    n_subjects: int = 2,
    stories: tuple[str, ...] = ("ash", "birch", "cedar", "date"),
    story_s: float = 40.0,
    n_sensors: int = 8,
    gain: float = 0.4,
) -> Path:
    """Each story a run of each listener; ``gain`` of the envelope, `DELAY` samples later, in white noise."""
    montage = mne.channels.make_standard_montage("biosemi64")
    n = round(story_s * SFREQ)
    for subject in range(1, n_subjects + 1):
        mixing = np.random.default_rng([1, subject]).standard_normal((n_sensors, 1))
        for number, story in enumerate(stories):
            rng = np.random.default_rng([2, subject, number])
            envelope = envelope_of(story, n)
            data = rng.standard_normal((n_sensors, n + 64))
            data[:, DELAY : DELAY + n] += gain * mixing @ envelope.T
            raw = mne.io.RawArray(
                1e-5 * data, mne.create_info(montage.ch_names[:n_sensors], SFREQ, "eeg"), verbose="ERROR"
            )
            raw.set_montage(montage, on_missing="ignore", verbose="ERROR")
            events = [{"onset": 0.0, "duration": story_s, "trial_type": "sound", "stim_file": f"{story}.wav"}]
            bids_from_raw(
                raw, root, subject=f"{subject:02d}", run=f"{number + 1:02d}", datatype="eeg", format="BrainVision", events=events
            )  # fmt: skip
            write_frames(root / "envelope", story, envelope, rate_hz=SFREQ)
    return root
