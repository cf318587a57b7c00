"""The reconstruction of a target from a subject's held-out rows, all folds together, and its windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding_data import EncodingData
from n2s.errors import UserError, first_of
from n2s.metrics.cross_fitted import level
from n2s.paths import written_whole
from n2s.systems.encoding.inputs import check_same, mark, rows_hash
from n2s.systems.linear.fit import Recipe, decoders_of
from n2s.systems.linear.inputs import fold_brain, fold_sides


@dataclass(frozen=True)
class Reconstruction:
    """One target of one subject.

    Parameters
    ----------
    rows
        (n,) Row numbers, ascending: held-out rows at which a sound plays.
    part
        (n,) Number of the fold and recording of each.
    fold
        (n,) Number of the fold of each.
    table
        Their lines of `n2s.data.encoding_data.EncodingData.rows`.
    predicted, true
        (n, f) float64, without their mean in each part.
    magnitude
        (folds, f) Largest prediction of each fold, with its mean: what is small beside it is a rounding error.
    scale
        (f,) Deviation of each feature in training, mean over folds; 0: it never changed.
    alphas
        The penalty of each fold.
    names
        The name of each fold.
    n_folds
        Folds whose decoders learned from each other's rows of this subject; 1: none did.
    """

    rows: np.ndarray
    part: np.ndarray
    fold: np.ndarray
    table: pd.DataFrame
    predicted: np.ndarray
    true: np.ndarray
    magnitude: np.ndarray
    scale: np.ndarray
    alphas: list[float]
    names: list[str]
    n_folds: int = 1

    @property
    def stretch(self) -> np.ndarray:
        """(n,) Number of the stretch of each row: consecutive rows of one part."""
        return np.cumsum(np.r_[False, (np.diff(self.rows) != 1) | (np.diff(self.part) != 0)])

    @cached_property
    def levelled(self) -> np.ndarray:
        """(n, f) ``predicted``, each feature of each fold on one scale, for correlations over all rows: see `n2s.metrics.cross_fitted.level`."""
        found = np.zeros_like(self.predicted)
        for number, magnitude in enumerate(self.magnitude):
            rows = self.fold == number
            if rows.any():
                found[rows] = level(self.predicted[rows], magnitude)
        return found

    def windows(self, n_rows: int) -> np.ndarray:
        """(k, n_rows) places among the rows: windows that follow each other, inside consecutive rows of one part."""
        ends = np.flatnonzero(np.diff(self.stretch)) + 1
        found = [np.zeros((0, n_rows), int)]
        for start, stop in zip([0, *ends], [*ends, len(self.rows)], strict=True):
            n = (stop - start) // n_rows
            found.append(start + np.arange(n * n_rows).reshape(n, n_rows))
        return np.concatenate(found)

    def scaled(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, f') prediction and truth: the features that changed in training, by their deviation there."""
        known = self.scale > 0
        return self.predicted[:, known] / self.scale[known], self.true[:, known] / self.scale[known]


def reconstruct(
    data: EncodingData,
    subject: str,
    space: str,
    fits: Mapping[str, Mapping],
    recipe: Recipe,
    *,
    name: str | None = None,
) -> Reconstruction:
    """Predict held-out rows with the decoder of their fold. Outside the held-out rows of a stretch the brain is at its mean.

    Rows of silence after a sound are decoded from, and left out of what is scored: a brain that knows no more than that a sound is on would
    correlate with it.

    Parameters
    ----------
    data, subject, space
        Whose rows, and the target.
    fits
        Name of a fold -> `n2s.systems.linear.fit.FoldFit.plain`.
    recipe
        How they were made.
    name
        Which decoder (`n2s.systems.linear.fit.decoders_of`); None: that of the subject's own rows.

    Raises
    ------
    UserError
        The run has no fit of a fold or target, or was fitted to other data.
    """
    folds, name = list(data.folds(subject)), name or space
    by_others = decoders_of([space], other_people=True)[name][1]
    predicted, true, scales, alphas = [], [], [], []
    for fold in folds:
        fit = fits.get(fold.name)
        if fit is None or name not in fit["decoders"]:
            what = f"'{name}'" if fit else f"{fold.name}; it has {first_of(fits) or 'none'}"
            raise UserError(
                f"{subject}: the run has no decoder of {what}. Take the run's own config.yaml, or fit again."
            )
        brain, state = fold_brain(data, subject, fold), fit["decoders"][name]
        train, test = fold_sides(data, subject, fold, space, recipe.band, brain)
        marks = {
            "rows": rows_hash(data, subject, fold),
            "brain": mark(brain[0]),
            f"target {space}": mark(train.target.numpy()),
        }
        check_same(fit["marks"], marks, f"{subject}, {fold.name}")
        try:
            decoder = recipe.decoder(data, space, subject).load_state_dict(state)
        except ValueError as error:
            raise UserError(f"{subject}, {fold.name}: {error} Take the run's own config.yaml, or fit again.") from error
        features = state["features"]
        found = torch.zeros(test.target.shape, dtype=torch.float64)
        for one, part in zip(test.stretches, test.parts(state["sensors"], features)[0], strict=True):
            found[one.start : one.stop, features] = decoder.predict(part.double())
        predicted.append(found.numpy())
        true.append(test.target.double().numpy())
        scale = np.zeros(len(features))
        scale[features.numpy()] = state["target_std"].numpy()
        scales.append(scale)
        alphas.append(decoder.alpha)
    joined = np.concatenate([fold.test for fold in folds])
    plays = data.rows(subject).stimulus_s.notna().to_numpy()
    order = np.argsort(joined, kind="stable")
    order = order[plays[joined[order]]]
    if len(np.unique(joined)) < len(joined):
        raise UserError(f"{subject}: some rows are held out in two folds. Each row can be held out once. (data.split)")
    table = data.rows(subject).iloc[joined[order]]
    fold_of = np.repeat(np.arange(len(folds)), [len(fold.test) for fold in folds])[order]
    part = pd.factorize(pd.Series(fold_of).astype(str) + "\n" + table.recording.astype(str).to_numpy())[0]
    return Reconstruction(
        rows=joined[order],
        part=part,
        fold=fold_of,
        table=table,
        predicted=centred(np.concatenate(predicted)[order], part),
        true=centred(np.concatenate(true)[order], part),
        magnitude=np.stack([np.abs(one).max(0, initial=0.0) for one in predicted]),
        scale=np.mean(scales, 0),
        alphas=alphas,
        names=[fold.name for fold in folds],
        n_folds=1 if by_others else len(folds),
    )


def write_reconstructions(folder: Path, subject: str, found: Mapping[str, Reconstruction]) -> Path:
    """Write ``<study>_<subject>.npz``: ``recording``, ``time_s``, ``fold`` (n,), and of each target ``<target>/decoded`` and ``/heard`` (n, f)."""
    first = next(iter(found.values()))
    recording, time_s = first.table.recording.astype(str).to_numpy(dtype=str), first.table.time_s.to_numpy()
    arrays = {"recording": recording, "time_s": time_s, "fold": first.fold}
    for name, one in found.items():
        arrays |= {f"{name}/decoded": one.predicted.astype(np.float32), f"{name}/heard": one.true.astype(np.float32)}
    path = folder / f"{subject.replace('/', '_')}.npz"
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
    return path


def centred(values: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Without the mean of each part."""
    n = np.bincount(part)
    for column in values.T:
        column -= (np.bincount(part, column) / n)[part]
    return values
