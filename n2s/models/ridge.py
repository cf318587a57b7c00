"""Linear decoding of a stimulus feature from the brain that follows it: ridge regression over time lags."""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from n2s.models.by_target import checked_penalties
from n2s.models.estimator import Array, InputError, TensorRegressor
from n2s.models.folds import dealt_folds
from n2s.models.lagged_sums import Lagged, equations
from n2s.models.voxel_ridge import VoxelRidge
from n2s.options import check_number

__all__ = ["ALPHAS", "RidgeDecoder", "VoxelRidge"]

#: Penalties from almost none to one that leaves little but each sensor's own covariance with the feature.
ALPHAS = tuple(10.0**exponent for exponent in range(-4, 4))


class RidgeDecoder(TensorRegressor):
    """Predict a feature of the stimulus from what the sensors show at and after it (a backward model).

    ``feature(t) = sum over sensors c and lags of weight(c, lag) * brain(t + lag)``, sensors and feature z-scored with
    the mean and deviation of the training data. Weights minimise the mean squared error plus ``alpha`` times their
    squared norm, so ``alpha`` does not depend on how long the recording is (scikit-learn's is ours times the number
    of rows). It is chosen by cross-validation over contiguous parts of the training data, or over groups of rows: the least
    squared error.

    All is in float64, from Gram matrices that are summed over chunks of time: the lagged data are never held whole. Where
    sensors times lags are more than rows (voxels), the equations are those of the rows' kernel (`n2s.models.lagged_sums`).
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
        Parts of the training data in that cross-validation.
    n_components
        Sensors are replaced by so many principal components of the training data, which are not scaled again: with as many as sensors
        the weights are the same. For many sensors that show few sources: the time of a fit grows with the third power of their number.
        None: all.

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

    Examples
    --------
    >>> import torch
    >>> from n2s.models import RidgeDecoder
    >>> rng = torch.Generator().manual_seed(0)
    >>> envelope = torch.randn(600, 1, generator=rng)
    >>> brain = envelope.roll(3, 0) + 0.1 * torch.randn(600, 4, generator=rng)                # it follows 3 samples later
    >>> decoder = RidgeDecoder(sfreq=64.0, lags_s=(0.0, 0.1), alphas=(0.01, 1.0)).fit(brain[:500], envelope[:500])
    >>> decoder.weights.shape, int(decoder.weights[0].abs().sum(0).argmax())
    (torch.Size([1, 4, 7]), 3)
    >>> round(decoder.score(brain[500:], envelope[500:]), 1)
    1.0
    """

    weights: Tensor
    alpha: float
    errors: Tensor

    def __init__(
        self,
        *,
        sfreq: float = 100.0,
        lags_s: tuple[float, float] = (0.0, 0.3),
        alphas: Sequence[float] = ALPHAS,
        n_folds: int = 5,
        n_components: int | None = None,
    ):
        self.sfreq, self.lags_s, self.alphas, self.n_folds, self.n_components = (
            sfreq,
            lags_s,
            alphas,
            n_folds,
            n_components,
        )
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        check_number("RidgeDecoder: sfreq", self.sfreq, above=0)
        for lag in self.lags_s:
            check_number("RidgeDecoder: lags_s", lag)
        if self.last_lag < self.first_lag:
            raise InputError(f"RidgeDecoder: lags_s is {self.lags_s}: the first lag comes after the last.")
        checked_penalties(self.alphas, self.n_folds, "RidgeDecoder")
        check_number("RidgeDecoder: n_components", self.n_components, low=1, whole=True)

    @property
    def first_lag(self) -> int:
        """In samples."""
        return round(self.lags_s[0] * self.sfreq)

    @property
    def last_lag(self) -> int:
        """In samples, included."""
        return round(self.lags_s[1] * self.sfreq)

    @property
    def n_lags(self) -> int:
        """How many lags, one a sample."""
        return self.last_lag - self.first_lag + 1

    def fit(
        self,
        brain: Sequence[Tensor] | Array,
        y: Sequence[Tensor] | Array,
        groups: Sequence[Sequence] | Sequence | None = None,
    ) -> "RidgeDecoder":
        """Fit on one or more stretches of data in order of time; no lag reaches out of a stretch. One stretch needs no list.

        Parameters
        ----------
        brain
            Each ``(t, c)``.
        y
            Each ``(t, f)``: the feature, at the same times.
        groups
            Each (t,): the name of each row's story, run or block, which the choice of the penalty keeps together (dealt as
            `n2s.models.EncodingRidge` deals them). A row whose lags reach into another fold is in no fold. None: contiguous parts.

        Raises
        ------
        InputError
            Stretches that do not match, values that are not finite, a constant sensor or feature, or a part of the
            cross-validation without a single row.
        UserError
            Fewer groups than folds, or a row without one.
        """
        self.check_parameters()
        alphas = checked_penalties(self.alphas, self.n_folds, "RidgeDecoder")
        brain, target, groups = self._stretches(brain, y, groups)
        self._brain_scale = _mean_and_std(brain, "sensor")
        self._target_scale = _mean_and_std(target, "feature")
        pairs = [
            (_scaled(x, *self._brain_scale), _scaled(y, *self._target_scale))
            for x, y in zip(brain, target, strict=True)
        ]
        basis = None
        if self.n_components is not None and self.n_components < brain[0].shape[1]:
            basis = _components([x for x, _ in pairs], self.n_components)
            pairs = [(x @ basis, y) for x, y in pairs]
        several = len(alphas) > 1
        by_group = several and groups is not None
        segments = _by_group(groups, pairs, self.n_folds) if by_group else _contiguous(pairs, self.n_folds)
        lagged = Lagged(pairs, self.first_lag, self.last_lag, segments)
        if not lagged.n_rows():
            raise InputError(
                f"no stretch is longer than the lags: {self.n_lags} samples, and stretches have {max(map(len, brain))} at most."
            )
        found = equations(lagged, self.n_folds)
        if several and not all(found.n):
            raise InputError(
                f"{sum(found.n)} rows are too few for {self.n_folds} parts and lags of {self.n_lags} samples: a part has none. "
                "Give longer stretches, fewer folds or shorter lags."
            )
        n_values = pairs[0][1].shape[1] * sum(found.n)
        self.errors = found.errors(alphas) / n_values if several else torch.empty(0)
        self.alpha = alphas[int(self.errors.argmin())] if several else alphas[0]
        weights = found.solve(self.alpha).reshape(pairs[0][0].shape[1], self.n_lags, -1).permute(2, 0, 1)
        self.weights = (weights if basis is None else basis @ weights).contiguous()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are weights."""
        return hasattr(self, "weights")

    def _stretches(self, brain: object, target: object, groups: object) -> tuple[list[Tensor], list[Tensor], object]:
        """Lists of stretches: of one table of rows a list of it."""
        if isinstance(brain, list | tuple) and all(np.ndim(one) == 2 for one in brain):
            self._one_target = False
            _check(brain, target)
            self.n_features_in_ = brain[0].shape[1]
        else:
            rows = self.rows_of(brain, fits=True)
            given = self.targets_of(target, len(rows))
            brain, target = [rows], [given if isinstance(given, Tensor) else torch.from_numpy(given)]
            groups = None if groups is None else [groups]
            _check(brain, target)
        return list(brain), list(target), groups

    def predict(self, brain: Array) -> Array:
        """``(t, c) -> (t, f)`` in the feature's own unit, of the kind that the brain is; outside the recording, the brain is set to its mean."""
        self.check_fitted()
        return self.as_asked(self._predicted(self.rows_of(brain, fits=False)), brain)

    def _predicted(self, brain: Tensor) -> Tensor:
        padded = functional.pad(
            _scaled(brain, *self._brain_scale).T[None], (max(-self.first_lag, 0), max(self.last_lag, 0))
        )
        padded = padded[..., max(self.first_lag, 0) :][..., : len(brain) + self.n_lags - 1]
        mean, std = self._target_scale
        return (functional.conv1d(padded, self.weights)[0].T * std + mean).to(brain.dtype)

    def state_dict(self) -> dict[str, Tensor]:
        """What `predict` needs, the penalty, and ``errors``: plain tensors, for checkpoints."""
        brain, target = self._brain_scale, self._target_scale
        scales = {"brain_mean": brain[0], "brain_std": brain[1], "target_mean": target[0], "target_std": target[1]}
        return {
            "weights": self.weights,
            "alpha": torch.tensor(self.alpha, dtype=torch.float64),
            "errors": self.errors,
        } | scales

    def load_state_dict(self, state: Mapping[str, Tensor]) -> "RidgeDecoder":
        """Take over what `state_dict` of a decoder with the same lags gave.

        Raises
        ------
        InputError
            It has another number of lags.
        """
        if state["weights"].shape[2] != self.n_lags:
            raise InputError(f"weights have {state['weights'].shape[2]} lags; this decoder has {self.n_lags}.")
        self.weights, self.errors = state["weights"].double(), state["errors"]
        self.alpha, self.n_features_in_ = float(state["alpha"]), state["weights"].shape[1]
        self._brain_scale, self._target_scale = (
            (state[f"{side}_mean"].double(), state[f"{side}_std"].double()) for side in ("brain", "target")
        )
        return self


