"""Significance of a prediction of time series within one subject: the null keeps the autocorrelation of both sides."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from n2s.metrics.correlation import unit
from n2s.metrics.cross_fitted import widened

LEAST_BLOCKS = 5  # 120 orders: with fewer blocks no p is below .05 by much
LEAST_PHASES = 4  # that are drawn: with fewer, all draws are alike
KEPT = 0.9  # of all rows have to lie in whole blocks of their runs; else blocks have another length
LEAST_KEPT = 0.5  # of all rows in blocks of the best length; else blocks lie across the borders of runs
BLOCK_NUMBERS = 2**23  # of the arrays that are made at once: 32 MB as float32


class Null(NamedTuple):
    """``r (v,)`` the correlation, ``p (v,)`` one-sided, ``most (N,)`` the largest null correlation over targets of each draw.

    ``p = (1 + number of draws with a null r of at least r) / (1 + N)`` (Phipson and Smyth 2010): it is never 0. NaN where a target
    is constant, or there are too few rows.
    """

    r: np.ndarray
    p: np.ndarray
    most: np.ndarray

    @property
    def p_corrected(self) -> np.ndarray:
        """(v,) p corrected for the number of targets: r against the largest null correlation over all targets."""
        n = len(self.most)
        above = n - np.searchsorted(np.sort(self.most), self.r - _ROUNDING, side="left")
        return np.where(np.isnan(self.p), np.nan, (1 + above) / (1 + n))


def block_permutation(
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    block_rows: int,
    run: np.ndarray | None = None,
    n_permutations: int = 1000,
    n_folds: int = 1,
    seed: int = 0,
) -> Null:
    """Test predictions against permutations of blocks of consecutive rows.

    Blocks must be longer than the response is correlated with itself: 10 TR is usual for BOLD.

    Parameters
    ----------
    predicted, true
        (n, v) Rows are volumes or samples in order.
    block_rows
        Rows per block.
    run
        (n,) The run of each row. A block lies in one run, and rows that fill no block are left out of the test. If they are more
        than a tenth, blocks are longer, at most twice, or whole short runs: the length of most blocks that leaves out less than
        that, or else the one that leaves out fewest rows. (Blocks across borders break what hangs together in short runs, and p is
        too small.) If even that leaves out half of the rows, or makes too few blocks, they do lie across borders.
    n_permutations
        Draws.
    n_folds
        Folds that are held out in turn, each from a model of the others: chance is wider (`n2s.metrics.cross_fitted.widened`).
    seed
        Of the draws.

    References
    ----------
    Tang et al. 2023 and the deep-fMRI data set (LeBel et al. 2023) permute blocks of 10 TR.
    """
    predicted, true = _checked(predicted, true)
    rows = blocks_of(len(true), run, block_rows)
    if len(rows) < LEAST_BLOCKS:
        return _absent(predicted, true, n_permutations)
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(len(rows)), (n_permutations, 1)), axis=1)

    def draws(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        one, other = (_unit(part[rows.ravel()]).reshape(*rows.shape, -1).transpose(2, 0, 1) for part in (one, other))
        products = np.ascontiguousarray((one @ other.transpose(0, 2, 1)).transpose(1, 2, 0))  # (block, block, v)
        null = np.zeros((n_permutations, products.shape[2]), np.float32)
        for place in range(len(rows)):
            null += products[orders[:, place], place]
        return products[np.arange(len(rows)), np.arange(len(rows))].sum(0), null

    return _null(predicted, true, draws, n_permutations, n_folds, max(len(rows) ** 2, n_permutations, len(true)))


def phase_randomised(
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    run: np.ndarray | None = None,
    n_permutations: int = 1000,
    n_folds: int = 1,
    seed: int = 0,
) -> Null:
    """Test predictions against predictions with random phases: each run keeps its spectrum, all targets get the same phases.

    Parameters
    ----------
    predicted, true
        (n, v) Rows are volumes or samples in order.
    run
        (n,) The run of each row.
    n_permutations
        Draws.
    n_folds
        Folds that are held out in turn, each from a model of the others: chance is wider (`n2s.metrics.cross_fitted.widened`).
    seed
        Of the draws.

    References
    ----------
    Theiler et al. 1992, Physica D 58:77; Lerner et al. 2011, J. Neurosci. 31:2906.
    """
    predicted, true = _checked(predicted, true)
    run = np.zeros(len(true), int) if run is None else np.asarray(run)
    parts = [np.flatnonzero(run == name) for name in dict.fromkeys(run.tolist())]
    n_phases = [(len(rows) - 1) // 2 for rows in parts]  # frequencies with a phase: a run of two rows has none
    if len(true) < 2 * LEAST_BLOCKS or sum(n_phases) < LEAST_PHASES:
        return _absent(predicted, true, n_permutations)
    rng = np.random.default_rng(seed)
    turn, at = np.empty((n_permutations, 2 * sum(n_phases)), np.float32), 0
    for n in n_phases:  # in place: 1000 draws of an hour at 100 Hz are 1.4 GB
        phase = rng.uniform(0, 2 * np.pi, (n_permutations, n))
        np.cos(phase, out=turn[:, at : at + n])
        np.negative(np.sin(phase, out=phase), out=turn[:, at + n : at + 2 * n])
        at += 2 * n

    def draws(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # each run without its mean: a mean has no phase
        one, other = (
            _unit(np.concatenate([part[rows] - part[rows].mean(0) for rows in parts])) for part in (one, other)
        )
        spectra, fixed, start = [], np.zeros(one.shape[1], np.float32), 0
        for rows in parts:
            stop = start + len(rows)
            cross = np.fft.rfft(one[start:stop], axis=0) * np.fft.rfft(other[start:stop], axis=0).conj() / len(rows)
            free = cross[1 : 1 + (len(rows) - 1) // 2] * 2  # both signs of a frequency
            spectra += [free.real, free.imag]
            fixed += (
                cross[-1].real.astype(np.float32) if len(rows) % 2 == 0 else 0
            )  # the highest frequency has no phase
            start = stop
        null = turn @ np.concatenate(spectra).astype(np.float32)
        return np.einsum("nv,nv->v", one, other), null + fixed

    return _null(predicted, true, draws, n_permutations, n_folds, max(n_permutations, 2 * len(true)))


_ROUNDING = 1e-6  # of correlations in float32


def _null(
    predicted: np.ndarray,
    true: np.ndarray,
    draws: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    n_permutations: int,
    n_folds: int,
    numbers_per_target: int,
) -> Null:
    n_targets = true.shape[1]
    r, p, most = np.empty(n_targets), np.empty(n_targets), np.full(n_permutations, -np.inf)
    step = max(1, BLOCK_NUMBERS // numbers_per_target)
    for at in range(0, n_targets, step):
        part = slice(at, at + step)
        found, null = draws(predicted[:, part], true[:, part])
        r[part], null = found, widened(null, n_folds)
        p[part] = (1 + (null >= found - _ROUNDING).sum(0)) / (1 + n_permutations)
        most = np.maximum(most, null.max(1))
    constant = (np.ptp(true, axis=0) == 0) | (np.ptp(predicted, axis=0) == 0)
    r[constant] = p[constant] = np.nan
    return Null(r, p, most)


def blocks_of(n_rows: int, run: np.ndarray | None, block_rows: int) -> np.ndarray:
    """(blocks, rows of a block) the rows of each block that `block_permutation` permutes; see there."""
    if block_rows < 1:
        raise ValueError(f"block_rows is {block_rows}; expected 1 or more.")
    if run is not None:
        run = np.asarray(run)
        parts = [np.flatnonzero(run == name) for name in dict.fromkeys(run.tolist())]
        inside = _length_inside(np.array([len(rows) for rows in parts]), block_rows)
        if inside is not None:
            return np.concatenate([rows[: len(rows) // inside * inside].reshape(-1, inside) for rows in parts])
    n_blocks = n_rows // block_rows
    return np.arange(n_blocks * block_rows).reshape(n_blocks, block_rows)


def _length_inside(n_rows: np.ndarray, wanted: int) -> int | None:
    """Length of blocks that lie inside runs of so many rows; None if none does."""

    def kept(length: int) -> float:
        return (n_rows // length * length).sum() / n_rows.sum()

    if kept(wanted) >= KEPT:
        return wanted
    one_a_run = n_rows.max() // 2 + 1  # shorter blocks than wanted only where no run is cut
    possible = [
        length for length in range(min(wanted, one_a_run), 2 * wanted + 1) if (n_rows // length).sum() >= LEAST_BLOCKS
    ]
    enough = [length for length in possible if kept(length) >= KEPT]
    if enough:  # with few blocks, no p is small
        return max(enough, key=lambda length: ((n_rows // length).sum(), kept(length)))
    best = max(possible, key=kept, default=None)
    return best if best is not None and kept(best) >= LEAST_KEPT else None


def _checked(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predicted, true = np.asarray(predicted), np.asarray(true)
    if predicted.shape != true.shape or true.ndim != 2:
        raise ValueError(f"predicted is {predicted.shape}, true {true.shape}; expected two arrays (n, v) of one shape.")
    for name, values in (("predicted", predicted), ("true", true)):
        if not math.isfinite(float(values.sum(dtype=np.float64))):
            raise ValueError(f"{name} holds values that are not finite.")
    return predicted, true


def _unit(values: np.ndarray) -> np.ndarray:
    return unit(values, 0).astype(np.float32)


def _absent(predicted: np.ndarray, true: np.ndarray, n_permutations: int) -> Null:
    nothing = np.full(true.shape[1], np.nan)
    return Null(nothing, nothing.copy(), np.full(n_permutations, np.nan))
