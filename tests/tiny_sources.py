"""The tiny people once more, whose four sources have places: sensors see them through a known field, voxels near them through the blood."""

import numpy as np
from tiny import SFREQ, TinyStudy
from tiny_pairs import LEAD_S, REST_S, TR_S, TinyScanner

from n2s.data import Grid, PairedDataModule, Preprocessing, SplitByStory
from n2s.data.hrf_response import hrf_response
from n2s.features import Ready
from n2s.studies.fmri import Bold

PLACES_MM = np.array([[-50.0, -20, 8], [50, -20, 8], [-50, -50, 10], [50, -50, 10]])
SHARED = {"n_subjects": 2, "n_stories": 6, "story_s": 40.0}


class SourceHelmet(TinyStudy):
    """A `TinyStudy` that knows what its channels see of four sources, each of which follows a feature; ``spoil``: a story of noise alone."""

    def __init__(self, root, *, spoil=None, known=True, **options):
        super().__init__(root, **options)
        self.spoil, self.known = spoil, known

    def settings(self):
        return {"spoil": self.spoil}

    def load(self, recording):
        raw = super().load(recording)
        if recording.task == self.spoil:
            raw._data += 1e-6 * np.random.default_rng(5).standard_normal(raw._data.shape)
        return raw

    @property
    def lead_field(self):
        """As `SimulatedPairMEG.lead_field`."""
        if not self.known:
            raise AttributeError("lead_field")
        return lambda subject: (
            PLACES_MM,
            1e-6 * np.random.default_rng([self.seed, 99, int(subject)]).standard_normal((4, self.n_channels)).T,
        )


class SourceScanner(TinyScanner):
    """Voxels within 4 mm of a source follow its feature through the haemodynamic response."""

    def __init__(self, root, *, spoil=None, placed=True, away_mm=0.0, **options):
        super().__init__(root, **options)
        self.spoil, self.placed, self.away_mm = spoil, placed, away_mm

    def settings(self):
        return super().settings() | {"spoil": self.spoil, "placed": self.placed, "away_mm": self.away_mm}

    def load(self, recording):
        story, subject = recording.task, int(recording.subject)
        n = round((LEAD_S + self.tiny.story_s + REST_S) / TR_S)
        frames = self.features(story)
        heard = hrf_response(frames.values, frames.rate_hz, LEAD_S, TR_S, n)
        rng = np.random.default_rng([self.tiny.seed, 56, subject, int(story[5:])])
        mixing = np.repeat(np.eye(4), self.n_voxels // 4, axis=1)
        places = np.repeat(PLACES_MM, self.n_voxels // 4, axis=0) + np.random.default_rng(subject).uniform(
            -2, 2, (self.n_voxels, 3)
        )
        data = 100 + 4 * self.gain * heard @ mixing + self.noise * rng.standard_normal((n, self.n_voxels))
        if story == self.spoil:
            data += rng.standard_normal(data.shape)
        return Bold(data.astype(np.float32), TR_S, {}, places + self.away_mm if self.placed else None)


def source_pairs(root, *, scanner=None, helmet=None, **options):
    """Data of both: 6 stories, the last for the test, segments of 5 s."""
    studies = {
        "meg": SourceHelmet(root, **SHARED, **(helmet or {})),
        "fmri": SourceScanner(root, **SHARED, **(scanner or {})),
    }
    given = {
        "split": SplitByStory(val_fraction=0, test=["story5"]),
        "preprocessing": Preprocessing(sfreq=SFREQ / 2, highpass_hz=0.1, picks=["eeg"]),
        "segment_s": 5.0, "offset_s": 0.1, "lags_s": (2.0, 8.0), "bin_s": 1.0, "response_s": 10.0, "n_components": 8,
        "train_windows": Grid(2.0), "batch_size": 32, "n_jobs": 1,
    } | options  # fmt: skip
    return PairedDataModule(studies, Ready(4), **given)
