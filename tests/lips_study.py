"""People who say commands: the brain has a code, and lips, a microphone and eyes are recorded beside; some of it leaks into sensors."""

from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np

from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

COMMANDS = ("up", "down", "stop")
SFREQ, EVERY_S, N_SENSORS = 250.0, 1.6, 16


class LipsStudy(Study):
    """``n_runs`` runs of ``n_trials`` commands, a second and a half apart, ``conditions`` in turn.

    ``gain``: of the brain's code. ``lips``, ``voice``: how much EMG and sound tell the command. ``leak``, ``hum``: how much of EMG and of
    the sound reaches four sensors. ``without_emg``, ``flat_emg``, ``broken_emg``: subjects that have no EMG, a constant one, one with NaN.
    ``lacking_emg``: recordings that have none. ``rest_s``: silence after the last command. ``emg``: the name of its channel. ``beside``: whether there is anything but sensors. ``texts``: what is said.
    """

    name = "lips"

    def __init__(
        self, root: str, *, n_subjects: int = 1, n_runs: int = 3, n_trials: int = 24, gain: float = 0.0, lips: float = 0.0, voice: float = 0.0,
        leak: float = 0.0, hum: float = 0.0, conditions: Sequence[str] = ("overt",), without_emg: Sequence[str] = (), flat_emg: Sequence[str] = (),
        broken_emg: Sequence[str] = (), lacking_emg: Sequence[str] = (), beside: bool = True, rest_s: float = 0.0, emg: str = "EMG1-EMG2", texts: Sequence[str] = COMMANDS, seed: int = 0,
    ):  # fmt: skip
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.n_subjects, self.n_runs, self.n_trials, self.seed = n_subjects, n_runs, n_trials, seed
        self.gain, self.lips, self.voice, self.leak, self.hum = gain, lips, voice, leak, hum
        self.conditions, self.beside, self.texts = tuple(conditions), beside, tuple(texts)
        self.lacking_emg, self.rest_s, self.emg = tuple(lacking_emg), rest_s, emg
        self.without_emg, self.flat_emg, self.broken_emg = tuple(without_emg), tuple(flat_emg), tuple(broken_emg)

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
        return {
            name: list(one) if isinstance(one, tuple) else one for name, one in vars(self).items() if name != "root"
        }

    def _rng(self, recording, what):
        return np.random.default_rng([self.seed, what, int(recording.subject), int(recording.run)])

    def _trials(self, recording):
        rng = self._rng(recording, 1)
        words = rng.permutation(np.resize(self.texts, self.n_trials))
        onset = 1.0 + EVERY_S * np.arange(self.n_trials) + rng.uniform(0, 0.2, self.n_trials)
        return [
            (float(at), str(word), self.conditions[i % len(self.conditions)])
            for i, (at, word) in enumerate(zip(onset.round(3), words, strict=True))
        ]

    def load(self, recording):
        rng, person = self._rng(recording, 2), np.random.default_rng([self.seed, 3, int(recording.subject)])
        n = round((2.5 + EVERY_S * self.n_trials + self.rest_s) * SFREQ)
        code = person.standard_normal((len(self.texts), N_SENSORS))
        emg, sound, eog = (size * rng.standard_normal(n) for size in (0.1, 0.02, 1.0))
        sensors = rng.standard_normal((N_SENSORS, n))
        length = round(0.4 * SFREQ)
        halves = np.array([[1.0, 0.2], [0.2, 1.0], [1.0, 1.0]])  # of a command: how loud its first and second half are
        for at, word, condition in self._trials(recording):
            rows = slice(round(at * SFREQ), round(at * SFREQ) + length)
            which = self.texts.index(word) % 3
            said, plain = halves[which].repeat(length // 2), np.full(length, 0.7)
            sensors[:, rows] += self.gain * code[self.texts.index(word)][:, None]
            if condition == "overt":
                emg[rows] += rng.standard_normal(length) * (plain + self.lips * (said - plain))
            sound[rows] += rng.standard_normal(length) * (plain + self.voice * (said - plain))
        sensors[:4] += self.leak * (emg + np.abs(emg)) + self.hum * (sound + np.abs(sound))
        montage = mne.channels.make_standard_montage("biosemi64")
        names = montage.ch_names[:: len(montage.ch_names) // N_SENSORS][:N_SENSORS]
        rows, types = {name: 1e-6 * row for name, row in zip(names, sensors, strict=True)}, dict.fromkeys(names, "eeg")
        if self.beside:
            if recording.subject in self.flat_emg:
                emg = np.ones(n)
            if recording.subject in self.broken_emg:
                emg[1000:1400] = np.nan
            rows |= {self.emg: 1e-4 * emg, "EOG1": 1e-4 * eog, "AUDIO": sound}
            types |= {self.emg: "emg", "EOG1": "eog", "AUDIO": "misc"}
            if recording.subject in self.without_emg or recording.name in self.lacking_emg:
                del rows[self.emg], types[self.emg]
        raw = mne.io.RawArray(
            np.stack(list(rows.values())), mne.create_info(list(rows), SFREQ, list(types.values())), verbose="error"
        )
        raw.set_montage(montage, verbose="error", on_missing="ignore")
        return raw

    def events(self, recording):
        shared = {
            "kind": "word",
            "duration": 0.4,
            "story": "commands",
            "stimulus": "",
            "stimulus_onset": 0.0,
            "speaker": recording.subject,
        }
        rows = [
            shared | {"onset": at, "text": word, "condition": condition}
            for at, word, condition in self._trials(recording)
        ]
        return events_table(rows, where=recording.name)
