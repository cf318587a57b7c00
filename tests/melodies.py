"""Sounds that are all of notes, and no two alike."""

import numpy as np

HZ = 16000


def melody(seed, lasts_s=30, hz=HZ):
    """(n,) Notes of a tenth to half a second, of three partials, with a rise and a fall: what no two seeds share."""
    rng = np.random.default_rng([11, seed])
    notes = []
    while sum(map(len, notes)) < lasts_s * hz:
        time_s = np.arange(round(rng.uniform(0.1, 0.5) * hz)) / hz
        pitch = rng.uniform(200, 900)
        tones = sum(np.sin(2 * np.pi * pitch * k * time_s * rng.uniform(0.98, 1.02)) / k for k in (1, 2, 3))
        notes.append(tones * np.hanning(len(time_s)) * rng.uniform(0.3, 1))
    sound = 0.2 * np.concatenate(notes)[: lasts_s * hz] + 1e-3 * rng.standard_normal(lasts_s * hz)
    return np.round(sound * 2**15) / 2**15
