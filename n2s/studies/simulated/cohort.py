"""A simulated cohort: two groups of listeners whose brains track speech differently, by known amounts."""

import zlib
from functools import cached_property, lru_cache
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import scipy.signal
import soundfile

from n2s.errors import UserError
from n2s.studies.events import events_table
from n2s.studies.simulated.cohort_people import BANDS, TRAITS, Cohort, measurement_covariance
from n2s.studies.simulated.known import check_divides
from n2s.studies.simulated.noise import spatial_covariance, spectrum, time_courses
from n2s.studies.simulated.sensors import helmet, lead_field
from n2s.studies.simulated.sources import AUDIO_HZ, tangential
from n2s.studies.simulated.spoken import SpokenStudy, stimulus_of
from n2s.studies.study import Recording

LEAD_S, TAIL_S = 1.0, 1.5  # silence before and after a story
LATENCY_S = 0.1  # of the usual listener, in both bands
#: Left auditory cortex, head coordinates, and the direction of its current; the right one mirrors it.
PLACE_M, DIRECTION = (-0.050, -0.004, 0.060), (0.0, 0.5, 0.87)
PLACE_SD_M = 0.003  # listeners differ
#: Of the usual listener, A m for one deviation of the envelope in a band.
MOMENT_AM = 2.5e-9


