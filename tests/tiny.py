"""A study small enough to compute by hand: ready features, linearly mixed into a few sensors with noise."""

from pathlib import Path

import mne
import numpy as np

from n2s.studies.events import events_table
from n2s.studies.study import Frames, Recording, Study

SFREQ, RATE, LAG_S, SILENCE_S = 100.0, 50.0, 0.1, 1.0


class TinyStudy(Study):
    """``n_subjects`` hear ``n_stories`` of ``story_s`` seconds; EEG channels carry 4 features with a lag of 100 ms.

    ``together``: all stories in one recording, back to back; else one recording each.
    """

    name = "tiny"

    def __init__(
        self,
        root,
        *,
        n_subjects=2,
        n_stories=4,
        story_s=30.0,
        gain=1.0,
        together=False,
        n_channels=8,
        sfreq=SFREQ,
        sentence_s=5.0,
        seed=0,
        only=None,
    ):
        self.root = Path(root)
        self.n_subjects, self.n_stories, self.story_s, self.gain = n_subjects, n_stories, story_s, gain
        self.together, self.n_channels, self.sfreq, self.sentence_s = together, n_channels, sfreq, sentence_s
        self.seed, self.only = seed, only
        self.root.mkdir(parents=True, exist_ok=True)
        self.stories = [f"story{i}" for i in range(n_stories)]

    def recordings(self):
        runs = ["all"] if self.together else self.stories
        return [Recording(f"{s:02d}", task=run, modality="eeg") for s in range(1, self.n_subjects + 1) for run in runs]

    def sources(self, recording):
        path = self.root / f"{recording.name}.txt"
        if not path.exists():
            path.write_text(recording.name)
        return [path]

    def _played(self, recording):
        names = self.stories if self.together else [recording.task]
        return {name: SILENCE_S + i * (0.0 if not self.together else self.story_s) for i, name in enumerate(names)}

    def features(self, stimulus):
        rng = np.random.default_rng([self.seed, int(stimulus[5:])])
        noise = rng.standard_normal((round(self.story_s * RATE), 4)).astype(np.float32)
        kernel = np.hanning(9)[:, None] / np.linalg.norm(np.hanning(9))
        smooth = np.stack([np.convolve(noise[:, i], kernel[:, 0], "same") for i in range(4)], 1)
        return Frames(smooth.astype(np.float32), RATE)

    def load(self, recording):
        subject = int(recording.subject)
        rng = np.random.default_rng([self.seed, subject, len(recording.task), sum(map(ord, recording.task))])
        mixing = np.random.default_rng([self.seed, 99, subject]).standard_normal((4, self.n_channels))
        played = self._played(recording)
        n = round((max(played.values()) + self.story_s + SILENCE_S) * self.sfreq)
        data = rng.standard_normal((n, self.n_channels))
        time_s = np.arange(n) / self.sfreq
        for name, onset in played.items():
            frames = self.features(name)
            at = time_s - LAG_S - onset
            inside = (at >= 0) & (at < self.story_s - 1 / RATE)
            heard = np.stack(
                [np.interp(at[inside], np.arange(len(frames.values)) / RATE, column) for column in frames.values.T], 1
            )
            data[inside] += self.gain * heard @ mixing
        montage = mne.channels.make_standard_montage("biosemi64")
        info = mne.create_info(montage.ch_names[: self.n_channels], self.sfreq, "eeg")
        raw = mne.io.RawArray(data.T * 1e-6, info, verbose="error")
        return raw.set_montage(montage, verbose="error")

    def events(self, recording):
        rows = []
        for name, onset in self._played(recording).items():
            shared = {"story": name, "stimulus": name, "language": "en"}
            rows.append({"onset": onset, "duration": self.story_s, "kind": "story", "stimulus_onset": 0.0, **shared})
            for i in range(int(self.story_s / self.sentence_s)):
                at = i * self.sentence_s
                rows.append(
                    {
                        "onset": onset + at,
                        "duration": self.sentence_s,
                        "kind": "sentence",
                        "stimulus_onset": at,
                        "sequence": f"{name}-{i}",
                        "text": f"sentence {i} of {name}.",
                        **shared,
                    }
                )
                rows += [
                    {
                        "onset": onset + at + j,
                        "duration": 0.4,
                        "kind": "word",
                        "stimulus_onset": at + j,
                        "text": f"w{i}{j}",
                        "sequence": f"{name}-{i}",
                        **shared,
                    }
                    for j in range(int(self.sentence_s))
                ]
        return events_table(rows, where=recording.name)
