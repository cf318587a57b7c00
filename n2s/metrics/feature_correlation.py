"""Correlation over clips of each decoded feature dimension, and its quartiles over dimensions."""

from collections.abc import Mapping

import numpy as np

from n2s.metrics.clip_scores import Units, over_subjects
from n2s.metrics.correlation import unit
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.score import ALL, Score

_BLOCK = 4096  # dimensions at once: AudioMAE tokens of a 4 s clip have 160,000
QUARTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}


def feature_correlations(
    predicted: np.ndarray, true: np.ndarray, *, subject: np.ndarray, exchanges: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """Pearson correlation of each dimension over a subject's clips, with the model's and with exchanged predictions.

    0 where a predicted dimension is constant, as for the mean of the training clips, which therefore has no row. NaN
    where the true one is constant: the correlation is then not defined.

    Parameters
    ----------
    predicted, true
        (n, d) or (n, ..., d); axes after the first are flattened.
    subject
        (n,)
    exchanges
        (p, n) Index of the prediction that each clip gets: see `n2s.metrics.clip_scores.exchanged`.

    Returns
    -------
    ``model``: (d,) by subject; ``shuffled``: (p, d) by subject.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a subject with fewer than three clips.
    """
    if predicted.shape != true.shape or true.ndim < 2 or not len(true) == len(subject) == exchanges.shape[1]:
        raise ValueError(
            f"predicted is {predicted.shape}, true {true.shape}, with {len(subject)} subjects and exchanges "
            f"{exchanges.shape}; expected (n, d) for both, n and (p, n)."
        )
    names, counts = np.unique(subject, return_counts=True)
    if counts.min() < 3:
        raise ValueError(
            f"subject '{names[counts.argmin()]}' has {counts.min()} clips: no correlation. Expected 3 or more."
        )
    predicted, true = (values.reshape(len(values), -1) for values in (predicted, true))
    found: dict[str, dict[str, np.ndarray]] = {"model": {}, "shuffled": {}}
    for name in names:
        clips = np.flatnonzero(subject == name)
        orders = np.searchsorted(clips, np.stack([clips, *exchanges[:, clips]]))  # their own order first
        blocks = [slice(first, first + _BLOCK) for first in range(0, true.shape[1], _BLOCK)]
        rows = np.concatenate([_by_order(predicted[clips, block], true[clips, block], orders) for block in blocks], 1)
        found["model"][str(name)], found["shuffled"][str(name)] = rows[0], rows[1:]
    return found


def median_intervals(
    predicted: np.ndarray, true: np.ndarray, *, subject: np.ndarray, units: Units
) -> dict[str, Interval]:
    """The correlation of the median dimension of each subject, with its jackknife interval over units."""
    predicted, true = (np.asarray(values).reshape(len(values), -1) for values in (predicted, true))
    found = {}
    for name in np.unique(subject):
        clips = np.flatnonzero(subject == name)

        def median(some: np.ndarray, clips: np.ndarray = clips) -> float:
            rows, order = clips[some], np.arange(len(some))[None]
            blocks = [slice(first, first + _BLOCK) for first in range(0, true.shape[1], _BLOCK)]
            return _quantile(
                np.concatenate([_by_order(predicted[rows, one], true[rows, one], order)[0] for one in blocks]), 0.5
            )

        found[str(name)] = jackknife_interval(median, units.of[clips], bounds=(-1.0, 1.0))
    return found


def _by_order(predicted: np.ndarray, true: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Correlate each order of the predicted clips: (n, d), (n, d) and orders (p, n) -> (p, d)."""
    x, y = unit(predicted, 0), unit(true, 0)
    y[:, ~y.any(0)] = np.nan
    return np.stack([np.einsum("nd,nd->d", x[order], y) for order in orders])


def summarize_correlations(
    found: Mapping[str, Mapping[str, np.ndarray]], medians: Mapping[str, Mapping[str, Interval]], *, words: str
) -> dict[str, dict[str, Score]]:
    """The correlation of the median dimension, over subjects and for each subject.

    Parameters
    ----------
    found
        The output of `feature_correlations`, and other decoders by the name of their row.
    medians
        The output of `median_intervals`, by row.
    words
        The units of the intervals of one subject, in words.

    Returns
    -------
    Row -> subject (or `ALL`) -> `Score`. A row that is not in ``medians`` has no interval per subject; ``shuffled`` (all
    exchanges together) has none over subjects either, where it would be meaningless.
    """
    summary = {}
    for row, by_subject in found.items():
        of_row = medians.get(row) or {
            name: Interval(_quantile(values, 0.5), None, None) for name, values in by_subject.items()
        }
        summary[row] = over_subjects(of_row, words, (-1.0, 1.0))
        if row == "shuffled":
            summary[row][ALL] = Score(summary[row][ALL].mean, kind="all exchanges together")
    return summary


def quartiles(values: np.ndarray) -> dict[str, float | None]:
    """``q25``, ``median`` and ``q75`` over the dimensions (..., d) that have a correlation."""
    return {key: _quantile(values, q) for key, q in QUARTILES.items()}


def _quantile(values: np.ndarray, q: float) -> float | None:
    """The median over the dimensions that have a correlation; None if none has."""
    values = values[np.isfinite(values)]
    return float(np.quantile(values, q)) if len(values) else None
