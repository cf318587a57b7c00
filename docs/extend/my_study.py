"""A study: any folder becomes recordings, events and sounds. This one has arrays: sub-01_tale.npy beside tale.wav."""

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.features.audio import audio_duration_s
from n2s.studies import Recording, Study
from n2s.studies.events import events_table

SFREQ = 100.0  # Hz; how your arrays were sampled


class MyStudy(Study):
    """Arrays of 8 EEG channels, [channel, sample] in volts, that begin with their sound.

    Parameters
    ----------
    root
        The folder.
    """

    name = "mine"

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self._files = sorted(self.root.glob("sub-*_*.npy"))
        if not self._files:
            raise UserError(f"{self.root}: no files such as sub-01_tale.npy. Give the folder that holds them as root.")

    def recordings(self) -> list[Recording]:
        """Who, and what was heard, from the names of files."""
        names = [path.stem.removeprefix("sub-").split("_") for path in self._files]
        return [Recording(subject, task=story, modality="eeg") for subject, story in names]

    def sources(self, recording: Recording) -> list[Path]:
        """What `load` and `events` read: a cache is stale when these change."""
        return [self.root / f"sub-{recording.subject}_{recording.task}.npy"]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Any object that MNE makes, in volts or tesla, with the places of its sensors."""
        (path,) = self.sources(recording)
        names = mne.channels.make_standard_montage("biosemi16").ch_names[:8]
        raw = mne.io.RawArray(np.load(path), mne.create_info(names, SFREQ, "eeg"), verbose="error")
        return raw.set_montage("biosemi16", verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """One sound from the first sample on. Rows of words or phones (kind "word", "phone") may follow."""
        story = recording.task
        heard = {"onset": 0.0, "duration": audio_duration_s(self.audio(story)), "kind": "sound"}
        heard |= {"story": story, "stimulus": story, "stimulus_onset": 0.0, "language": "en"}
        return events_table([heard], where=recording.name)

    def audio(self, stimulus: str) -> Path:
        """The sound of a stimulus."""
        return self.root / f"{stimulus}.wav"
