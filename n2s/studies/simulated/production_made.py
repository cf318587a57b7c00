"""The recordings of the simulated production study, as they are made."""

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.paths import written_whole
from n2s.studies.events import events_table
from n2s.studies.simulated.noise import time_courses
from n2s.studies.simulated.production_artifacts import AUDIBLE, Fields, beats, blinks, carriers, fields, movements
from n2s.studies.simulated.production_brain import N_SOURCES, Speaker, brain_courses, speaker
from n2s.studies.simulated.production_material import HEARD, MARGIN_S, Utterance, spoken
from n2s.studies.simulated.production_phones import MUSCLES
from n2s.studies.simulated.production_run import REACH_S, Trial, draw_trials, gesture_order, gesture_rows, trial_rows
from n2s.studies.simulated.production_scene import Said, Scene, gesture_length, gesture_scene, speech_scene
from n2s.studies.simulated.speech import SFREQ
from n2s.studies.study import Recording, Study

NOISE = 1e-3  # of the microphone, beside a peak of 0.7: no two silences are the same samples
#: What a recording is the sum of. ``speech``: face, jaw, head and leaks; ``body``: blinks and the heart.
WHITE, ALL = ("noise", "brain"), ("noise", "brain", "speech", "body")
PLAN, NOISES, CURRENTS, BLINKS, BEATS, DRIFT, CHANNELS, SOUND = range(8)  # what is drawn


