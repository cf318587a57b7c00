"""What 60 magnetometers see of the people who are in both scanners, and the known way from the sound to them."""

from dataclasses import dataclass
from functools import lru_cache

import mne
import numpy as np
import scipy.signal

from n2s.studies.simulated.noise import autocovariance, spatial_covariance
from n2s.studies.simulated.pair_people import Person, head_m
from n2s.studies.simulated.sensors import helmet, lead_field
from n2s.studies.simulated.tale_sources import magnetometers

#: Kind -> moment of a source of strength 1, A m, for one standard deviation of a course: so that both kinds tell equally much.
MOMENT_AM = {"shared": 0.82e-9, "meg": 0.60e-9}
_HEAD = 2  # a use of random numbers


@dataclass(frozen=True)
class Head:
    """Somebody in the helmet: ``info``, ``patterns (c, j)``, T for 1 A m in each source that is not silent, and the spatial covariance
    ``noise (c, c)`` at the white floor, T^2/Hz.
    """

    info: mne.Info
    patterns: np.ndarray
    noise: np.ndarray


@lru_cache(maxsize=32)
def head(person: Person, subject: int, sfreq: float, seed: int) -> Head:
    """Put somebody into the helmet."""
    rng, seen = np.random.default_rng([seed, subject, _HEAD]), person.seen_by("meg")
    info = magnetometers(helmet(sfreq, rng.normal(0, 0.003, 3)))
    field = lead_field(info, head_m(person.places_mm[seen]))
    patterns = np.einsum("cjd,jd->cj", field, person.directions[seen])
    return Head(info, patterns, spatial_covariance(info, rng))


@dataclass(frozen=True)
class KnownPairMEG:
    """The true model of somebody's MEG: sources j are first those that BOLD sees, too (``shared (j,)`` bool), then private ones.

    ``places_mm (j, 3)``, MNI; ``patterns (c, j)``, T for 1 A m; ``mixtures (d, j)``, A m for 1 of each course of the sound;
    ``kernels (k, j)``, the response of a source to its mixture at lags 0, 1, ... of ``1 / sfreq`` s; ``noise (c, c)``, covariance over
    sensors at one moment, T^2, which `n2s.studies.simulated.noise.autocovariance` takes to other lags.
    """

    shared: np.ndarray
    places_mm: np.ndarray
    patterns: np.ndarray
    mixtures: np.ndarray
    kernels: np.ndarray
    noise: np.ndarray
    sfreq: float

    def activity(self, courses: np.ndarray) -> np.ndarray:
        """(l, d) courses of a sound -> (l + k, j) activity of sources, A m, from its beginning on."""
        after = np.zeros((1, courses.shape[1]))
        return scipy.signal.oaconvolve(np.concatenate([courses, after]) @ self.mixtures, self.kernels, axes=0)


def known_meg(person: Person, found: Head, *, sfreq: float, signal_gain: float, noise_level: float) -> KnownPairMEG:
    """Put together what is known of somebody."""
    seen = person.seen_by("meg")
    moments = np.array([MOMENT_AM[kind] for kind in person.kinds[seen]])
    power = noise_level**2 * autocovariance(1, sfreq)[0]
    return KnownPairMEG(
        shared=person.kinds[seen] == "shared",
        places_mm=person.places_mm[seen],
        patterns=found.patterns,
        mixtures=signal_gain * moments * person.mixtures[:, seen],
        kernels=person.kernels(sfreq)[:, seen],
        noise=power * found.noise,
        sfreq=sfreq,
    )
