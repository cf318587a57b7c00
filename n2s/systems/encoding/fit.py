"""The fit of one subject and fold: the penalty of each target, from the training rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.banded_ridge import BandedRidge
from n2s.models.encoding_ridge import EncodingRidge
from n2s.options import check_number
from n2s.systems.closed_form import check_made
from n2s.systems.encoding.inputs import FoldInputs, mark, rows_hash
from n2s.systems.encoding.rows import Fit
from n2s.systems.encoding.weights import keep_weights


@dataclass(frozen=True)
class Recipe:
    """How a fit is made.

    Parameters
    ----------
    alphas
        Penalties to choose from.
    n_folds
        Of the cross-validation inside the training rows: see `inner_groups`.
    shift_s, seed
        See `FoldInputs`.
    """

    alphas: tuple[float, ...]
    n_folds: int
    shift_s: float
    seed: int

    def __post_init__(self) -> None:
        for alpha in self.alphas:
            check_number("model.alphas", alpha, above=0)
        check_number("model.n_folds", self.n_folds, low=2, whole=True)
        check_number("model.shift_s", self.shift_s, above=0)


@dataclass
class Fitted:
    """What a fit of one subject and fold leaves: plain tensors, for checkpoints.

    ``penalties``: key of a fit -> (v,), or (bands, v). ``marks``: what a test knows the data by.
    """

    penalties: dict[str, Tensor] = field(default_factory=dict)
    marks: dict[str, Tensor | str] = field(default_factory=dict)

    def plain(self) -> dict:
        """For a checkpoint."""
        return {"penalties": dict(self.penalties), "marks": dict(self.marks)}


def check_recipe(kept: Mapping | None, recipe: Recipe, *, shifted: bool) -> None:
    """Raise a UserError if a test names other options of the fit than the run was fitted with: its table would tell of these.

    Parameters
    ----------
    kept
        The run's recipe; None: the run does not say.
    recipe
        That of the test.
    shifted
        Whether there is a control of shifted features.
    """
    names = ["alphas", "n_folds", *(["shift_s", "seed"] if shifted else [])]
    own = {name: getattr(recipe, name) for name in names} | {"alphas": list(recipe.alphas)}
    check_made(kept, own)


def fit_fold(
    data: EncodingData,
    subject: str,
    fold: Fold,
    fits: Mapping[str, Fit],
    recipe: Recipe,
    *,
    device: torch.device | str = "cpu",
    keep: Path | None = None,
) -> Fitted:
    """Choose the penalties of every fit.

    Parameters
    ----------
    data, subject, fold
        Whose training rows.
    fits
        Key -> fit.
    recipe
        How.
    device
        Where ridges are solved.
    keep
        The folder for weights (see `keep_weights`); None: they are not kept.

    Raises
    ------
    UserError
        Fewer units than folds, or values that are not finite.
    """
    inputs = FoldInputs(data, subject, fold, shift_s=recipe.shift_s, seed=recipe.seed)
    brain = checked_brain(data, subject, fold)[0]
    target, groups = torch.from_numpy(brain).to(device), inner_groups(fold, recipe, subject).tolist()
    found = Fitted(marks={"rows": rows_hash(data, subject, fold), "brain": torch.from_numpy(mark(brain))})
    for key, fit in fits.items():
        train = torch.from_numpy(inputs.of(fit)[0]).to(device)
        if fit.bands:
            ridge = BandedRidge(list(recipe.alphas), n_folds=recipe.n_folds)
            ridge.fit(list(train.split(inputs.widths(fit), dim=1)), target, groups)
        else:
            ridge = EncodingRidge(list(recipe.alphas), n_folds=recipe.n_folds).fit(train, target, groups)
        found.penalties[key] = torch.as_tensor(ridge.alpha_).float().cpu()
        if keep is not None:
            keep_weights(keep, subject, fold.name, key, ridge.coef_)
    found.marks |= {name: torch.from_numpy(value) for name, value in inputs.marks.items()}
    return found


def check_units(fold: Fold, recipe: Recipe, where: str) -> None:
    """Raise a UserError if the training rows have fewer units than the cross-validation has folds."""
    n_units = len(set(fold.groups.tolist()))
    if len(recipe.alphas) > 1 and n_units < recipe.n_folds:
        raise UserError(
            f"{where}: its training rows are of {n_units} {'unit' if n_units == 1 else 'units'} (stories, blocks), and penalties are chosen "
            f"by cross-validation in {recipe.n_folds} folds (model.n_folds). Set fewer, at least two, or a single penalty "
            "(model.alphas)."
        )


def inner_groups(fold: Fold, recipe: Recipe, where: str) -> np.ndarray:
    """(n,) What the choice of penalties keeps together of the training rows.

    Whole stretches (`n2s.data.encoding_data.Fold`), so that folds share no filter, delay or sound, as those of the test do. With fewer
    stretches than folds (one long run): units, neighbours in one fold, so that folds meet at no more places than they must. Rows on
    both sides of such a place are alike; penalties may come out a little too small, and no score is of these rows.
    """
    if fold.stretches is None or len(recipe.alphas) == 1:
        return fold.groups
    n_stretches = len(np.unique(fold.stretches))
    if n_stretches >= recipe.n_folds:
        return fold.stretches
    told = f"its training rows are {n_stretches} {'stretch' if n_stretches == 1 else 'stretches'} without a pause, fewer than the folds "
    tell("odd", where, told + f"in which penalties are chosen ({recipe.n_folds}, model.n_folds): these meet in time.")
    unit = pd.factorize(fold.groups)[0]
    sizes = np.bincount(unit)
    middle = np.cumsum(sizes) - sizes / 2
    dealt = np.floor(middle * recipe.n_folds / len(unit)).astype(int)
    # units of unlike length may leave a fold empty: then as many units a fold as can be
    if len(np.unique(dealt)) < recipe.n_folds:
        dealt = np.arange(len(sizes)) * recipe.n_folds // len(sizes)
    return dealt[unit]


def checked_brain(data: EncodingData, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """(n, v), (m, v) float32 responses, which must be finite."""
    found = tuple(np.ascontiguousarray(one, np.float32) for one in data.responses(subject, fold))
    for part in found:
        if not np.isfinite(part).all():
            raise UserError(
                f"{subject}, {fold.name}: {int((~np.isfinite(part)).any(0).sum())} of {part.shape[1]} voxels or sensors have values that are not "
                "finite. Check the recording."
            )
    return found
