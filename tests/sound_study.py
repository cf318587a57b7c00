"""People who hear three sounds of noise in four bands: EEG follows the loudness of each band, 100 ms later."""

from pathlib import Path

import mne
import numpy as np
import soundfile
from scipy.signal import butter, sosfilt

from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

SFREQ, RATE, LAG_S, SILENCE_S, SOUND_S = 100.0, 8000, 0.1, 2.0, 60.0
BANDS = ((100, 300), (300, 800), (800, 1800), (1800, 3600))
STORIES = ("one", "two", "three")


def loudness(story: str, length_s: float = SOUND_S) -> np.ndarray:
    """(n, 4) loudness of each band at 100 Hz, 0 to 1: slow random courses."""
    rng = np.random.default_rng(STORIES.index(story) if story in STORIES else abs(sum(map(ord, story))))
    noise = rng.standard_normal((round(length_s * SFREQ) + 200, 4))
    kernel = np.hanning(17)
    slow = np.stack([np.convolve(column, kernel / np.linalg.norm(kernel), "same") for column in noise.T], 1)[100:-100]
    return 1 / (1 + np.exp(-1.5 * slow))


def write_sound(path: Path, story: str, length_s: float = SOUND_S) -> Path:
    """The sound of a story as a wav file; by `loudness` for any other name, too."""
    rng = np.random.default_rng([7, sum(map(ord, story))])
    level = loudness(story, length_s)
    time = np.arange(round(length_s * RATE)) / RATE
    sound = np.zeros(len(time))
    for (low, high), course in zip(BANDS, level.T, strict=True):
        carrier = sosfilt(butter(4, (low, high), "bandpass", fs=RATE, output="sos"), rng.standard_normal(len(time)))
        sound += carrier / carrier.std() * np.interp(time, np.arange(len(course)) / SFREQ, course)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (0.1 * sound / np.abs(sound).max() * 5).clip(-1, 1), RATE)
    return path


def brain_of(
    story: str,
    *,
    subject: int,
    gain: float = 1.0,
    n_channels: int = 16,
    length_s: float = SOUND_S,
    lead_s: float = SILENCE_S,
    seed: int = 0,
) -> mne.io.RawArray:
    """EEG of somebody who hears a story from ``lead_s`` on."""
    rng = np.random.default_rng([seed, subject, sum(map(ord, story))])
    common = np.random.default_rng(99).standard_normal((4, n_channels))
    mixing = common + 0.2 * np.random.default_rng([99, subject]).standard_normal((4, n_channels))
    n = round((lead_s + length_s + SILENCE_S) * SFREQ)
    data = 0.5 * rng.standard_normal((n, n_channels))
    first = round((lead_s + LAG_S) * SFREQ)
    level = loudness(story, length_s) - 0.5
    data[first : first + len(level)] += 4 * gain * level @ mixing
    montage = mne.channels.make_standard_montage("biosemi64")
    info = mne.create_info(montage.ch_names[:n_channels], SFREQ, "eeg")
    return mne.io.RawArray(1e-6 * data.T, info, verbose="error").set_montage(montage, verbose="error")


class SoundStudy(Study):
    """``n_subjects`` hear the three stories, one a recording."""

    name = "sounds"

    def __init__(self, root: str, *, n_subjects: int = 2, gain: float = 1.0):
        self.root, self.n_subjects, self.gain = Path(root), n_subjects, gain

    def recordings(self):
        return [
            Recording(f"{s:02d}", task=story, modality="eeg")
            for s in range(1, self.n_subjects + 1)
            for story in STORIES
        ]

    def sources(self, recording):
        return [self.audio(recording.task)]

    def settings(self):
        return {"gain": self.gain}

    def audio(self, stimulus):
        path = self.root / f"{stimulus}.wav"
        return path if path.exists() else write_sound(path, stimulus)

    def load(self, recording):
        return brain_of(recording.task, subject=int(recording.subject), gain=self.gain)

    def events(self, recording):
        row = {"onset": SILENCE_S, "duration": SOUND_S, "kind": "story", "stimulus_onset": 0.0, "story": recording.task}
        return events_table([row | {"stimulus": recording.task, "language": "en"}], where=recording.name)
