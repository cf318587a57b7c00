"""A person who says and imagines sentences of two words: each phone has a pattern over sensors, from 50 ms after its onset."""

import mne
import numpy as np
from said_study import SaidStudy

from n2s.studies.events import events_table
from n2s.studies.study import Recording

WORDS = {"tea": "T IY", "moo": "M UW", "saw": "S AO", "key": "K IY", "two": "T UW"}
PHONE_S, EVERY_S = 0.16, 1.6


class SentenceStudy(SaidStudy):
    """Runs with sentences of their own: pairs of words, each ``n_times``. What is imagined has neither words nor phones among its events, unless ``imagined_phones``; ``words``: whether there are any."""

    name = "sentences"

    def __init__(
        self, root, *, n_times=2, imagined_phones=False, words=True, conditions=("overt", "imagined"), **options
    ):
        super().__init__(root, conditions=conditions, **options)
        self.n_times, self.imagined_phones, self.words = n_times, imagined_phones, words

    def recordings(self):
        return [
            Recording(f"{s:02d}", task="say", run=str(r), modality="eeg")
            for s in range(1, self.n_subjects + 1)
            for r in range(1, self.n_runs + 1)
        ]

    def _trials(self, recording):
        pairs = [(one, other) for one in WORDS for other in WORDS if one != other]
        order = np.random.default_rng(self.seed).permutation(len(pairs))
        own = [pairs[i] for i in order[int(recording.run) - 1 :: self.n_runs]]
        every = [(pair, condition) for pair in own for condition in self.conditions] * self.n_times
        mixed = np.random.default_rng([self.seed, int(recording.subject), int(recording.run)]).permutation(len(every))
        return [(1.0 + EVERY_S * i, *every[one]) for i, one in enumerate(mixed)]

    def load(self, recording):
        rng = np.random.default_rng([self.seed, 7, int(recording.subject), int(recording.run)])
        names = sorted({one for phones in WORDS.values() for one in phones.split()})
        patterns = np.random.default_rng([self.seed, 9]).standard_normal((len(names), self.n_channels))
        trials = self._trials(recording)
        data = rng.standard_normal((round((2.0 + EVERY_S * len(trials) + 1.0) * self.sfreq), self.n_channels))
        for onset, pair, _ in trials:
            for place, phone in enumerate(" ".join(WORDS[word] for word in pair).split()):
                first = round((onset + PHONE_S * place + 0.05) * self.sfreq)
                data[first : first + round(0.1 * self.sfreq)] += self.gain * patterns[names.index(phone)]
        montage = mne.channels.make_standard_montage("biosemi64")
        info = mne.create_info(montage.ch_names[: self.n_channels], self.sfreq, "eeg")
        raw = mne.io.RawArray(data.T * 1e-6, info, verbose="error")
        return raw.set_montage(montage, verbose="error")

    def events(self, recording):
        rows = []
        for onset, pair, condition in self._trials(recording):
            shared = {
                "story": "sentences",
                "stimulus": "",
                "stimulus_onset": 0.0,
                "condition": condition,
                "speaker": recording.subject,
            }
            rows.append(
                shared
                | {
                    "kind": "sentence",
                    "text": " ".join(pair).capitalize() + ".",
                    "onset": onset,
                    "duration": 4 * PHONE_S,
                }
            )
            if condition == "imagined" and not self.imagined_phones:
                continue
            for number, word in enumerate(pair):
                if self.words:
                    rows.append(
                        shared
                        | {"kind": "word", "text": word, "onset": onset + 2 * PHONE_S * number, "duration": 2 * PHONE_S}
                    )
                for place, phone in enumerate(WORDS[word].split()):
                    at = onset + PHONE_S * (2 * number + place)
                    rows.append(shared | {"kind": "phone", "text": phone, "onset": at, "duration": PHONE_S})
        return events_table(rows, where=recording.name)
