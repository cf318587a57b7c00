"""A simulated production study: people listen to commands, say, mouth and imagine them, and their faces and heads move."""

from pathlib import Path
from typing import Literal

import mne
import numpy as np
import pandas as pd
import soundfile

from n2s.errors import UserError, nearest
from n2s.paths import cache_dir
from n2s.studies.events import events_table
from n2s.studies.simulated.known import check_divides, check_ranges, known_recording
from n2s.studies.simulated.production_channels import side_channels
from n2s.studies.simulated.production_head import drift
from n2s.studies.simulated.production_levels import ALWAYS, CASES, CONDITIONS, STRENGTH, levels, one_of, some_of
from n2s.studies.simulated.production_made import ALL, CHANNELS, DRIFT
from n2s.studies.simulated.production_material import MATERIALS, texts_of_runs
from n2s.studies.simulated.production_observed import ObservedProduction
from n2s.studies.simulated.sources import AUDIO_HZ
from n2s.studies.study import Recording

LEAST_HZ = 500.0  # rate at which there is a muscle band


class SimulatedProduction(ObservedProduction):
    """People in a helmet hear commands, say them aloud, mouth them without a voice, or imagine them. One code of phones, of known strength.

    The code that heard and said phones have in common is a known share of it (`production_brain`). Saying moves the face, the jaw and
    the head, and that reaches the sensors (`production_artifacts`): muscles from 20 to 300 Hz, from 300 ms before the voice; the jaw and
    nods of the head below 8 Hz; sound in cables; blinks and the heart. Channels beside the helmet: `production_channels`.

    Each recording is a run with all conditions, shuffled; runs may be held out. A further recording of each person, of the task
    ``gestures``, has gestures of the face without speech. The best possible score is known: `ideal`, `ideal_classes`. Recordings are made
    when they are read; only sounds and events are kept, in the cache.

    Events are trials (kind ``sentence``), words and phones. The voice's times are those of the sound. Imagined speech has no sound: it
    begins up to ``onset_jitter_s`` earlier or later than its events say. What is not heard has no stimulus.

    Parameters
    ----------
    n_subjects
        People "01", "02", ..., each with a voice and a pace of its own.
    n_runs, n_trials
        Runs of each person; trials of each condition in a run.
    material
        ``commands`` (five words), ``syllables`` (eight), or ``sentences``: short ones, other ones in each run.
    texts
        Own English texts in place of the material's, in all runs.
    conditions
        Some of ``listen``, ``overt``, ``silent``, ``imagined``; None: all.
    shared
        Share of the code's power that heard and said phones have in common, 0 to 1.
    strength
        Amplitude of the brain's code by condition, in place of the usual ones (1, 1, 0.9, 0.6).
    signal_gain
        Multiplies all of them; 0: the brain answers to nothing.
    noise_level
        Amplitude of the noise, relative to a shielded room.
    onset_jitter_s
        By how much imagined speech begins earlier or later than its events say, at most, s.
    n_renditions
        How many renditions of a text there are, each of another pace.
    case
        Which artifacts there are: ``speech`` (muscles and jaw), ``clean``, ``muscle``, ``jaw``, ``audio`` (sound leaks into some channels).
    artifacts
        Levels of ``muscle``, ``jaw``, ``audio``, ``blinks`` and ``heart`` in place of those of the case; 0: there is none, in no channel.
    reach
        How much of them reaches the helmet; 0: muscles and jaw work, and only the channels beside the helmet see them.
    gestures
        Whether there are gesture blocks.
    sfreq
        Sampling rate, Hz; divides 16000. Muscles need 500.
    n_sensors
        Of the 306 of the helmet, evenly chosen.
    seed
        Another seed, other people and other noise.
    root
        Where to keep the sounds; None: ``simulated`` in the cache.

    Raises
    ------
    UserError
        An option is out of its range.

    Examples
    --------
    >>> from n2s.studies import SimulatedProduction
    >>> study = SimulatedProduction(n_subjects=1, n_runs=2, n_trials=4, case="muscle", root=folder)
    >>> [one.name for one in study.recordings()], study.conditions
    (['sub-01_task-speech_run-1', 'sub-01_task-speech_run-2', 'sub-01_task-gestures'], ('listen', 'overt', 'silent', 'imagined'))
    """

    name, version = "simulated_production", 3

    def __init__(
        self,
        *,
        n_subjects: int = 2,
        n_runs: int = 5,
        n_trials: int = 20,
        material: Literal["commands", "syllables", "sentences"] = "commands",
        texts: list[str] | None = None,
        conditions: list[str] | None = None,
        shared: float = 0.5,
        strength: dict[str, float] | None = None,
        signal_gain: float = 1.0,
        noise_level: float = 1.0,
        onset_jitter_s: float = 0.15,
        n_renditions: int = 3,
        case: Literal["speech", "clean", "muscle", "jaw", "audio"] = "speech",
        artifacts: dict[str, float] | None = None,
        reach: float = 1.0,
        gestures: bool = True,
        sfreq: float = 500.0,
        n_sensors: int = 306,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        ranges = {
            "n_subjects": (n_subjects, 1, 99), "n_runs": (n_runs, 1, 99), "n_trials": (n_trials, 1, 1000), "shared": (shared, 0, 1),
            "signal_gain": (signal_gain, 0, 1e6), "noise_level": (noise_level, 1e-6, 1e6), "onset_jitter_s": (onset_jitter_s, 0, 0.5),
            "n_renditions": (n_renditions, 1, 5), "reach": (reach, 0, 1e6), "sfreq": (sfreq, 50, 4000), "n_sensors": (n_sensors, 1, 306),
            "seed": (seed, 0, np.inf),
        }  # fmt: skip
        check_ranges(self.name, ranges)
        check_divides(self.name, sfreq, AUDIO_HZ, "100, 250, 500, 1000")
        one_of("material", material, MATERIALS)
        self.conditions = some_of("conditions", CONDITIONS if conditions is None else conditions, CONDITIONS)
        self.strength = levels("strength", strength, STRENGTH)
        self.artifacts = levels("artifacts", artifacts, CASES[one_of("case", case, CASES)] | ALWAYS)
        if self.artifacts["muscle"] and sfreq < LEAST_HZ:
            raise UserError(
                f"{self.name}: sfreq is {sfreq:g} Hz, and muscles work from 20 to 300 Hz. Set sfreq to {LEAST_HZ:g} or more, or leave them "
                "out: artifacts: {muscle: 0}."
            )
        self.n_subjects, self.n_runs, self.n_trials, self.n_renditions = n_subjects, n_runs, n_trials, n_renditions
        self.shared, self.signal_gain, self.noise_level = float(shared), float(signal_gain), float(noise_level)
        self.onset_jitter_s, self.reach, self.gestures = float(onset_jitter_s), float(reach), gestures
        self.sfreq, self.n_sensors, self.seed = float(sfreq), n_sensors, seed
        self.root = Path(root).expanduser() if root is not None else cache_dir() / "simulated"
        self._texts = texts_of_runs(material, texts, n_runs, n_trials, seed)
        self._known_said = {}

    def recordings(self) -> list[Recording]:
        """The runs of each subject, and the gesture block."""
        return [
            one
            for number in range(1, self.n_subjects + 1)
            for one in (
                *(Recording(f"{number:02d}", task="speech", run=f"{run}") for run in range(1, self.n_runs + 1)),
                *([Recording(f"{number:02d}", task="gestures")] if self.gestures else []),
            )
        ]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Make a recording: the same numbers each time."""
        recording = known_recording(self.name, recording, self.recordings())
        person, scene = self._person(recording.subject), self._scene(recording)
        raw = mne.io.RawArray(self._seen(recording, scene, ALL), person.info.copy(), verbose="error")
        n = raw.n_times
        folder = self._made(recording)
        sound = soundfile.read(folder / "audio.wav")[0] if recording.run else self._sound(recording, [], n)
        beside = side_channels(
            scene.muscles * self._carriers(recording, n),
            self._blinks(recording, n),
            self._beats(recording, n),
            sound,
            (scene.nod, drift(n, self.sfreq, self._rng(recording, DRIFT)), person.shift_m),
            sfreq=self.sfreq,
            rng=self._rng(recording, CHANNELS),
        )
        return raw.add_channels([beside], force_update_info=True)

    def events(self, recording: Recording) -> pd.DataFrame:
        """Trials (kind ``sentence``), words and phones; of a gesture block the gestures, in condition ``rest``."""
        found = pd.read_parquet(self._made(recording) / "events.parquet")
        return events_table(
            found, where=f"{self.name}, {recording.name}", duration_s=self._length(recording) / self.sfreq
        )

    def sources(self, recording: Recording) -> list[Path]:
        """The events, and the sound of a run."""
        folder = self._made(recording)
        return [folder / "events.parquet", *([folder / "audio.wav"] if recording.run else [])]

    def settings(self) -> dict:
        """All that changes a recording."""
        names = (
            "version",
            "shared",
            "strength",
            "signal_gain",
            "noise_level",
            "artifacts",
            "reach",
            "n_sensors",
            "seed",
        )
        return {"folder": self._folder.name} | {name: getattr(self, name) for name in names}

    def audio(self, stimulus: str) -> Path:
        """What the microphone heard in a run, voice and loudspeaker: 16 kHz, one channel."""
        by_id = {self.stimulus(one): one for one in self.recordings() if one.run}
        if stimulus not in by_id:
            raise UserError(
                f"{self.name}: no stimulus '{stimulus}'.{nearest(stimulus, list(by_id))} There are {', '.join(by_id)}."
            )
        return self._made(by_id[stimulus]) / "audio.wav"
