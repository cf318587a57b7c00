"""A simulated fMRI study of long stories: words drive voxels through known numbers, in one language or in translations."""

import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.paths import cache_dir
from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.simulated.areas_brain import regions
from n2s.studies.simulated.areas_drivers import RATE_HZ
from n2s.studies.simulated.areas_run import (
    Run,
    grid_clips,
    lay_run,
    noise_over_time,
    nuisances,
    responses,
    scan,
)
from n2s.studies.simulated.areas_scores import explainable_share
from n2s.studies.simulated.bold_noise import AR_S, SpatialNoise
from n2s.studies.simulated.bold_sources import brain
from n2s.studies.simulated.spoken import stimulus_of
from n2s.studies.simulated.tale_brain import AREAS, KnownStories, story_listener, voxel_weights
from n2s.studies.simulated.tale_material import ENVELOPE_HZ, MOST_MINUTES, TaleMaterial, check_options
from n2s.studies.simulated.tale_words import PRIVATE, WordCodes
from n2s.studies.study import Recording

SIGNAL_PERCENT = 0.45  # signal change of a usual voxel; noise has 1: the best R is about .4


class SimulatedStories(FMRIStudy):
    """People in a scanner hear stories, each in every language of the study; known numbers of the words drive their voxels.

    Regions: ``meaning`` (what words mean, in the context of the words before them: the same in all languages),
    ``private_<language>`` (the forms of words of that language, which tell nothing of what they mean; nothing in others), ``rate``
    (words), ``sound`` (envelope), ``silent`` (nothing), on grey-matter voxels in MNI space; ``whole`` is all voxels. What words
    drive is described in `tale_words`. Voxels of a region mix its dimensions in their own ways, half of which people share, the same in
    all languages, and answer through Glover's haemodynamic response, in Gaussian noise, drift and motion (`bold_noise`).

    A story is a run: its task is the story, its run the language. A story and its translation are sentence-aligned and share their
    content. `known` is the true model of a subject, `word_features` what any words would drive.

    The speech is made at the first need, in the cache, once for all studies of the same texts. Runs are drawn when they are read,
    the same numbers each time.

    Parameters
    ----------
    n_subjects
        Listeners "01", "02", ...; all hear the same.
    languages
        Of ``en``, ``es``, ``eu``: each story is heard in each of them.
    n_stories
        How many stories.
    minutes
        About how long each is; in Basque a fourth more. An hour of words is enough to decode them; 24 stories of 10 minutes are four.
    n_test
        The last stories are the official test set, in all languages; 0: there is none.
    tr_s
        Time from one volume to the next, s.
    resolution_mm
        Size of a voxel, whole mm; 8 mm are 3,690 voxels, 4 mm 28,144. Small voxels are as noisy as large ones.
    noise_level
        Amplitude of the noise, relative to one percent of signal change a voxel.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes runs of noise alone.
    seed
        Another seed, other people, other noise, and other places of words.
    root
        Where to keep the speech; None: ``simulated`` in the cache.

    Raises
    ------
    UserError
        An option is out of its range, or there are no tales in a language.

    Examples
    --------
    >>> from n2s.studies import SimulatedStories
    >>> study = SimulatedStories(n_subjects=1, languages=("en", "es"), n_stories=3, n_test=1, minutes=0.5, root=folder)
    >>> [one.name for one in study.recordings()][:2], study.split
    (['sub-01_task-tale-01_run-en', 'sub-01_task-tale-02_run-en'], {'tale-01': 'train', 'tale-02': 'train', 'tale-03': 'test'})
    """

    name, version = "simulated_stories", 1

    def __init__(
        self,
        *,
        n_subjects: int = 2,
        languages: Sequence[str] = ("en",),
        n_stories: int = 10,
        minutes: float = 3.0,
        n_test: int = 2,
        tr_s: float = 2.0,
        resolution_mm: int = 8,
        noise_level: float = 1.0,
        signal_gain: float = 1.0,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        ranges = {
            "n_subjects": (n_subjects, 1, 99), "minutes": (minutes, 0.1, MOST_MINUTES), "tr_s": (tr_s, 0.1, 10),
            "resolution_mm": (resolution_mm, 2, 20), "noise_level": (noise_level, 1e-3, np.inf),
            "signal_gain": (signal_gain, 0, np.inf), "seed": (seed, 0, np.inf),
        }  # fmt: skip
        check_options(self.name, languages, n_stories, n_test, ranges)
        self.n_subjects, self.languages, self.seed = n_subjects, tuple(languages), seed
        self.tr_s, self.resolution_mm = float(tr_s), int(resolution_mm)
        self.noise_level, self.signal_gain = float(noise_level), float(signal_gain)
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        self._material = TaleMaterial(self.languages, n_stories, minutes, root=self.root, study=self.name)
        self.split, self.content = self._material.split(n_test), self._material.content

    def recordings(self) -> list[Recording]:
        """A run for each subject, language and story."""
        return self._material.recordings(self.n_subjects, "fmri")

    def load(self, recording: Recording) -> Bold:
        """Draw a run as scanned, percent signal change, with its nuisances."""
        data, regressors = scan(
            self._run(recording),
            self.signal(recording),
            self._listener_noise(recording.subject),
            noise_level=self.noise_level,
            memory_s=AR_S,
            entropy=self._entropy(recording),
            draw=0,
        )
        others = {name for language, name in PRIVATE.items() if language not in self.languages}
        found = {name: own for name, own in regions(self.resolution_mm, AREAS).items() if name not in others}
        return Bold(
            data.astype(np.float32),
            tr_s=self.tr_s,
            rois=found | {"whole": np.ones(data.shape[1], bool)},
            places=brain(self.resolution_mm).places.astype(np.float32),
            nuisances=regressors,
        )

    def signal(self, recording: Recording) -> np.ndarray:
        """(t, v) What the words and sounds of a run cause, percent signal change, without noise, drift and motion."""
        run, known = self._run(recording), self.known(recording.subject)
        words, words_s = self.spoken(recording)
        courses = known.courses(self.word_features(words, recording.run), words_s, run.times_s)
        ((stimulus, onset_s),) = run.heard
        level = self._material.envelope(stimulus)[:: round(ENVELOPE_HZ / RATE_HZ), None]
        return courses @ known.weights + responses(level, onset_s, run.times_s) @ self._weights(recording.subject)[-1:]

    def spoken(self, recording: Recording) -> tuple[list[str], np.ndarray]:
        """(n) The words of a run, and (n,) the middle of each, s on the run's clock."""
        events = self.events(recording)
        words = events[events.kind == "word"]
        return words.text.tolist(), (words.onset + words.duration / 2).to_numpy()

    def word_features(self, words: Sequence[str], language: str) -> np.ndarray:
        """(n, f) What the words of a story would drive, each in the context of those before it, before the haemodynamic response.

        The columns of other languages are 0. Words that no story of the study has are placed as function words are.
        """
        return self._codes.features(words, language)

    def known(self, subject: str) -> KnownStories:
        """The true model of a subject: weights from `word_features` to voxels, and the noise."""
        noise = self._listener_noise(subject)
        scaled = SpatialNoise(self.noise_level**2 * noise.white, self.noise_level * noise.loadings)
        return KnownStories(self._weights(subject)[:-1], scaled)

    def explainable(self, recording: Recording) -> np.ndarray:
        """(v,) Share of the variance over a cleaned run that is signal, in expectation; its root is the best possible R."""
        run, noise = self._run(recording), self._listener_noise(recording.subject)
        cleaning = residual_maker(nuisances(run, self._entropy(recording)))
        variance = self.noise_level**2 * (noise.white + (noise.loadings**2).sum(1))
        return explainable_share(
            cleaning @ self.signal(recording), cleaning @ noise_over_time(run, AR_S) @ cleaning, variance
        )

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the run's clock."""
        run = self._run(recording)
        ((stimulus, onset_s),) = run.heard
        table = pd.read_parquet(self._material.events_file(stimulus))
        where = f"{self.name}, {recording.name}"
        return events_table(
            table.assign(onset=table.stimulus_onset + onset_s), where=where, duration_s=run.n_volumes * run.tr_s
        )

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The story, cut on a grid of 4 s."""
        run, stimulus = self._run(recording), stimulus_of(recording)
        splits = {stimulus: (self.split or {}).get(recording.task, "train")}
        return grid_clips(run, {stimulus: self._material.length_s(stimulus)}, splits).assign(group=recording.task)

    def audio(self, stimulus: str) -> Path:
        """The story as it was played: 16 kHz, one channel."""
        return self._material.audio(stimulus)

    def space(self, subject: str) -> Space:
        """See `FMRIStudy`: everybody's voxels are those of the grey-matter mask, in its C order."""
        known = brain(self.resolution_mm)
        return Space(mask=known.mask, template=known.template)

    def sources(self, recording: Recording) -> list[Path]:
        """The events of the story and its envelope."""
        return self._material.sources(stimulus_of(self._known(recording)))

    def settings(self) -> dict:
        """All that changes a run, but the number of subjects. Places of words are centred over all texts, which are thus part of it."""
        names = ("version", "languages", "tr_s", "resolution_mm", "noise_level", "signal_gain", "seed")
        own = {name: getattr(self, name) for name in names}
        return {"texts": self._material.key} | own | {"languages": [*self.languages]}

    @cached_property
    def _codes(self) -> WordCodes:
        return self._material.codes(self.seed)

    def _weights(self, subject: str) -> np.ndarray:
        """(f, v) Percent signal change for 1 of each driver, words' first, then sound."""
        person = story_listener(self._number(subject), self.resolution_mm, self.seed)
        weights = voxel_weights(person, len(brain(self.resolution_mm).places))
        return self.signal_gain * SIGNAL_PERCENT * weights

    def _listener_noise(self, subject: str) -> SpatialNoise:
        return story_listener(self._number(subject), self.resolution_mm, self.seed).noise

    def _number(self, subject: str) -> int:
        return self._material.number_of(subject, self.n_subjects)

    def _known(self, recording: Recording) -> Recording:
        return self._material.known(recording, self.recordings())

    def _run(self, recording: Recording) -> Run:
        stimulus = stimulus_of(self._known(recording))
        return lay_run({stimulus: self._material.length_s(stimulus)}, self.tr_s)

    def _entropy(self, recording: Recording) -> list[int]:
        return [self.seed, int(recording.subject), zlib.crc32(stimulus_of(recording).encode())]
