"""People who say commands, with a microphone whose loudness tells the command, and an observer that knows each command."""

import mne
import numpy as np
from said_study import COMMANDS, SaidStudy

LOUD = (0.2, 1.0, 5.0)


class LoudStudy(SaidStudy):
    """At 250 Hz: a microphone's channel AUDIO beside the sensors."""

    name = "loud"

    def __init__(self, root, **options):
        super().__init__(root, **{"sfreq": 250.0, "conditions": ("overt",)} | options)

    def load(self, recording):
        raw = super().load(recording)
        rng = np.random.default_rng(int(recording.run))
        sound = 0.01 * rng.standard_normal(raw.n_times)
        for onset, word, _ in self._trials(recording):
            first = round(onset * self.sfreq)
            burst = rng.standard_normal(round(0.3 * self.sfreq))
            sound[first : first + len(burst)] += LOUD[COMMANDS.index(word)] * burst
        other = mne.io.RawArray(sound[None], mne.create_info(["AUDIO"], self.sfreq, "misc"), verbose="error")
        return raw.add_channels([other], force_update_info=True)

    def ideal_classes(self, recording, onsets_s, *, condition, kind, start_s, stop_s, classes=None, artifacts=False):
        names = ("stop", "up", "down")  # its own order
        said = {round(onset, 3): word for onset, word, _ in self._trials(recording)}
        truth = np.array([names.index(said[round(onset, 3)]) for onset in onsets_s])
        return np.log(0.94 * np.eye(3)[truth] + 0.02), names
