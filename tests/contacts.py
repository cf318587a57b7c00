"""A tiny study of iEEG: high-gamma noise whose size follows one feature, in a few contacts of two shafts."""

import mne
import numpy as np
from scipy import signal as dsp
from tiny import TinyStudy

from n2s.studies.study import Recording

CONTACTS = ["LA1", "LA2", "LA3", "LA4", "RB1", "RB2", "RB3"]


def contacts_raw(data, sfreq, names=CONTACTS, kind="seeg", line_hz=50.0, places=True):
    """(t, c) uV as a recording."""
    info = mne.create_info(names, sfreq, kind)
    info["line_freq"] = line_hz
    if places:
        for at, channel in enumerate(info["chs"]):
            channel["loc"][:3] = [0.03 * (-1) ** at, 0.02 + 0.004 * at, 0.01]
    return mne.io.RawArray(np.asarray(data, float).T * 1e-6, info, verbose="error")


class TinyContacts(TinyStudy):
    """As `TinyStudy`; ``planted``: a story whose samples are other noise, ten times as large."""

    name = "contacts"

    def __init__(self, root, *, sfreq=400.0, planted=None, line_hz=50.0, **options):
        super().__init__(root, sfreq=sfreq, **options)
        self.planted, self.line_hz = planted, line_hz

    def recordings(self):
        return [Recording(one.subject, task=one.task, modality="ieeg") for one in TinyStudy.recordings(self)]

    def settings(self):
        return {"planted": self.planted, "line_hz": self.line_hz}

    def load(self, recording):
        played = self._played(recording)
        n = round((max(played.values()) + self.story_s + 1.0) * self.sfreq)
        rng = np.random.default_rng([self.seed, int(recording.subject)])
        carrier = rng.standard_normal((n, len(CONTACTS)))
        sections = dsp.butter(4, [75, 165], btype="bandpass", output="sos", fs=self.sfreq)
        carrier = dsp.sosfiltfilt(sections, carrier, axis=0)
        for name, onset in played.items():
            at = np.arange(n) / self.sfreq - onset - 0.1
            inside = (at >= 0) & (at < self.story_s)
            values = self.features(name).values[:, 0]
            carrier[inside] *= np.exp(0.5 * np.interp(at[inside] * 50, np.arange(len(values)), values))[:, None]
            if name == self.planted:
                inside = (at >= -0.1) & (at < self.story_s - 0.1)
                carrier[inside] = 10 * np.random.default_rng(9).standard_normal((inside.sum(), len(CONTACTS)))
        return contacts_raw(20 * carrier, self.sfreq, line_hz=self.line_hz)
