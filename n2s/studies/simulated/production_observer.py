"""The best possible decoder of the simulated production study: it knows how each class looks, and how the noise is distributed.

A class is a set of candidates: where in an utterance a window may lie, which rendition is said, how much later imagined speech begins.
Each candidate has a known mean. Noise is Gaussian, space times time; muscles add noise whose strength over time depends on the candidate.
So the likelihood of a class is a weighted mean of Gaussian densities, and no decoder that sees the same samples is right more often.

Of decoders of filtered or resampled recordings this holds as far as their filters do not reach: each sample of theirs is a mean over time,
and a window holds a little of what was recorded before and after it. A filter inside the window only loses. So a decoder behind a slow
high-pass may be slightly better than the best of single windows; the best of windows that are wider by the filter's reach bounds it, too.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.special import logsumexp

_PIECE = 512  # windows at a time


@dataclass(frozen=True)
class Candidates:
    """What a window may hold, in the space of `whitening`.

    Attributes
    ----------
    names
        The classes.
    labels, weights
        (k,) The class of each candidate, and how often it comes.
    means
        (k, r, t) What it looks like without noise.
    envelopes
        (k, m, t) How strongly each muscle works; None without muscles.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    envelopes: np.ndarray | None = None


@dataclass(frozen=True)
class Noise:
    """``temporal (t,)``: autocovariance of each white direction of space. ``mixing (d, m)``: muscles in the first d directions.
    ``carrier (t,)``: autocovariance of a muscle's current. The last two are None without muscles.
    """

    temporal: np.ndarray
    mixing: np.ndarray | None = None
    carrier: np.ndarray | None = None


@dataclass(frozen=True)
class Ideal:
    """Scores of the best possible decoder.

    Attributes
    ----------
    accuracy
        Share of windows that it names rightly, where classes are as frequent as they are in the data.
    balanced_accuracy
        Mean over classes of the share of each, where it takes all to be equally frequent.
    chance
        Accuracy of one that sees nothing.
    error
        Standard error of the balanced accuracy: it is a mean over draws.
    confusion
        (k, k) Share of the windows of a class (row) that get a name (column), where all are equally frequent.
    names
        The classes.
    """

    accuracy: float
    balanced_accuracy: float
    chance: float
    error: float
    confusion: np.ndarray
    names: tuple[str, ...]


