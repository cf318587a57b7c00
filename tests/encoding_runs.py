"""Runs of BOLD small enough to compute by hand: voxels that follow ready features through the canonical response, in noise."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.data import hrf_response
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.study import Frames, Recording

RATE_HZ, TR_S, F = 5.0, 2.0, 3


class RunsOfStories(FMRIStudy):
    """``plan``: run -> (story, onset in s) of each story that is played in it; ``plans``: the same for single subjects.

    ``spoil`` changes a run's volumes; ``louder`` names stories whose features and responses are many times larger.
    """

    name = "runs"

    def __init__(
        self,
        root,
        plan,
        *,
        n_subjects=1,
        story_s=120.0,
        n_voxels=6,
        gain=1.0,
        noise=1.0,
        plans=None,
        seed=0,
        tail_s=20.0,
    ):
        self.root, self.plan, self.plans = Path(root), plan, plans or {}
        self.n_subjects, self.story_s, self.n_voxels, self.gain, self.noise = n_subjects, story_s, n_voxels, gain, noise
        self.seed, self.tail_s, self.louder, self.spoil, self.spaces = seed, tail_s, (), None, None

    def plan_of(self, subject):
        return self.plans.get(subject, self.plan)

    def recordings(self):
        names = [f"{i:02d}" for i in range(1, self.n_subjects + 1)]
        return [Recording(name, run=run, modality="fmri") for name in names for run in self.plan_of(name)]

    def features(self, stimulus):
        rng = np.random.default_rng([self.seed, *map(ord, stimulus)])
        values = rng.standard_normal((round(self.story_s * RATE_HZ), F)).astype(np.float32)
        return Frames(values * 20 + 7 if stimulus in self.louder else values, RATE_HZ)

    def load(self, recording):
        played = self.plan_of(recording.subject)[recording.run]
        n = round((max(onset for _, onset in played) + self.story_s + self.tail_s) / TR_S)
        subject = int(recording.subject)
        rng = np.random.default_rng([self.seed, subject, *map(ord, recording.run)])
        mixing = np.random.default_rng([self.seed, 9, subject]).standard_normal((F, self.n_voxels))
        data = 100 + self.noise * rng.standard_normal((n, self.n_voxels))
        for story, onset in played:
            data += 3 * self.gain * hrf_response(self.features(story).values, RATE_HZ, onset, TR_S, n) @ mixing
        data = data.astype(np.float32)
        data = data if self.spoil is None else self.spoil(recording, data)
        half = np.arange(data.shape[1]) < data.shape[1] // 2
        places = np.arange(3 * data.shape[1], dtype=np.float32).reshape(-1, 3)
        return Bold(data, TR_S, {"half": half}, places)

    def clips(self, recording):
        played = self.plan_of(recording.subject)[recording.run]
        return pd.DataFrame(
            {
                "stimulus": [one for one, _ in played],
                "start_s": 0.0,
                "duration_s": self.story_s,
                "time_s": [at for _, at in played],
            }
        )

    def space(self, subject):
        return self.spaces or Space(mesh="fsaverage5")

    def sources(self, recording):
        return []

    def settings(self):
        told = {
            name: getattr(self, name) for name in ("story_s", "n_voxels", "gain", "noise", "seed", "tail_s", "louder")
        }
        return told | {
            "plan": repr((self.plan, self.plans)),
            "spoil": None if self.spoil is None else self.spoil.__name__,
        }


class RunsOfSentences(RunsOfStories):
    """The same, with a sentence and a word every 10 s of a story."""

    def events(self, recording):
        rows = []
        for story, onset in self.plan_of(recording.subject)[recording.run]:
            for at in np.arange(0, self.story_s, 10.0):
                shared = {
                    "onset": onset + at,
                    "stimulus_onset": at,
                    "story": story,
                    "stimulus": story,
                    "sequence": f"{story}-{at:g}",
                }
                rows.append(shared | {"kind": "sentence", "duration": 9.0, "text": f"sentence {at:g} of {story}"})
                rows.append(shared | {"kind": "word", "duration": 0.5, "text": f"{story}{at:g}"})
                rows.append(shared | {"kind": "phone", "duration": 0.1, "text": "a"})
            whole = {
                "onset": onset,
                "duration": self.story_s,
                "stimulus_onset": 0.0,
                "story": story,
                "stimulus": story,
                "kind": "sound",
            }
            rows.append(whole)
        return events_table(rows, where=recording.name)
