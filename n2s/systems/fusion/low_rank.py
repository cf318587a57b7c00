"""An encoding model as a decoder, for little training data: a ridge of low rank and its noise, all chosen by how well left-out segments are told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import scipy.linalg
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp

N_FOLDS = 4  # of whole sounds
LEAST_SOUNDS = 3  # in training: one to learn from, one for the noise, one to try on
NEAR = 10  # rows: sounds that begin so soon after each other are neighbours
N_FEATURES = (4, 8, 12, 16, 32)  # principal components of what was heard, to choose from
ALPHAS = (
    1e-2,
    1e-1,
    1.0,
    4.0,
    16.0,
)  # penalties, times the number of rows of unit variance; the last ones leave next to nothing
ROUGH = 1e-1  # the penalty where only the noise is looked for
MOST_RANK = 16


@dataclass
class Rows:
    """What one person's model is fitted on.

    Parameters
    ----------
    design
        (n, q, f) What was heard: f features, those that change most first, at q lags; the first lags are the most usual.
    response
        (n, v) The brain.
    group
        (n,) Number of the sound of each row.
    place
        (n,) Moment of each row, counted in rows: what follows each other differs by 1, another run or stretch begins farther away.
    windows
        (w, t) Rows: segments of t rows that follow each other, each in one sound, which share no time with each other.
    lags
        How many of the lags to try: such as ``(1, 3)`` of 3.
    shrinkages
        Of the noise's covariance, towards noise that is alike and independent in all columns.
    coloured
        Whether the noise of a row depends on that of the rows before.
    """

    design: np.ndarray
    response: np.ndarray
    group: np.ndarray
    place: np.ndarray
    windows: np.ndarray
    lags: Sequence[int]
    shrinkages: Sequence[float]
    coloured: bool


@dataclass
class LowRank:
    """A fitted model.

    Parameters
    ----------
    weights
        (q, f, r) From what was heard to ``r`` responses with independent noise of variance 1.
    components
        (v, r) From the brain to these.
    memory
        (m,) Autocovariance of the noise at 0, 1, ... rows.
    held_out
        Arrays (w, w): log-likelihoods of left-out training segments under each other's sound, by models that have seen neither.
    chosen
        ``features``, ``lags``, ``alpha``, ``shrinkage``, ``rank``, and ``information``: how much more likely than by chance the right one of
        left-out segments was, nats.
    """

    weights: np.ndarray
    components: np.ndarray
    memory: np.ndarray
    held_out: list[np.ndarray]
    chosen: dict[str, float]


class TooFewSounds(Exception):
    """A person has too few training sounds for an encoding model; the message says how many."""


def fit_low_rank(rows: Rows) -> LowRank:
    """Fit a ridge whose predictions have few dimensions in the brain, where noise is white.

    Everything is chosen by left-out sounds: the mean log-probability of the right one of their segments, among these, if log-likelihoods are
    taken at their word. Neither weights nor noise have then seen the left-out sounds, and the noise is that of sounds that no fit has seen.

    Raises
    ------
    TooFewSounds
        Fewer sounds than `LEAST_SOUNDS`, or none with segments that could be told apart.
    """
    sounds = list(dict.fromkeys(rows.group.tolist()))
    if len(sounds) < LEAST_SOUNDS:
        raise TooFewSounds(f"{len(sounds)} sounds; expected {LEAST_SOUNDS} or more")
    fold = folds(rows)
    sums = _Sums(rows, fold)
    n_all = rows.design.shape[2]
    tried: dict[tuple, list[np.ndarray]] = {}
    for n_features, n_lags in product(sorted({min(n, n_all) for n in N_FEATURES}), sorted(set(rows.lags))):
        columns = sums.columns(n_lags, n_features)
        for one in range(sums.n_folds):
            windows = rows.windows[(fold[rows.windows] == one).all(axis=1)]
            if len(windows) < 2:
                continue
            others = [other for other in range(sums.n_folds) if other != one]
            design = rows.design[windows, :n_lags, :n_features].reshape(*windows.shape, -1)
            noise = sums.noise(others, columns)
            for shrinkage in rows.shrinkages:
                turn = white(noise, shrinkage)
                memory = sums.memory(others, columns, turn)
                filtering = whitening(memory, windows.shape[1])
                seen = filtering @ (rows.response[windows] @ turn) if rows.coloured else rows.response[windows] @ turn
                would = filtering @ design if rows.coloured else design
                for alpha in ALPHAS:
                    weights, axes = sums.reduced(others, columns, alpha, turn)
                    scores = _by_rank(would @ weights, seen @ axes)
                    for rank in range(1, len(scores) + 1):
                        tried.setdefault((n_features, n_lags, shrinkage, alpha, rank), []).append(scores[rank - 1])
    if not tried:
        raise TooFewSounds(f"{len(sounds)} sounds with fewer than two segments in each of {sums.n_folds} folds")
    best = max(tried, key=lambda key: information(tried[key]))
    n_features, n_lags, shrinkage, alpha, rank = best
    every, columns = list(range(sums.n_folds)), sums.columns(n_lags, n_features)
    turn = white(sums.noise(every, columns), shrinkage)
    weights, axes = sums.reduced(every, columns, alpha, turn)
    whole = np.zeros((rows.design.shape[1], n_all, rank))
    whole[:n_lags, :n_features] = weights[:, :rank].reshape(n_lags, n_features, rank)
    names = ("features", "lags", "shrinkage", "alpha", "rank")
    chosen = dict(zip(names, map(float, best), strict=True)) | {"information": information(tried[best])}
    return LowRank(whole, turn @ axes[:, :rank], sums.memory(every, columns, turn), tried[best], chosen)


def folds(rows: Rows) -> np.ndarray:
    """(n,) The fold of each row, by whole sounds. Sounds that follow each other in a run are in one fold, since responses to them overlap.

    With too few runs for that, a fold has sounds that begin one after the other.
    """
    sounds = list(dict.fromkeys(rows.group.tolist()))
    number = {sound: at for at, sound in enumerate(sounds)}
    at = np.array([number[one] for one in rows.group.tolist()])
    near = np.flatnonzero((np.abs(np.diff(rows.place)) < NEAR) & (np.diff(at) != 0))
    links = coo_array((np.ones(len(near)), (at[near], at[near + 1])), shape=(len(sounds), len(sounds)))
    n_units, unit = connected_components(links, directed=False)
    if n_units >= LEAST_SOUNDS:
        order = {one: place for place, one in enumerate(dict.fromkeys(unit.tolist()))}
        return np.array([order[one] for one in unit.tolist()])[at] % min(N_FOLDS, n_units)
    return at * min(N_FOLDS, len(sounds)) // len(sounds)


def information(blocks: Sequence[np.ndarray]) -> float:
    """How much more likely than by chance the right candidates are, nats: of arrays (n, n) of log-likelihoods, row i's is candidate i."""
    each = [np.diag(one) - logsumexp(one, axis=1) + np.log(len(one)) for one in blocks]
    return float(np.mean(np.concatenate(each)))


