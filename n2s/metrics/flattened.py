"""Scores over a flattened matrix, time by electrodes: what some publications report, and what they do not tell of time."""

from typing import NamedTuple

import numpy as np

BLOCK = 2**22  # numbers that are float64 at once


class Flattened(NamedTuple):
    """Pearson's ``r``, and ``r2`` against the mean of all numbers, as scikit-learn's `r2_score` of the flattened matrix.

    NaN where either side is constant (r), or the truth is (r2).
    """

    r: float
    r2: float


def flattened(predicted: np.ndarray, true: np.ndarray) -> Flattened:
    """(n, v), (n, v) -> scores of all ``n v`` numbers as one sample.

    Electrodes differ in their mean amplitude, and any prediction that has these means is correlated with the truth, over
    electrodes: of an electrode's time course it need not know anything. Compare with the prediction that is the training mean of
    each electrode.
    """
    if predicted.shape != true.shape or true.ndim != 2:
        raise ValueError(f"predicted is {predicted.shape}, true {true.shape}; expected two arrays (n, v) of one shape.")
    if not true.size:
        return Flattened(np.nan, np.nan)
    means = [float(one.mean(dtype=np.float64)) for one in (predicted, true)]
    sums = np.zeros(4)
    step = max(1, BLOCK // true.shape[1])
    for at in range(0, len(true), step):
        own, other = (one[at : at + step].astype(np.float64) for one in (predicted, true))
        error = np.square(other - own).sum()
        own, other = own - means[0], other - means[1]
        sums += [np.square(own).sum(), np.square(other).sum(), (own * other).sum(), error]
    mine, theirs, both, error = sums
    small = [1e-24 * max(mean**2, 1e-300) * true.size for mean in means]
    r = both / np.sqrt(mine * theirs) if mine > small[0] and theirs > small[1] else np.nan
    return Flattened(float(r), float(1 - error / theirs) if theirs > small[1] else np.nan)
