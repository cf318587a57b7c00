"""The people who are in both scanners: where their sources lie, and which mixture of the sound's courses each follows.

A source has one mixture, whatever looks at it: what MEG sees of a ``shared`` source through the head's field and what BOLD sees of it
through the haemodynamic response are the same numbers. ``meg`` sources are so fast that BOLD sees nothing: their two deflections
cancel. ``fmri`` sources point outwards, which no magnetometer sees. People differ in places, directions, strengths, delays, and half of
the variance of their mixtures; the other half is everybody's.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from n2s.studies.simulated.pair_courses import KINDS, N_COURSES, of_kind
from n2s.studies.simulated.sources import tangential


class Place(NamedTuple):
    """Of the left hemisphere, the right one mirrors it: MNI mm, direction (right, front, up) and how strongly sources there answer."""

    mm: tuple[float, float, float]
    direction: tuple[float, float, float]
    strength: float


#: Kind -> where its sources are: Heschl's gyrus, superior temporal sulcus, middle temporal and inferior frontal gyri; planum temporale and
#: premotor cortex; angular gyrus and precuneus. Auditory cortex answers most.
PLACES = {
    "shared": (
        Place((-44, -20, 8), (0.0, 0.5, 0.87), 1.5),
        Place((-58, -30, 0), (0.0, -0.6, 0.8), 0.6),
        Place((-56, -54, 6), (0.0, 0.9, 0.4), 0.4),
        Place((-48, 24, 10), (0.0, 0.6, -0.8), 0.4),
    ),
    "meg": (Place((-50, -36, 18), (0.0, 0.9, 0.3), 1.3), Place((-48, -2, 44), (0.3, 0.9, 0.0), 0.5)),
    "fmri": (Place((-46, -62, 32), (0.0, 0.0, 0.0), 1.3), Place((-8, -60, 36), (0.0, 0.0, 0.0), 0.5)),
}
EVERYBODYS = 0.5  # of the variance of a mixture
JITTER_MM, STRENGTH_SPREAD = 3.0, 0.15
#: Kind -> middle and width (standard deviation) of two deflections, s, and how much of the area each has.
DEFLECTIONS = {
    "shared": ((0.11, 0.026, 1.4), (0.21, 0.036, -0.4)),
    "meg": ((0.09, 0.020, 1.0), (0.16, 0.025, -1.0)),
    "fmri": ((0.11, 0.026, 1.4), (0.21, 0.036, -0.4)),
}
DELAY_SD_S, MOST_DELAY_S = 0.006, 0.012
LASTS_S = 0.35
#: Axes of a head have their origin between the ears, those of MNI in the anterior commissure; both are parallel here.
EARS_MM = np.array([0.0, -20.0, -48.0])
_MIXTURES, _ANATOMY = 0, 1  # uses of random numbers


@dataclass(frozen=True, eq=False)  # known by identity: `person` keeps each
class Person:
    """Somebody's sources j, left and right of each place: ``shared`` ones, then ``meg``, then ``fmri``.

    ``kinds (j,)``; ``places_mm (j, 3)``, MNI; ``directions (j, 3)``, right, front, up, of unit length, 0 for ``fmri``;
    ``mixtures (N_COURSES, j)``, as long as a source is strong; ``delays_s (j,)``, later than usual.
    """

    kinds: np.ndarray
    places_mm: np.ndarray
    directions: np.ndarray
    mixtures: np.ndarray
    delays_s: np.ndarray

    def seen_by(self, scanner: str) -> np.ndarray:
        """(j,) bool: which sources ``meg`` or ``fmri`` sees."""
        return (self.kinds == "shared") | (self.kinds == scanner)

    def kernels(self, sfreq: float) -> np.ndarray:
        """(k, j) The response of each source to a course of 1 at lag 0, lags of ``1 / sfreq`` s; its sum is 1, or 0 for ``meg``."""
        lags_s = np.arange(round(LASTS_S * sfreq) + 1)[:, None] / sfreq
        found = np.zeros((len(lags_s), len(self.kinds)))
        for at, (kind, delay_s) in enumerate(zip(self.kinds, self.delays_s, strict=True)):
            middle_s, width_s, area = np.array(DEFLECTIONS[kind]).T
            bumps = np.exp(-0.5 * ((lags_s - middle_s - delay_s) / width_s) ** 2)
            found[:, at] = bumps / bumps.sum(0) @ area
        return found


@lru_cache(maxsize=64)
def person(subject: int, seed: int, shared: float, private: float) -> Person:
    """Draw somebody: the same numbers in both scanners, whatever they hear; ``shared`` and ``private`` multiply mixtures."""
    everybody = np.random.default_rng([seed, 0, _MIXTURES])
    own, anatomy = (np.random.default_rng([seed, subject, use]) for use in (_MIXTURES, _ANATOMY))
    kinds, places, directions, mixtures, delays = [], [], [], [], []
    for kind in KINDS:
        for place in PLACES[kind]:
            for side in (1, -1):
                at = place.mm * np.array([side, 1, 1]) + anatomy.normal(0, JITTER_MM, 3)
                pointing = np.multiply(place.direction, [side, 1, 1]) + anatomy.normal(0, 0.15, 3)
                common, mine = (one.standard_normal(N_COURSES) for one in (everybody, own))
                mixture = np.where(of_kind(kind), np.sqrt(EVERYBODYS) * common + np.sqrt(1 - EVERYBODYS) * mine, 0.0)
                strength = place.strength * np.exp(anatomy.normal(0, STRENGTH_SPREAD)) / np.linalg.norm(mixture)
                kinds.append(kind)
                places.append(at)
                directions.append(np.zeros(3) if kind == "fmri" else tangential(head_m(at), pointing))
                mixtures.append((shared if kind == "shared" else private) * strength * mixture)
                delays.append(np.clip(anatomy.normal(0, DELAY_SD_S), -MOST_DELAY_S, MOST_DELAY_S))
    return Person(
        np.array(kinds), np.array(places), np.array(directions), np.array(mixtures).T.copy(), np.array(delays)
    )


def head_m(places_mm: np.ndarray) -> np.ndarray:
    """(..., 3) Head coordinates, m, of places in MNI, mm."""
    return (places_mm - EARS_MM) / 1000
