"""People who hear and say commands in several runs: sensors carry a pattern of the command, 100 to 300 ms after its onset."""

from pathlib import Path

import mne
import numpy as np

from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

COMMANDS = ("up", "down", "stop")


class SaidStudy(Study):
    """``n_runs`` runs a person; a command every 1.2 s; ``conditions`` in turn, in blocks of six.

    ``gain``: of the patterns, relative to the noise. ``patterns``: the same of all conditions.
    """

    name = "said"

    def __init__(self, root, *, n_subjects=2, n_runs=5, n_trials=36, gain=1.0, conditions=("listen", "overt"), n_channels=8, sfreq=100.0, seed=0,
                 last_run_gain=None, bad=None):  # fmt: skip
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.n_subjects, self.n_runs, self.n_trials, self.gain = n_subjects, n_runs, n_trials, gain
        self.conditions, self.n_channels, self.sfreq, self.seed = conditions, n_channels, sfreq, seed
        self.last_run_gain, self.bad = last_run_gain, bad

    def recordings(self):
        return [
            Recording(f"{s:02d}", task="say", run=str(r), modality="eeg")
            for s in range(1, self.n_subjects + 1)
            for r in range(1, self.n_runs + 1)
        ]

    def sources(self, recording):
        path = self.root / f"{recording.name}.txt"
        if not path.exists():
            path.write_text(recording.name)
        return [path]

    def settings(self):
        return {name: value for name, value in vars(self).items() if name != "root"} | {
            "conditions": list(self.conditions)
        }

    def _trials(self, recording):
        rng = np.random.default_rng([self.seed, int(recording.subject), int(recording.run)])
        words = rng.permutation(np.resize(COMMANDS, self.n_trials))
        conditions = [self.conditions[(i // 6) % len(self.conditions)] for i in range(self.n_trials)]
        onsets = 1.0 + 1.2 * np.arange(self.n_trials) + rng.uniform(0, 0.1, self.n_trials)
        return list(zip(onsets.round(3), words, conditions, strict=True))

    def load(self, recording):
        rng = np.random.default_rng([self.seed, 7, int(recording.subject), int(recording.run)])
        patterns = np.random.default_rng([self.seed, 9, int(recording.subject)]).standard_normal((3, self.n_channels))
        n = round((2.0 + 1.2 * self.n_trials + 1.0) * self.sfreq)
        data = rng.standard_normal((n, self.n_channels))
        last = self.last_run_gain is not None and recording.run == str(self.n_runs)
        for onset, word, _ in self._trials(recording):
            first = round((onset + 0.1) * self.sfreq)
            gain = self.last_run_gain if last else self.gain
            data[first : first + round(0.2 * self.sfreq)] += gain * patterns[COMMANDS.index(word)]
        montage = mne.channels.make_standard_montage("biosemi64")
        raw = mne.io.RawArray(
            data.T * 1e-6, mne.create_info(montage.ch_names[: self.n_channels], self.sfreq, "eeg"), verbose="error"
        )
        raw.set_montage(montage, verbose="error")
        if self.bad and recording.run == "1":
            raw.set_annotations(mne.Annotations([self.bad[0]], [self.bad[1]], ["BAD_jump"]), verbose="error")
        return raw

    def events(self, recording):
        rows = []
        for onset, word, condition in self._trials(recording):
            shared = {
                "onset": onset,
                "text": word,
                "story": "commands",
                "stimulus": "",
                "stimulus_onset": 0.0,
                "condition": condition,
            }
            rows.append(shared | {"kind": "word", "duration": 0.4, "speaker": recording.subject})
        return events_table(rows, where=recording.name)
