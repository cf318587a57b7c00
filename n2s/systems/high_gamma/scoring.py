"""A test: the held-out rows of a subject predicted by every model and baseline, and scored electrode by electrode and flattened."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.metrics.cross_fitted import widened
from n2s.metrics.flattened import flattened
from n2s.metrics.group_tests import benjamini_hochberg
from n2s.metrics.tracking import circular_shift_null
from n2s.models.electrode_model import ElectrodeModel
from n2s.options import check_choice, check_number
from n2s.systems.encoding.evaluation import Significance, correlation, standardised
from n2s.systems.encoding.inputs import check_same
from n2s.systems.encoding.predict import HeldOut
from n2s.systems.high_gamma.fit import Inputs, Options, stretch_numbers
from n2s.systems.high_gamma.rows import CIRCULAR, MEAN, Fit, Row
from n2s.systems.high_gamma.summary import best_electrodes, top_mean

TRACE_S, TRACES = 8.0, 3  # of the page's example: its length, and how many electrodes
LEAST_SHIFT = 0.1  # of the held-out rows (Verwoert 2022)


@dataclass(frozen=True)
class Null:
    """How p is found, and how many circular shifts are made; see `n2s.systems.HighGammaEncoding`."""

    null_by: Literal["block", "phase"]
    block_s: float
    n_permutations: int
    n_shifts: int
    seed: int

    def __post_init__(self) -> None:
        check_choice("model.null_by", self.null_by, ("block", "phase"))
        check_number("model.block_s", self.block_s, above=0)
        for name in ("n_permutations", "n_shifts"):
            check_number(f"model.{name}", getattr(self, name), low=0, whole=True)

    @property
    def significance(self) -> Significance:
        """For p within a subject."""
        return Significance(self.null_by, self.block_s, self.n_permutations, self.seed)


@dataclass(frozen=True)
class SubjectScores:
    """Of one subject.

    ``electrodes``: a row an electrode. ``flat``: ``row``, ``r``, ``r2``. ``null``: ``median``, ``top`` of each circular shift. ``traces``:
    ``name``, ``time_s``, ``recorded``, ``predicted``. ``n_rows``, ``n_blocks``: held out, and permuted.
    """

    electrodes: pd.DataFrame
    flat: pd.DataFrame
    null: pd.DataFrame
    traces: pd.DataFrame
    n_rows: int
    n_blocks: int


class HeldOutElectrodes(HeldOut):
    """A subject's held-out rows, their responses, and predictions of them.

    Parameters
    ----------
    data, subject
        Whose.
    fitted
        Name of a fold -> what `n2s.systems.high_gamma.fit.fit_fold` left.
    estimators
        By name.
    options
        How fits were made.
    device
        Where predictions are made.
    """

    def __init__(
        self,
        data: EncodingData,
        subject: str,
        fitted: Mapping[str, Mapping],
        estimators: Mapping[str, ElectrodeModel],
        options: Options,
        *,
        device: torch.device | str = "cpu",
    ):
        super().__init__(data, subject, fitted, options.recipe, device=device)
        self.estimators = estimators
        self._inputs = {fold.name: Inputs(data, subject, fold, options) for fold in self.folds}
        self._stretches = {fold.name: stretch_numbers(data, subject, fold.test) for fold in self.folds}
        recorded = [self._recorded(fold) for fold in self.folds]
        #: (n, v) held-out activity in its unit; and of each fold mean of its training rows, and their deviation within runs.
        self.recorded = self.joined([test for _, _, test in recorded], centred=False)
        self._moments = [(mean, deviation) for mean, deviation, _ in recorded]

    def by_fold(self, fit: Fit) -> list[np.ndarray]:
        """(m, v) of each fold, in deviations of the training rows."""
        found = []
        for fold in self.folds:
            states, inputs = self.fitted[fold.name]["fits"], self._inputs[fold.name]
            if fit.key not in states:
                raise UserError(
                    f"{self.subject}, {fold.name}: the run has no fit of '{fit.key}'. Its models, estimators or n_draws were others: take the "
                    "run's own config.yaml, or fit again."
                )
            model = copy.deepcopy(self.estimators[fit.estimator])
            model.load({name: value.to(self.device) for name, value in states[fit.key].items()})
            test = torch.from_numpy(inputs.of(fit, lagged=model.lagged)[1]).to(self.device)
            check_same(self.fitted[fold.name]["marks"], inputs.plain.marks, inputs.plain.where)
            found.append(model.predict(test, self._stretches[fold.name]).cpu().numpy())
        return found

    def in_unit(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """(n, v): predictions in the unit of the recording, each electrode with its training mean."""
        own = [mean + deviation * part for part, (mean, deviation) in zip(parts, self._moments, strict=True)]
        return self.joined(own, centred=False)

    def means(self) -> np.ndarray:
        """(n, v): the training mean of each electrode, all that a prediction without time knows."""
        return self.in_unit([np.zeros((len(fold.test), 1), np.float32) for fold in self.folds])

    def _recorded(self, fold: Fold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        train, test = self.data.recorded(self.subject, fold)
        # responses are z-scored run by run: what runs differ in is no size of a prediction
        run = self.data.rows(self.subject).recording.to_numpy()[fold.train].astype(str)
        power = sum(
            train[run == name].var(0, dtype=np.float64) * np.count_nonzero(run == name) for name in np.unique(run)
        )
        mean, deviation = train.mean(0, dtype=np.float64), np.sqrt(power / len(train))
        return mean.astype(np.float32), deviation.astype(np.float32), test.astype(np.float32)


def subject_scores(held: HeldOutElectrodes, rows: Sequence[Row], null: Null) -> SubjectScores:
    """Every score of a subject; the first row is the model that traces and circular shifts are of."""
    measured, rate_hz = held.data.measured(held.subject), held.data.rate_hz[held.subject]
    names = np.asarray(measured.names).astype(str)
    places = np.full((len(names), 3), np.nan) if measured.contacts_mm is None else measured.contacts_mm
    table = {"subject": held.subject, "name": names} | dict(zip("xyz", np.asarray(places, float).T, strict=True))
    # one that does not change in what is held out has no r by any model
    table["varies"] = np.ptp(held.true, axis=0) > 0
    flat = [(MEAN, *flattened(held.means(), held.recorded))]
    shifts, traces = pd.DataFrame({"median": [], "top": []}, dtype=float), None
    for number, row in enumerate(rows):
        scores, flats, together = [], [], 0.0
        for fit in row.fits:
            parts = held.by_fold(fit)
            values = held.levelled(parts)
            scores.append(correlation(values, held.true))
            flats.append(flattened(held.in_unit(parts), held.recorded))
            together = together + standardised(values)
            if not number:
                shifts = circular(values, held.true, table["varies"], null, n_folds=len(held.folds))
                traces = example(held, held.joined(parts), scores[0], names)
        table[f"r:{row.key}"] = r = over_draws(scores)
        if null.n_permutations:
            p = null.significance.p(together, held.true, held.part, rate_hz, n_folds=len(held.folds))
            table[f"p:{row.key}"] = p = np.where(np.isfinite(r), p, np.nan)
            table[f"q:{row.key}"] = benjamini_hochberg(p)
        flat.append((row.key, *np.mean(flats, 0)))
    flat = pd.DataFrame(flat, columns=["row", "r", "r2"]).assign(subject=held.subject)
    n_blocks = null.significance.blocks(held.part, rate_hz)[0]
    return SubjectScores(
        pd.DataFrame(table), flat, shifts.assign(subject=held.subject, row=CIRCULAR), traces, len(held.rows), n_blocks
    )


def over_draws(scores: Sequence[np.ndarray]) -> np.ndarray:
    """(v,) r of each draw -> (v,) their mean. A draw that predicts a constant has found nothing: 0; NaN where all do."""
    r = np.stack(scores)
    return np.where(np.isfinite(r).any(0), np.nan_to_num(r).mean(0), np.nan)


def circular(predicted: np.ndarray, true: np.ndarray, varies: np.ndarray, null: Null, *, n_folds: int) -> pd.DataFrame:
    """``median`` and ``top`` of each circular shift of the predictions against the truth: what no alignment at all reaches."""
    least = max(1, round(LEAST_SHIFT * len(true)))
    if not null.n_shifts or least > len(true) // 2 or not varies.any():
        return pd.DataFrame({"median": [], "top": []}, dtype=float)
    given = (torch.from_numpy(np.ascontiguousarray(one[:, varies])) for one in (predicted, true))
    r = circular_shift_null(*given, n_shifts=null.n_shifts, min_shift=least, seed=null.seed).numpy()
    r = widened(r, n_folds, bounds=(-1.0, 1.0))
    return pd.DataFrame({"median": np.median(r, 1), "top": [top_mean(one) for one in r]})


def example(held: HeldOutElectrodes, predicted: np.ndarray, r: np.ndarray, names: np.ndarray) -> pd.DataFrame:
    """The first seconds of the longest stretch of held-out rows, of the electrodes with the highest r."""
    rows = held.data.rows(held.subject)
    best = best_electrodes(r, TRACES)
    n = max(1, round(TRACE_S * held.data.rate_hz[held.subject]))
    apart = np.flatnonzero(np.r_[True, np.diff(held.rows) != 1, True])
    longest = int(np.diff(apart).argmax())
    own = slice(apart[longest], min(apart[longest + 1], apart[longest] + n))
    if own.stop - own.start < n / 4:  # single words: in their order, gaps are left out
        own = slice(0, min(n, len(held.rows)))
    time_s = rows.time_s.to_numpy()[held.rows[own]]
    parts = [
        pd.DataFrame(
            {
                "name": names[one],
                "time_s": time_s,
                "recorded": held.true[own, one],
                "predicted": predicted[own, one],
                "r": r[one],
            }
        )
        for one in best
    ]
    if not parts:
        return pd.DataFrame(columns=["name", "time_s", "recorded", "predicted", "r", "subject"])
    return pd.concat(parts, ignore_index=True).assign(subject=held.subject)
