"""People in two scanners, as small as a test needs: who heard which part of which sound file when, in MEG and in fMRI."""

from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import soundfile
from melodies import HZ, melody

from n2s.data import Grid, PairedDataModule, Preprocessing, SplitByStory
from n2s.features import Mel
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.study import Frames, Recording, Study

SFREQ, TR_S, SILENCE_S = 20.0, 1.0, 2.0


@dataclass(frozen=True)
class Play:
    """A sound file plays from ``at_s`` of a run on: its seconds from ``start_s``, for ``lasts_s``."""

    stimulus: str
    at_s: float
    lasts_s: float
    start_s: float = 0.0
    story: str = ""
    condition: str = "listen"


def follows(at_s, seed, n):
    """(t, n) What sensors or voxels do at some moments of a sound: sums of slow sines."""
    rng = np.random.default_rng([seed, 4])
    hz, phase = rng.uniform(0.02, 0.4, (n, 3)), rng.uniform(0, 2 * np.pi, (n, 3))
    return np.sin(2 * np.pi * hz * at_s[:, None, None] + phase).sum(-1)


class _Heard:
    """``runs``: (subject, run) -> what plays; ``sounds``: stimulus -> file."""

    def __init__(
        self, root, runs, sounds, *, language="en", words=None, content=None, split=None, tail_s=20.0, gain=1.0
    ):
        self.root, self.runs, self.sounds, self.language, self.words = (
            Path(root),
            dict(runs),
            dict(sounds),
            language,
            words or {},
        )
        self.content, self.split, self.tail_s, self.gain = content, split, tail_s, gain
        self.root.mkdir(parents=True, exist_ok=True)
        self.spoil = None  # (recording, (t, n) data, (t,) s) -> data

    def recordings(self):
        return [Recording(subject, run=run, modality=self.kind) for subject, run in self.runs]

    def sources(self, recording):
        return []

    def settings(self):
        return {"runs": repr(self.runs), "tail_s": self.tail_s, "gain": self.gain,
                "data": [float(np.abs(self.data(one)).sum()) for one in self.recordings()]}  # fmt: skip

    def audio(self, stimulus):
        found = self.sounds[stimulus]
        return None if isinstance(found, Frames) else found

    def features(self, stimulus):
        found = self.sounds[stimulus]
        return found if isinstance(found, Frames) else None

    def lasts_s(self, plays):
        return max(play.at_s + play.lasts_s for play in plays) + self.tail_s

    def data(self, recording):
        """(t, n) noise, and what follows the sounds."""
        plays = self.runs[recording.subject, recording.run]
        n = round(self.lasts_s(plays) / self.step_s)
        rng = np.random.default_rng([sum(map(ord, recording.name)), 9])
        found, time_s = 0.1 * rng.standard_normal((n, self.n)), self.step_s * np.arange(n)
        for play in plays:
            inside = (time_s >= play.at_s) & (time_s < play.at_s + play.lasts_s)
            moment = time_s[inside] - play.at_s + play.start_s
            found[inside] += self.gain * follows(moment, sum(map(ord, play.stimulus)), self.n)
        return found if self.spoil is None else self.spoil(recording, found, time_s)

    def events(self, recording):
        rows = []
        for play in self.runs[recording.subject, recording.run]:
            told = {"stimulus": play.stimulus, "story": play.story or play.stimulus, "language": self.language}
            told["condition"] = play.condition
            rows.append(
                told | {"kind": "sound", "onset": play.at_s, "duration": play.lasts_s, "stimulus_onset": play.start_s}
            )
            for text, at_s in self.words.get(play.stimulus, ()):
                if play.start_s <= at_s < play.start_s + play.lasts_s - 0.3:
                    onset = play.at_s + at_s - play.start_s
                    rows.append(
                        told | {"kind": "word", "text": text, "onset": onset, "duration": 0.3, "stimulus_onset": at_s}
                    )
        return events_table(rows, where=recording.name)


class Sensors(_Heard, Study):
    """Four electrodes at 20 Hz."""

    name, kind, step_s, n = "sensors", "eeg", 1 / SFREQ, 4

    def load(self, recording):
        montage = mne.channels.make_standard_montage("biosemi64")
        raw = mne.io.RawArray(
            1e-6 * self.data(recording).T, mne.create_info(montage.ch_names[: self.n], SFREQ, "eeg"), verbose="error"
        )
        return raw.set_montage(montage, verbose="error")


class Volumes(_Heard, FMRIStudy):
    """Six voxels, a volume a second."""

    name, kind, step_s, n = "volumes", "fmri", TR_S, 6

    def load(self, recording):
        return Bold(100 + self.data(recording).astype(np.float32), self.step_s)

    def clips(self, recording):
        raise NotImplementedError

    def events(self, recording):
        return _Heard.events(self, recording)


def write(path, sound, hz=HZ, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, hz, **options)
    return path


def tunes(folder, names, lasts_s=40):
    """Sound files of melodies, one for each name."""
    return {name: write(Path(folder) / f"{name}.wav", melody(sum(map(ord, name)), lasts_s)) for name in names}


def ramps(names, lasts_s=40, rate_hz=20.0):
    """Sounds as two features: the moment, s, and noise that tells the sound."""
    found = {}
    for name in names:
        moment = np.arange(round(lasts_s * rate_hz) + 1) / rate_hz
        noise = np.random.default_rng(sum(map(ord, name))).standard_normal(len(moment))
        found[name] = Frames(np.stack([moment, noise], 1).astype(np.float32), rate_hz)
    return found


def runs_of(subjects, stories, *, at_s=SILENCE_S, lasts_s=40.0, start_s=0.0):
    """Everybody hears each story in a run of its own."""
    return {(s, story): [Play(story, at_s, lasts_s, start_s)] for s in subjects for story in stories}


def paired(meg, fmri, **options):
    """A set-up datamodule of segments of 5 s; story ``c`` is tested, ``b`` is validation."""
    told = {"split": SplitByStory(test=["c"], val=["b"]), "people": "same", "segment_s": 5.0, "n_components": 3, "bin_s": 2.0,
            "train_windows": Grid(1.0), "test_windows": Grid(5.0), "batch_size": 8, "n_jobs": 1}  # fmt: skip
    meg = meg if isinstance(meg, dict) else {"meg": meg}
    fmri = fmri if isinstance(fmri, dict) else {"fmri": fmri}
    told |= {"preprocessing": Preprocessing(sfreq=SFREQ, picks=["eeg"], highpass_hz=None, lowpass_hz=None)}
    data = PairedDataModule(meg | fmri, options.pop("target", None) or Mel(n_mels=4), **(told | options))
    data.setup("fit")
    return data
