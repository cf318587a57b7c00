"""A simulated fMRI study: listeners in a scanner hear stories that a speech synthesizer reads."""

import os
import random
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from n2s.errors import UserError, counted
from n2s.paths import disk_room, written_whole
from n2s.progress import track
from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.events import events_table
from n2s.studies.fmri import Bold, FMRIStudy, Space
from n2s.studies.simulated.bold_noise import temporal_covariance
from n2s.studies.simulated.bold_observer import BoldObserver
from n2s.studies.simulated.bold_run import LEAD_S, count_volumes, scan, story_courses, stretch
from n2s.studies.simulated.bold_sources import FINE_HZ, BoldListener, bold_listener, brain, channels, courses, responses
from n2s.studies.simulated.observer import sample
from n2s.studies.simulated.spoken import SpokenStudy, split_for, stimulus_of
from n2s.studies.study import Recording

if TYPE_CHECKING:
    import nibabel


class SimulatedFMRI(SpokenStudy, FMRIStudy):
    """BOLD responses to speech with a known generator, and so a known best score for any decoder.

    Every subject hears every story once, a run each, and the test story ``n_repeats`` times (sessions "1", "2", ...).
    Grey-matter voxels in MNI space, some of them in auditory cortex tuned to speech (`bold_sources`), in Gaussian noise,
    drift and motion (`bold_noise`). The regions are ``auditory`` and ``whole``. The official split holds out one English
    story for testing and one Spanish story for validation, both without translations.

    Runs are made at the first need, in the cache, once for all studies of the same settings; a process that was killed
    goes on where it stopped. They are kept as scanned, with the nuisance regressors (the constant, slow cosines, motion)
    beside them.

    Parameters
    ----------
    n_subjects
        Listeners "01", "02", ...
    stories
        Which stories, by id (all its languages) or ``id.language``; None: all.
    tr_s
        Time from one volume to the next, s.
    resolution_mm
        Size of a voxel, whole mm; 8 mm are 3,690 voxels, 4 mm 28,144. Small voxels are as noisy as large ones, so that
        more of them tell more.
    clip_s
        Length of the clips that each story is cut into, s; the rest at its end is no clip.
    n_repeats
        How often the test story is heard.
    noise_level
        Amplitude of the noise, relative to one percent of signal change a voxel.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes runs of noise alone.
    clean
        Whether preparation projects the nuisance regressors out of each run (which is then of mean 0).
    seed
        Another seed, other people and other noise.
    max_story_s
        Cut each story at the end of the last sentence before this time (the first sentence always stays); None: whole.
    test_stories
        Held out for testing instead of the official story, by id, with all their languages: two that different voices
        read give semantic classification something to tell.
    root
        Where to keep the study; None: ``simulated`` in the cache.

    Examples
    --------
    >>> from n2s.studies import SimulatedFMRI
    >>> study = SimulatedFMRI(n_subjects=2, tr_s=1.5, test_stories=["lighthouse"], root=folder)  # made when first read
    >>> study.split["lighthouse"], len(study.recordings())
    ('test', 24)
    """

    name, kind, version = "simulated_fmri", "fmri", 1

    def __init__(
        self,
        *,
        n_subjects: int = 2,
        stories: list[str] | None = None,
        tr_s: float = 2.0,
        resolution_mm: int = 8,
        clip_s: float = 4.0,
        n_repeats: int = 2,
        noise_level: float = 1.0,
        signal_gain: float = 1.0,
        clean: bool = True,
        seed: int = 0,
        max_story_s: float | None = None,
        test_stories: list[str] | None = None,
        root: Path | str | None = None,
    ):
        least = {
            "n_subjects": (n_subjects, 1),
            "tr_s": (tr_s, 0.1),
            "resolution_mm": (resolution_mm, 2),
            "clip_s": (clip_s, 0.5),
            "n_repeats": (n_repeats, 1),
            "noise_level": (noise_level, 1e-3),  # the likelihood of noiseless data is infinite, and files are float32
            "signal_gain": (signal_gain, 0),
            "seed": (seed, 0),
        }
        super().__init__(stories=stories, max_story_s=max_story_s, root=root, least=least)
        if test_stories is not None:
            self.split = split_for(test_stories, self.split, self.name)
        self.n_subjects, self.n_repeats, self.seed, self.clean = n_subjects, n_repeats, seed, clean
        self.tr_s, self.resolution_mm, self.clip_s = float(tr_s), int(resolution_mm), float(clip_s)
        self.noise_level, self.signal_gain = float(noise_level), float(signal_gain)

    def recordings(self) -> list[Recording]:
        """One a subject, story text and presentation: the task is the story, the run its language."""
        return [
            Recording(f"{subject:02d}", session=f"{repeat}", task=story.id, run=story.language, modality="fmri")
            for subject in range(1, self.n_subjects + 1)
            for story in self._stories.values()
            for repeat in range(1, 1 + (self.n_repeats if self.split[story.id] == "test" else 1))
        ]

    def load(self, recording: Recording) -> Bold:
        """Read a run as scanned, percent signal change, with its nuisances if it is to be cleaned; makes all that are missing."""
        data, nuisances = self._scanned(recording)
        known = brain(self.resolution_mm)
        return Bold(
            data.astype(np.float32),
            tr_s=self.tr_s,
            rois={"auditory": known.auditory, "whole": np.ones_like(known.auditory)},
            places=known.places.astype(np.float32),
            nuisances=nuisances if self.clean else None,
        )

    def clips(self, recording: Recording) -> pd.DataFrame:
        """The story, cut on a grid of ``clip_s``; the label is the voice that reads it.

        Raises
        ------
        UserError
            The story is shorter than a clip.
        """
        stimulus = stimulus_of(recording)
        story = self._stories[stimulus]
        heard_s = (len(self._channels(stimulus)) - 1) / FINE_HZ  # the last frame is centred at the end
        n_clips = int(heard_s / self.clip_s + 1e-6)
        if not n_clips:
            raise UserError(
                f"{self.name}: {stimulus} lasts {heard_s:.1f} s, so that no clip of {self.clip_s:g} s fits. Give a shorter "
                "clip_s or a longer max_story_s."
            )
        starts_s = np.arange(n_clips) * self.clip_s
        return pd.DataFrame(
            {
                "stimulus": stimulus,
                "start_s": starts_s,
                "duration_s": self.clip_s,
                "time_s": LEAD_S + starts_s,
                "group": story.id,
                "split": self.split[story.id],
                "repeat": int(recording.session) - 1,
                "label": story.speaker.voice,
            }
        )

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the run's clock."""
        events = pd.read_parquet(self._spoken(stimulus_of(recording)) / "events.parquet")
        events["onset"] = events.stimulus_onset + LEAD_S
        duration_s = self._n_volumes(recording) * self.tr_s
        return events_table(events, where=f"{self.name}, {recording.name}", duration_s=duration_s)

    def mask(self) -> "nibabel.Nifti1Image":
        """The grey-matter mask: voxels are in its C order, so that ``nilearn.masking.unmask`` puts a map into space."""
        return brain(self.resolution_mm).mask

    def space(self, subject: str) -> Space:
        """See `FMRIStudy`: everybody's voxels are those of the mask."""
        return Space(mask=self.mask(), template=brain(self.resolution_mm).template)

    def sources(self, recording: Recording) -> list[Path]:
        """The run's files and the stimulus' events; makes all runs that are missing."""
        self.prepare()
        folder = self._run(recording)
        return [folder / "bold.npy", folder / "nuisances.npy", self._spoken(stimulus_of(recording)) / "events.parquet"]

    def settings(self) -> dict:
        """Names the folder of runs made with the same settings, and what is done on reading."""
        return {"folder": self._folder.name, "clean": self.clean, "clip_s": self.clip_s}

    def prepare(self) -> None:
        """Make the stories and runs that are missing.

        Several processes may do this at once: each takes the runs in its own order, and what one has finished the others
        skip.

        Raises
        ------
        UserError
            The disk has no room for them.
        """
        missing = [recording for recording in self.recordings() if not self._run(recording).exists()]
        if not missing:
            return
        stimuli = sorted({stimulus_of(recording) for recording in missing})
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # each but waits for eSpeak's process
            told = f"speaking {counted(len(stimuli), 'story', 'stories')}"
            for _ in track(pool.map(self._spoken, stimuli), told, total=len(stimuli)):
                pass
        n_voxels = len(brain(self.resolution_mm).places)
        n_bytes = sum(self._n_volumes(recording) for recording in missing) * n_voxels * 4
        random.Random(os.getpid()).shuffle(missing)
        with disk_room(self._folder / "runs", n_bytes, self.name):
            for recording in track(missing, f"simulating {counted(len(missing), 'run')}"):
                self._make(recording)

    def ideal_scores(
        self,
        recording: Recording,
        starts_s: np.ndarray,
        candidates: list[tuple[str, float]],
        *,
        offset_s: float,
        duration_s: float,
    ) -> np.ndarray:
        """Exact log-likelihood ratios (n, k) of each candidate clip for each window; see `Study.ideal_scores`.

        The observer knows the listener and the noise. It sees, in every voxel of the cleaned run, the volumes that start
        in ``[start + offset_s, start + offset_s + duration_s)``: give the lag of the model and the length of its clip for
        the model's view (it sees the mean of these volumes), or 0 and 40 s for the whole response to a clip. For each
        candidate it knows ``clip_s`` seconds of audio (and words) from its start. It also knows the rest of the run's
        sound, before and after; a model does not, so this is an upper bound for any model. Scores of repeats of one clip add up to
        the score of all of them. For runs of noise alone, it uses the signal that would have been there.
        """
        person = self._listener(recording)
        data, nuisances = self._scanned(recording)
        n_volumes, n_clip = len(data), sample(self.clip_s, FINE_HZ)
        cleaning = residual_maker(nuisances)
        data, temporal = cleaning @ data, cleaning @ temporal_covariance(n_volumes, self.tr_s) @ cleaning
        heard = self._channels(stimulus_of(recording))
        whole = story_courses(heard, self.tr_s)
        clips = np.stack([self._clip(stimulus, start_s, n_clip) for stimulus, start_s in candidates])
        observer = BoldObserver(person.patterns, person.noise)
        scores = np.empty((len(starts_s), len(candidates)))
        for row, start_s in zip(scores, starts_s, strict=True):
            seen = self._seen(recording, n_volumes, start_s + offset_s, duration_s)
            first = sample(start_s - LEAD_S, FINE_HZ)  # of the story
            response = responses(n_volumes, self.tr_s, first=first + round(LEAD_S * FINE_HZ), n_samples=n_clip)
            around = whole - courses(stretch(heard, first, n_clip), response)
            row[:] = observer.log_likelihood_ratios(
                data[seen] / self.noise_level,
                (cleaning[seen] @ around) * self.signal_gain / self.noise_level,
                courses(clips, cleaning[seen] @ response) * (self.signal_gain or 1.0) / self.noise_level,
                temporal[np.ix_(seen, seen)],
            )
        return scores

    def _numbers(self) -> dict:
        return {
            "tr_s": self.tr_s,
            "resolution_mm": self.resolution_mm,
            "noise_level": self.noise_level,
            "signal_gain": self.signal_gain,
            "seed": self.seed,
        }

    def _describe(self, folder: Path, events: pd.DataFrame) -> None:
        np.save(folder / "channels.npy", channels(folder / "audio.wav", events))

    def _run(self, recording: Recording) -> Path:
        return self._folder / "runs" / recording.name

    def _channels(self, stimulus: str) -> np.ndarray:
        return np.load(self._spoken(stimulus) / "channels.npy", mmap_mode="r")

    def _clip(self, stimulus: str, start_s: float, n_samples: int) -> np.ndarray:
        heard, first = self._channels(stimulus), sample(start_s, FINE_HZ)
        if not 0 <= first < len(heard):
            raise UserError(
                f"{self.name}: candidate at {start_s:.2f} s of {stimulus}, which lasts {len(heard) / FINE_HZ:.2f} s."
            )
        return stretch(heard, first, n_samples)

    def _n_volumes(self, recording: Recording) -> int:
        return count_volumes(len(self._channels(stimulus_of(recording))), self.tr_s)

    def _listener(self, recording: Recording) -> BoldListener:
        return bold_listener(int(recording.subject), self.resolution_mm, self.seed)

    def _scanned(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """The run as scanned (t, v), and its nuisance regressors (t, p)."""
        self.prepare()
        folder = self._run(recording)
        if not folder.exists():
            known = ", ".join(one.name for one in self.recordings())
            raise UserError(f"{self.name}: no recording {recording.name}; there are {known}.")
        return np.load(folder / "bold.npy").astype(np.float64), np.load(folder / "nuisances.npy")

    def _seen(self, recording: Recording, n_volumes: int, from_s: float, duration_s: float) -> np.ndarray:
        """The volumes that start in an interval; a UserError if the run does not have all of it."""
        first, stop = (int(np.ceil(time_s / self.tr_s - 1e-6)) for time_s in (from_s, from_s + duration_s))
        if first < 0 or stop > n_volumes or stop <= first:
            raise UserError(
                f"{self.name}, {recording.name}: a window of {duration_s:g} s from {from_s:.2f} s holds no volume, or "
                f"reaches outside the run of {n_volumes} volumes of {self.tr_s:g} s."
            )
        return np.arange(first, stop)

    def _make(self, recording: Recording) -> None:
        """Write one run, unless another process has meanwhile."""
        if self._run(recording).exists():
            return
        entropy = [self.seed, int(recording.subject), int(recording.session)]
        data, nuisances = scan(
            self._channels(stimulus_of(recording)),
            self._listener(recording),
            tr_s=self.tr_s,
            signal_gain=self.signal_gain,
            noise_level=self.noise_level,
            rng=np.random.default_rng([*entropy, zlib.crc32(stimulus_of(recording).encode())]),
        )
        with written_whole(self._run(recording)) as folder:
            folder.mkdir()
            np.save(folder / "bold.npy", data.astype(np.float32))
            np.save(folder / "nuisances.npy", nuisances)
