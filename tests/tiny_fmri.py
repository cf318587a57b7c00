"""An fMRI study small enough to compute by hand: three tones whose loudness changes from clip to clip, and voxels that follow."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.studies.fmri import Bold, FMRIStudy
from n2s.studies.study import Recording

TR_S, LAG_S, REST, TONES_HZ = 1.0, 2.0, 4, (300.0, 1200.0, 4000.0)


def hash_of(data):
    return hashlib.sha256(np.ascontiguousarray(data)).hexdigest()


class TinyFMRI(FMRIStudy):
    """Sounds ``s0``, ``s1``, ... of ``n_clips`` clips of 1 s, a run each; the last is for testing, heard twice.

    A clip's volume comes 2 s after it. ``n_voxels`` of the first subject; each next one has one more. ``clips_of`` changes
    a run's table; ``spoil`` a run's volumes.
    """

    name = "tiny_fmri"

    def __init__(
        self,
        root: str,
        *,
        n_subjects: int = 2,
        n_sounds: int = 6,
        n_clips: int = 12,
        n_voxels: int = 8,
        gain: float = 1.0,
        val: bool = False,
        seed: int = 0,
    ):
        self.root = Path(root)
        self.n_subjects, self.n_sounds, self.n_clips, self.n_voxels = n_subjects, n_sounds, n_clips, n_voxels
        self.gain, self.val, self.seed = gain, val, seed
        self.clips_of = lambda recording, table: table
        self.spoil = None

    def recordings(self):
        runs = [(sound, repeat) for sound in range(self.n_sounds) for repeat in range(1 + (sound == self.n_sounds - 1))]
        return [
            Recording(f"{subject:02d}", session=str(repeat + 1), task=f"s{sound}", modality="fmri")
            for subject in range(1, self.n_subjects + 1)
            for sound, repeat in runs
        ]

    def latent(self, stimulus):
        """(n_clips, 3) z-scored loudness of the tones."""
        return np.random.default_rng([self.seed, int(stimulus[1:])]).standard_normal((self.n_clips, 3))

    def load(self, recording):
        subject = int(recording.subject)
        rng = np.random.default_rng([self.seed, subject, int(recording.task[1:]), int(recording.session)])
        n_voxels = self.n_voxels + subject - 1
        mixing = np.random.default_rng([self.seed, 77, subject]).standard_normal((3, n_voxels))
        data = 100 + 0.5 * rng.standard_normal((self.n_clips + REST, n_voxels))
        data[int(LAG_S) : int(LAG_S) + self.n_clips] += self.gain * self.latent(recording.task) @ mixing
        half = np.arange(n_voxels) < n_voxels // 2
        data = data.astype(np.float32)
        data = data if self.spoil is None else self.spoil(recording, data)
        return Bold(data, TR_S, {"half": half[: data.shape[1]]})

    def clips(self, recording):
        last = recording.task == f"s{self.n_sounds - 1}"
        split = "test" if last else "val" if self.val and recording.task == "s0" else "train"
        table = pd.DataFrame(
            {
                "stimulus": recording.task,
                "start_s": np.arange(self.n_clips, dtype=float),
                "duration_s": 1.0,
                "time_s": np.arange(self.n_clips, dtype=float),
                "split": split,
                "repeat": int(recording.session) - 1,
                "label": np.where(np.arange(self.n_clips) % 2, "odd", "even"),
            }
        )
        return self.clips_of(recording, table)

    def sources(self, recording):
        return []

    def settings(self):
        spoiled = self.spoil and [hash_of(self.load(one).data) for one in self.recordings()]
        return {name: getattr(self, name) for name in ("n_clips", "n_voxels", "gain", "seed")} | {"spoiled": spoiled}

    def audio(self, stimulus):
        path = self.root / f"{stimulus}-{self.seed}-{self.n_clips}.wav"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            time_s = np.arange(16000) / 16000
            tones = np.stack([np.sin(2 * np.pi * hz * time_s) for hz in TONES_HZ])
            hiss = 1e-3 * np.random.default_rng([self.seed, 5, int(stimulus[1:])]).standard_normal(16000 * self.n_clips)
            heard = (0.05 * np.exp(0.5 * self.latent(stimulus)) @ tones).ravel() + hiss
            soundfile.write(path, heard, 16000, subtype="FLOAT")
        return path
