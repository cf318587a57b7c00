"""A metric: a function on arrays."""

import numpy as np


def sign_agreement(predicted: np.ndarray, true: np.ndarray) -> float:
    """How often a course rises when the true one rises, ``(n, t), (n, t) -> ()``: .5 by chance, 1 at best."""
    return float((np.sign(np.diff(predicted)) == np.sign(np.diff(true))).mean())
