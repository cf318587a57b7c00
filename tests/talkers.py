"""Listeners of two talkers at once, small enough to compute by hand."""

import numpy as np
from tiny import LAG_S, RATE, SILENCE_S, TinyStudy

from n2s.studies.events import events_table
from n2s.studies.study import Recording


class TinyTalkers(TinyStudy):
    """`tiny.TinyStudy`, in which two stories play at once: EEG carries what is attended, and a third of what is not.

    ``pairs``: task -> the story that odd listeners attend, and that of even ones; ``late_s``: how much later the second one starts.
    """

    name = "talkers"

    def __init__(self, root, *, pairs=None, late_s=0.0, beside=0.3, **options):
        super().__init__(root, **options)
        self.pairs = pairs or {f"pair{i}": (f"story{2 * i}", f"story{2 * i + 1}") for i in range(self.n_stories // 2)}
        self.late_s, self.beside = late_s, beside

    def recordings(self):
        subjects = range(1, self.n_subjects + 1)
        return [Recording(f"{s:02d}", task=pair, modality="eeg") for s in subjects for pair in self.pairs]

    def _played(self, recording):
        return {
            name: SILENCE_S + late_s
            for name, late_s in zip(self.pairs[recording.task], (0.0, self.late_s), strict=True)
        }

    def attended(self, recording):
        """The story that was attended, and the other one."""
        pair = self.pairs[recording.task]
        return pair if int(recording.subject) % 2 else pair[::-1]

    def load(self, recording):
        raw = super().load(recording)
        other, n = self.attended(recording)[1], raw.n_times
        mixing = np.random.default_rng([self.seed, 99, int(recording.subject)]).standard_normal((4, self.n_channels))
        at = np.arange(n) / self.sfreq - LAG_S - self._played(recording)[other]
        inside = (at >= 0) & (at < self.story_s - 1 / RATE)
        frames = self.features(other).values
        heard = [np.interp(at[inside], np.arange(len(frames)) / RATE, column) for column in frames.T]
        raw._data[:, inside] -= (1 - self.beside) * self.gain * 1e-6 * mixing.T @ np.array(heard)
        return raw

    def events(self, recording):
        table = super().events(recording)
        attended = self.attended(recording)[0]
        return events_table(
            table.assign(attended=np.where(table.stimulus == attended, "yes", "no")), where=recording.name
        )