class MadeProduction(Study):
    """How recordings come about. The options are those of `n2s.studies.SimulatedProduction`."""

    version: int
    n_runs: int
    n_trials: int
    n_renditions: int
    conditions: tuple[str, ...]
    strength: dict[str, float]
    artifacts: dict[str, float]
    shared: float
    signal_gain: float
    noise_level: float
    onset_jitter_s: float
    reach: float
    sfreq: float
    n_sensors: int
    n_subjects: int
    seed: int
    _texts: list[tuple[str, ...]]
    _known_said: dict[tuple, Said]

    def stimulus(self, recording: Recording) -> str:
        """The id of the sound of a run."""
        return f"{recording.subject}-{recording.run}"

    def trials(self, recording: Recording) -> pd.DataFrame:
        """What happened, which events do not tell: ``condition``, ``text``, ``rendition``, ``onset`` by the events and ``true_onset``, s."""
        trials = self._trials(recording)[0] if recording.run else []
        rows = [
            (one.condition, one.text, one.rendition, one.onset / self.sfreq, one.true / self.sfreq) for one in trials
        ]
        return pd.DataFrame(rows, columns=["condition", "text", "rendition", "onset", "true_onset"])

    @property
    def _folder(self) -> Path:
        told = [
            self.version,
            self._texts,
            self.n_trials,
            self.conditions,
            self.onset_jitter_s,
            self.n_renditions,
            self.sfreq,
            self.seed,
        ]
        return self.root / f"production-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}"

    def _made(self, recording: Recording) -> Path:
        """Folder with ``events.parquet`` and, of a run, ``audio.wav``; made if missing."""
        folder = self._folder / recording.name
        if not folder.exists():
            n_times = self._length(recording)
            with written_whole(folder) as part:
                part.mkdir()
                rows = gesture_rows(self._gestures(recording)) if not recording.run else []
                if recording.run:
                    trials = self._trials(recording)[0]
                    rows = [row for trial in trials for row in self._rows(recording, trial)]
                    soundfile.write(
                        part / "audio.wav", self._sound(recording, trials, n_times), SFREQ, subtype="PCM_16"
                    )
                table = events_table(rows, where=f"{self.name}, {recording.name}", duration_s=n_times / self.sfreq)
                table.to_parquet(part / "events.parquet")
        return folder

    def _rows(self, recording: Recording, trial: Trial) -> list[dict]:
        return trial_rows(
            trial,
            self._utterance(recording.subject, trial.condition, trial.text, trial.rendition),
            sfreq=self.sfreq,
            story=f"texts-{recording.run}",
            stimulus=self.stimulus(recording) if AUDIBLE[trial.condition] else "",
            speaker=HEARD[0] if trial.condition == "listen" else recording.subject,
        )

    def _sound(self, recording: Recording, trials: list[Trial], n_times: int) -> np.ndarray:
        """What the microphone hears, voice and loudspeaker, 16 kHz."""
        n = round(n_times * SFREQ / self.sfreq)
        audio = NOISE * self._rng(recording, SOUND).standard_normal(n)
        for trial in trials:
            if AUDIBLE[trial.condition]:
                clip = self._utterance(recording.subject, trial.condition, trial.text, trial.rendition).audio
                first = round(trial.true * SFREQ / self.sfreq) - round(MARGIN_S * SFREQ)
                audio[first : first + len(clip)] += clip
        return np.clip(audio, -1, 1)

    def _utterance(self, subject: str, condition: str, text: str, rendition: int) -> Utterance:
        texts = tuple(dict.fromkeys(one for run in self._texts for one in run))
        voice = 0 if condition == "listen" else int(subject)
        return _utterances(texts, voice, rendition, self.root / "production-voices")[text]

    def _said(self, subject: str, condition: str, text: str, rendition: int) -> Said:
        """What an utterance does, with all strengths and levels."""
        key = (subject, condition, text, rendition)
        if key not in self._known_said:
            utterance = self._utterance(*key)
            before = round(REACH_S * self.sfreq)
            times_s = np.arange(-before, round((utterance.duration_s + REACH_S) * self.sfreq)) / self.sfreq
            phones = list(zip(utterance.phones.text, utterance.phones.onset, strict=True))
            brain = brain_courses(phones, times_s, heard=condition == "listen", shared=self.shared, seed=self.seed)
            brain *= self.signal_gain * self.strength[condition] * self._person(subject).sizes[:, None]
            moved, level = movements(utterance, condition, times_s, self.sfreq), self.artifacts
            moved = replace(
                moved,
                muscles=level["muscle"] * moved.muscles,
                jaw=level["jaw"] * moved.jaw,
                nod=level["jaw"] * moved.nod,
                leak=level["audio"] * moved.leak,
            )
            self._known_said[key] = Said(brain, moved)
        return self._known_said[key]

    def _trials(self, recording: Recording) -> tuple[list[Trial], int]:
        """The trials of a run, and its length in samples."""
        texts = self._texts[int(recording.run) - 1]
        durations_s = {
            (condition, text, rendition): self._utterance(recording.subject, condition, text, rendition).duration_s
            for condition in self.conditions
            for text in texts
            for rendition in range(self.n_renditions)
        }
        return draw_trials(
            texts,
            self.conditions,
            durations_s,
            n_trials=self.n_trials,
            n_renditions=self.n_renditions,
            jitter_s=self.onset_jitter_s,
            sfreq=self.sfreq,
            rng=self._rng(recording, PLAN),
        )

    def _gestures(self, recording: Recording) -> list[str]:
        return gesture_order(self._rng(recording, PLAN))

    def _length(self, recording: Recording) -> int:
        """Samples."""
        return self._trials(recording)[1] if recording.run else gesture_length(self._gestures(recording), self.sfreq)

    def _scene(self, recording: Recording) -> Scene:
        if recording.run:
            trials, n_times = self._trials(recording)
            said = [self._said(recording.subject, one.condition, one.text, one.rendition) for one in trials]
            return speech_scene(trials, said, n_times, self.sfreq)
        found = gesture_scene(self._gestures(recording), N_SOURCES, self.sfreq, self._rng(recording, SOUND))
        muscle, jaw = self.artifacts["muscle"], self.artifacts["jaw"]
        return replace(found, muscles=muscle * found.muscles, jaw=jaw * found.jaw, nod=jaw * found.nod)

    def _seen(self, recording: Recording, scene: Scene, what: tuple[str, ...]) -> np.ndarray:
        """(c, t) What the helmet sees of a run, of the parts that are named."""
        person, own = self._person(recording.subject), self._fields(recording.subject)
        n = scene.brain.shape[1]
        data = time_courses(self.n_sensors, n, self.sfreq, self._rng(recording, NOISES))
        patterns, courses = [person.patterns], [scene.brain]
        if "speech" in what:
            currents = scene.currents(self._carriers(recording, n))
            patterns += [person.moved, own.muscles, own.jaw[:, None], own.nod[:, None], own.leak[:, None]]
            courses += [scene.brain * scene.nod, currents, scene.jaw[None], scene.nod[None], scene.leak[None]]
        if "body" in what:
            patterns += [own.blinks[:, None], own.heart[:, None]]
            courses += [self._blinks(recording, n)[None], self._beats(recording, n)[None]]
        mixing = self.noise_level * np.linalg.cholesky(person.noise)
        patterns, courses = np.concatenate(patterns, 1), np.concatenate(courses)
        for start in range(0, n, 4096):  # in pieces and in place: memory
            piece = slice(start, start + 4096)
            data[:, piece] = mixing @ data[:, piece] + patterns @ courses[:, piece]
        return data

    def _carriers(self, recording: Recording, n: int) -> np.ndarray:
        return carriers(len(MUSCLES), n, self.sfreq, self._rng(recording, CURRENTS))

    def _blinks(self, recording: Recording, n: int) -> np.ndarray:
        return self.artifacts["blinks"] * blinks(n, self.sfreq, self._rng(recording, BLINKS))

    def _beats(self, recording: Recording, n: int) -> np.ndarray:
        return self.artifacts["heart"] * beats(n, self.sfreq, self._rng(recording, BEATS))

    def _person(self, subject: str) -> Speaker:
        return _speaker(int(subject), self.sfreq, self.n_sensors, self.seed, self.reach)

    def _fields(self, subject: str) -> Fields:
        """What reaches the helmet; zeros of what never happens."""
        found = _fields(int(subject), self.n_sensors, self.seed)
        muscle = self.reach if self.artifacts["muscle"] else 0.0
        reached = {name: self.reach * getattr(found, name) for name in ("jaw", "nod", "leak")}
        return replace(found, muscles=muscle * found.muscles, **reached)

    def _rng(self, recording: Recording, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, int(recording.subject), int(recording.run or 0), use])


@lru_cache(maxsize=64)
def _utterances(texts: tuple[str, ...], voice: int, rendition: int, folder: Path) -> dict[str, Utterance]:
    return {one.text: one for one in spoken(texts, voice, rendition, folder)}


@lru_cache(maxsize=16)
def _speaker(subject: int, sfreq: float, n_sensors: int, seed: int, reach: float) -> Speaker:
    return speaker(subject, sfreq, n_sensors, seed, reach)


@lru_cache(maxsize=16)
def _fields(subject: int, n_sensors: int, seed: int) -> Fields:
    person = _speaker(subject, 100.0, n_sensors, seed, 1.0)
    return fields(person.shift_m, person.chosen, subject, seed)
