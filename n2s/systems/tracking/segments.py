"""Match and mismatch: does a reconstruction resemble what was heard more than another stretch of the same sound?"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from n2s.metrics.match_mismatch import match_windows

SAME = 0.99  # correlation of two stretches of sound: the same words are heard again


def matched(stretches: Sequence[tuple[Tensor, Tensor]], n_rows: int) -> tuple[float, np.ndarray] | None:
    """Share of right choices between the own window and every other, and the shares of turned windows.

    Parameters
    ----------
    stretches
        Reconstruction and truth, (t,) each.
    n_rows
        Length of a window.

    Returns
    -------
    None with fewer than two windows that differ.
    """
    predicted, true = (
        np.concatenate([_windows(pair[side].double().numpy(), n_rows) for pair in stretches]) for side in (0, 1)
    )
    changes = (np.ptp(true, 1) > 0) & (np.ptp(predicted, 1) > 0)
    predicted, true = predicted[changes], true[changes]
    if len(true) < 2:
        return None
    same = np.corrcoef(true) > SAME
    other = (~same).any(1)
    if other.sum() < 2:
        return None
    found = match_windows(predicted[other], true[other], same[np.ix_(other, other)])
    return float(found.correct.mean()), found.null_correct


def _windows(values: np.ndarray, n_rows: int) -> np.ndarray:
    n = len(values) // n_rows
    return values[: n * n_rows].reshape(n, n_rows)
