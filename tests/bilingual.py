"""Listeners of stories in two languages, with voxels whose true answer is known: shared, private to a language, silent.

A story has the same meaning in every language, told at another pace; so do the words. Regions: ``shared`` (the same weights in all
languages), ``private_es`` and ``private_eu`` (driven in one language alone), ``silent``; ``sound``: the envelope.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.study import Frames, Recording

TR_S, RATE_HZ, LEAD_S, TAIL_S, F = 2.0, 1.0, 10.0, 12.0, 4
PACE = {"es": 1.0, "eu": 1.25, "en": 0.9}
OWN = 3  # dimensions of a story's topic
REGIONS = ("shared", "private_es", "private_eu", "silent")


class TwoLanguages(FMRIStudy):
    """``names``: (story, language) -> its name in the events (default: the story's, in all languages).

    ``heard``: subject -> languages. ``topics``: a story's meaning lies in dimensions of its own, so that only its translation tells of them.
    """

    name = "two"

    def __init__(self, root, *, languages=("es", "eu"), n_stories=4, n_subjects=1, story_s=100.0, n_each=6, noise=1.0, gain=1.0,
                 names=None, heard=None, topics=False, content=None, only=None, shift=0.0, seed=0):  # fmt: skip
        self.root, self.languages, self.n_stories, self.n_subjects = Path(root), tuple(languages), n_stories, n_subjects
        self.story_s, self.n_each, self.noise, self.gain, self.seed = story_s, n_each, noise, gain, seed
        self.names, self.heard, self.topics, self.content, self.only = names or {}, heard or {}, topics, content, only
        self.shift = shift  # of the features of eu: the language is in them

    @property
    def n_features(self):
        return F + (OWN * self.n_stories if self.topics else 0)

    def languages_of(self, subject):
        return [one for one in self.heard.get(subject, self.languages) if self.only in (None, one)]

    def recordings(self):
        return [
            Recording(f"{i:02d}", task=f"tale{story}", run=language, modality="fmri")
            for i in range(1, self.n_subjects + 1)
            for language in self.languages_of(f"{i:02d}")
            for story in range(self.n_stories)
        ]

    def length_s(self, language):
        return self.story_s * PACE[language]

    def meaning(self, story, language):
        """(seconds, f): the same course in all languages, slower or faster."""
        rng = np.random.default_rng([self.seed, 5, story])
        course = rng.standard_normal((round(self.story_s / 5), F))
        values = np.zeros((round(self.length_s(language)), self.n_features))
        at = np.arange(len(values)) / (5 * PACE[language])
        values[:, :F] = [[np.interp(t, np.arange(len(course)), one) for one in course.T] for t in at]
        if self.topics:
            values[:, :F] *= 0.2
            values[:, F:] = 0.35 * np.sin(
                at[:, None] * rng.uniform(0.5, 2.0, OWN * self.n_stories) + rng.uniform(0, 6, OWN * self.n_stories)
            )
            values[:, F + OWN * story : F + OWN * (story + 1)] *= 3.5
        return values + (self.shift if language == "eu" else 0.0)

    def features(self, stimulus):
        story, language = stimulus.split(".")
        return Frames(self.meaning(int(story.removeprefix("tale")), language).astype(np.float32), RATE_HZ)

    def regions(self):
        return {name: np.repeat(np.arange(len(REGIONS)), self.n_each) == i for i, name in enumerate(REGIONS)}

    def load(self, recording):
        story, language = int(recording.task.removeprefix("tale")), recording.run
        n = round((LEAD_S + self.length_s(language) + TAIL_S) / TR_S)
        rng = np.random.default_rng([self.seed, int(recording.subject), story, *map(ord, language)])
        weights = np.random.default_rng([self.seed, 9]).standard_normal((self.n_features, len(REGIONS) * self.n_each))
        where = self.regions()
        for name in REGIONS[1:]:
            weights[:, where[name]] *= name == f"private_{language}"
        course = self.meaning(story, language)
        # each moment answers 4 s later
        times_s = np.arange(n) * TR_S - LEAD_S - 4.0
        seen = np.stack([np.interp(times_s, np.arange(len(course)), one, left=0, right=0) for one in course.T], 1)
        data = self.gain * seen @ weights + self.noise * rng.standard_normal((n, weights.shape[1]))
        places = np.arange(3 * weights.shape[1], dtype=np.float32).reshape(-1, 3)
        return Bold(data.astype(np.float32), TR_S, where, places)

    def clips(self, recording):
        length_s = self.length_s(recording.run)
        return pd.DataFrame(
            [
                {
                    "stimulus": f"{recording.task}.{recording.run}",
                    "start_s": 0.0,
                    "duration_s": length_s,
                    "time_s": LEAD_S,
                }
            ]
        )

    def events(self, recording):
        language, length_s = recording.run, self.length_s(recording.run)
        story = self.names.get((recording.task, language), recording.task)
        shared = {"story": story, "stimulus": f"{recording.task}.{language}", "language": language}
        rows = [shared | {"kind": "sound", "onset": LEAD_S, "duration": length_s, "stimulus_onset": 0.0}]
        for i, at in enumerate(np.arange(0, length_s - 1, PACE[language])):
            rows.append(
                shared
                | {
                    "kind": "word",
                    "onset": LEAD_S + at,
                    "duration": 0.4,
                    "stimulus_onset": at,
                    "text": f"{language}{i % 17}",
                }
            )
        return events_table(rows, where=recording.name)

    def sources(self, recording):
        return []

    def settings(self):
        told = ("languages", "n_stories", "story_s", "n_each", "noise", "gain", "topics", "shift", "seed", "names")
        return {name: repr(getattr(self, name)) for name in told}