class SimulatedCohort(SpokenStudy):
    """Listeners with and without dyslexia, in a helmet. The activity of both auditory cortices is the envelope of the story in the delta
    (0.5 to 4 Hz) and the theta band (4 to 8 Hz), each with the listener's own gain and lag, in noise of the listener's own level.

    Traits are normal in each group, with one covariance, so that the best possible AUC is known (`best_auc`). No simulation says anything
    about people: what differs here, and by how much, is what you set. Recordings are made when they are read: nothing is stored but stories.

    Parameters
    ----------
    n_control, n_dyslexia
        Listeners of each group.
    delta_gain, theta_gain
        The usual gain of the group with dyslexia, of that without (1: no difference).
    delta_lag_s, theta_lag_s
        How much later the group with dyslexia responds, s.
    noise
        Amplitude of noise in the group with dyslexia, of that without: signal-to-noise ratios differ by its inverse.
    age_gap, motion_gap
        By how many deviations age and motion of the group with dyslexia differ: confounds.
    age_effect, motion_effect
        By how much a deviation of age changes the logarithm of both gains, and one of motion that of the noise, in both groups.
    stories, max_story_s
        See `n2s.studies.SimulatedMEG`.
    sfreq
        Sampling rate, Hz; divides 16000.
    n_sensors
        Of the 306 of the helmet, evenly chosen.
    noise_level
        Amplitude of everybody's noise, relative to a shielded room.
    seed
        Another seed, other people and other noise.
    root
        Where to keep the stories; None: ``simulated`` in the cache.

    Examples
    --------
    >>> from n2s.studies import SimulatedCohort
    >>> study = SimulatedCohort(n_control=3, n_dyslexia=3, root=folder)  # made when first read
    >>> study.participants().group.tolist()
    ['dyslexia', 'control', 'dyslexia', 'dyslexia', 'control', 'control']
    """

    name, kind, version = "simulated_cohort", "cohort", 1

    def __init__(
        self,
        *,
        n_control: int = 20,
        n_dyslexia: int = 20,
        delta_gain: float = 0.75,
        theta_gain: float = 0.85,
        delta_lag_s: float = 0.015,
        theta_lag_s: float = 0.0,
        noise: float = 1.0,
        age_gap: float = 0.0,
        motion_gap: float = 0.0,
        age_effect: float = 0.1,
        motion_effect: float = 0.1,
        stories: list[str] | None = None,
        max_story_s: float | None = None,
        sfreq: float = 100.0,
        n_sensors: int = 306,
        noise_level: float = 1.0,
        seed: int = 0,
        root: Path | str | None = None,
    ):
        least = {
            "n_control": (n_control, 1),
            "n_dyslexia": (n_dyslexia, 1),
            "delta_gain": (delta_gain, 1e-6),  # gains and noise are compared as logarithms
            "theta_gain": (theta_gain, 1e-6),
            "noise": (noise, 1e-6),
            "sfreq": (sfreq, 20),  # twice the end of theta, and room for a filter
            "n_sensors": (n_sensors, 1),
            "noise_level": (noise_level, 1e-6),
            "seed": (seed, 0),
        }
        anything = {
            "delta_lag_s": delta_lag_s, "theta_lag_s": theta_lag_s, "age_gap": age_gap, "motion_gap": motion_gap,
            "age_effect": age_effect, "motion_effect": motion_effect,
        }  # fmt: skip
        least |= {name: (value, -np.inf) for name, value in anything.items()}
        super().__init__(stories=stories, max_story_s=max_story_s, root=root, least=least)
        check_divides(self.name, sfreq, AUDIO_HZ, "50, 100, 125, 250")
        self.sfreq, self.n_sensors, self.noise_level, self.seed = float(sfreq), n_sensors, float(noise_level), seed
        differences = [np.log(delta_gain), np.log(theta_gain), delta_lag_s, theta_lag_s, np.log(noise)]
        effects = np.zeros((len(TRAITS), 2))
        effects[:2, 0], effects[4, 1] = age_effect, motion_effect
        self.cohort = Cohort(np.array(differences), np.array([age_gap, motion_gap], float), effects)
        #: One row a listener: see `Cohort.draw`.
        self.people = self.cohort.draw(n_control, n_dyslexia, seed)

    def participants(self) -> pd.DataFrame:
        """Group, age (years), sex, and motion (mm) of each listener. The traits are for nobody but `best_auc` and tests."""
        return self.people.drop(columns=list(TRAITS))

    def recordings(self) -> list[Recording]:
        """One recording a listener and story text: the task is the story, the run is its language."""
        return [
            Recording(subject=subject, task=story.id, run=story.language)
            for subject in self.people.subject
            for story in self._stories.values()
        ]

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        """Make a recording: the same numbers each time."""
        (person,) = self.people[self.people.subject == recording.subject].to_dict("records")
        bands = self._bands(stimulus_of(recording))
        n_times = round(LEAD_S * self.sfreq) + bands.shape[1] + round(TAIL_S * self.sfreq)
        activity = np.zeros(n_times)
        for course, band in zip(bands, BANDS, strict=True):
            start_s = LEAD_S + LATENCY_S + person[f"{band}_lag"]
            activity += np.exp(person[f"{band}_gain"]) * delayed(course, n_times, start_s * self.sfreq)
        rng = np.random.default_rng([self.seed, int(recording.subject), zlib.crc32(stimulus_of(recording).encode())])
        info, covariance = _room(self.sfreq, self.n_sensors)
        data = time_courses(self.n_sensors, n_times, self.sfreq, rng)
        level = self.noise_level * np.exp(person["noise"])
        data = level * np.linalg.cholesky(covariance) @ data
        data += np.outer(self._pattern(int(recording.subject)), MOMENT_AM * activity)
        return mne.io.RawArray(data, info.copy(), verbose="error")

    def events(self, recording: Recording) -> pd.DataFrame:
        """Story, sentences, words and phones, on the recording's clock."""
        stimulus = stimulus_of(recording)
        events = pd.read_parquet(self._spoken(stimulus) / "events.parquet")
        events["onset"] = events.stimulus_onset + LEAD_S
        duration_s = LEAD_S + self._bands(stimulus).shape[1] / self.sfreq + TAIL_S
        return events_table(events, where=f"{self.name}, {recording.name}", duration_s=duration_s)

    def sources(self, recording: Recording) -> list[Path]:
        """The story's events and envelope."""
        folder = self._spoken(stimulus_of(recording))
        return [folder / "events.parquet", folder / "bands.npy"]

    def settings(self) -> dict:
        """Everything that changes a recording."""
        cohort = {name: np.asarray(getattr(self.cohort, name)).tolist() for name in ("difference", "gaps", "effects")}
        people = self.people[list(TRAITS)].to_numpy().tolist()
        own = {"n_sensors": self.n_sensors, "noise_level": self.noise_level, "seed": self.seed, "version": self.version}
        return own | cohort | {"people": people, "folder": self._folder.name}

    def best_auc(self, *, covariates: bool = False) -> float:
        """The best possible AUC on new listeners of this generator: no decoder of recordings of these stories has a higher one.

        That of the linear discriminant which knows all means and covariances, and sees of each listener's traits what an efficient
        estimator can see in the recordings (Fisher's information at the traits of the group in which responses are the clearer). It is a
        bound: the other group shows its traits less clearly, and what can be reached is lower where gains or noise differ much.

        Parameters
        ----------
        covariates
            Whether it knows age and motion, too.
        """
        return self.cohort.best_auc(self._measured, covariates=covariates)

    @cached_property
    def _measured(self) -> np.ndarray:
        _, covariance = _room(self.sfreq, self.n_sensors)
        covariance, pattern = covariance * self.noise_level**2, MOMENT_AM * self._pattern(None)
        unit = np.sqrt(np.diag(covariance))  # tesla squared is too small to invert
        level = (pattern / unit) @ np.linalg.solve(covariance / np.outer(unit, unit), pattern / unit)
        bands = [self._bands(stimulus) for stimulus in self._stories]
        power = [spectrum(np.fft.rfftfreq(one.shape[1], 1 / self.sfreq)) * self.sfreq / 2 for one in bands]
        n_values = self.n_sensors * sum(one.shape[1] for one in bands)
        usual = measurement_covariance(bands, power, self.sfreq, level=level, n_values=n_values)
        return usual / np.outer(self.cohort.clarity, self.cohort.clarity)

    def _pattern(self, subject: int | None) -> np.ndarray:
        """(c,) Field of both sources with a unit of current each, in phase; of the usual listener for None."""
        return _pattern(self.sfreq, self.n_sensors, self.seed, subject)

    def _numbers(self) -> dict:
        return {"sfreq": self.sfreq}

    def _describe(self, folder: Path, events: pd.DataFrame) -> None:
        np.save(folder / "bands.npy", envelope_bands(folder / "audio.wav", self.sfreq))

    def _bands(self, stimulus: str) -> np.ndarray:
        return np.load(self._spoken(stimulus) / "bands.npy")


