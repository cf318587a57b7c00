"""What the voxels of the people who are in both scanners see of their sources, and the known way from the sound to them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from n2s.studies.simulated.areas_run import slow_course
from n2s.studies.simulated.bold_noise import SpatialNoise, spatial_noise
from n2s.studies.simulated.bold_sources import brain
from n2s.studies.simulated.pair_people import PLACES, Person

REACH_MM, WIDTH_MM = 10.0, 5.0  # voxels farther from a source do not see it; how their gain falls with distance
GAIN_SPREAD = 0.2  # standard deviation of the log gain of voxels
REGION_MM = 10.0  # voxels nearer than this to a usual place are of its region
#: Kind -> signal change at the place of a source of strength 1, percent, for 1 of a slow course: so that both kinds tell equally much.
PERCENT = {"shared": 1.10, "fmri": 1.69}
_VOXELS = 3  # a use of random numbers


@dataclass(frozen=True)
class KnownPairFMRI:
    """The true model of somebody's BOLD: sources j are first those that MEG sees, too (``shared (j,)`` bool), then private ones.

    ``places_mm (j, 3)``, MNI; ``patterns (v, j)``, how strongly a voxel sees a source, 1 at its place for a usual voxel; ``mixtures (d,
    j)``, percent signal change for 1 of each course of the sound after the haemodynamic response; ``noise``, covariance over voxels.
    """

    shared: np.ndarray
    places_mm: np.ndarray
    patterns: np.ndarray
    mixtures: np.ndarray
    noise: SpatialNoise

    def activity(self, courses: np.ndarray) -> np.ndarray:
        """(l, d) courses of a sound at `RATE_HZ` -> (l + k, j) what sources add to BOLD, percent, from its beginning on."""
        return slow_course(courses @ self.mixtures)


@lru_cache(maxsize=32)
def voxels(person: Person, subject: int, resolution_mm: int, seed: int) -> tuple[np.ndarray, SpatialNoise]:
    """(v, j) how strongly each voxel sees each source that is not silent in BOLD, and somebody's noise."""
    rng, places = np.random.default_rng([seed, subject, _VOXELS]), brain(resolution_mm).places
    sources = person.places_mm[person.seen_by("fmri")]
    away = np.linalg.norm(places[:, None] - sources, axis=2)
    seen = (away <= REACH_MM) | (away == away.min(0))  # the nearest in any case
    gains = np.exp(-0.5 * (away / WIDTH_MM) ** 2 + rng.normal(0, GAIN_SPREAD, len(places))[:, None])
    return np.where(seen, gains, 0.0), spatial_noise(places, rng)


def known_fmri(
    person: Person, seen: tuple[np.ndarray, SpatialNoise], *, signal_gain: float, noise_level: float
) -> KnownPairFMRI:
    """Put together what is known of somebody."""
    (patterns, noise), own = seen, person.seen_by("fmri")
    percent = np.array([PERCENT[kind] for kind in person.kinds[own]])
    return KnownPairFMRI(
        shared=person.kinds[own] == "shared",
        places_mm=person.places_mm[own],
        patterns=patterns,
        mixtures=signal_gain * percent * person.mixtures[:, own],
        noise=SpatialNoise(noise_level**2 * noise.white, noise_level * noise.loadings),
    )


@lru_cache(maxsize=8)
def pair_regions(resolution_mm: int) -> dict[str, np.ndarray]:
    """Region -> (v,) bool: ``auditory`` and ``speech``, near the usual places of Heschl's gyrus and of all sources, and ``whole``."""
    places = brain(resolution_mm).places
    sides = np.array([[1, 1, 1], [-1, 1, 1]])
    usual = [np.array(place.mm) * sides for kind in PERCENT for place in PLACES[kind]]
    away = [np.linalg.norm(places[:, None] - both, axis=2).min(1) for both in usual]
    auditory, speech = (np.min(one, axis=0) <= max(REGION_MM, resolution_mm) for one in (away[:1], away))
    return {"auditory": auditory, "speech": speech, "whole": np.ones(len(places), bool)}
