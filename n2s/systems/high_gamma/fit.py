"""The fit of one subject and fold: every model and baseline, from the training rows alone."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding_data import EncodingData, Fold
from n2s.data.row_stretches import row_stretches
from n2s.errors import UserError
from n2s.models.electrode_model import ElectrodeModel
from n2s.options import check_number
from n2s.systems.encoding.fit import Recipe, checked_brain, inner_groups
from n2s.systems.encoding.inputs import FoldInputs, mark, rows_hash
from n2s.systems.encoding.rows import Fit as Columns
from n2s.systems.high_gamma.permuted_words import permuted_words
from n2s.systems.high_gamma.rows import PERMUTED, SHIFTED, Fit

SEVERAL = (1.0, 2.0)  # penalties are chosen: groups matter
OFTEN = 1.5  # times, on average, a unit comes in training: then units are repeated


@dataclass(frozen=True)
class Options:
    """How fits are made; see `n2s.systems.HighGammaEncoding`."""

    n_folds: int
    shift_s: float
    seed: int

    def __post_init__(self) -> None:
        check_number("model.n_folds", self.n_folds, low=2, whole=True)
        check_number("model.shift_s", self.shift_s, above=0)
        check_number("model.seed", self.seed, low=0, whole=True)

    @property
    def recipe(self) -> Recipe:
        """For what encoding models share."""
        return Recipe(SEVERAL, self.n_folds, self.shift_s, self.seed)


class Inputs:
    """The features of a subject's fold for every fit.

    Parameters
    ----------
    data, subject, fold
        Whose, and which rows.
    options
        Of shifts and draws.
    """

    def __init__(self, data: EncodingData, subject: str, fold: Fold, options: Options):
        self.data, self.subject, self.fold, self.seed = data, subject, fold, options.seed
        self.plain = FoldInputs(data, subject, fold, shift_s=options.shift_s, seed=options.seed)
        self._orders: dict[tuple[int, int], np.ndarray] = {}

    def of(self, fit: Fit, *, lagged: bool) -> tuple[np.ndarray, np.ndarray]:
        """(n, p), (m, p) float32 of training and test rows: columns of all lags, or of the one nearest to 0."""
        delays_s = self.data.delays(fit.spaces[0], self.subject)[0]
        columns = Columns(
            tuple((space, 0) for space in fit.spaces),
            shift=fit.draw if fit.change == SHIFTED else 0,
            lag=None if lagged else int(np.abs(delays_s).argmin()),
        )
        train, test = self.plain.of(columns)
        if fit.change == PERMUTED:
            ahead_s = max(float(-delays_s.min()), 0.0)
            return train[self._order(fit.draw, 0, ahead_s)], test[self._order(fit.draw, 1, ahead_s)]
        return train, test

    def _order(self, draw: int, side: int, ahead_s: float) -> np.ndarray:
        if (draw, side) not in self._orders:
            numbers = (self.fold.train, self.fold.test)[side]
            self._orders[draw, side] = permuted_words(
                self.data.rows(self.subject),
                numbers,
                self.data.stimuli,
                self.data.rate_hz[self.subject],
                ahead_s,
                np.random.default_rng([self.seed, draw, side]),
                f"{self.plain.where}, {('training', 'test')[side]}",
            )
        return self._orders[draw, side]


def fit_fold(
    data: EncodingData,
    subject: str,
    fold: Fold,
    fits: Mapping[str, Fit],
    estimators: Mapping[str, ElectrodeModel],
    options: Options,
    *,
    device: torch.device | str = "cpu",
) -> dict:
    """Fit everything on the training rows of a fold.

    Returns
    -------
    ``fits``: key -> `ElectrodeModel.state` on the CPU; ``marks``: what a test knows the data by.
    """
    inputs = Inputs(data, subject, fold, options)
    brain = checked_brain(data, subject, fold)[0]
    y, groups = torch.from_numpy(brain).to(device), penalty_groups(fold, options, subject)
    pieces = stretch_numbers(data, subject, fold.train)
    found: dict[str, dict] = {}
    for key, fit in fits.items():
        estimator = copy.deepcopy(estimators[fit.estimator])
        x = torch.from_numpy(inputs.of(fit, lagged=estimator.lagged)[0]).to(device)
        state = estimator.fit(x, y, groups, pieces).state()
        found[key] = {name: value.cpu() for name, value in state.items()}
    marks = {"rows": rows_hash(data, subject, fold), "brain": torch.from_numpy(mark(brain))}
    return {"fits": found, "marks": marks | {name: torch.from_numpy(one) for name, one in inputs.plain.marks.items()}}


def stretch_numbers(data: EncodingData, subject: str, numbers: np.ndarray) -> np.ndarray:
    """(n,) Number of the stretch of consecutive rows that each row lies in."""
    found = np.zeros(len(numbers), int)
    for number, one in enumerate(row_stretches(data.rows(subject), numbers)):
        found[one] = number
    return found


def penalty_groups(fold: Fold, options: Options, where: str) -> list:
    """(n,) What the choice of penalties keeps together: units that come back (the repetitions of a word), else stretches in time.

    A word on both sides of an inner border would choose penalties for a model that knows words by heart.
    """
    units = pd.factorize(fold.groups)[0]
    n_units, n_times = units.max(initial=-1) + 1, 1 + np.count_nonzero(np.diff(units))
    if n_units >= options.n_folds and n_times > OFTEN * n_units:
        return fold.groups.tolist()
    return inner_groups(fold, options.recipe, where).tolist()


def check_fold(fold: Fold, options: Options, where: str) -> None:
    """Raise a UserError if the training rows have fewer units than the inner cross-validation has folds."""
    n_units = len(set(fold.groups.tolist()))
    if n_units < options.n_folds:
        raise UserError(
            f"{where}: its training rows are of {n_units} {'unit' if n_units == 1 else 'units'} (words, blocks, stories), and penalties are "
            f"chosen by cross-validation in {options.n_folds} folds (n_folds of the estimators). Set fewer, at least two, or smaller units "
            "(data.split: SplitBySentence, SplitByTime)."
        )
