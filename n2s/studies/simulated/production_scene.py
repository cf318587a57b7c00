"""All that happens in one run of the simulated production study, course by course: the brain, what moves, and what is heard."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from n2s.studies.simulated.production_artifacts import JAW_SD_S, MUSCLE_MEAN, Movements
from n2s.studies.simulated.production_run import (
    GESTURE_EVERY_S,
    GESTURE_S,
    GESTURES,
    LEAD_S,
    REACH_S,
    Trial,
)


@dataclass(frozen=True)
class Said:
    """What one utterance in one condition does, from `REACH_S` before its first phone: ``brain (j, t)``, A m, and movements."""

    brain: np.ndarray
    movements: Movements

    @property
    def n_times(self) -> int:
        """Samples."""
        return self.brain.shape[1]


@dataclass(frozen=True)
class Scene:
    """Courses of a run: ``brain (j, t)``; envelopes of ``muscles (m, t)``; ``jaw``, ``nod``, ``leak`` (t,)."""

    brain: np.ndarray
    muscles: np.ndarray
    jaw: np.ndarray
    nod: np.ndarray
    leak: np.ndarray

    def currents(self, carriers: np.ndarray) -> np.ndarray:
        """(m, t) What muscles send to the helmet: their carriers, and a mean of one direction."""
        return self.muscles * (carriers + MUSCLE_MEAN)


def empty_scene(n_sources: int, n_muscles: int, n_times: int) -> Scene:
    """Nothing happens."""
    return Scene(np.zeros((n_sources, n_times)), np.zeros((n_muscles, n_times)), *np.zeros((3, n_times)))


def speech_scene(trials: Sequence[Trial], said: Sequence[Said], n_times: int, sfreq: float) -> Scene:
    """The trials of a run, each with what it does."""
    scene = empty_scene(len(said[0].brain), len(said[0].movements.muscles), n_times)
    before = round(REACH_S * sfreq)
    for trial, one in zip(trials, said, strict=True):
        at = slice(trial.true - before, trial.true - before + one.n_times)
        scene.brain[:, at] += one.brain
        scene.muscles[:, at] += one.movements.muscles
        for name in ("jaw", "nod", "leak"):
            getattr(scene, name)[at] += getattr(one.movements, name)
    return scene


def gesture_length(order: Sequence[str], sfreq: float) -> int:
    """Samples of a gesture block."""
    return round((2 * LEAD_S + len(order) * GESTURE_EVERY_S) * sfreq)


def gesture_scene(order: Sequence[str], n_sources: int, sfreq: float, rng: np.random.Generator) -> Scene:
    """Gestures of the face without speech: each as strong as chance will have it, chewing in a rhythm of 1.5 Hz."""
    n = gesture_length(order, sfreq)
    scene = empty_scene(n_sources, 3, n)
    time_s = np.arange(n) / sfreq
    for i, name in enumerate(order):
        *work, opened, nods = GESTURES[name]
        age = (time_s - LEAD_S - i * GESTURE_EVERY_S) / GESTURE_S
        shape = np.where((age > 0) & (age < 1), np.sin(np.pi * np.clip(age, 0, 1)) ** 2, 0) * rng.uniform(0.5, 1.5)
        if name == "chew":
            shape = shape * (0.5 - 0.5 * np.cos(2 * np.pi * 1.5 * GESTURE_S * age))
        scene.muscles[:] += np.outer(work, shape)
        scene.jaw[:] += opened * shape
        scene.nod[:] += nods * shape
    scene.jaw[:] = scipy.ndimage.gaussian_filter1d(scene.jaw, JAW_SD_S * sfreq)
    return scene