def whitening(spatial: np.ndarray, first: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(r, c) Rows that see all that patterns (c, m) and (c, p) hold, in noise of unit covariance; ``first`` lie in the first m rows (c, if it is less)."""
    unit = np.sqrt(np.diag(spatial))  # tesla squared is too small to invert
    root = scipy.linalg.cholesky(spatial / np.outer(unit, unit), lower=True)
    white = lambda patterns: scipy.linalg.solve_triangular(root, patterns / unit[:, None], lower=True)  # noqa: E731
    basis = np.linalg.qr(white(first))[0] if first.shape[1] else np.zeros((len(unit), 0))
    other = white(rest)
    other = other / np.maximum(np.linalg.norm(other, axis=0), 1e-300)
    left = other - basis @ (basis.T @ other)
    found, sizes, _ = np.linalg.svd(left, full_matrices=False)
    basis = np.concatenate([basis, found[:, sizes > 1e-7]], axis=1)
    return scipy.linalg.solve_triangular(root, basis, lower=True, trans="T").T / unit


def log_likelihoods(data: np.ndarray, candidates: Candidates, noise: Noise) -> np.ndarray:
    """(n, k) Of each candidate for windows (n, r, t), up to a number of each window."""
    d = 0 if candidates.envelopes is None else len(noise.mixing)
    root = scipy.linalg.cholesky(scipy.linalg.toeplitz(noise.temporal), lower=True)
    white = lambda x: _solved(root, x)  # noqa: E731
    means = white(candidates.means[:, d:]).reshape(len(candidates.labels), -1)
    found = np.empty((len(data), len(means)))
    for at in range(0, len(data), _PIECE):
        piece = data[at : at + _PIECE, d:]
        found[at : at + _PIECE] = white(piece).reshape(len(piece), -1) @ means.T - 0.5 * (means**2).sum(1)
    for k in range(len(means) if d else 0):
        own = muscle_root(candidates.envelopes[k], noise)
        gap = (data[:, :d] - candidates.means[k, :d]).reshape(len(data), -1)
        seen = scipy.linalg.solve_triangular(own, gap.T, lower=True)
        found[:, k] -= 0.5 * (seen**2).sum(0) + np.log(np.diag(own)).sum()
    return found


def class_scores(likelihoods: np.ndarray, candidates: Candidates, *, uniform: bool) -> np.ndarray:
    """(n, k) Log of the posterior of each class, up to a number of each window; ``uniform``: all classes are equally frequent."""
    found = np.full((len(likelihoods), len(candidates.names)), -np.inf)
    for label in range(len(candidates.names)):
        own = candidates.labels == label
        weights = candidates.weights[own]
        found[:, label] = logsumexp(likelihoods[:, own], axis=1, b=weights / (weights.sum() if uniform else 1.0))
    return found


def ideal(
    truth: Candidates,
    noise: Noise,
    *,
    known: Candidates | None = None,
    n_windows: int = 1,
    n_draws: int,
    rng: np.random.Generator,
) -> Ideal:
    """Score the best possible decoder on windows that are drawn anew.

    Parameters
    ----------
    truth
        What windows hold.
    noise
        Around it.
    known
        What the decoder takes them to hold, with the same classes; None: the truth.
    n_windows
        How many windows of one class it sees before it decides.
    n_draws
        Decisions for each class.
    rng
        Draws.
    """
    known = known or truth
    n_classes = len(truth.names)
    prior = np.array([truth.weights[truth.labels == label].sum() for label in range(n_classes)])
    uniform, usual = np.zeros((n_classes, n_classes)), np.zeros((n_classes, n_classes))
    for label in range(n_classes):
        own = np.flatnonzero(truth.labels == label)
        which = rng.choice(own, n_draws * n_windows, p=truth.weights[own] / truth.weights[own].sum())
        scores = [log_likelihoods(drawn(truth, noise, part, rng), known, noise) for part in _pieces(which)]
        scores = class_scores(np.concatenate(scores), known, uniform=True).reshape(n_draws, n_windows, n_classes).sum(1)
        uniform[label] = np.bincount(scores.argmax(1), minlength=n_classes) / n_draws
        usual[label] = np.bincount((scores + np.log(prior)).argmax(1), minlength=n_classes) / n_draws
    right = np.diag(uniform)
    return Ideal(
        accuracy=float(prior @ np.diag(usual) / prior.sum()),
        balanced_accuracy=float(right.mean()),
        chance=float(prior.max() / prior.sum()),
        error=float(np.sqrt((right * (1 - right)).sum() / n_draws) / n_classes),
        confusion=uniform,
        names=truth.names,
    )


def drawn(candidates: Candidates, noise: Noise, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, r, t) A window of each candidate named, with noise."""
    root = np.linalg.cholesky(scipy.linalg.toeplitz(noise.temporal))
    data = candidates.means[which] + rng.standard_normal((len(which), *candidates.means.shape[1:])) @ root.T
    if candidates.envelopes is not None:
        envelopes = candidates.envelopes[which]
        current = rng.standard_normal(envelopes.shape) @ _carrier_root(noise.carrier).T
        data[:, : len(noise.mixing)] += np.einsum("rm,nmt->nrt", noise.mixing, envelopes * current)
    return data


def muscle_root(envelopes: np.ndarray, noise: Noise) -> np.ndarray:
    """(d t, d t) Cholesky root of the covariance of noise and muscles in the first directions; ``envelopes (m, t)``."""
    d, t = len(noise.mixing), envelopes.shape[1]
    total = np.kron(np.eye(d), scipy.linalg.toeplitz(noise.temporal)).reshape(d, t, d, t)
    carrier = scipy.linalg.toeplitz(noise.carrier)
    for sizes, envelope in zip(noise.mixing.T, envelopes, strict=True):
        if envelope.any():
            total += np.einsum("a,st,b->asbt", sizes, np.outer(envelope, envelope) * carrier, sizes)
    return scipy.linalg.cholesky(total.reshape(d * t, d * t), lower=True, overwrite_a=True)


def _carrier_root(carrier: np.ndarray) -> np.ndarray:
    """A root of a covariance that has next to no power at some frequencies."""
    values, vectors = np.linalg.eigh(scipy.linalg.toeplitz(carrier))
    return vectors * np.sqrt(np.maximum(values, 0))


def _solved(root: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Whiten the last axis, time."""
    flat = data.reshape(-1, data.shape[-1])
    return scipy.linalg.solve_triangular(root, flat.T, lower=True).T.reshape(data.shape)


def _pieces(which: np.ndarray) -> list[np.ndarray]:
    return np.split(which, range(_PIECE, len(which), _PIECE))
