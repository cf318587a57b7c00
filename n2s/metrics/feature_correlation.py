"""How well each dimension of a feature is decoded: its correlation over clips, and the quartiles over dimensions."""

import numpy as np

from n2s.metrics.clip_scores import exchanged
from n2s.metrics.correlation import unit
from n2s.metrics.intervals import t_interval

_BLOCK = 4096  # dimensions at once: AudioMAE tokens of a 4 s clip have 160,000
QUARTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}


def feature_correlations(
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    stimulus: np.ndarray,
    subject: np.ndarray,
    n_permutations: int = 20,
    seed: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Pearson correlation over a subject's clips of each dimension, and the same with its predictions exchanged.

    0 where a dimension never changes: so it is for the mean of the training clips, which needs no row of its own.

    Parameters
    ----------
    predicted, true
        (n, d) or (n, ..., d); axes after the first are flattened.
    stimulus, subject
        (n,) Predictions are exchanged within a subject, and between stimuli.
    n_permutations, seed
        Of the exchanges.

    Returns
    -------
    ``model``: (d,) by subject; ``shuffled``: (p, d) by subject.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a subject with fewer than three clips.
    """
    if predicted.shape != true.shape or true.ndim < 2 or not len(true) == len(stimulus) == len(subject):
        raise ValueError(
            f"predicted is {predicted.shape}, true {true.shape}, with {len(stimulus)} stimuli and {len(subject)} subjects; "
            "expected (n, d) of both, and n."
        )
    names, counts = np.unique(subject, return_counts=True)
    if counts.min() < 3:
        raise ValueError(
            f"subject '{names[counts.argmin()]}' has {counts.min()} clips: no correlation. Expected 3 or more."
        )
    predicted, true = (values.reshape(len(values), -1) for values in (predicted, true))
    exchanges = exchanged(stimulus, subject, n_permutations=n_permutations, seed=seed)
    found: dict[str, dict[str, np.ndarray]] = {"model": {}, "shuffled": {}}
    for name in names:
        clips = np.flatnonzero(subject == name)
        orders = np.searchsorted(clips, np.stack([clips, *exchanges[:, clips]]))  # their own order first
        blocks = [slice(first, first + _BLOCK) for first in range(0, true.shape[1], _BLOCK)]
        rows = np.concatenate([_by_order(predicted[clips, block], true[clips, block], orders) for block in blocks], 1)
        found["model"][str(name)], found["shuffled"][str(name)] = rows[0], rows[1:]
    return found


def _by_order(predicted: np.ndarray, true: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """(n, d), (n, d) and orders (p, n) of the predicted clips -> (p, d)."""
    x, y = unit(predicted, 0), unit(true, 0)
    return np.stack([np.einsum("nd,nd->d", x[order], y) for order in orders])


def summarize_correlations(found: dict[str, dict[str, np.ndarray]]) -> dict:
    """Quartiles over dimensions of each subject, and the subjects' median dimension with its t interval, as JSON types.

    Returns
    -------
    For ``model`` and ``shuffled`` (all exchanges together): ``mean`` of the subjects' medians, ``low`` and ``high`` (95% t
    interval over subjects) and ``deviation`` (None of a single subject), and ``per_subject`` with ``q25``, ``median``,
    ``q75``.
    """
    summary = {}
    for row, by_subject in found.items():
        quartiles = {
            name: {key: float(np.quantile(values, q)) for key, q in QUARTILES.items()}
            for name, values in by_subject.items()
        }
        medians = np.array([values["median"] for values in quartiles.values()])
        several = len(medians) > 1
        low, high = t_interval(medians, bounds=(-1.0, 1.0))[1:] if several else (None, None)
        summary[row] = {
            "mean": float(medians.mean()),
            "low": low,
            "high": high,
            "deviation": float(medians.std(ddof=1)) if several else None,
            "per_subject": quartiles,
        }
    return summary
