"""A simulated MEG study of long stories: the tales of `SimulatedStories`, heard in a helmet."""

import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.paths import cache_dir
from n2s.studies.events import events_table
from n2s.studies.simulated.noise import autocovariance, time_courses
from n2s.studies.simulated.spoken import stimulus_of
from n2s.studies.simulated.tale_material import ENVELOPE_HZ, MOST_MINUTES, TaleMaterial, check_options
from n2s.studies.simulated.tale_sources import KnownStoryMEG, StorySources, story_sources, through
from n2s.studies.simulated.tale_words import WordCodes
from n2s.studies.study import Recording, Study

TAIL_S = 1.5  # silence after a story
MOST_HZ = 500.0


class SimulatedStoryMEG(Study):
    """People in a helmet hear stories, each in every language of the study; words in context drive sources within 600 ms.

    60 magnetometers of a Vectorview. What words mean, their onsets and the envelope drive sources (`tale_sources`), in Gaussian noise
    that falls with frequency (`noise`). Texts, speech and places of words are those of `SimulatedStories` of the same seed.

    A story is a recording: its task is the story, its run the language. A story and its translation are sentence-aligned and share
    their content. `known` is the true model of a subject, `word_features` what any words would drive.

    The speech is made at the first need, in the cache. Recordings are drawn when they are read, the same numbers each time.

    Parameters
    ----------
    n_subjects
        Listeners "01", "02", ...; all hear the same.
    languages, n_stories, minutes, n_test, seed, root
        See `SimulatedStories`. Twenty minutes of training are enough to tell what was heard better than chance.
    sfreq
        Sampling rate, Hz.
    noise_level
        Amplitude of the noise, relative to a shielded room.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes recordings of noise alone.

    Raises
    ------
    UserError
        An option is out of its range, or there are no tales in a language.

    Examples
    --------
    >>> from n2s.studies import SimulatedStoryMEG
    >>> study = SimulatedStoryMEG(n_subjects=1, n_stories=3, n_test=1, minutes=0.5, root=folder)
    >>> [one.name for one in study.recordings()]
    ['sub-01_task-tale-01_run-en', 'sub-01_task-tale-02_run-en', 'sub-01_task-tale-03_run-en']
    """

    name, version = "simulated_story_meg", 1

    def __init__(
        self,
        *,
        n_subjects: int = 2,
        languages: Sequence[str] = ("en",),
        n_stories: int = 10,
        minutes: float = 2.5,
        n_test: int = 2,
        sfreq: float = 100.0,
        noise_level: float = 1.0,
        signal_gain: float = 1.0,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        ranges = {
            "n_subjects": (n_subjects, 1, 99), "minutes": (minutes, 0.1, MOST_MINUTES), "sfreq": (sfreq, 50, MOST_HZ),
            "noise_level": (noise_level, 1e-6, np.inf), "signal_gain": (signal_gain, 0, np.inf), "seed": (seed, 0, np.inf),
        }  # fmt: skip
        check_options(self.name, languages, n_stories, n_test, ranges)
        self.n_subjects, self.languages, self.seed = n_subjects, tuple(languages), seed
        self.sfreq, self.noise_level, self.signal_gain = float(sfreq), float(noise_level), float(signal_gain)
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        self._material = TaleMaterial(self.languages, n_stories, minutes, root=self.root, study=self.name)
        self.split, self.content = self._material.split(n_test), self._material.content

    def recordings(self) -> list[Recording]:
        """One for each subject, language and story."""
        return self._material.recordings(self.n_subjects, "meg")

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Draw a recording."""
        signal = self.signal(recording)
        person = self._person(recording.subject)
        rng = np.random.default_rng(self._entropy(recording, 1))
        noise = time_courses(signal.shape[1], len(signal), self.sfreq, rng)
        data = self.noise_level * np.linalg.cholesky(person.noise) @ noise + signal.T
        return mne.io.RawArray(data, person.info, verbose="error")

    def signal(self, recording: Recording) -> np.ndarray:
        """(t, c) What the words and sounds of a recording cause, T, without noise."""
        stimulus, person = stimulus_of(self._known(recording)), self._person(recording.subject)
        envelope = self._material.envelope(stimulus)
        lead = self._lead(recording)
        length_s = (len(envelope) - 1) / ENVELOPE_HZ
        n_heard = int(length_s * self.sfreq) + 1
        n_times = lead + n_heard + round(TAIL_S * self.sfreq)
        level = np.interp(np.arange(n_heard) / self.sfreq, np.arange(len(envelope)) / ENVELOPE_HZ, envelope)
        words, onsets_s = self.spoken(recording)
        known = self.known(recording.subject)
        drivers = np.zeros((n_times, person.kernels.shape[1]))
        drivers[:, :-1] = known.courses(self.word_features(words, recording.run), onsets_s, n_times)
        drivers[lead : lead + n_heard, -1] = level * ENVELOPE_HZ / self.sfreq
        return self.signal_gain * through(person.kernels, drivers) @ person.patterns.T

    def spoken(self, recording: Recording) -> tuple[list[str], np.ndarray]:
        """(n) The words of a recording, and (n,) the onset of each, s on its clock."""
        events = self.events(recording)
        words = events[events.kind == "word"]
        return words.text.tolist(), words.onset.to_numpy()

    def word_features(self, words: Sequence[str], language: str) -> np.ndarray:
        """(n, f) See `SimulatedStories.word_features`; the forms of words drive nothing here."""
        return self._codes.features(words, language)

    def known(self, subject: str) -> KnownStoryMEG:
        """The true model of a subject: weights from `word_features` to sensors, and the noise."""
        person = self._person(subject)
        weights = self.signal_gain * person.kernels[:, :-1] @ person.patterns.T
        power = self.noise_level**2 * autocovariance(1, self.sfreq)[0]
        return KnownStoryMEG(weights, np.arange(len(weights)) / self.sfreq, power * person.noise, self.sfreq)

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the recording's clock."""
        stimulus = stimulus_of(self._known(recording))
        table = pd.read_parquet(self._material.events_file(stimulus))
        lead_s = self._lead(recording) / self.sfreq
        table = table.assign(onset=table.stimulus_onset + lead_s)
        where = f"{self.name}, {recording.name}"
        return events_table(table, where=where, duration_s=lead_s + self._material.length_s(stimulus) + TAIL_S)

    def audio(self, stimulus: str) -> Path:
        """The story as it was played: 16 kHz, one channel."""
        return self._material.audio(stimulus)

    def sources(self, recording: Recording) -> list[Path]:
        """The events of the story and its envelope."""
        return self._material.sources(stimulus_of(self._known(recording)))

    def settings(self) -> dict:
        """All that changes a recording, but the number of subjects."""
        names = ("version", "sfreq", "noise_level", "signal_gain", "seed")
        return {"texts": self._material.key} | {name: getattr(self, name) for name in names}

    @cached_property
    def _codes(self) -> WordCodes:
        return self._material.codes(self.seed)

    def _person(self, subject: str) -> StorySources:
        return story_sources(self._material.number_of(subject, self.n_subjects), self.sfreq, self.seed)

    def _known(self, recording: Recording) -> Recording:
        return self._material.known(recording, self.recordings())

    def _lead(self, recording: Recording) -> int:
        """Samples of silence before the story: between 1 and 2 s, in each recording another."""
        return round(self.sfreq * np.random.default_rng(self._entropy(recording, 0)).uniform(1, 2))

    def _entropy(self, recording: Recording, use: int) -> list[int]:
        return [self.seed, int(recording.subject), zlib.crc32(stimulus_of(recording).encode()), use]
