"""What all simulated studies share: which stories are chosen, and their audio and events, cut to length."""

import hashlib
import json
import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.errors import UserError, nearest
from n2s.paths import cache_dir, written_whole
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated.known import check_ranges
from n2s.studies.simulated.speech import audio_file, events_file, speak_story
from n2s.studies.simulated.stories import SPLIT, Story, stories
from n2s.studies.study import Recording, Study


class SpokenStudy(Study):
    """People to whom a speech synthesizer reads stories. All is made at the first need, in a folder of its settings.

    Parameters
    ----------
    stories
        Which, by id (all its languages) or ``id.language``; None: all.
    max_story_s
        Cut each at the end of the last sentence before this time (the first sentence always stays); None: whole.
    root
        Where to keep the study; None: ``simulated`` in the cache.
    least
        Option -> its value and the least that makes sense, to be checked.
    """

    version: int  #: bump when the numbers change though the settings do not
    kind: str  #: the beginning of the folder's name

    def __init__(
        self,
        *,
        stories: list[str] | None,
        max_story_s: float | None,
        root: Path | str | None,
        least: dict[str, tuple[float, float]],
    ):
        ranges = {name: (value, low, math.inf) for name, (value, low) in least.items()}
        check_ranges(self.name, ranges | {"max_story_s": (max_story_s, 1, math.inf)})
        self.max_story_s = max_story_s
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        self._stories = chosen_stories(stories, self.name)
        self.split = {story.id: SPLIT.get(story.id, "train") for story in self._stories.values()}
        self.content = aligned_sentences(self._stories.values())

    @abstractmethod
    def _numbers(self) -> dict:
        """The settings that change the numbers, without stories; the selection of subjects and stories does not change them."""

    @abstractmethod
    def _describe(self, folder: Path, events: pd.DataFrame) -> None:
        """Write what the simulated brains answer to beside a stimulus' ``audio.wav``."""

    def audio(self, stimulus: str) -> Path:
        """The story as it was played: 16 kHz, one channel."""
        return self._spoken(stimulus) / "audio.wav"

    @cached_property
    def _folder(self) -> Path:
        settings = {
            "version": self.version,
            **self._numbers(),
            "max_story_s": self.max_story_s,
            "stories": [asdict(story) for story in stories()],
        }
        return self.root / f"{self.kind}-{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]}"

    def _spoken(self, stimulus: str) -> Path:
        """Folder of one stimulus: its audio, events and description, made if missing."""
        folder = self._folder / "stimuli" / stimulus
        if not folder.exists():
            if stimulus not in self._stories:
                raise UserError(f"{self.name}: no stimulus '{stimulus}'; there are {', '.join(self._stories)}.")
            with written_whole(folder) as part:
                story = self._stories[stimulus]
                events = speak_into(part, story, speech=self.root / "speech", max_story_s=self.max_story_s)
                self._describe(part, events)
        return folder


def stimulus_of(recording: Recording) -> str:
    """The stimulus of a recording: its task is the story, its run is the language."""
    return f"{recording.task}.{recording.run}"


def chosen_stories(wanted: list[str] | None, study: str) -> dict[str, Story]:
    """Stimulus id -> story, in the order of the table; ``wanted`` holds ids (all languages) or ``id.language``.

    Raises
    ------
    UserError
        There is no such story.
    """
    table = {story.stimulus: story for story in stories()}
    if wanted is None:
        return table
    known = [*table, *dict.fromkeys(story.id for story in table.values())]
    for name in wanted:
        if name not in known:
            raise UserError(f"{study}: no story '{name}'.{nearest(name, known)} There are: {', '.join(known)}.")
    return {stimulus: story for stimulus, story in table.items() if stimulus in wanted or story.id in wanted}


def aligned_sentences(stories: Iterable[Story]) -> dict[str, str]:
    """Sentence id -> ``story, line``: translations have a sentence a line. See `n2s.studies.study.Study.content`.

    Lines that share a sentence, in any language, have one name.
    """
    first: dict[str, str] = {}  # line -> an earlier one of the same content, or itself
    found: dict[str, str] = {}

    def root(line: str) -> str:
        while first[line] != line:
            line = first[line]
        return line

    for story in stories:
        for number, text in enumerate(story.sentences, start=1):
            line, sentence = f"{story.id}, {number}", sentence_id(text)
            first.setdefault(line, line)
            one, other = root(line), root(found.setdefault(sentence, line))
            first[one] = other
    return {sentence: root(line) for sentence, line in found.items()}


def split_for(test_stories: list[str], split: dict[str, str], study: str) -> dict[str, str]:
    """Story id -> split, with these stories for testing in place of the official one, which is trained on.

    Raises
    ------
    UserError
        The split has no such story, or none is left to train on.
    """
    for name in test_stories:
        if name not in split:
            raise UserError(
                f"{study}: no story '{name}' to test on.{nearest(name, list(split))} There are: {', '.join(split)}."
            )
    found = {
        name: "test" if name in test_stories else "train" if part == "test" else part for name, part in split.items()
    }
    if not {"train", "test"} <= set(found.values()):
        raise UserError(f"{study}: test_stories {test_stories} of {len(found)} stories; leave some of both kinds.")
    return found


def speak_into(folder: Path, story: Story, *, speech: Path, max_story_s: float | None) -> pd.DataFrame:
    """Write ``audio.wav`` (16 kHz, one channel) and ``events.parquet``, and give the events, on the audio's clock.

    Parameters
    ----------
    folder
        Made here.
    story
        The text to speak.
    speech
        Where the whole stories are kept, once for all studies.
    max_story_s
        Cut at the end of the last sentence before this time (the first sentence always stays); None: whole.
    """
    speak_story(story, speech)
    samples, rate = soundfile.read(audio_file(speech, story.stimulus), dtype="int16")
    events = pd.read_parquet(events_file(speech, story.stimulus))
    if max_story_s is not None:
        samples, events = _cut(samples, rate, events, max_story_s)
    folder.mkdir(parents=True)
    soundfile.write(folder / "audio.wav", samples, rate)
    events.to_parquet(folder / "events.parquet")
    return events


def _cut(samples: np.ndarray, rate: int, events: pd.DataFrame, longest_s: float) -> tuple[np.ndarray, pd.DataFrame]:
    """Keep the sentences that end before ``longest_s``, and the first one in any case."""
    stops = events.stimulus_onset + events.duration
    sentences = events.kind == "sentence"
    stop_s = max(stops[sentences & (stops <= longest_s)].max(), stops[sentences].min())
    stop_s = stops[sentences].min() if np.isnan(stop_s) else stop_s
    kept = events[(events.kind == "story") | (stops <= stop_s + 1e-6)].copy()
    story = kept.kind == "story"
    kept.loc[story, "duration"] = stop_s - kept.loc[story, "stimulus_onset"]
    return samples[: round(stop_s * rate)], kept
