"""A simulated MEG study: listeners in a helmet hear stories that a speech synthesizer reads."""

import os
import random
import shutil
import zlib
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Literal

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, counted
from n2s.paths import written_whole
from n2s.progress import track
from n2s.studies.events import events_table
from n2s.studies.simulated.known import check_divides
from n2s.studies.simulated.noise import autocovariance, time_courses
from n2s.studies.simulated.observer import candidate_courses, log_likelihood_ratios, sample
from n2s.studies.simulated.sources import AUDIO_HZ, Listener, listener, stimulus_features
from n2s.studies.simulated.spoken import SpokenStudy, stimulus_of
from n2s.studies.study import Recording

TAIL_S = 1.5  # silence after a story
BAD_LEVELS = (30.0, 0.01, 100.0)  # of the bad channels, relative to good ones: noisy, nearly flat, broken


class SimulatedMEG(SpokenStudy):
    """Speech-evoked MEG with a known generator, and so a known best score for any decoder.

    Every subject hears every story once. A recording is the activity of six sources in auditory cortex (`sources`),
    seen by the helmet through a sphere model (`sensors`), in stationary Gaussian noise (`noise`), with 1 to 2 s of
    silence before and after. Three bad channels a subject are marked. The official split holds out one English story
    for testing and one Spanish story for validation, both without translations.

    Recordings are made at the first need, in the cache, once for all studies of the same settings (83 MB for a story
    of 4.5 minutes); a run that was killed goes on where it stopped.

    Parameters
    ----------
    n_subjects
        Listeners "01", "02", ...
    stories
        Which stories, by id (all its languages) or ``id.language``; None: all.
    sfreq
        Sampling rate, Hz; divides 16000.
    noise_level
        Amplitude of the noise, relative to a shielded room.
    signal_gain
        Amplitude of the responses, relative to the usual ones; 0 makes recordings of noise alone.
    seed
        Another seed, other people and other noise.
    max_story_s
        Cut each story at the end of the last sentence before this time (the first sentence always stays); None: whole.
    system
        The helmet: 306 channels of a Vectorview, or 274 of a CTF.
    root
        Where to keep the study; None: ``simulated`` in the cache.

    Examples
    --------
    >>> from n2s.studies import SimulatedMEG
    >>> study = SimulatedMEG(n_subjects=2, stories=["lighthouse", "orchestra"], root=folder)  # made when first read
    >>> [one.name for one in study.recordings()][:2]
    ['sub-01_task-lighthouse_run-en', 'sub-01_task-orchestra_run-en']
    >>> study.split
    {'lighthouse': 'train', 'orchestra': 'test'}
    """

    name, kind, version = "simulated_meg", "meg", 1

    def __init__(
        self,
        *,
        n_subjects: int = 4,
        stories: list[str] | None = None,
        sfreq: float = 250.0,
        noise_level: float = 1.0,
        signal_gain: float = 1.0,
        seed: int = 0,
        max_story_s: float | None = None,
        system: Literal["vectorview", "ctf275"] = "vectorview",
        root: Path | str | None = None,
    ):
        least = {
            "n_subjects": (n_subjects, 1),
            "sfreq": (sfreq, 1),
            "noise_level": (noise_level, 1e-6),  # the likelihood of noiseless data is infinite
            "signal_gain": (signal_gain, 0),
            "seed": (seed, 0),
        }
        super().__init__(stories=stories, max_story_s=max_story_s, root=root, least=least)
        check_divides(self.name, sfreq, AUDIO_HZ, "125, 250, 500, 1000")
        self.n_subjects, self.sfreq, self.seed, self.system = n_subjects, float(sfreq), seed, system
        self.noise_level, self.signal_gain = float(noise_level), float(signal_gain)

    def recordings(self) -> list[Recording]:
        """One recording a subject and story text: the task is the story, the run is its language."""
        return [
            Recording(subject=f"{subject:02d}", task=story.id, run=story.language)
            for subject in range(1, self.n_subjects + 1)
            for story in self._stories.values()
        ]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Open a recording; makes all that are missing."""
        self.prepare()
        return mne.io.read_raw_fif(self._file(recording), verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the recording's clock."""
        streams = self._streams(recording)
        tables = [pd.read_parquet(self._spoken(one) / "events.parquet") for one in streams]
        if len(streams) > 1:
            marks = ("yes", *("no",) * (len(streams) - 1))
            tables = [table.assign(attended=mark) for table, mark in zip(tables, marks, strict=True)]
        events = pd.concat(tables, ignore_index=True)
        events["onset"] = events.stimulus_onset + self._lead(recording) / self.sfreq
        duration_s = self._n_times(recording) / self.sfreq
        return events_table(events, where=f"{self.name}, {recording.name}", duration_s=duration_s)

    def sources(self, recording: Recording) -> list[Path]:
        """The FIF file and the stimulus' events; makes all recordings that are missing."""
        self.prepare()
        return [self._file(recording), *(self._spoken(one) / "events.parquet" for one in self._streams(recording))]

    def settings(self) -> dict:
        """Names the folder of recordings made with the same settings."""
        return {"folder": self._folder.name}

    def prepare(self) -> None:
        """Make the stories and recordings that are missing, in as many threads as there are cores, at most four.

        Several processes may do this at once: each takes the recordings in its own order, and what one has finished
        the others skip.

        Raises
        ------
        UserError
            The disk has no room for them.
        """
        missing = [recording for recording in self.recordings() if not self._file(recording).exists()]
        if not missing:
            return
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # Threads do: numpy, scipy and the disk let others run. MNE's log level is the process', so it is set out here.
        with mne.use_log_level("error"), ThreadPoolExecutor(min(4, cores)) as pool:
            stimuli = sorted({stimulus for recording in missing for stimulus in self._streams(recording)})
            told = f"speaking {counted(len(stimuli), 'story', 'stories')}"
            _wait([pool.submit(self._spoken, stimulus) for stimulus in stimuli], told)
            self._check_space(missing)
            for subject in {recording.subject for recording in missing}:
                self._listener(int(subject))
            random.Random(os.getpid()).shuffle(missing)
            jobs = [pool.submit(self._make, recording) for recording in missing]
            _wait(jobs, f"simulating {counted(len(jobs), 'recording')}")

    def ideal_scores(
        self,
        recording: Recording,
        starts_s: np.ndarray,
        candidates: list[tuple[str, float]],
        *,
        offset_s: float,
        duration_s: float,
        whole_audio: bool = False,
    ) -> np.ndarray:
        """Exact log-likelihood ratios (n, k) of each candidate for each window; see `Study.ideal_scores`.

        The observer knows the listener and the noise, and sees the recording as it was made, bad channels left out. Of
        a candidate it knows the audio (and the words) of ``duration_s`` from its start; what came before and after is
        taken to be its mean. With ``whole_audio`` it knows all of the audio. Recordings of noise alone are judged by
        what the signal would have been.
        """
        person = self._listener(int(recording.subject))
        raw = self.load(recording)
        good = mne.pick_types(raw.info, meg=True, exclude="bads")
        n_times = sample(duration_s, self.sfreq)
        first = [sample(start + offset_s, self.sfreq) for start in starts_s]
        if min(first) < 0 or max(first) + n_times > raw.n_times:
            raise UserError(
                f"{self.name}, {recording.name}: windows from {min(starts_s):.2f} to {max(starts_s):.2f} s, seen from "
                f"{offset_s} s later for {duration_s} s, reach outside the recording (0 to {raw.times[-1]:.2f} s)."
            )
        courses = candidate_courses(
            person,
            {stimulus: person.drive(self._features(stimulus)) for stimulus in {name for name, _ in candidates}},
            candidates,
            sfreq=self.sfreq,
            offset_s=offset_s,
            duration_s=duration_s,
            whole_audio=whole_audio,
        )
        return log_likelihood_ratios(
            np.stack([raw[good, start : start + n_times][0] for start in first]),
            courses * (self.signal_gain or 1.0),
            patterns=person.patterns[good],
            spatial=person.noise[np.ix_(good, good)] * self.noise_level**2,
            temporal=autocovariance(n_times, self.sfreq),
        )

    def _streams(self, recording: Recording) -> dict[str, float]:
        """What plays at once -> how strongly sources answer; the first is attended."""
        return {stimulus_of(recording): 1.0}

    def _numbers(self) -> dict:
        return {
            "sfreq": self.sfreq,
            "noise_level": self.noise_level,
            "signal_gain": self.signal_gain,
            "seed": self.seed,
            "system": self.system,
        }

    def _describe(self, folder: Path, events: pd.DataFrame) -> None:
        np.save(folder / "features.npy", stimulus_features(folder / "audio.wav", events, self.sfreq))

    def _file(self, recording: Recording) -> Path:
        return self._folder / recording.name / "meg_raw.fif"

    def _features(self, stimulus: str) -> np.ndarray:
        return np.load(self._spoken(stimulus) / "features.npy")

    def _lead(self, recording: Recording) -> int:
        """Samples of silence before the story: between 1 and 2 s, in each recording another."""
        return round(self.sfreq * np.random.default_rng(self._entropy(recording, 0)).uniform(1, 2))

    def _n_times(self, recording: Recording) -> int:
        longest = max(
            len(np.load(self._spoken(one) / "features.npy", mmap_mode="r")) for one in self._streams(recording)
        )
        return self._lead(recording) + longest + round(TAIL_S * self.sfreq)

    def _entropy(self, recording: Recording, use: int) -> list[int]:
        return [self.seed, int(recording.subject), zlib.crc32(stimulus_of(recording).encode()), use]

    def _listener(self, subject: int) -> Listener:
        return _listener(subject, self.sfreq, self.seed, self.system)

    def _check_space(self, missing: list[Recording]) -> None:
        needed = sum(self._n_times(recording) for recording in missing) * 306 * 4
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise UserError(
                f"{self.name}: simulating {counted(len(missing), 'recording')} takes {needed / 1e9:.1f} GB at {self.root}, where "
                f"{free / 1e9:.1f} GB are free. Set N2S_CACHE to a larger disk, or ask for fewer stories or subjects."
            )

    def _make(self, recording: Recording) -> None:
        """Write one recording, unless another process has meanwhile."""
        if self._file(recording).exists():
            return
        person = self._listener(int(recording.subject))
        rng = np.random.default_rng(self._entropy(recording, 1))
        n_times, lead = self._n_times(recording), self._lead(recording)
        data = time_courses(len(person.info.ch_names), n_times, self.sfreq, rng)
        mixing = (np.linalg.cholesky(person.noise) * self.noise_level).astype(np.float32)
        patterns = person.patterns.astype(np.float32)
        activity = np.zeros((patterns.shape[1], n_times), np.float32)
        for stimulus, gain in self._streams(recording).items():
            heard = person.drive(self._features(stimulus))
            heard = np.pad(heard, ((0, 0), (0, n_times - lead - heard.shape[1])))
            activity[:, lead:] += person.activity(heard) * (gain * self.signal_gain)
        for start in range(0, n_times, 4096):  # in pieces and in place: memory
            piece = slice(start, start + 4096)
            data[:, piece] = mixing @ data[:, piece].astype(np.float32) + patterns @ activity[:, piece]
        for name, level in zip(person.info["bads"], BAD_LEVELS, strict=True):
            channel = person.info.ch_names.index(name)
            data[channel] = level * data[channel].std() * rng.standard_normal(n_times)
        raw = mne.io.RawArray(data, person.info, verbose="error")
        with written_whole(self._file(recording).parent) as folder:
            folder.mkdir()
            raw.save(folder / "meg_raw.fif", fmt="single", verbose="error")


def _wait(jobs: list[Future], what: str) -> None:
    """Show how many are done; the first that fails stops those that have not begun."""
    try:
        for job in track(as_completed(jobs), what, total=len(jobs)):
            job.result()
    finally:
        for job in jobs:
            job.cancel()


@lru_cache(maxsize=16)
def _listener(subject: int, sfreq: float, seed: int, system: str) -> Listener:
    return listener(subject, sfreq, seed, system)
