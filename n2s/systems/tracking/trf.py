"""Temporal response functions of one fold: nested models of what was heard, their prediction, and the peaks of their weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.metrics.tracking import circular_shift_null, pearson
from n2s.models.encoding_ridge import EncodingRidge
from n2s.systems.encoding.fit import Recipe, inner_groups
from n2s.systems.encoding.inputs import FoldInputs
from n2s.systems.encoding.rows import Fit
from n2s.systems.tracking.lengths import sides


def levels(spaces: Sequence[str]) -> dict[str, Fit]:
    """Last feature space -> the model of it and all before it."""
    return {name: Fit(tuple((one, 0) for one in spaces[: i + 1])) for i, name in enumerate(spaces)}


class FoldTRF:
    """The response functions of one subject and fold.

    Parameters
    ----------
    data, subject, fold
        Whose rows.
    kept
        (n,) bool over all rows of the subject: which are used.
    spaces
        Feature spaces, each a model with those before it.
    recipe
        How penalties are chosen.
    """

    def __init__(
        self, data: EncodingData, subject: str, fold: Fold, kept: np.ndarray, spaces: Sequence[str], recipe: Recipe
    ):
        self.data, self.subject, self.fold, self.recipe = data, subject, fold, recipe
        self.train, self.test = sides(fold, kept)
        self.levels = levels(spaces)
        self.inputs = FoldInputs(data, subject, fold, shift_s=recipe.shift_s, seed=recipe.seed)

    def fit(self, brain: np.ndarray, device: torch.device | str = "cpu") -> dict[str, dict[str, Tensor]]:
        """Last space of each model -> ``coef`` (p, c), ``intercept`` (c,), ``alpha`` (c,), float32.

        Parameters
        ----------
        brain
            (n, c) Responses on training rows.
        device
            Where equations are solved.
        """
        target = torch.from_numpy(brain[self.train]).to(device)
        groups = inner_groups(self.fold, self.recipe, f"{self.subject}, {self.fold.name}")[self.train].tolist()
        found = {}
        for name, fit in self.levels.items():
            columns = torch.from_numpy(self.inputs.of(fit)[0][self.train]).to(device)
            ridge = EncodingRidge(list(self.recipe.alphas), n_folds=self.recipe.n_folds).fit(columns, target, groups)
            kept = {"coef": ridge.coef_, "intercept": ridge.intercept_, "alpha": ridge.alpha_}
            found[name] = {key: one.float().cpu() for key, one in kept.items()}
        return found

    def score(
        self, fitted: Mapping[str, Mapping[str, Tensor]], brain: np.ndarray, *, n_shifts: int, min_shift_s: float
    ) -> dict[str, Tensor]:
        """Last space of each model -> (1 + s, c): r on the held-out rows, then of predictions against shifted responses.

        Parameters
        ----------
        fitted
            What `fit` gave.
        brain
            (m, c) Responses on test rows.
        n_shifts, min_shift_s
            Circular shifts, and the smallest, s; in short held-out parts a quarter of them.
        """
        true = torch.from_numpy(brain[self.test])
        least = round(min_shift_s * self.data.rate_hz[self.subject])
        least, found = max(1, min(least, len(true) // 4)), {}
        for name, fit in self.levels.items():
            columns = torch.from_numpy(self.inputs.of(fit)[1][self.test])
            predicted = columns @ fitted[name]["coef"] + fitted[name]["intercept"]
            r = pearson(predicted, true)[None]
            null = circular_shift_null(predicted, true, n_shifts=n_shifts, min_shift=least, seed=self.recipe.seed)
            still = (true.amax(0) == true.amin(0)) | (predicted.amax(0) == predicted.amin(0))
            found[name] = torch.cat([r, null.reshape(-1, r.shape[1])]).masked_fill(still, torch.nan)
        return found


def kernels(
    data: EncodingData, subject: str, coef: Tensor, spaces: Sequence[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Feature space -> (k,) lags, s, and (k, c) root mean square weight over its dimensions (with a sign if it has one).

    Parameters
    ----------
    data, subject
        Whose lags.
    coef
        (p, c), the columns of the spaces in order.
    spaces
        Of the model.
    """
    found, start = {}, 0
    for space in spaces:
        lags_s, n_features = data.delays(space, subject)
        own = coef[start : start + len(lags_s) * n_features].reshape(len(lags_s), n_features, -1).double()
        start += len(lags_s) * n_features
        size = own[:, 0] if n_features == 1 else own.square().mean(1).sqrt()
        found[space] = (np.asarray(lags_s), size.numpy())
    return found


def peaks(
    lags_s: np.ndarray, size: np.ndarray, windows: Mapping[str, Sequence[float]]
) -> dict[str, tuple[float, float]]:
    """Window -> height and latency, s, of the largest local maximum of ``size (k,)`` within it; NaN if there is none."""
    inner = np.flatnonzero((size[1:-1] > size[:-2]) & (size[1:-1] >= size[2:])) + 1
    found = {}
    for name, (first, last) in windows.items():
        own = inner[(lags_s[inner] >= first) & (lags_s[inner] <= last)]
        best = own[size[own].argmax()] if len(own) else None
        found[name] = (np.nan, np.nan) if best is None else (float(size[best]), float(lags_s[best]))
    return found
