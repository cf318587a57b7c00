"""Where the simulated areas lie, what drives each, and how the voxels of one person mix the dimensions of their driver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from n2s.studies.simulated.areas_drivers import DRIVERS
from n2s.studies.simulated.bold_noise import SpatialNoise, spatial_noise
from n2s.studies.simulated.bold_sources import brain

SPREAD = 0.25  # standard deviation of the log strength of voxels
SHARED = 0.5  # of the variance of a voxel's weights: those of everybody; the rest is the person's own


@dataclass(frozen=True)
class Area:
    """A region on both sides: voxels within ``radius_mm`` of a centre (MNI mm, the nearest area's), and its driver, if any."""

    name: str
    driver: str | None
    centres: tuple[tuple[float, float, float], ...]
    radius_mm: float


#: Centres are those of AAL (Tzourio-Mazoyer 2002) for Heschl's gyrus, and round numbers in the named gyri otherwise.
AREAS = (
    Area("A1", "mel", ((-42, -19, 10), (46, -17, 10)), 10),
    Area("belt", "modulations", ((-54, -28, 10), (58, -24, 8), (-54, -4, -2), (56, -2, -4)), 12),
    Area("STS", "phones", ((-60, -18, -6), (60, -14, -8), (-58, -30, -2), (60, -28, -2)), 11),
    Area("MTG", "words", ((-60, -46, 2), (58, -46, 4), (-56, -56, 8), (54, -56, 8)), 11),
    Area("TPJ", "meaning", ((-48, -62, 32), (50, -60, 30), (-56, -50, 26), (58, -48, 26)), 12),
    Area("IFG", "meaning", ((-48, 26, 8), (50, 28, 8)), 12),
    Area("V1", None, ((-8, -80, 4), (10, -78, 6)), 14),
)


@lru_cache(maxsize=8)
def regions(resolution_mm: int, areas: tuple[Area, ...] = AREAS) -> dict[str, np.ndarray]:
    """Area -> (v,) bool, of the voxels of `brain`; no voxel is of two."""
    owner = [area for area in areas for _ in area.centres]
    centres = np.array([centre for area in areas for centre in area.centres], float)
    away = np.linalg.norm(brain(resolution_mm).places[:, None] - centres, axis=2)
    nearest = away.argmin(1)
    inside = away.min(1) <= np.array([area.radius_mm for area in owner])[nearest]
    names = np.array([area.name for area in owner])[nearest]
    return {area.name: inside & (names == area.name) for area in areas}


@dataclass(frozen=True)
class Mixture:
    """How the voxels (n,) that a driver drives mix its dimensions: ``weights (n, f)`` and ``strength (n,)``, about 1."""

    voxels: np.ndarray
    weights: np.ndarray
    strength: np.ndarray

    def scaled(self, covariance: np.ndarray) -> np.ndarray:
        """(n, f) Weights that make courses of some covariance (f, f) into courses with the standard deviation ``strength``."""
        swing = np.sqrt(np.einsum("nf,fg,ng->n", self.weights, covariance, self.weights))
        return self.weights * (self.strength / swing)[:, None]


@dataclass(frozen=True)
class Listener:
    """One subject: the ``mixtures`` of each driver, and the ``noise`` over voxels."""

    mixtures: dict[str, Mixture]
    noise: SpatialNoise


@lru_cache(maxsize=32)
def listener(subject: int, resolution_mm: int, seed: int) -> Listener:
    """Draw a subject: the same numbers, the same listener, whatever else is simulated."""
    return drawn_listener(subject, resolution_mm, seed, AREAS, DRIVERS)


def drawn_listener(
    subject: int, resolution_mm: int, seed: int, areas: Sequence[Area], drivers: Mapping[str, int]
) -> Listener:
    """Draw a subject with some areas and drivers, name -> number of dimensions. Half of a mixture is everybody's."""
    rng, everybody = np.random.default_rng([seed, subject]), np.random.default_rng([seed, 0])
    mixtures = {}
    for name, n_dims in drivers.items():
        driven = [regions(resolution_mm, areas)[area.name] for area in areas if area.driver == name]
        voxels = np.flatnonzero(np.any(driven, axis=0))
        common, own = (one.standard_normal((len(voxels), n_dims)) for one in (everybody, rng))
        weights = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        mixtures[name] = Mixture(voxels, weights, np.exp(rng.normal(0, SPREAD, len(voxels))))
    return Listener(mixtures, spatial_noise(brain(resolution_mm).places, rng))
