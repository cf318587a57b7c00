"""The sources of the simulated MEG of stories: what words and sound drive, through kernels that last 600 ms at most.

Meaning drives sources in temporal, parietal and frontal cortex, each with three deflections that mix its dimensions in ways of their
own. Word onsets and the envelope drive sources in auditory cortex. Sources and helmet are as in `sources` and `sensors`, noise as in
`noise`. Voxels' private words are not here: forms drive nothing.
"""

from dataclasses import dataclass
from functools import lru_cache

import mne
import numpy as np

from n2s.studies.simulated.areas_brain import SHARED
from n2s.studies.simulated.noise import spatial_covariance
from n2s.studies.simulated.sensors import helmet, lead_field
from n2s.studies.simulated.sources import tangential
from n2s.studies.simulated.tale_words import N_DIMS, WORD_DRIVERS, columns

N_SENSORS = 60  # magnetometers of a Vectorview, of 102
LASTS_S = 0.6
#: Of the left hemisphere, head coordinates, m; the right one mirrors them. Directions as in `sources`.
MEANING_PLACES = ((-0.058, -0.030, 0.050), (-0.050, -0.050, 0.075), (-0.045, 0.050, 0.060), (-0.056, 0.015, 0.035))
MEANING_S, MEANING_WIDTH_S = (0.22, 0.33, 0.44), 0.035
MEANING_AM = 5e-9  # of one deflection of a source for a usual word, A m
AUDITORY_PLACE, AUDITORY_DIRECTION = (-0.050, -0.004, 0.060), (0.0, 0.5, 0.87)
ONSET_S, ONSET_WIDTH_S, ONSET_AM = 0.12, 0.025, 6e-9
SOUND_S, SOUND_WIDTH_S, SOUND_AM = 0.08, 0.025, 4e-9  # for one standard deviation of the envelope


@dataclass(frozen=True)
class StorySources:
    """One subject: ``patterns (c, j)``, field of a unit source, T/(A m); ``kernels (k, f, j)``, A m at each lag for 1 of each driver
    (words' columns, then sound); ``noise (c, c)``, spatial covariance at the white floor, T^2/Hz.
    """

    info: mne.Info
    patterns: np.ndarray
    kernels: np.ndarray
    noise: np.ndarray


@lru_cache(maxsize=16)
def story_sources(subject: int, sfreq: float, seed: int) -> StorySources:
    """Draw a subject: the same numbers, the same listener, whatever they hear. Half of what sources mix is everybody's."""
    rng, everybody = np.random.default_rng([seed, subject]), np.random.default_rng([seed, 0])
    info = magnetometers(helmet(sfreq, rng.normal(0, 0.003, 3)))
    lags_s = np.arange(round(LASTS_S * sfreq) + 1) / sfreq
    at, n_drivers = columns(), sum(WORD_DRIVERS.values()) + 1
    places, directions, kernels = [], [], []
    for side in (1, -1):
        for place in MEANING_PLACES:
            places.append(place * np.array([side, 1, 1]) + rng.normal(0, 0.003, 3))
            directions.append(rng.standard_normal(3))
            kernel = np.zeros((len(lags_s), n_drivers))
            for latency_s in MEANING_S:
                common, own = (one.standard_normal(N_DIMS) for one in (everybody, rng))
                mixture = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
                bump = _bump(lags_s, latency_s + rng.normal(0, 0.01), MEANING_WIDTH_S)
                kernel[:, at["meaning"]] += MEANING_AM * bump[:, None] * mixture / np.linalg.norm(mixture)
            kernels.append(kernel)
        places.append(AUDITORY_PLACE * np.array([side, 1, 1]) + rng.normal(0, 0.003, 3))
        directions.append(np.array(AUDITORY_DIRECTION) + rng.normal(0, 0.15, 3))
        kernel = np.zeros((len(lags_s), n_drivers))
        kernel[:, at["rate"]] = ONSET_AM * _bump(lags_s, ONSET_S + rng.normal(0, 0.006), ONSET_WIDTH_S)[:, None]
        sound = _bump(lags_s, SOUND_S + rng.normal(0, 0.006), SOUND_WIDTH_S)
        kernel[:, -1] = SOUND_AM * sound / sound.sum()
        kernels.append(kernel)
    field = lead_field(info, np.array(places))
    pointing = np.array([tangential(*one) for one in zip(places, directions, strict=True)])
    patterns = np.einsum("cjd,jd->cj", field, pointing)
    return StorySources(info, patterns, np.stack(kernels, axis=2), spatial_covariance(info, rng))


def through(kernels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(k, f, j) kernels of drivers (t, f) -> (t, j): what starts at a sample lasts k samples."""
    found = np.zeros((len(values), kernels.shape[2]))
    for lag, kernel in enumerate(kernels[: len(values)]):
        found[lag:] += values[: len(values) - lag] @ kernel
    return found


@dataclass(frozen=True)
class KnownStoryMEG:
    """The true model of a subject's MEG: what words cause, and the noise around it.

    ``weights (k, f, c)``: T in each sensor for 1 of each feature of a word, ``lags_s (k,)`` after its onset. ``noise (c, c)``: its
    covariance over sensors at one moment, T^2.
    """

    weights: np.ndarray
    lags_s: np.ndarray
    noise: np.ndarray
    sfreq: float

    def courses(self, features: np.ndarray, onsets_s: np.ndarray, n_times: int) -> np.ndarray:
        """(t, f) The features (n, f) of words, as `SimulatedStoryMEG.word_features` gives them, at the samples where words begin."""
        found = np.zeros((n_times, features.shape[1]))
        at = np.rint(np.asarray(onsets_s, float) * self.sfreq).astype(int)
        inside = (at >= 0) & (at < n_times)
        np.add.at(found, at[inside], features[inside])
        return found

    def signal(self, courses: np.ndarray) -> np.ndarray:
        """(t, c) The field that `courses` cause, T."""
        return through(self.weights, courses)


def magnetometers(info: mne.Info) -> mne.Info:
    """`N_SENSORS` of a helmet's magnetometers, evenly spread over their order."""
    every = mne.pick_types(info, meg="mag")
    return mne.pick_info(info, every[np.linspace(0, len(every) - 1, N_SENSORS).round().astype(int)], verbose="error")


def _bump(lags_s: np.ndarray, latency_s: float, width_s: float) -> np.ndarray:
    return np.exp(-0.5 * ((lags_s - latency_s) / width_s) ** 2)
