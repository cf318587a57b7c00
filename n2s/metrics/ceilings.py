"""How well any model could predict a response: from repeats of one stimulus, or from other subjects."""

import numpy as np

from n2s.metrics.correlation import column_correlation


def explainable_variance(repeats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of a single response's variance that the stimulus explains.

    Each repeat is z-scored. The biased estimate is the variance of the mean over repeats: it holds 1 / r of the noise. The
    corrected one is without bias; it may be below 0 where nothing is explained.

    Parameters
    ----------
    repeats
        (r, n, v) Responses to r presentations of one stimulus.

    Returns
    -------
    biased, corrected
        (v,) each, of a *single* response: see `noise_ceiling` for the mean of several. NaN with fewer than two repeats, or
        where a response is constant.

    References
    ----------
    Sahani and Linden 2003, NeurIPS; Schoppe et al. 2016, Front. Comput. Neurosci. 10:10.
    """
    repeats = np.asarray(repeats, np.float64)
    if repeats.ndim != 3:
        raise ValueError(f"repeats is of shape {repeats.shape}; expected (r, n, v): presentations, rows, targets.")
    n_repeats, n_rows, n_targets = repeats.shape
    if n_repeats < 2 or n_rows < 2:
        nothing = np.full(n_targets, np.nan)
        return nothing, nothing.copy()
    centred = repeats - repeats.mean(1, keepdims=True)
    deviation = repeats.std(1, ddof=1)
    constant = (deviation <= 1e-12 * np.abs(repeats).max(1)).any(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        biased = (centred / deviation[:, None]).mean(0).var(0, ddof=1)
    biased = np.where(constant, np.nan, biased)
    return biased, biased - (1 - biased) / (n_repeats - 1)


def noise_ceiling(explainable: np.ndarray, n_averaged: int = 1) -> np.ndarray:
    """The correlation that the true response reaches with a measured one.

    Parameters
    ----------
    explainable
        (v,) Explainable variance of a single response, corrected.
    n_averaged
        How many responses the measured one is the mean of. Taking 1 for a mean of ten is a common mistake: the ceiling is then
        far too low.

    Returns
    -------
    (v,); NaN where nothing is explained.
    """
    explainable = np.asarray(explainable, np.float64)
    if n_averaged < 1:
        raise ValueError(f"n_averaged is {n_averaged}; expected 1 or more.")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = n_averaged * explainable / (1 + (n_averaged - 1) * explainable)
        return np.where(explainable > 0, np.sqrt(share), np.nan)


def intersubject(responses: np.ndarray) -> np.ndarray:
    """(s, n, v) responses of subjects to one stimulus -> (s, v): correlation of each with the mean of all others, z-scored.

    A ceiling for models that know nothing of the subject: not for models that are fitted to the subject, which can
    exceed it. NaN with fewer than two subjects.

    References
    ----------
    Hasson et al. 2004, Science 303:1634; Nastase et al. 2019, Soc. Cogn. Affect. Neurosci. 14:667.
    """
    responses = np.asarray(responses, np.float64)
    if responses.ndim != 3:
        raise ValueError(f"responses is of shape {responses.shape}; expected (s, n, v): subjects, rows, targets.")
    n_subjects, _, n_targets = responses.shape
    if n_subjects < 2:
        return np.full((n_subjects, n_targets), np.nan)
    deviation = responses.std(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (responses - responses.mean(1, keepdims=True)) / deviation
    known = np.isfinite(scaled).all(1)  # (s, v): a subject whose target is constant is none of the others
    filled = np.where(known[:, None], scaled, 0.0)
    total = filled.sum(0)
    return np.stack(
        [
            np.where(known[index], column_correlation(total - filled[index], filled[index]), np.nan)
            for index in range(n_subjects)
        ]
    )
