"""Commands that are heard and said with a code of which the conditions share a known part."""

import mne
import numpy as np
from said_study import COMMANDS, SaidStudy


class SharedCode(SaidStudy):
    """As `SaidStudy`; the pattern of a command in a condition is ``sqrt(shared)`` common and ``sqrt(1 - shared)`` its own.

    ``missing``: subject -> conditions that the person never has. ``unsaid``: (condition, command) that never occurs.
    """

    def __init__(self, root, *, shared=0.5, missing=None, unsaid=None, **options):
        super().__init__(root, **options)
        self.shared, self.missing, self.unsaid = shared, missing or {}, unsaid

    def _trials(self, recording):
        every = super()._trials(recording)
        return [
            one
            for one in every
            if one[2] not in self.missing.get(recording.subject, ()) and (one[2], one[1]) != tuple(self.unsaid or ())
        ]

    def load(self, recording):
        rng = np.random.default_rng([self.seed, 7, int(recording.subject), int(recording.run)])
        code = np.random.default_rng([self.seed, 9, int(recording.subject)])
        common = code.standard_normal((3, self.n_channels))
        own = {one: code.standard_normal((3, self.n_channels)) for one in self.conditions}
        data = rng.standard_normal((round((3.0 + 1.2 * self.n_trials) * self.sfreq), self.n_channels))
        last = self.last_run_gain is not None and recording.run == str(self.n_runs)
        gain = self.last_run_gain if last else self.gain
        for onset, word, condition in self._trials(recording):
            first = round((onset + 0.1) * self.sfreq)
            which = COMMANDS.index(word)
            pattern = np.sqrt(self.shared) * common[which] + np.sqrt(1 - self.shared) * own[condition][which]
            data[first : first + round(0.2 * self.sfreq)] += gain * pattern
        montage = mne.channels.make_standard_montage("biosemi64")
        raw = mne.io.RawArray(
            data.T * 1e-6, mne.create_info(montage.ch_names[: self.n_channels], self.sfreq, "eeg"), verbose="error"
        )
        return raw.set_montage(montage, verbose="error")
