"""Predictions of a subject's held-out rows, all folds together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError, first_of
from n2s.metrics.cross_fitted import level
from n2s.systems.encoding.fit import Recipe, checked_brain
from n2s.systems.encoding.inputs import FoldInputs, check_same, mark, rows_hash
from n2s.systems.encoding.rows import Fit
from n2s.systems.encoding.weights import kept_weights, solved

#: Responses of a subject's folds are kept while it is tested if they are smaller, bytes.
KEPT_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Predicted:
    """Predictions of one fit.

    Parameters
    ----------
    values
        (n, v) float32, in the order of `HeldOut.rows`, centred as its responses are, on one scale in all folds (`HeldOut.levelled`).
    bands
        (bands, n, v): the part of each band as predicted, centred; None with one penalty.
    weights
        (p, v): mean over folds, of z-scored features; None if not asked for.
    """

    values: np.ndarray
    bands: np.ndarray | None = None
    weights: np.ndarray | None = None


class HeldOut:
    """A subject's held-out rows and their responses.

    Rows of all folds are joined, in their order. Predictions and responses lose their mean over the held-out rows of each fold
    and run: the mean of a fold's training rows moves against that of its held-out rows, which would lower every correlation.

    Parameters
    ----------
    data, subject
        Whose.
    fitted
        Name of a fold -> ``penalties`` and ``marks`` of the run (see `n2s.systems.encoding.fit.Fitted`).
    recipe
        How the fits were made.
    device
        Where equations are solved.
    weights
        The folder of weights that the run kept; None: they are solved again.

    Attributes
    ----------
    rows
        (n,) Row numbers, ascending.
    fold
        (n,) Number of the fold of each.
    part
        (n,) Number of the fold and run of each.
    true
        (n, v) float32 responses, centred.

    Raises
    ------
    UserError
        The run has no fit of a fold, or was fitted to other data.
    """

    def __init__(
        self,
        data: EncodingData,
        subject: str,
        fitted: Mapping[str, Mapping],
        recipe: Recipe,
        *,
        device: torch.device | str = "cpu",
        weights: Path | None = None,
    ):
        self.data, self.subject, self.fitted, self.device, self.weights = data, subject, fitted, device, weights
        self.folds = list(data.folds(subject))
        missing = [fold.name for fold in self.folds if fold.name not in fitted]
        if missing:
            raise UserError(
                f"{subject}: the run has no fit of {first_of(missing)}; it has {first_of(fitted) or 'none'}. Take the run's own "
                "config.yaml, or fit again."
            )
        self.inputs = {
            fold.name: FoldInputs(data, subject, fold, shift_s=recipe.shift_s, seed=recipe.seed) for fold in self.folds
        }
        self._brains: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        joined = np.concatenate([fold.test for fold in self.folds])
        self._order = np.argsort(joined, kind="stable")
        self.rows = joined[self._order]
        if len(np.unique(self.rows)) < len(self.rows):
            raise UserError(
                f"{subject}: some rows are held out in two folds. Each row can be held out once. (data.split)"
            )
        recording = data.rows(subject).recording.to_numpy()[joined]
        of_fold = np.repeat(np.arange(len(self.folds)), [len(fold.test) for fold in self.folds])
        names = {pair: number for number, pair in enumerate(dict.fromkeys(zip(of_fold, recording, strict=True)))}
        self.fold = of_fold[self._order]
        self.part = np.array([names[pair] for pair in zip(of_fold, recording, strict=True)], int)[self._order]
        tests = []
        for fold in self.folds:
            train, test = self._brain(fold)
            found = {"rows": rows_hash(data, subject, fold), "brain": mark(train)}
            check_same(fitted[fold.name]["marks"], found, self.inputs[fold.name].where)
            tests.append(test)
        self.true = self.joined(tests)

    def predicted(self, fit: Fit, *, weights: bool = False) -> Predicted:
        """Predict every held-out row with the weights of its fold.

        Parameters
        ----------
        fit
            Which fit.
        weights
            Whether to give the weights, too.
        """
        values, bands, mean = [], [], 0.0
        for fold in self.folds:
            inputs = self.inputs[fold.name]
            train, test = (torch.from_numpy(part).to(self.device) for part in inputs.of(fit))
            check_same(self.fitted[fold.name]["marks"], inputs.marks, inputs.where)
            widths, coef = inputs.widths(fit), self._weights(fold, fit, train)
            parts = [
                (x - mean_x) @ w
                for x, mean_x, w in zip(
                    test.split(widths, 1), train.mean(0).split(widths), coef.split(widths), strict=True
                )
            ]
            if fit.bands:
                bands.append(torch.stack(parts).cpu().numpy())
            values.append(sum(parts).cpu().numpy())
            if weights:
                mean = mean + coef.cpu().numpy() / len(self.folds)
        split = None
        if fit.bands:
            split = np.stack([self.joined([one[number] for one in bands]) for number in range(len(fit.bands))])
        return Predicted(self.levelled(values), split, mean if weights else None)

    def _weights(self, fold: Fold, fit: Fit, train: torch.Tensor) -> torch.Tensor:
        penalties = self.fitted[fold.name]["penalties"]
        if fit.key not in penalties:
            raise UserError(
                f"{self.subject}, {fold.name}: the run has no fit of '{fit.key}'. Its model's networks, controls, banded, n_shifts or "
                "per_lag were others: take the run's own config.yaml, or fit again."
            )
        kept = None
        if self.weights is not None:
            kept = kept_weights(self.weights, self.subject, fold.name, fit.key)
        if kept is None:
            brain = torch.from_numpy(self._brain(fold)[0]).to(self.device)
            return solved(train, brain, penalties[fit.key].to(self.device), self.inputs[fold.name].widths(fit))
        if kept.shape != (train.shape[1], self.true.shape[1]):
            raise UserError(
                f"{self.subject}, {fold.name}, '{fit.key}': kept weights are {tuple(kept.shape)}, and the data need "
                f"{(train.shape[1], self.true.shape[1])}. Fit again."
            )
        return kept.to(self.device)

    def _brain(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        if fold.name in self._brains:
            return self._brains[fold.name]
        found = checked_brain(self.data, self.subject, fold)
        if len(found[0]) != len(fold.train) or len(found[1]) != len(fold.test):
            raise UserError(f"{self.subject}, {fold.name}: the brain and the fold have different numbers of rows.")
        if len(self.folds) * sum(part.nbytes for part in found) < KEPT_BYTES:
            self._brains[fold.name] = found
        return found

    def joined(self, parts: list[np.ndarray], *, centred: bool = True) -> np.ndarray:
        """(n, v): the rows of all folds, given fold by fold, in their order; without their mean in each part."""
        found = np.concatenate(parts)[self._order]
        if not centred:
            return found
        for number in range(self.part.max() + 1):
            rows = np.flatnonzero(self.part == number)
            found[rows] -= found[rows].mean(0)
        return found

    def levelled(self, parts: list[np.ndarray]) -> np.ndarray:
        """(n, v): predictions of all folds, given fold by fold, as `joined` gives them, on one scale: see `n2s.metrics.cross_fitted.level`."""
        found = self.joined(parts)
        for number, part in enumerate(parts):
            rows = np.flatnonzero(self.fold == number)
            if len(rows):
                found[rows] = level(found[rows], np.abs(part).max(0))
        return found
