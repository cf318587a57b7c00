"""Which voxels answer to what, and how slowly: from speech to BOLD, purely linear in features.

Voxels are those of the grey-matter mask in MNI space that the nilearn wheel carries. Those of the superior temporal lobe
on both sides may be tuned: each to a few of `N_CHANNELS` channels, near Heschl's gyrus mostly to sound, further away
mostly to words. Each answers through the haemodynamic response of Glover 1999, with one of three delays. Subjects differ
in which voxels are tuned, how strongly, to what, and how late.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from zlib import crc32

import numpy as np
import pandas as pd

from n2s.studies.simulated.bold_noise import SpatialNoise, spatial_noise
from n2s.studies.simulated.sources import N_BANDS, stimulus_features

if TYPE_CHECKING:
    import nibabel

FINE_HZ = 50.0  # of the channels, and of the haemodynamic response
N_BUMPS = 6  # smooth pieces of the spectrum
N_MEANING = 8  # dimensions of the meaning of words
N_CHANNELS = 2 * N_BUMPS + 2 + N_MEANING  # level and rise of each bump, words, phones, meaning
STEM = 5  # words that begin with as many letters alike mean the same: crude, but inflections keep together
#: How much of the typical swing of a channel is left after the haemodynamic response: measured on all stories.
SLOW_SWING = np.repeat([0.105, 0.022, 0.009, 0.022, 0.02], [N_BUMPS, N_BUMPS, 1, 1, N_MEANING])
HRF_S = 32.0  # its length
DELAYS_S = (0.0, 0.5, 1.0)  # of a voxel's response, after Glover's
N_COURSES = len(DELAYS_S) * N_CHANNELS
#: Left Heschl's gyrus, then the superior temporal gyrus from front to back: MNI mm, after the centres that AAL gives
#: (Tzourio-Mazoyer 2002: Heschl -42 -19 10 and 46 -17 10, superior temporal -53 -21 7 and 58 -22 7).
LEFT = ((-42, -19, 10), (-50, 2, -4), (-54, -21, 6), (-60, -38, 14))
RIGHT = ((46, -17, 10), (54, 4, -4), (59, -20, 6), (62, -36, 14))
AUDITORY_MM = 14.0  # voxels nearer than this to that line are of the roi "auditory"
REACH_MM = 8.0  # standard deviation of the strength of tuning, from the subject's own line
TUNED = 0.7  # of the auditory voxels
N_MIXED = 3  # channels that a voxel answers to
RESPONSE_PERCENT = 0.4  # signal change of a voxel on the line for the usual swing of its mixture


@dataclass(frozen=True)
class Brain:
    """The voxels: ``mask``, ``places (v, 3)`` in MNI mm in the mask's C order, and which are ``auditory (v,)``."""

    mask: "nibabel.Nifti1Image"
    places: np.ndarray
    auditory: np.ndarray
    template: ClassVar[str] = "MNI152NLin2009aSym"  # of nilearn's mask, by its BIDS name


@lru_cache(maxsize=4)
def brain(resolution_mm: int) -> Brain:
    """Grey matter at a resolution; the same for all subjects."""
    from nilearn import datasets  # takes a second to import

    mask = datasets.load_mni152_gm_mask(resolution=resolution_mm)
    indices = np.argwhere(np.asarray(mask.dataobj) > 0)
    places = indices @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    return Brain(mask, places, _distance(places, np.zeros(3)) < AUDITORY_MM)


def channels(audio: Path, events: pd.DataFrame) -> np.ndarray:
    """(l, N_CHANNELS) The channels that voxels respond to, `FINE_HZ` a second, in units of each channel's usual slow swing.

    Level and rise of smooth pieces of the mel spectrum, word and phone onsets, and what each word means: a place that
    its first letters draw, the same wherever it is said. Less the story's mean: cortex has adapted to who speaks, and
    silence around a story is as its mean.
    """
    fine = stimulus_features(audio, events, FINE_HZ)
    level, rise, impulses = np.split(fine, [N_BANDS, 2 * N_BANDS], axis=1)
    bumps = _bumps()
    meaning = np.zeros((len(fine), N_MEANING))
    words = events[events.kind == "word"]
    at = np.minimum(np.rint(words.stimulus_onset.to_numpy() * FINE_HZ).astype(int), len(fine) - 1)
    np.add.at(meaning, at, np.array([_meaning(word) for word in words.text]).reshape(-1, N_MEANING))
    stacked = np.concatenate([level @ bumps, rise @ bumps, impulses, meaning], axis=1)
    return (stacked - stacked.mean(0)) / SLOW_SWING


