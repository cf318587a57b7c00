"""Where the simulated listeners of stories answer to what they hear, and the known way from words to their voxels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from n2s.studies.simulated.areas_brain import Area, Listener, drawn_listener
from n2s.studies.simulated.areas_run import impulse_responses
from n2s.studies.simulated.bold_noise import SpatialNoise
from n2s.studies.simulated.tale_words import PRIVATE, WORD_DRIVERS, columns

DRIVERS = WORD_DRIVERS | {"sound": 1}
#: Round numbers in the named gyri: temporo-parietal, middle temporal and inferior frontal cortex and precuneus for meaning.
_PRIVATE_PLACES = {
    "en": ((-44, 12, -28), (46, 12, -28)),  # temporal poles
    "es": ((-40, 20, 44), (42, 22, 44)),  # middle frontal gyri
    "eu": ((-46, -50, -20), (46, -48, -20)),  # fusiform gyri
}
AREAS = (
    Area("meaning", "meaning", ((-48, -62, 32), (50, -60, 30), (-60, -46, 2), (58, -46, 4), (-48, 26, 8), (50, 28, 8), (0, -58, 36)), 15),
    *(Area(PRIVATE[language], PRIVATE[language], places, 16) for language, places in _PRIVATE_PLACES.items()),
    Area("rate", "rate", ((-60, -18, -6), (60, -14, -8), (-56, -2, -16), (58, 0, -16)), 11),
    Area("sound", "sound", ((-42, -19, 10), (46, -17, 10), (-54, -28, 12), (58, -24, 12)), 11),
    Area("silent", None, ((-8, -80, 4), (10, -78, 6)), 16),
)  # fmt: skip
#: Standard deviation, over volumes, of one dimension of a driver after the haemodynamic response, without slow cosines.
SWING = {"meaning": 0.0132, "private": 0.0163, "rate": 0.015, "sound": 0.42}


@lru_cache(maxsize=32)
def story_listener(subject: int, resolution_mm: int, seed: int) -> Listener:
    """Draw a subject: the same numbers whatever they hear. Rate and sound only excite."""
    found = drawn_listener(subject, resolution_mm, seed, AREAS, DRIVERS)
    for name in ("rate", "sound"):
        weights = found.mixtures[name].weights
        np.abs(weights, out=weights)
    return found


def voxel_weights(person: Listener, n_voxels: int) -> np.ndarray:
    """(f, v) Signal of each voxel for 1 of each driver's dimensions, words' first, then sound; a usual voxel swings by 1."""
    found, start = np.zeros((sum(DRIVERS.values()), n_voxels)), 0
    for name, mixture in person.mixtures.items():
        unit = mixture.weights / np.linalg.norm(mixture.weights, axis=1, keepdims=True)
        own = unit * mixture.strength[:, None] / SWING[name.split("_")[0]]
        found[start : start + own.shape[1], mixture.voxels] = own.T
        start += own.shape[1]
    return found


@dataclass(frozen=True)
class KnownStories:
    """The true model of a subject's BOLD: what words cause, and the noise around it.

    ``weights (f, v)``: percent signal change of each voxel for 1 of each course; courses have the columns of the words' features
    (``columns``: driver -> slice). ``noise``: its covariance over voxels at one volume; `noise_covariance` is the matrix.
    """

    weights: np.ndarray
    noise: SpatialNoise

    @property
    def columns(self) -> dict[str, slice]:
        """Driver -> its rows of ``weights``."""
        return columns()

    def courses(self, features: np.ndarray, words_s: Sequence[float], volumes_s: Sequence[float]) -> np.ndarray:
        """(t, f) The course of each feature at volumes at some times, through Glover's haemodynamic response.

        Parameters
        ----------
        features
            (n, f) Of words, as `SimulatedStories.word_features` gives them.
        words_s
            (n,) The middle of each word, s on the clock of ``volumes_s``.
        volumes_s
            (t,)
        """
        return impulse_responses(np.asarray(words_s, float), np.asarray(volumes_s, float)) @ features

    def noise_covariance(self, voxels: np.ndarray | None = None) -> np.ndarray:
        """(v, v) Of some voxels, by number or mask; None: all."""
        chosen = slice(None) if voxels is None else voxels
        loadings = self.noise.loadings[chosen]
        return np.diag(self.noise.white[chosen]) + loadings @ loadings.T