def _check(brain: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    if not brain or len(brain) != len(target):
        raise InputError(
            f"{len(brain)} stretches of brain and {len(target)} of target; expected as many, at least one."
        )
    for x, y in zip(brain, target, strict=True):
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
            raise InputError(f"brain {tuple(x.shape)} and target {tuple(y.shape)}; expected (t, c) and (t, f).")
        if x.shape[1] != brain[0].shape[1] or y.shape[1] != target[0].shape[1]:
            raise InputError("Stretches differ in their number of sensors or features.")
        if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
            raise InputError("Brain or target holds values that are not finite (NaN or inf).")


def _contiguous(pairs: Sequence[tuple[Tensor, Tensor]], n_folds: int) -> list[list[tuple[int, int, int]]]:
    """Equal parts of all data in order of time: see `Lagged`."""
    n_total, found, offset = sum(len(x) for x, _ in pairs), [], 0
    edges = [round(k * n_total / n_folds) for k in range(n_folds + 1)]
    for x, _ in pairs:
        found.append([(fold, a - offset, b - offset) for fold, (a, b) in enumerate(pairwise(edges))])
        offset += len(x)
    return found


def _by_group(
    groups: Sequence[Sequence], pairs: Sequence[tuple[Tensor, Tensor]], n_folds: int
) -> list[list[tuple[int, int, int]]]:
    """Whole groups dealt out in turn: see `Lagged`."""
    lengths = [len(x) for x, _ in pairs]
    if [len(one) for one in groups] != lengths:
        raise InputError(f"groups are of {[len(one) for one in groups]} rows, stretches of {lengths}.")
    folds = dealt_folds(list(chain.from_iterable(groups)), sum(lengths), n_folds, "RidgeDecoder").split(lengths)
    found = []
    for fold in folds:
        edges = [0, *(np.flatnonzero(np.diff(fold.numpy())) + 1).tolist(), len(fold)]
        found.append([(int(fold[a]), a, b) for a, b in pairwise(edges)])
    return found


def _components(stretches: Sequence[Tensor], n: int) -> Tensor:
    """(c, n) orthonormal: the directions in which z-scored sensors vary most."""
    return torch.linalg.eigh(sum(x.T @ x for x in stretches)).eigenvectors[:, -n:]


def _mean_and_std(stretches: Sequence[Tensor], what: str) -> tuple[Tensor, Tensor]:
    n = sum(len(x) for x in stretches)
    mean = sum(x.double().sum(0) for x in stretches) / n
    std = (sum((x.double() - mean).square().sum(0) for x in stretches) / n).sqrt()
    flat = (std <= 1e-12 * mean.abs()).nonzero()[:, 0].tolist()
    if flat:
        raise InputError(
            f"{what} {flat[:10]} never changes in the training data ({n} sample{'s' * (n != 1)}): leave it out."
        )
    return mean, std


def _scaled(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (values.double() - mean) / std