def white(noise: np.ndarray, shrinkage: float) -> np.ndarray:
    """(v, v) covariance -> (v, v) onto columns of independent noise of variance 1; the level that it is shrunk to is the median variance."""
    variance, axes = scipy.linalg.eigh(noise)
    level = max(float(np.median(variance)), 1e-12 * float(variance[-1]), 1e-300)
    return axes / np.sqrt(np.maximum((1 - shrinkage) * variance, 0) + shrinkage * level)


def whitening(memory: np.ndarray, n: int) -> np.ndarray:
    """(n, n) Lower-triangular: makes the noise of n rows that follow each other independent."""
    covariance = np.zeros(n)
    covariance[: len(memory)] = memory[:n]
    factor = scipy.linalg.cholesky(scipy.linalg.toeplitz(covariance) + 1e-9 * covariance[0] * np.eye(n), lower=True)
    return scipy.linalg.solve_triangular(factor, np.eye(n), lower=True)


class _Sums:
    """Sums of products over the rows of each fold, from which all fits and residuals follow."""

    def __init__(self, rows: Rows, fold: np.ndarray):
        self.rows, self.fold, self.n_folds = rows, fold, int(fold.max()) + 1
        flat = rows.design.reshape(len(rows.design), -1)
        own = [np.flatnonzero(fold == one) for one in range(self.n_folds)]
        self.n = [len(one) for one in own]
        self.xx = np.stack([flat[one].T @ flat[one] for one in own])
        self.xy = np.stack([flat[one].T @ rows.response[one] for one in own])
        self.yy = np.stack([rows.response[one].T @ rows.response[one] for one in own])

    def columns(self, n_lags: int, n_features: int) -> np.ndarray:
        """Numbers of the columns of some lags and features."""
        shape = self.rows.design.shape[1:]
        return np.arange(shape[0] * shape[1]).reshape(shape)[:n_lags, :n_features].ravel()

    def weights(self, folds: Sequence[int], columns: np.ndarray, alpha: float) -> np.ndarray:
        """(d, v) from the rows of some folds."""
        folds, n = list(folds), sum(self.n[one] for one in folds)
        xx = self.xx[folds].sum(0)[np.ix_(columns, columns)] + alpha * n * np.eye(len(columns))
        return scipy.linalg.solve(xx, self.xy[folds].sum(0)[columns], assume_a="pos")

    def noise(self, folds: Sequence[int], columns: np.ndarray) -> np.ndarray:
        """(v, v) covariance of the residuals of some folds, each by a fit to the others of them."""
        total = 0.0
        for one in folds:
            weights = self.weights([other for other in folds if other != one], columns, ROUGH)
            cross = weights.T @ self.xy[one][columns]
            total = (
                total + self.yy[one] - cross - cross.T + weights.T @ self.xx[one][np.ix_(columns, columns)] @ weights
            )
        return total / sum(self.n[one] for one in folds)

    def memory(self, folds: Sequence[int], columns: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """(t,) autocovariance of white residuals over rows that follow each other; 1 alone if rows are independent."""
        if not self.rows.coloured:
            return np.ones(1)
        variance = np.einsum("vi,vw,wi->i", turn, self.noise(folds, columns), turn, optimize=True).mean()
        return variance * self._correlation(tuple(folds))

    @lru_cache(maxsize=N_FOLDS + 1)  # noqa: B019  (it lives as long as one fit)
    def _correlation(self, folds: tuple[int, ...]) -> np.ndarray:
        """(t,) of residuals of a usual model: other features and penalties leave nearly the same noise."""
        own, columns = np.isin(self.fold, folds), self.columns(1, min(N_FEATURES[1], self.rows.design.shape[2]))
        turn = white(self.noise(folds, columns), self.rows.shrinkages[0])
        flat = self.rows.design[own].reshape(int(own.sum()), -1)[:, columns]
        left = (self.rows.response[own] - flat @ self.weights(folds, columns, ROUGH)) @ turn
        place, found = self.rows.place[own], []
        for lag in range(self.rows.windows.shape[1] + 1):
            first = np.flatnonzero(place[lag:] - place[: len(place) - lag] == lag)
            # divided by all rows, and so of no negative power at any frequency
            found.append(float(np.einsum("tv,tv->", left[first + lag], left[first])) / left.size)
        return np.array(found) / max(found[0], 1e-300)

    def reduced(
        self, folds: Sequence[int], columns: np.ndarray, alpha: float, turn: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights (d, r) onto the directions (v, r) of white noise in which predictions are largest, in that order."""
        weights = self.weights(folds, columns, alpha) @ turn
        power = weights.T @ self.xx[list(folds)].sum(0)[np.ix_(columns, columns)] @ weights
        axes = scipy.linalg.eigh(power)[1][:, ::-1][:, : min(MOST_RANK, len(columns))]
        return weights @ axes, axes


def _by_rank(would: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(k, t, r), (n, t, r) -> (r, n, k) log-likelihoods with the first, the first two, ... dimensions."""
    match = seen.transpose(2, 0, 1) @ would.transpose(2, 1, 0)
    return np.cumsum(match - 0.5 * np.square(would).sum(1).T[:, None], axis=0)
