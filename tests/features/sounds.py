"""Sounds made from numbers."""

import numpy as np


def noise(duration_s: float, sfreq: int = 16000, seed: int = 0) -> np.ndarray:
    """White noise at a tenth of full scale, float32."""
    return 0.1 * np.random.default_rng(seed).standard_normal(round(duration_s * sfreq)).astype(np.float32)
