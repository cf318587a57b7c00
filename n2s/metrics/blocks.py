"""Where windows overlap or share a stimulus: clusters of windows that are independent of each other."""

import numpy as np

N_BLOCKS = 20  # t with 19 degrees of freedom is 2.09; with infinitely many it is 1.96
# minimum windows per block: a correlation as long as a window then adds 1 / (3 * 5) to the variance of a block's mean
LEAST_WINDOWS = 5


def time_blocks(
    stimulus: np.ndarray,
    start_s: np.ndarray,
    *,
    duration_s: float,
    n_blocks: int = N_BLOCKS,
    least_s: float | None = None,
) -> np.ndarray:
    """Cut the windows of each stimulus into consecutive blocks of about equal length.

    Blocks serve as clusters (`n2s.metrics.intervals`) when subjects heard a few long stimuli, too few to be the sample.
    Windows that overlap across a border are still dependent, so a block is much longer than a window. A stimulus
    shorter than a block is one block: with many short stimuli, the stimuli are the clusters.

    Parameters
    ----------
    stimulus
        (n,) The stimulus of each window.
    start_s
        (n,) Start of each window in its stimulus, s.
    duration_s
        Duration of a window, s.
    n_blocks
        Target number of blocks over all stimuli.
    least_s
        Shortest block, s; by default five windows. It must be longer than the noise's correlation time.

    Returns
    -------
    (n,) index of each window's block, from 0.
    """
    stimulus, start_s = np.asarray(stimulus), np.asarray(start_s, np.float64)
    if stimulus.shape != start_s.shape or start_s.ndim != 1 or not len(start_s):
        raise ValueError(f"stimulus and start_s must have the same length; got {stimulus.shape} and {start_s.shape}.")
    if not (duration_s > 0 and n_blocks > 0 and np.isfinite(start_s).all()):
        raise ValueError(f"duration_s {duration_s}, n_blocks {n_blocks}: expected positive numbers, and finite starts.")
    _, which = np.unique(stimulus, return_inverse=True)
    first, last = np.full(which.max() + 1, np.inf), np.full(which.max() + 1, -np.inf)
    np.minimum.at(first, which, start_s)
    np.maximum.at(last, which, start_s)
    length_s = last - first + duration_s
    least_s = LEAST_WINDOWS * duration_s if least_s is None else least_s
    parts = np.maximum(1, np.floor(length_s / max(least_s, length_s.sum() / n_blocks) + 1e-9)).astype(np.int64)
    inside = np.floor((start_s - first[which] + duration_s / 2) / length_s[which] * parts[which]).astype(np.int64)
    return np.unique(np.cumsum(np.r_[0, parts[:-1]])[which] + inside, return_inverse=True)[1]
