"""Linear decoding of a stimulus feature from the brain that follows it: ridge regression over time lags."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from n2s.models.voxel_ridge import VoxelRidge

__all__ = ["ALPHAS", "RidgeDecoder", "VoxelRidge"]

#: Penalties from almost none to one that leaves little but each sensor's own covariance with the feature.
ALPHAS = tuple(10.0**exponent for exponent in range(-4, 4))


class RidgeDecoder:
    """Predict a feature of the stimulus from what the sensors show at and after it (a backward model).

    ``feature(t) = sum over sensors c and lags of weight(c, lag) * brain(t + lag)``, sensors and feature z-scored with
    the mean and deviation of the training data. Weights minimise the mean squared error plus ``alpha`` times their
    squared norm, so ``alpha`` does not depend on how long the recording is (scikit-learn's is ours times the number
    of rows). It is chosen by cross-validation over contiguous parts of the training data: the least squared error.

    All is in float64, from Gram matrices that are summed over chunks of time: the lagged data are never held whole.
    One solution is one Cholesky decomposition; for the few penalties tried, that is faster than an eigendecomposition.

    Parameters
    ----------
    sfreq
        Rate of brain and feature, Hz.
    lags_s
        First and last lag of the brain after the stimulus, s, both included.
    alphas
        Penalties to choose from; a single one is used directly.
    n_folds
        Contiguous parts of the training data in that cross-validation.

    Attributes
    ----------
    weights
        ``(f, c, n_lags)``, of z-scored sensors for the z-scored feature.
    alpha
        The chosen penalty.
    errors
        ``(n_alphas,)`` Mean squared error of the z-scored feature in cross-validation; empty for one alpha.

    References
    ----------
    Crosse et al. 2016, The multivariate temporal response function (mTRF) toolbox, Front. Hum. Neurosci. 10:604.
    """

    weights: Tensor
    alpha: float
    errors: Tensor

    def __init__(
        self,
        *,
        sfreq: float,
        lags_s: tuple[float, float] = (0.0, 0.3),
        alphas: Sequence[float] = ALPHAS,
        n_folds: int = 5,
    ):
        self.first_lag, self.last_lag = (round(lag * sfreq) for lag in lags_s)
        if self.last_lag < self.first_lag:
            raise ValueError(f"lags_s is {lags_s}: the first lag comes after the last.")
        if not alphas or min(alphas) <= 0:
            raise ValueError(f"alphas is {alphas}; expected at least one, all positive.")
        if n_folds < 2:
            raise ValueError(f"n_folds is {n_folds}; cross-validation needs two at least.")
        self.alphas = tuple(alphas)
        self.n_folds = n_folds

    @property
    def n_lags(self) -> int:
        """How many lags, one a sample."""
        return self.last_lag - self.first_lag + 1

    def fit(self, brain: Sequence[Tensor], target: Sequence[Tensor]) -> "RidgeDecoder":
        """Fit on one or more stretches of data in order of time; no lag reaches out of a stretch.

        Parameters
        ----------
        brain
            Each ``(t, c)``.
        target
            Each ``(t, f)``, at the same times.

        Raises
        ------
        ValueError
            Stretches that do not match, values that are not finite, a constant sensor or feature, or a part of the
            cross-validation without a single row.
        """
        _check(brain, target)
        self._brain_scale = _mean_and_std(brain, "sensor")
        self._target_scale = _mean_and_std(target, "feature")
        pairs = [
            (_scaled(x, *self._brain_scale), _scaled(y, *self._target_scale))
            for x, y in zip(brain, target, strict=True)
        ]
        parts, total = self._gram_matrices(pairs)
        self.errors = self._cross_validate(parts) if len(self.alphas) > 1 else torch.empty(0)
        self.alpha = self.alphas[int(self.errors.argmin())] if len(self.alphas) > 1 else self.alphas[0]
        for part in parts:
            total += part
        weights = total.solve(self.alpha)
        self.weights = weights.reshape(brain[0].shape[1], self.n_lags, -1).permute(2, 0, 1).contiguous()
        return self

    def predict(self, brain: Tensor) -> Tensor:
        """``(t, c) -> (t, f)`` in the feature's own unit; outside the recording, the brain is set to its mean."""
        padded = functional.pad(_scaled(brain, *self._brain_scale).T[None], (-self.first_lag, self.last_lag))
        mean, std = self._target_scale
        return (functional.conv1d(padded, self.weights)[0].T * std + mean).to(brain.dtype)

    def _gram_matrices(self, pairs: list[tuple[Tensor, Tensor]]) -> tuple[list["_Gram"], "_Gram"]:
        """Those of each part of the cross-validation, and of the rows whose lags reach from one part to the next."""
        (x, y), n_total = pairs[0], sum(len(x) for x, _ in pairs)
        edges = [round(k * n_total / self.n_folds) for k in range(self.n_folds + 1)]
        empty = [_Gram.empty(x.shape[1] * self.n_lags, y.shape[1], x) for _ in range(self.n_folds + 1)]
        parts, between = empty[:-1], empty[-1]
        reach_back, reach_on = min(self.first_lag, 0), max(self.last_lag, 0)
        offset = 0
        for x, y in pairs:
            done = -reach_back  # the first row whose lags lie inside the stretch
            last = len(x) - reach_on
            for part, start, stop in zip(parts, edges[:-1], edges[1:], strict=True):
                first_own, last_own = max(start - offset - reach_back, done), min(stop - offset - reach_on, last)
                if last_own > first_own:
                    between.add(self._rows(x, y, done, first_own))
                    part.add(self._rows(x, y, first_own, last_own))
                    done = last_own
            between.add(self._rows(x, y, done, last))
            offset += len(x)
        return parts, between

    def _rows(self, x: Tensor, y: Tensor, start: int, stop: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Lagged brain ``(n, c * n_lags)`` and target ``(n, f)`` of the rows, a chunk of at most 64 MB at a time."""
        step = max(1, 2**23 // (x.shape[1] * self.n_lags))
        for a in range(start, stop, step):
            b = min(a + step, stop)
            lagged = x[a + self.first_lag : b + self.last_lag].unfold(0, self.n_lags, 1)
            yield lagged.reshape(b - a, -1), y[a:b]

    def _cross_validate(self, parts: list["_Gram"]) -> Tensor:
        if any(part.n == 0 for part in parts):
            raise ValueError(
                f"{sum(part.n for part in parts)} rows are too few for {self.n_folds} parts and lags of {self.n_lags} "
                "samples. Give longer stretches, fewer folds or shorter lags."
            )
        errors = torch.zeros(len(self.alphas), dtype=torch.float64)
        n_targets = parts[0].xy.shape[1]
        for held_out in parts:
            train = _Gram.empty(len(held_out.xx), n_targets, held_out.xx)
            for part in parts:
                if part is not held_out:
                    train += part
            for i, alpha in enumerate(self.alphas):
                errors[i] += held_out.squared_error(train.solve(alpha)).item()
        return errors / (n_targets * sum(part.n for part in parts))


@dataclass
class _Gram:
    """Sums over rows: ``xx (d, d)``, ``xy (d, f)``, ``yy (f,)``, and the number of rows."""

    xx: Tensor
    xy: Tensor
    yy: Tensor
    n: int = 0

    @classmethod
    def empty(cls, n_predictors: int, n_targets: int, like: Tensor) -> "_Gram":
        shapes = (n_predictors, n_predictors), (n_predictors, n_targets), (n_targets,)
        return cls(*(like.new_zeros(shape) for shape in shapes))

    def add(self, rows: Iterator[tuple[Tensor, Tensor]]) -> None:
        for x, y in rows:
            self.xx.addmm_(x.T, x)
            self.xy.addmm_(x.T, y)
            self.yy += y.square().sum(0)
            self.n += len(x)

    def __iadd__(self, other: "_Gram") -> "_Gram":
        self.xx += other.xx
        self.xy += other.xy
        self.yy += other.yy
        self.n += other.n
        return self

    def solve(self, alpha: float) -> Tensor:
        """``(d, f)``: the weights with the least squared error, given the penalty."""
        penalised = self.xx.clone()
        penalised.diagonal().add_(alpha * self.n)
        return torch.cholesky_solve(self.xy, torch.linalg.cholesky(penalised))

    def squared_error(self, weights: Tensor) -> Tensor:
        """Summed over rows and targets."""
        explained = (weights * (2 * self.xy - self.xx @ weights)).sum(0)
        return (self.yy - explained).sum()


def _check(brain: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    if not brain or len(brain) != len(target):
        raise ValueError(
            f"{len(brain)} stretches of brain and {len(target)} of target; expected as many, at least one."
        )
    for x, y in zip(brain, target, strict=True):
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
            raise ValueError(f"brain {tuple(x.shape)} and target {tuple(y.shape)}; expected (t, c) and (t, f).")
        if x.shape[1] != brain[0].shape[1] or y.shape[1] != target[0].shape[1]:
            raise ValueError("Stretches differ in their number of sensors or features.")
        if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
            raise ValueError("Brain or target holds values that are not finite.")


def _mean_and_std(stretches: Sequence[Tensor], what: str) -> tuple[Tensor, Tensor]:
    n = sum(len(x) for x in stretches)
    mean = sum(x.double().sum(0) for x in stretches) / n
    std = (sum((x.double() - mean).square().sum(0) for x in stretches) / n).sqrt()
    flat = (std <= 1e-12 * mean.abs()).nonzero()[:, 0].tolist()
    if flat:
        raise ValueError(f"{what} {flat[:10]} never changes in the training data: leave it out.")
    return mean, std


def _scaled(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (values.double() - mean) / std
