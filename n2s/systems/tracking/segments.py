"""Match and mismatch: does a reconstruction resemble what was heard more than another stretch of the same sound?"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from n2s.metrics.match_mismatch import match_windows

SAME = 0.99  # correlation of two stretches of sound: the same words are heard again


def matched(
    stretches: Sequence[tuple[Tensor, Tensor]], n_rows: int, *, n_shifts: int, min_shift: int, seed: int
) -> tuple[float, np.ndarray] | None:
    """Share of right choices between the own window and every other, and the shares with the truth moved in a circle.

    Parameters
    ----------
    stretches
        Reconstruction and truth, (t,) each.
    n_rows
        Length of a window.
    n_shifts, min_shift
        How many moves of all stretches joined, and the smallest, rows; of short data a quarter of them. (Turning a few whole windows
        is no chance level: where the own window wins, no other can, and the mean is below one half.)
    seed
        Of the moves.

    Returns
    -------
    None with fewer than two windows that differ.
    """
    predicted, true = ([pair[side].double().numpy() for pair in stretches] for side in (0, 1))
    share = _share(predicted, true, n_rows)
    if share is None:
        return None
    joined, ends = np.concatenate(true), np.cumsum([len(one) for one in true])[:-1]
    least = max(1, min(min_shift, len(joined) // 4))
    shifts = np.random.default_rng(seed).integers(least, len(joined) - least, size=n_shifts, endpoint=True)
    null = [_share(predicted, np.split(np.roll(joined, shift), ends), n_rows) for shift in shifts]
    return share, np.array([one for one in null if one is not None])


def _share(predicted: Sequence[np.ndarray], true: Sequence[np.ndarray], n_rows: int) -> float | None:
    one, other = (np.concatenate([_windows(part, n_rows) for part in parts]) for parts in (predicted, true))
    changes = (np.ptp(other, 1) > 0) & (np.ptp(one, 1) > 0)
    one, other = one[changes], other[changes]
    if len(other) < 2:
        return None
    same = np.corrcoef(other) > SAME
    known = (~same).any(1)
    if known.sum() < 2:
        return None
    return float(match_windows(one[known], other[known], same[np.ix_(known, known)], most=1).correct.mean())


def _windows(values: np.ndarray, n_rows: int) -> np.ndarray:
    n = len(values) // n_rows
    return values[: n * n_rows].reshape(n, n_rows)
