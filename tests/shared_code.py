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

    def patterns(self, recording):
        """(3, c) of a condition."""
        code = np.random.default_rng([self.seed, 9, int(recording.subject)])
        common = code.standard_normal((3, self.n_channels))
        own = {one: code.standard_normal((3, self.n_channels)) for one in self.conditions}
        return {one: np.sqrt(self.shared) * common + np.sqrt(1 - self.shared) * own[one] for one in self.conditions}

    def gain_of(self, recording):
        last = self.last_run_gain is not None and recording.run == str(self.n_runs)
        return self.last_run_gain if last else self.gain

    def load(self, recording):
        rng = np.random.default_rng([self.seed, 7, int(recording.subject), int(recording.run)])
        gain, patterns = self.gain_of(recording), self.patterns(recording)
        data = rng.standard_normal((round((3.0 + 1.2 * self.n_trials) * self.sfreq), self.n_channels))
        for onset, word, condition in self._trials(recording):
            first = round((onset + 0.1) * self.sfreq)
            data[first : first + round(0.2 * self.sfreq)] += gain * patterns[condition][COMMANDS.index(word)]
        montage = mne.channels.make_standard_montage("biosemi64")
        raw = mne.io.RawArray(
            data.T * 1e-6, mne.create_info(montage.ch_names[: self.n_channels], self.sfreq, "eeg"), verbose="error"
        )
        return raw.set_montage(montage, verbose="error")

    def ideal_classes(self, recording, onsets_s, *, condition, kind, start_s, stop_s, classes=None, artifacts=False):
        """Of white noise: the nearest pattern, over its 200 ms, if the window has them."""
        assert kind == "word" and start_s <= 0.1 and stop_s >= 0.3
        data, patterns = (
            self.load(recording).get_data().T * 1e6,
            self.gain_of(recording) * self.patterns(recording)[condition],
        )
        n = round(0.2 * self.sfreq)
        firsts = [round((one + 0.1) * self.sfreq) for one in onsets_s]
        mean = np.stack([data[first : first + n].mean(0) for first in firsts])
        return n * (mean @ patterns.T - np.square(patterns).sum(1) / 2), COMMANDS
