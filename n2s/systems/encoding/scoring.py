"""A test of all subjects: predictions, scores, ceilings, and the result."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding_data import EncodingData, Measured
from n2s.errors import UserError
from n2s.metrics.ceilings import noise_ceiling
from n2s.options import check_choice, check_number
from n2s.studies.readers.grayordinates import packed
from n2s.systems.encoding.ceilings import flat_places, from_repeats, from_subjects, n_averaged, shared_by, spill
from n2s.systems.encoding.evaluation import Significance, kernels, lag_scores, subject_scores
from n2s.systems.encoding.fit import Recipe
from n2s.systems.encoding.predict import HeldOut
from n2s.systems.encoding.results.regions import WHOLE
from n2s.systems.encoding.results.result import BrainScoreResult
from n2s.systems.encoding.rows import ModelRow
from n2s.systems.encoding.segments import matched_segments


@dataclass(frozen=True)
class Options:
    """How a test scores; see `n2s.systems.BrainScore`."""

    null_by: Literal["block", "phase"] = "phase"
    block_s: float = 20.0
    n_permutations: int = 1000
    n_shifts: int = 3
    per_lag: bool = False
    kernels: bool = False

    def __post_init__(self) -> None:
        check_choice("model.null_by", self.null_by, ("block", "phase"))
        check_number("model.block_s", self.block_s, above=0)
        check_number("model.n_permutations", self.n_permutations, low=0, whole=True)
        check_number("model.n_shifts", self.n_shifts, low=0, whole=True)

    def lags(self, data: EncodingData, rows: Sequence[ModelRow]) -> dict[str, int]:
        """Row -> number of lags, of the rows that are scored lag by lag: the last level of each network, single spaces, controls."""
        if not self.per_lag:
            return {}
        found = {}
        for row in whole_rows(rows):
            first, *others = [
                {tuple(np.round(data.delays(space, one)[0], 9)) for space in row.spaces} for one in data.subjects
            ]
            if any(len(one) > 1 for one in (first, *others)):
                raise UserError(
                    f"model.per_lag: the feature spaces of '{row.label}' ({', '.join(row.spaces)}) have different lags. Give them one response "
                    "model, or set model.per_lag to false."
                )
            counts = {len(next(iter(one))) for one in (first, *others)}
            if len(counts) > 1:
                raise UserError(
                    f"model.per_lag: subjects have from {min(counts)} to {max(counts)} lags, for their rates differ. Bring them to one "
                    "rate, or set model.per_lag to false."
                )
            found[row.key] = counts.pop()
        if max(found.values()) < 2:
            raise UserError(
                "model.per_lag: the response model has a single lag. Set data.response to n2s.data.Lags or FIR, or per_lag to false."
            )
        return found


def whole_rows(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """Rows that are no step to a larger model, no banded model and no shift."""
    steps = {row.before for row in rows}
    return [row for row in rows if row.key not in steps and not row.fits[0].bands and not row.fits[0].shift]


def kernel_row(rows: Sequence[ModelRow]) -> ModelRow:
    """The row whose response functions are kept: all levels of the first network that is no control."""
    return next(row for row in whole_rows(rows) if row.role == "model")


class Scorer:
    """Scores subjects one after the other, and compares them at the end.

    Parameters
    ----------
    data
        Where rows, responses and features come from.
    fits
        Subject -> fold -> what the fit left.
    rows
        The rows of the table.
    recipe, options
        How fits were made, and how they are scored.
    device
        Where equations are solved.
    weights
        The folder of kept weights, if there are any.
    """

    def __init__(
        self,
        data: EncodingData,
        fits: Mapping[str, Mapping[str, Mapping]],
        rows: Sequence[ModelRow],
        recipe: Recipe,
        options: Options,
        *,
        device: torch.device | str = "cpu",
        weights: Path | None = None,
    ):
        self.data, self.fits, self.rows, self.recipe, self.options = data, fits, rows, recipe, options
        self.device, self.weights = device, weights
        self.significance = Significance(options.null_by, options.block_s, options.n_permutations, recipe.seed)
        self._lags = options.lags(data, rows)
        self._tables: dict[str, pd.DataFrame] = {}
        self._more: dict[str, list[pd.DataFrame]] = {"lags": [], "kernels": []}
        self._rows: dict[str, np.ndarray] = {}
        self._blocks: dict[str, tuple[int, float]] = {}
        self._true: dict[str, np.ndarray] = {}
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

    def add(self, subject: str) -> None:
        """Score a subject; nothing is done for one that is scored."""
        if subject in self._tables:
            return
        held = HeldOut(self.data, subject, self.fits[subject], self.recipe, device=self.device, weights=self.weights)
        measured = self.data.measured(subject)
        names = np.asarray(measured.names).astype(str)
        scores = subject_scores(held, self.rows, self.significance) | ceilings(self.data, held, len(names))
        self._tables[subject] = pd.DataFrame(places(subject, measured) | scores)
        by_lag = [row for row in self.rows if row.key in self._lags]
        if by_lag:
            self._more["lags"].append(
                lag_scores(held, by_lag, self.data.delays(by_lag[0].spaces[0], subject)[0], names)
            )
        if self.options.kernels:
            self._more["kernels"].append(kernels(held, kernel_row(self.rows), names))
        self._rows[subject] = held.rows
        self._blocks[subject] = self.significance.blocks(held.part, self.data.rate_hz[subject])
        self._true[subject] = spill(held.true, Path(self._folder.name), len(self._true))

    def result(self) -> BrainScoreResult:
        """The scores of all subjects so far."""
        subjects = list(self._tables)
        shared, matched = shared_by(self.data, subjects, self._rows, self._true), None
        if shared is not None:
            for subject, found in from_subjects(shared, subjects).items():
                self._tables[subject]["ceiling:isc"] = found
            matched = matched_segments(shared, subjects, self.data.rate_hz[subjects[0]])
            del shared
        self._true.clear()
        self._folder.cleanup()
        more = {name: pd.concat(parts, ignore_index=True) for name, parts in self._more.items() if parts}
        return BrainScoreResult(
            targets=joined(list(self._tables.values())),
            rows=row_table(self.data, self.rows),
            images={name: image(self.data.measured(name)) for name in subjects},
            settings=self._settings(subjects) | ({"segments": matched} if matched else {}),
            seed=self.recipe.seed,
            **more,
        )

    def _settings(self, subjects: Sequence[str]) -> dict:
        """Facts for notes and ``metrics.json``, in plain types."""
        folds = [fold for name in subjects for fold in self.data.folds(name)]
        n_blocks, blocks_s = zip(*(self._blocks[name] for name in subjects), strict=True)
        found = {
            "n_folds": _ends([len(self.data.folds(name)) for name in subjects]),
            "n_rows": _ends([len(self._rows[name]) for name in subjects]),
            "n_train_rows": _ends([len(fold.train) for fold in folds]),
            "n_penalty_folds": self.recipe.n_folds,
            "alphas": list(self.recipe.alphas),
            "at_largest_penalty": at_largest(self.fits, subjects, self.recipe),
            "null": self.options.null_by,
            "block_s": self.options.block_s,
            "n_blocks": _ends(n_blocks),
            "blocks_s": [min(blocks_s), max(blocks_s)],
            "n_permutations": self.options.n_permutations,
            "n_shifts": self.options.n_shifts,
        }
        return found | ({"shift_s": self.recipe.shift_s} if self.options.n_shifts else {})


def ceilings(data: EncodingData, held: HeldOut, n_targets: int) -> dict[str, np.ndarray]:
    """Those of one subject; NaN where they cannot be computed."""
    biased, corrected = from_repeats(data.repeats(held.subject), n_targets)
    n = n_averaged(data.rows(held.subject).iloc[held.rows])
    found = {
        "ev": biased,
        "ev_corrected": corrected,
        "r": noise_ceiling(corrected, n),
        "isc": np.full(n_targets, np.nan),
    }
    return {f"ceiling:{name}": values for name, values in found.items()} | {"n_presentations": np.full(n_targets, n)}


def places(subject: str, measured: Measured) -> dict[str, object]:
    """The columns of a subject's targets that say what and where they are."""
    n = len(measured.names)
    where = np.full((n, 3), np.nan)
    if measured.places is not None:
        where[:, : measured.places.shape[1]] = measured.places
    regions = {name: np.asarray(mask, bool) for name, mask in measured.rois.items() if name != WHOLE}
    return {
        "subject": subject,
        "name": np.asarray(measured.names).astype(str),
        "index": flat_places(measured),
        **{axis: where[:, number] for number, axis in enumerate("xyz")},
        **{f"roi:{name}": mask for name, mask in (regions | {WHOLE: np.ones(n, bool)}).items()},
    }


