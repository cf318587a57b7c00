"""What decoders of each training condition say of the test windows of every condition: the raw material of all scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from n2s.data.event_bands import WHOLE
from n2s.errors import UserError
from n2s.metrics.classification_intervals import units_of_runs
from n2s.metrics.clip_scores import Units
from n2s.models.window_classifiers import ABSENT
from n2s.systems.event_classes.draws import Alike, Draws, alike_of


class Cell(NamedTuple):
    """Decoders of a band and a training condition, at the windows of a condition."""

    band: str
    trained: str
    tested: str


@dataclass(eq=False, kw_only=True)
class Transfer:
    """The fields of `n2s.systems.event_classes.transfer_result.TransferResult`, and which windows each score is of.

    Parameters
    ----------
    events
        A row a test sample: ``subject``, ``recording``, ``unit``, ``condition``, ``label``, ``name``, ``onset``, ``duration``, ``start_s``, ``text``,
        ..., ``fold``, and ``best``: the class that the best possible decoder says, -1 where none is known.
    decoders
        ``band`` and ``condition`` (of training) of each.
    log_proba
        (d, n, k) float32 log-probabilities; NaN where the person has no such decoder. A class that is not decoded has `ABSENT`.
    pair_scores
        (q, d, n) float32 log-odds of the second of two classes, None without pairs.
    predicted
        (a, n, b, b) int16: what the decoder of a condition and a time says at each time, -1: there is none; (a, n, b) only at its own time.
    time_conditions, times_s
        Of ``predicted``: training conditions, and the middle of each bin, s from the event.
    names, pairs
        Of the classes, and numbers of the two of each pair.
    settings
        How it was made: plain types.
    average
        Windows that a sample is the mean of.
    n_permutations, seed
        Of the null.
    """

    events: pd.DataFrame
    decoders: pd.DataFrame
    log_proba: np.ndarray
    pair_scores: np.ndarray | None = None
    predicted: np.ndarray | None = None
    time_conditions: list[str]
    times_s: list[float]
    names: list[str]
    pairs: list[list[int]]
    settings: dict
    average: int = 1
    n_permutations: int = 1000
    seed: int = 0

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One result of the folds of a cross-validation."""
        first = parts[0]
        for one in parts:
            if (one.names, one.pairs, one.times_s) != (first.names, first.pairs, first.times_s):
                raise UserError(
                    "the folds were fitted with other classes, pairs or times. Fit them all again: --fresh."
                )
        decoders = pd.concat([one.decoders for one in parts]).drop_duplicates(ignore_index=True)
        order = {band: number for number, band in enumerate(dict.fromkeys(decoders.band))}
        decoders = decoders.sort_values("band", key=lambda bands: bands.map(order), kind="stable", ignore_index=True)
        keys = list(zip(decoders.band, decoders.condition, strict=True))

        def laid(one: Self, values: np.ndarray, axis: int) -> np.ndarray:
            own = list(zip(one.decoders.band, one.decoders.condition, strict=True))
            return _laid(values, [own.index(key) if key in own else -1 for key in keys], axis, np.nan)

        log_proba = np.concatenate([laid(one, one.log_proba, 0) for one in parts], 1)
        pair_scores = predicted = None
        if first.pair_scores is not None:
            pair_scores = np.concatenate([laid(one, one.pair_scores, 1) for one in parts], 2)
        conditions = list(dict.fromkeys(name for one in parts for name in one.time_conditions))
        if first.predicted is not None:
            places = [
                [one.time_conditions.index(c) if c in one.time_conditions else -1 for c in conditions] for one in parts
            ]
            predicted = [_laid(one.predicted, own, 0, -1) for one, own in zip(parts, places, strict=True)]
            if len({one.ndim for one in predicted}) > 1:  # a large fold has only the times of each decoder
                predicted = [np.diagonal(one, axis1=2, axis2=3) if one.ndim == 4 else one for one in predicted]
            predicted = np.concatenate(predicted, 1)
        events = pd.concat([one.events.assign(fold=fold) for fold, one in enumerate(parts)], ignore_index=True)
        settings = first.settings | {
            "n_folds": len(parts),
            "n_train": [n for one in parts for n in one.settings["n_train"]],
            "scaled_by": sorted({source for one in parts for source in one.settings.get("scaled_by", [])}),
            "alike": alike_of([one.settings.get("alike") for one in parts]),
        }
        return cls(
            events=events,
            decoders=decoders,
            log_proba=log_proba,
            pair_scores=pair_scores,
            predicted=predicted,
            time_conditions=conditions,
            times_s=first.times_s,
            names=first.names,
            pairs=first.pairs,
            settings=settings,
            average=first.average,
            n_permutations=first.n_permutations,
            seed=first.seed,
        )

    @property
    def k(self) -> int:
        """Classes."""
        return len(self.names)

    @cached_property
    def subjects(self) -> list[str]:
        """In the order of the events."""
        return list(dict.fromkeys(self.events.subject))

    @cached_property
    def conditions(self) -> list[str]:
        """Tested ones, those that are trained on first and in their order."""
        tested = list(dict.fromkeys(self.events.condition))
        trained = [one for one in dict.fromkeys(self.decoders.condition) if one in tested]
        return trained + [one for one in tested if one not in trained]

    @cached_property
    def bands(self) -> list[str]:
        """In their order; the first is the whole band."""
        return list(dict.fromkeys(self.decoders.band))

    @property
    def trained(self) -> list[str]:
        """Conditions that decoders are trained in, in the order of `conditions`, as far as they are tested."""
        own = list(dict.fromkeys(self.decoders.condition))
        return [one for one in self.conditions if one in own] + [one for one in own if one not in self.conditions]

    @cached_property
    def cells(self) -> list[Cell]:
        """Every combination for which somebody has a score."""
        every = [Cell(band, one, other) for band in self.bands for one in self.trained for other in self.conditions]
        return [cell for cell in every if any(len(self.rows(cell, name)) for name in self.subjects)]

    def cells_of(self, band: str = WHOLE) -> list[Cell]:
        """Those of one band."""
        return [cell for cell in self.cells if cell.band == band]

    def decoder(self, cell: Cell) -> int | None:
        """Row of `decoders`."""
        own = (self.decoders.band == cell.band) & (self.decoders.condition == cell.trained)
        return int(np.flatnonzero(own)[0]) if own.any() else None

    def rows(self, cell: Cell, subject: str) -> np.ndarray:
        """Rows of `events` that a cell has scores of, of one subject."""
        number = self.decoder(cell)
        if number is None:
            return np.zeros(0, np.int64)
        own = (self.events.condition == cell.tested).to_numpy() & (self.events.subject == subject).to_numpy()
        return np.flatnonzero(own & np.isfinite(self.log_proba[number, :, 0]))

    def people(self, cell: Cell) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
        """Subject, rows (m,), labels (m,) and log-probabilities (m, k) of everybody who has a score in a cell."""
        labels = self.events.label.to_numpy(np.int64)
        for subject in self.subjects:
            rows = self.rows(cell, subject)
            if len(rows):
                yield subject, rows, labels[rows], self.log_proba[self.decoder(cell), rows]

    def chance(self, cell: Cell, subject: str) -> float:
        """Balanced accuracy of a guess among the classes that this person's decoder can say."""
        said = self.log_proba[self.decoder(cell), self.rows(cell, subject)] != ABSENT
        return float((1 / said.sum(1)).mean())

    @cached_property
    def units(self) -> Units:
        """(n,) what is independent among the samples: runs, or stretches of them."""
        return units_of_runs(
            self.events.recording.to_numpy(str),
            self.events.subject.to_numpy(str),
            self.events.start_s.to_numpy(float),
            window_s=self.settings["window_s"],
            average=self.average,
        )

    @cached_property
    def draws(self) -> dict[str, Draws]:
        """Tested condition -> how its labels are drawn for nulls."""
        every = Draws(self.events, window_s=self.settings["window_s"], average=self.average)
        alike, condition = self.settings.get("alike") or {}, self.events.condition.to_numpy(str)
        known = {name: Alike(*own) for name, own in alike.items() if self.average > 1}
        return {
            name: every.of(np.flatnonzero(condition == name), known.get(name)) for name in dict.fromkeys(condition.tolist())
        }  # fmt: skip

    @property
    def n_folds(self) -> int:
        """Of the cross-validation; 1: none."""
        return int(self.settings.get("n_folds", 1))


def _laid(values: np.ndarray, places: Sequence[int], axis: int, missing: float) -> np.ndarray:
    """Values along an axis in other places; -1: there is none."""
    found = np.take(values, np.maximum(places, 0), axis)
    index = [slice(None)] * found.ndim
    index[axis] = np.flatnonzero(np.array(places) < 0)
    found[tuple(index)] = missing
    return found
