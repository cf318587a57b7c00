"""An encoding model of one person's BOLD as a decoder: how likely the volumes of a segment are under what each candidate would evoke."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from n2s.metrics.retrieval import mean_reciprocal_rank, ranks
from n2s.models.story_likelihood import StoryLikelihood
from n2s.systems.fusion.bold_rows import BoldRows

N_FOLDS = 4  # of whole sounds, that choose and show the noise
LEAST_SOUNDS = 3  # in training: one to learn from, one for the noise, one to try on
ALPHAS = tuple(10.0**exponent for exponent in range(-4, 2))  # times the number of volumes
N_COMPONENTS = (16, 32, 64, 128, 256, 512)  # to choose from
SHRINKAGES = (0.03, 0.1, 0.3, 0.6, 0.9)  # of the noise: its share that is alike and independent in all components
EVEN = 0.5  # how far the features' components are brought to one size: 0, as they are; 1, all alike
LEAST_POWER = 1e-7  # of a component of features, of the largest one


@dataclass
class BoldDecoder:
    """A fitted model; plain tensors of float64.

    Parameters
    ----------
    delays_s
        (q,) Of the haemodynamic response.
    features
        (q * f, d) From columns of what was heard to components.
    components
        (p, v) From the person's courses to components in which noise is independent, of variance 1.
    weights
        (d, v)
    memory
        (m,) Autocovariance of the noise at 0, 1, ... volumes.
    held_out
        (w, w) Log-likelihoods of training segments that a fit had not seen, under each other's sound; empty if there were too few sounds.
    chosen
        Penalty, components and shrinkage, and the mean reciprocal rank that they had in training.
    """

    delays_s: Tensor
    features: Tensor
    components: Tensor
    weights: Tensor
    memory: Tensor
    held_out: list[Tensor]
    chosen: dict[str, float]

    def scores(self, columns: Tensor, responses: Tensor) -> Tensor:
        """Log-likelihoods (n, k) of volumes ``responses (n, t, p)`` under candidates with ``columns (k, t, q * f)`` of what was heard, at the same times."""
        whitening = self.whitening(columns.shape[1])
        design = torch.einsum("ts,ksd->ktd", whitening, columns @ self.features)
        seen = torch.einsum("ts,nsv->ntv", whitening, responses @ self.components)
        noise = torch.eye(self.weights.shape[1], dtype=self.weights.dtype)
        return StoryLikelihood(self.weights, noise, 0.0).log_likelihoods(design, seen)

    def whitening(self, n_volumes: int) -> Tensor:
        """(t, t) makes the noise of consecutive volumes independent."""
        return torch.from_numpy(_whitening(self.memory.numpy(), n_volumes))

    def plain(self) -> dict:
        """What a checkpoint keeps."""
        return dict(vars(self))


@dataclass
class _Tried:
    """What the choice compares: see `fit_bold`."""

    X: np.ndarray
    Y: np.ndarray
    fold: np.ndarray
    rows: BoldRows

    def weights(self, seen: np.ndarray, alphas: Sequence[float]) -> list[np.ndarray]:
        """(d, p) of each penalty, from some rows (n,) bool."""
        power, axes = np.linalg.eigh(self.X[seen].T @ self.X[seen])
        match = axes.T @ (self.X[seen].T @ self.Y[seen])
        return [axes @ (match / (np.maximum(power, 0) + alpha * seen.sum())[:, None]) for alpha in alphas]

    def residuals(self, without_fold: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Rows (m,) and their residuals (m, p), each from rows of other folds; the rows of one fold have no part in it."""
        folds = [one for one in np.unique(self.fold) if one != without_fold]
        rows, found = [], []
        for one in folds:
            seen = (self.fold != one) & (self.fold != (-1 if without_fold is None else without_fold))
            own = np.flatnonzero(self.fold == one)
            (weights,) = self.weights(seen, (ALPHAS[len(ALPHAS) // 2],))
            rows.append(own)
            found.append(self.Y[own] - self.X[own] @ weights)
        order = np.argsort(np.concatenate(rows))
        return np.concatenate(rows)[order], np.concatenate(found)[order]


def fit_bold(rows: BoldRows, delays_s: Sequence[float], scale: np.ndarray) -> BoldDecoder:
    """Fit one person.

    A ridge from features to the components of the person's voxels. The noise is Gaussian, of a covariance over time times one over
    components, both of residuals of sounds that a fit has not seen. Penalty, components (those that are predicted best) and how far
    the covariance is shrunk are those with the highest mean reciprocal rank of segments of left-out sounds, among each other; then neither
    the weights nor the noise have seen the fold.

    Parameters
    ----------
    rows
        Training volumes; of fewer than `LEAST_SOUNDS` sounds `ValueError`.
    delays_s, scale
        Those of the rows: see `n2s.systems.fusion.bold_rows.training_rows`.
    """
    sounds = list(dict.fromkeys(rows.group.tolist()))
    if len(sounds) < LEAST_SOUNDS:
        raise ValueError(f"{len(sounds)} sounds; expected {LEAST_SOUNDS} or more")
    flat = rows.design.reshape(len(rows.design), -1)
    features = _even(flat)
    number = {sound: at % min(N_FOLDS, len(sounds)) for at, sound in enumerate(sounds)}
    tried = _Tried(flat @ features, rows.response, np.array([number[one] for one in rows.group.tolist()]), rows)
    order = _best_first(tried)
    kept, shrinkage, alpha, reached, held_out = _choice(tried, order)
    at, left = tried.residuals(None)
    turn, memory = _noise(left[:, kept], rows, at, shrinkage)
    (weights,) = tried.weights(np.ones(len(flat), bool), (alpha,))
    components = np.zeros((rows.response.shape[1], len(kept)))
    components[kept] = turn
    return BoldDecoder(
        torch.tensor(list(delays_s), dtype=torch.float64),
        torch.from_numpy(features),
        torch.from_numpy(scale[:, None] * components),
        torch.from_numpy(weights[:, kept] @ turn),
        torch.from_numpy(memory),
        [torch.from_numpy(one) for one in held_out],
        {"alpha": float(alpha), "shrinkage": shrinkage, "components": float(len(kept)), "mrr": reached},
    )


def _choice(tried: _Tried, order: np.ndarray) -> tuple[np.ndarray, float, float, float, list[np.ndarray]]:
    """The best components (v,), shrinkage, penalty and their mean reciprocal rank, and what left-out segments scored then."""
    found: dict[tuple, list[np.ndarray]] = {}
    for fold in np.unique(tried.fold):
        windows = [one for one in tried.rows.windows if tried.fold[one[0]] == fold and _whole(tried.rows, one)]
        longest = max((stop - first for first, stop in windows), default=0)
        own = np.array([np.arange(first, stop) for first, stop in windows if stop - first == longest], np.int64)
        if len(own) < 2:
            continue
        at, left = tried.residuals(fold)
        predictions = [tried.X[own] @ weights for weights in tried.weights(tried.fold != fold, ALPHAS)]
        for n in sorted({min(n, len(order)) for n in N_COMPONENTS}):
            kept = order[:n]
            for shrinkage in SHRINKAGES:
                turn, memory = _noise(left[:, kept], tried.rows, at, shrinkage)
                whitening = _whitening(memory, own.shape[1])
                seen = (whitening @ (tried.Y[own][..., kept] @ turn)).reshape(len(own), -1)
                for alpha, predicted in zip(ALPHAS, predictions, strict=True):
                    would = (whitening @ (predicted[..., kept] @ turn)).reshape(len(own), -1)
                    scores = seen @ would.T - 0.5 * np.square(would).sum(1)
                    found.setdefault((n, shrinkage, alpha), []).append(scores)
    reached = {
        key: float(
            np.mean([mean_reciprocal_rank(ranks(torch.from_numpy(one), torch.arange(len(one)))) for one in scores])
        )
        for key, scores in found.items()
    }
    if not reached:
        return order[: N_COMPONENTS[2]], SHRINKAGES[-2], ALPHAS[-2], float("nan"), []
    best = max(reached, key=reached.get)
    return order[: best[0]], best[1], best[2], reached[best], found[best]


def _even(columns: np.ndarray) -> np.ndarray:
    """(n, c) -> (c, d) onto principal components, in which small ones are brought nearer to the largest."""
    power, axes = np.linalg.eigh(columns.T @ columns / len(columns))
    kept = power > LEAST_POWER * max(power[-1], 1e-300)
    power, axes = power[kept][::-1], axes[:, kept][:, ::-1]
    return axes * power ** (-EVEN / 2) / power[0] ** ((1 - EVEN) / 2) if kept.any() else axes[:, :0]


def _best_first(tried: _Tried) -> np.ndarray:
    """The components that are there, the largest first."""
    power = np.square(tried.Y).sum(0)
    there = np.flatnonzero(power > 1e-12 * power.max())
    return there[np.argsort(-power[there], kind="stable")]


def _noise(left: np.ndarray, rows: BoldRows, at: np.ndarray, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (m, v) of the rows ``at (m,)`` -> (v, v) to independent components of variance 1, and the autocovariance (t,) of these."""
    variance, axes = scipy.linalg.eigh(left.T @ left / len(left))
    level = float(np.median(variance)) or 1.0
    turn = axes / np.sqrt(np.maximum((1 - shrinkage) * variance + shrinkage * level, 1e-300))
    white, longest = left @ turn, int(max((rows.windows[:, 1] - rows.windows[:, 0]).max(initial=1), 1)) + 1
    run, volume = rows.run[at], rows.volume[at]
    memory = []
    for lag in range(longest):
        pairs = np.flatnonzero((run[lag:] == run[: len(run) - lag]) & (volume[lag:] - volume[: len(run) - lag] == lag))
        # divided by all rows, and so of no negative power at any frequency
        memory.append(float(np.einsum("tv,tv->", white[pairs + lag], white[pairs])) / white.size)
    return turn, np.array(memory)


def _whole(rows: BoldRows, window: np.ndarray) -> bool:
    first, stop = window
    return bool(stop <= len(rows.volume) and rows.volume[stop - 1] - rows.volume[first] == stop - 1 - first)


def _whitening(memory: np.ndarray, n_volumes: int) -> np.ndarray:
    """(t, t) Lower-triangular: the inverse of a Cholesky factor of the noise's covariance over time."""
    covariance = np.zeros(n_volumes)
    covariance[: len(memory)] = memory[:n_volumes]
    factor = scipy.linalg.cholesky(
        scipy.linalg.toeplitz(covariance) + 1e-9 * covariance[0] * np.eye(n_volumes), lower=True
    )
    return scipy.linalg.solve_triangular(factor, np.eye(n_volumes), lower=True)