def responses(n_volumes: int, tr_s: float, *, first: int, n_samples: int) -> np.ndarray:
    """(delay, n_volumes, n_samples) The response of each volume to an impulse in each of some samples of `FINE_HZ`.

    Volume i is seen in the middle of its TR, at ``(i + 1/2) tr_s``. Sample ``first`` is counted from the run's start.
    """
    from nilearn.glm.first_level import glover_hrf

    kernel = glover_hrf(1 / FINE_HZ, oversampling=1, time_length=HRF_S)
    seen = np.rint((np.arange(n_volumes) + 0.5) * tr_s * FINE_HZ).astype(int)
    lags = seen[:, None] - (first + np.arange(n_samples))
    found = np.zeros((len(DELAYS_S), n_volumes, n_samples))
    for row, delay_s in zip(found, DELAYS_S, strict=True):
        own = lags - round(delay_s * FINE_HZ)
        inside = (own >= 0) & (own < len(kernel))
        row[inside] = kernel[own[inside]]
    return found


def courses(values: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Channels (..., l, N_CHANNELS) through `responses` (delay, t, l): (..., t, N_COURSES), delay by delay."""
    found = np.einsum("dtl,...lf->...tdf", response, values, optimize=True)
    return found.reshape(*found.shape[:-2], N_COURSES)


@dataclass(frozen=True)
class BoldListener:
    """One subject: ``patterns (v, N_COURSES)``, percent signal change for one of each course, and the noise in space."""

    patterns: np.ndarray
    noise: SpatialNoise


@lru_cache(maxsize=16)
def bold_listener(subject: int, resolution_mm: int, seed: int) -> BoldListener:
    """Draw a subject: the same numbers, the same listener, whatever else is simulated."""
    rng = np.random.default_rng([seed, subject])
    grey = brain(resolution_mm)
    away = _distance(grey.places, rng.normal(0, 2.0, 3))  # the anatomy is not the MNI brain's
    strength = np.exp(-0.5 * (away / REACH_MM) ** 2 + rng.normal(0, 0.3, len(away)))
    tuned = np.flatnonzero(grey.auditory & (rng.random(len(away)) < TUNED))
    from_heschl = np.minimum(*(np.linalg.norm(grey.places - side[0], axis=1) for side in (LEFT, RIGHT)))
    sound = 2 * N_BUMPS
    patterns = np.zeros((len(away), len(DELAYS_S), N_CHANNELS))
    for voxel in tuned:
        wordy = np.clip(from_heschl[voxel] / 40, 0.1, 0.9)
        odds = np.repeat([(1 - wordy) / sound, wordy / (N_CHANNELS - sound)], [sound, N_CHANNELS - sound])
        mixed = rng.choice(N_CHANNELS, N_MIXED, replace=False, p=odds)
        weights = rng.normal(size=N_MIXED)
        weights *= RESPONSE_PERCENT * strength[voxel] / np.linalg.norm(weights)
        patterns[voxel, rng.integers(len(DELAYS_S)), mixed] = weights
    return BoldListener(patterns.reshape(len(away), N_COURSES), spatial_noise(grey.places, rng))


def _bumps() -> np.ndarray:
    """(N_BANDS, N_BUMPS) Overlapping Gaussians along the mel scale, each of unit sum."""
    centres = np.linspace(0.5, N_BANDS - 1.5, N_BUMPS)
    width = (centres[1] - centres[0]) / 1.5
    bumps = np.exp(-0.5 * ((np.arange(N_BANDS)[:, None] - centres) / width) ** 2)
    return bumps / bumps.sum(0)


def _meaning(word: str) -> np.ndarray:
    return np.random.default_rng(crc32(word.lower()[:STEM].encode())).normal(size=N_MEANING)


def _distance(places: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(v,) mm from the nearer of the two lines, moved by ``shift``."""
    nearest = np.full(len(places), np.inf)
    for line in (LEFT, RIGHT):
        corners = np.array(line, float) + shift
        for a, b in [(corners[0], corners[2]), *zip(corners[1:], corners[2:], strict=False)]:
            along = np.clip((places - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(places - a - along[:, None] * (b - a), axis=1))
    return nearest