def envelope_bands(audio: Path, sfreq: float) -> np.ndarray:
    """(2, n) The magnitude of the analytic signal of a sound at ``sfreq``, in each of `BANDS`, of unit deviation."""
    samples, rate = soundfile.read(audio, dtype="float64")
    envelope = np.abs(scipy.signal.hilbert(samples, scipy.fft.next_fast_len(len(samples))))[: len(samples)]
    slow = scipy.signal.resample_poly(envelope, 1, round(rate / sfreq))
    filters = [scipy.signal.butter(4, edges, "bandpass", fs=sfreq, output="sos") for edges in BANDS.values()]
    found = np.stack([scipy.signal.sosfiltfilt(one, slow) for one in filters])
    return found / found.std(1, keepdims=True)


def delayed(course: np.ndarray, n_times: int, delay: float) -> np.ndarray:
    """(n_times,) A course that begins ``delay`` samples later, not a whole number perhaps, and zeros around it."""
    n = scipy.fft.next_fast_len(n_times + len(course), real=True)
    turned = np.exp(-2j * np.pi * np.fft.rfftfreq(n) * delay)
    return scipy.fft.irfft(scipy.fft.rfft(course, n) * turned, n)[:n_times]


@lru_cache(maxsize=4)
def _room(sfreq: float, n_sensors: int) -> tuple[mne.Info, np.ndarray]:
    """The sensors, and the spatial covariance (c, c) of everybody's noise."""
    info = helmet(sfreq)
    if n_sensors > len(info.ch_names):
        raise UserError(f"simulated_cohort: n_sensors is {n_sensors}; the helmet has {len(info.ch_names)}.")
    chosen = np.linspace(0, len(info.ch_names) - 1, n_sensors).round().astype(int)
    covariance = spatial_covariance(info, np.random.default_rng(0))
    return mne.pick_info(info, chosen), covariance[np.ix_(chosen, chosen)]


@lru_cache(maxsize=256)
def _pattern(sfreq: float, n_sensors: int, seed: int, subject: int | None) -> np.ndarray:
    rng = np.random.default_rng([seed, subject or 0, 1])
    places = np.array([np.multiply(PLACE_M, (side, 1, 1)) for side in (1, -1)])
    if subject is not None:
        places = places + rng.normal(0, PLACE_SD_M, (2, 3))
    directions = np.array([tangential(place, np.array(DIRECTION)) for place in places])
    field = lead_field(_room(sfreq, n_sensors)[0], places)
    return np.einsum("cpd,pd->c", field, directions)
