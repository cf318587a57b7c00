"""The tales that simulated listeners hear: their texts, and their speech, made once for all studies of the same texts."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, counted
from n2s.paths import written_whole
from n2s.progress import track
from n2s.studies.simulated.known import check_ranges, known_recording, number_of
from n2s.studies.simulated.sources import N_BANDS, stimulus_features
from n2s.studies.simulated.speech import audio_file, events_file, speak_story
from n2s.studies.simulated.spoken import aligned_sentences
from n2s.studies.simulated.stories import Speaker, Story
from n2s.studies.simulated.tale_words import WordCodes
from n2s.studies.simulated.tales import LANGUAGES, Sentence, category, tale_sentences
from n2s.studies.study import Recording

ENVELOPE_HZ = 100.0
SENTENCES_A_MINUTE = 21.5  # in English, of the voices below; Basque takes a fourth longer
#: Two voices a language read in turn, so that a held-out tale's voice is not new.
VOICES = {
    "en": (Speaker("en-us+f1", 160), Speaker("en+m7", 160, 45)),
    "es": (Speaker("es+m3", 165), Speaker("es+f2", 150)),
    "eu": (Speaker("eu+f4", 165), Speaker("eu+m6", 160, 55)),
}
PARALLEL = 4
MOST_STORIES, MOST_MINUTES = 60, 15


def check_options(
    study: str, languages: Sequence[str], n_stories: int, n_test: int, others: dict[str, tuple[float, float, float]]
) -> None:
    """A UserError if an option is out of its range; ``others``: name -> value, lowest, highest."""
    if isinstance(languages, str) or not languages or len({*languages}) < len(languages):
        raise UserError(
            f"{study}: languages are {languages!r}; expected a list of different ones, such as [en] or [en, es]."
        )
    unknown = [one for one in languages if one not in LANGUAGES]
    if unknown:
        raise UserError(f"{study}: no tales in '{unknown[0]}'; there are {', '.join(LANGUAGES)}.")
    check_ranges(study, {"n_stories": (n_stories, 1, MOST_STORIES)})
    check_ranges(study, {"n_test": (n_test, 0, n_stories - 1)} | others)


class TaleMaterial:
    """Tales in some languages, spoken at the first need, each in a folder of its text and voice.

    Parameters
    ----------
    languages
        In which all are told.
    n_stories
        How many: ``tale-01``, ``tale-02``, ...
    minutes
        About how long each is.
    root
        Where the folders are.
    study
        Whose tales they are, for messages.
    """

    def __init__(self, languages: Sequence[str], n_stories: int, minutes: float, *, root: Path, study: str):
        self.root, self.study = root, study
        n_sentences = max(2, round(minutes * SENTENCES_A_MINUTE))
        self.sentences: dict[str, list[Sentence]] = {}
        self.stories: dict[str, Story] = {}
        for number in range(1, n_stories + 1):
            for language in languages:
                told = [*tale_sentences(number, language, n_sentences, 0)]
                voices = VOICES[language]
                story = Story(f"tale-{number:02d}", language, [one.text for one in told], voices[number % len(voices)])
                self.stories[story.stimulus], self.sentences[story.stimulus] = story, told

    @cached_property
    def content(self) -> dict[str, str]:
        """See `n2s.studies.study.Study.content`."""
        return aligned_sentences(self.stories.values())

    @cached_property
    def key(self) -> str:
        """Names the texts and voices, and what their words mean."""
        concepts = [[one.concepts for one in told] for told in self.sentences.values()]
        kinds = {one: category(one) for told in concepts for sentence in told for one in sentence if one}
        return _hash([[asdict(story) for story in self.stories.values()], concepts, sorted(kinds.items())])

    def split(self, n_test: int) -> dict[str, str] | None:
        """The last stories are for testing; None if there are none."""
        ids = [*dict.fromkeys(story.id for story in self.stories.values())]
        return {one: "test" if at >= len(ids) - n_test else "train" for at, one in enumerate(ids)} if n_test else None

    def recordings(self, n_subjects: int, modality: str) -> list[Recording]:
        """One for each subject, language and story: its task is the story, its run the language."""
        languages = dict.fromkeys(story.language for story in self.stories.values())
        return [
            Recording(f"{subject:02d}", task=story.id, run=language, modality=modality)
            for subject in range(1, n_subjects + 1)
            for language in languages
            for story in self.stories.values()
            if story.language == language
        ]

    def known(self, recording: Recording, recordings: Sequence[Recording]) -> Recording:
        """The recording, if it is one of the study's; else a UserError."""
        return known_recording(self.study, recording, recordings)

    def number_of(self, subject: str, n_subjects: int) -> int:
        """1 of ``01``; a UserError if there is no such subject."""
        return number_of(self.study, subject, n_subjects)

    def sources(self, stimulus: str) -> list[Path]:
        """The files that recordings of a tale are made from."""
        return [self.events_file(stimulus), self.folder(stimulus) / "envelope.npy"]

    def codes(self, seed: int) -> WordCodes:
        """The places of their words."""
        told: dict[str, list[Sentence]] = {}
        for stimulus, sentences in self.sentences.items():
            told.setdefault(self.stories[stimulus].language, []).extend(sentences)
        return WordCodes(told, seed)

    def audio(self, stimulus: str) -> Path:
        """The sound of a tale: 16 kHz, one channel."""
        return audio_file(self.folder(stimulus), stimulus)

    def events_file(self, stimulus: str) -> Path:
        """Its events, on its sound's clock."""
        return events_file(self.folder(stimulus), stimulus)

    def envelope(self, stimulus: str) -> np.ndarray:
        """(l,) Level of its sound, `ENVELOPE_HZ` a second, in units of its standard deviation."""
        return np.load(self.folder(stimulus) / "envelope.npy")

    def length_s(self, stimulus: str) -> float:
        """How long it is, s."""
        return (len(np.load(self.folder(stimulus) / "envelope.npy", mmap_mode="r")) - 1) / ENVELOPE_HZ

    def folder(self, stimulus: str) -> Path:
        """Where a tale's files are; speaks all that are missing."""
        if stimulus not in self.stories:
            raise UserError(f"{self.study}: no stimulus '{stimulus}'; there are {', '.join(self.stories)}.")
        self._speak()
        return self._folders[stimulus]

    @cached_property
    def _folders(self) -> dict[str, Path]:
        return {one: self.root / "tales" / f"{one}-{_hash(asdict(story))}" for one, story in self.stories.items()}

    def _speak(self) -> None:
        missing = [one for one, folder in self._folders.items() if not folder.exists()]
        if not missing:
            return
        with ThreadPoolExecutor(PARALLEL) as pool:  # each but waits for eSpeak's process
            jobs = pool.map(self._make, missing)
            for _ in track(jobs, f"speaking {counted(len(missing), 'story', 'stories')}", total=len(missing)):
                pass

    def _make(self, stimulus: str) -> None:
        with written_whole(self._folders[stimulus]) as folder:
            folder.mkdir()
            audio = speak_story(self.stories[stimulus], folder)
            events = pd.read_parquet(events_file(folder, stimulus))
            level = stimulus_features(audio, events, ENVELOPE_HZ)[:, :N_BANDS].mean(1)
            np.save(folder / "envelope.npy", level / level.std())


def _hash(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
