"""The tiny study once more, in a scanner: the same people hear the same stories, and voxels follow the same features slowly."""

import numpy as np
from tiny import TinyStudy

from n2s.data import Grid, PairedDataModule, Preprocessing, SplitByStory
from n2s.features.ready import Ready
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.study import Recording

TR_S, LEAD_S, REST_S = 1.0, 3.0, 14.0
RISE_S = (2.0, 8.0)  # a sound moves the volumes that start so long after it


class TinyScanner(FMRIStudy):
    """The stories of a `TinyStudy`, a run each, ``LEAD_S`` after its start; ``lacks``: (subject, story) that were not scanned."""

    name = "tiny_scanner"

    def __init__(self, root, *, n_voxels=20, bold_gain=1.0, bold_noise=0.3, lacks=(), **tiny):
        self.tiny = TinyStudy(root, **tiny)
        self.root, self.n_voxels, self.gain, self.noise = self.tiny.root, n_voxels, bold_gain, bold_noise
        self.lacks = {tuple(one) for one in lacks}

    def recordings(self):
        people = [f"{s:02d}" for s in range(1, self.tiny.n_subjects + 1)]
        return [
            Recording(person, task=story, modality="fmri")
            for person in people
            for story in self.tiny.stories
            if (person, story) not in self.lacks
        ]

    def sources(self, recording):
        return []

    def settings(self):
        return {"n_voxels": self.n_voxels, "gain": self.gain, "noise": self.noise, "seed": self.tiny.seed}

    def features(self, stimulus):
        return self.tiny.features(stimulus)

    def load(self, recording):
        subject, story = int(recording.subject), recording.task
        frames = self.features(story)
        n = round((LEAD_S + self.tiny.story_s + REST_S) / TR_S)
        total = np.concatenate([np.zeros((1, frames.values.shape[1])), np.cumsum(frames.values, axis=0)])
        heard = np.zeros((n, frames.values.shape[1]))
        for volume in range(n):
            at_s = volume * TR_S - LEAD_S
            first, last = (int(np.clip((at_s - lag) * frames.rate_hz, 0, len(frames.values))) for lag in RISE_S[::-1])
            heard[volume] = (total[last] - total[first]) / np.sqrt(frames.rate_hz * (RISE_S[1] - RISE_S[0]))
        mixing = np.random.default_rng([self.tiny.seed, 55, subject]).standard_normal((heard.shape[1], self.n_voxels))
        noise = np.random.default_rng([self.tiny.seed, 56, subject, int(story[5:])]).standard_normal((n, self.n_voxels))
        return Bold((100 + self.gain * heard @ mixing + self.noise * noise).astype(np.float32), TR_S, {})

    def clips(self, recording):
        raise NotImplementedError("its stories are whole")

    def events(self, recording):
        story = {"story": recording.task, "stimulus": recording.task, "language": "en"}
        row = {"onset": LEAD_S, "duration": self.tiny.story_s, "kind": "story", "stimulus_onset": 0.0, **story}
        return events_table([row], where=recording.name)


def tiny_pairs(root, *, scanner=None, meg=None, **options):
    """Data of both: 6 stories, the last for the test, segments of 5 s."""
    shared = {"n_subjects": 2, "n_stories": 6, "story_s": 40.0}
    given = {
        "split": SplitByStory(val=["story4"], test=["story5"]),
        "preprocessing": Preprocessing(sfreq=50.0, highpass_hz=0.1, picks=["eeg"]),
        "segment_s": 5.0,
        "offset_s": 0.1,
        "lags_s": (2.0, 8.0),
        "bin_s": 1.0,
        "response_s": 10.0,
        "n_components": 8,
        "train_windows": Grid(2.0, jitter=True),
        "batch_size": 32,
        "n_jobs": 1,
    } | options
    studies = {"meg": TinyStudy(root, **shared, **(meg or {})), "fmri": TinyScanner(root, **shared, **(scanner or {}))}
    return PairedDataModule(studies, Ready(4), **given)