def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """All subjects; a region that one does not have holds none of its targets."""
    found = pd.concat(tables, ignore_index=True)
    regions = [name for name in found if name.startswith("roi:")]
    found[regions] = found[regions].astype("boolean").fillna(False).astype(bool)
    return found


def image(measured: Measured) -> dict:
    """What a subject's targets lie on, in plain types."""
    found: dict[str, object] = {"kind": measured.kind} | ({"own_names": True} if measured.own_names else {})
    space = measured.space
    if space is not None and space.mask is not None:
        found |= {"shape": [int(n) for n in space.mask.shape], "affine": np.asarray(space.mask.affine, float).tolist()}
    if space is not None:
        found |= {key: value for key in ("mesh", "template") if (value := getattr(space, key)) is not None}
    if space is not None and space.grayordinates is not None:
        found["grayordinates"] = packed(space.grayordinates)
    return found


def row_table(data: EncodingData, rows: Sequence[ModelRow]) -> pd.DataFrame:
    """See `BrainScoreResult`."""
    return pd.DataFrame(
        [
            {
                "row": row.key,
                "label": row.label,
                "role": row.role,
                "network": row.network,
                "level": row.level,
                "spaces": " + ".join(row.spaces),
                "n_features": sum(data.delays(space, data.subjects[0])[1] for space in row.spaces),
                "n_seeds": len(row.fits),
            }
            for row in rows
        ]
    )


def at_largest(fits: Mapping, subjects: Sequence[str], recipe: Recipe) -> float:
    """The share of targets and fits whose penalty is the largest of the grid."""
    largest = max(recipe.alphas) * (1 - 1e-4)
    chosen = [
        (one >= largest).float().mean()
        for subject in subjects
        for fold in fits[subject].values()
        for one in fold["penalties"].values()
    ]
    return float(torch.stack(chosen).mean()) if len(recipe.alphas) > 1 and chosen else 0.0


def _ends(values: Sequence[int]) -> list[int]:
    return [int(min(values)), int(max(values))]
