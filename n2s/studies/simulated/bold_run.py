"""One simulated run: a story in a scanner, with silence before and after it, becomes volumes."""

import numpy as np

from n2s.studies.simulated.bold_noise import cosines, motion, nuisance_effects, temporal_covariance
from n2s.studies.simulated.bold_sources import FINE_HZ, BoldListener, courses, responses

LEAD_S, TAIL_S = 10.0, 16.0  # silence before and after a story
BASELINE = 100.0  # of a run as scanned: a unit is one percent of signal change


def count_volumes(n_samples: int, tr_s: float) -> int:
    """How many volumes a story of so many samples of `FINE_HZ` takes."""
    return int(np.ceil((LEAD_S + n_samples / FINE_HZ + TAIL_S) / tr_s))


def story_courses(heard: np.ndarray, tr_s: float) -> np.ndarray:
    """(t, N_COURSES) The response that a whole story, channels (l, N_CHANNELS), causes in its run."""
    n_volumes, first = count_volumes(len(heard), tr_s), round(LEAD_S * FINE_HZ)
    return courses(heard, responses(n_volumes, tr_s, first=first, n_samples=len(heard)))


def stretch(heard: np.ndarray, first: int, n_samples: int) -> np.ndarray:
    """(n_samples, N_CHANNELS) Channels of a story from sample ``first`` on; zero before and after the story."""
    at = np.arange(first, first + n_samples)
    return np.where(((at >= 0) & (at < len(heard)))[:, None], heard[np.clip(at, 0, len(heard) - 1)], 0.0)


def scan(
    heard: np.ndarray,
    person: BoldListener,
    *,
    tr_s: float,
    signal_gain: float,
    noise_level: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Make a run as scanned (t, v), and its nuisance regressors (t, p): the constant, slow cosines, motion."""
    signal = story_courses(heard, tr_s) @ person.patterns.T
    n_volumes, n_voxels = signal.shape
    drifts, moves = cosines(n_volumes, tr_s), motion(n_volumes, rng)
    mixing = np.linalg.cholesky(temporal_covariance(n_volumes, tr_s))
    data = signal_gain * signal + noise_level * (mixing @ person.noise.draw(n_volumes, rng))
    data += BASELINE + nuisance_effects(drifts[:, 1:], moves, n_voxels, rng)
    return data, np.column_stack([drifts, moves])
