"""What the test of a classifier of events leaves: logits of windows beside controls that see no brain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.metrics.classification_intervals import units_of_runs
from n2s.metrics.clip_scores import Units
from n2s.metrics.controls import holm
from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.paths import written_whole
from n2s.systems.event_classes import words
from n2s.systems.event_classes.figures import drawings
from n2s.systems.event_classes.loss import log_probabilities, predicted_classes
from n2s.systems.event_classes.speech_runs import drop_short
from n2s.systems.event_classes.summary import Summary


@dataclass(eq=False)
class EventResult(Result):
    """Classes of test windows, or of averages of windows.

    Parameters
    ----------
    events
        One row a window (of an average: its first window), by recording and time: ``subject``, ``recording``, ``unit``, ``condition``,
        ``label``, ``onset``, ``duration``, ``start_s`` (of the window), ``text``, ``previous``, ``pause_s``; ``fold``, if there are several.
    logits
        (n, k) of each class; (n, 1) of the second of two.
    names
        Of the classes.
    trained
        (k,) Training windows of each class; of several folds, (folds, k).
    controls
        (m, n, k) Log-probabilities of classifiers without a brain; None: there are none.
    control_names, control_notes
        What these know, (m); why others are missing.
    average
        Windows in each row: more than 1 is no score of single windows.
    n_averaged
        (n,) Windows in each row, of averages: the last of a class may have fewer.
    frames, step_s
        Whether rows are frames of a grid, of speech and silence, and from one to the next, s.
    window_s, offset_s
        Length of a window, and its start after the event, s.
    min_run_s
        Of frames: shorter stretches of speech are dropped.
    weights
        Of rare classes in training.
    split
        What was held out.
    n_folds
        Folds that were held out in turn.
    n_permutations, seed
        Of the labels.
    """

    events: pd.DataFrame
    logits: np.ndarray
    names: list
    trained: np.ndarray
    controls: np.ndarray | None = None
    control_names: list = field(default_factory=list)
    control_notes: list = field(default_factory=list)
    average: int = 1
    n_averaged: np.ndarray | None = None
    frames: bool = False
    step_s: float | None = None
    window_s: float = 0.5
    offset_s: float = 0.0
    min_run_s: float = 0.0
    weights: str = "none"
    split: str = ""
    n_folds: int = 1
    n_permutations: int = 1000
    seed: int = 0

    # -- what was said -------------------------------------------------------------------------------------------------

    @property
    def labels(self) -> np.ndarray:
        """(n,) True classes."""
        return self.events.label.to_numpy(np.int64)

    @cached_property
    def log_proba(self) -> np.ndarray:
        """(n, k) Log-probabilities."""
        return log_probabilities(self.logits)

    @cached_property
    def as_said(self) -> np.ndarray:
        """(n,) The likeliest class of each row."""
        return predicted_classes(self.logits)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(n,) The class of each row: the likeliest, without stretches of speech that are too short."""
        if not (self.frames and self.min_run_s):
            return self.as_said
        return self.without_short(self.as_said)

    def without_short(self, said: np.ndarray) -> np.ndarray:
        """(n,) Frames without stretches of speech that are too short."""
        recording, start_s = self.recordings, self.events.start_s.to_numpy(float)
        return drop_short(said == 1, recording, start_s, step_s=self.step_s, least_s=self.min_run_s).astype(np.int64)

    @cached_property
    def recordings(self) -> np.ndarray:
        """(n,) The recording of each row, in a fold: labels are permuted inside."""
        fold = self.events.fold.astype(str) if "fold" in self.events else ""
        return (self.events.recording.astype(str) + "|" + fold).to_numpy(str)

    @property
    def folds(self) -> np.ndarray | None:
        """(n,) The fold of each row, whose scores are of another model; None if there is one model."""
        return self.events.fold.to_numpy() if self.n_folds > 1 else None

    @cached_property
    def units(self) -> Units:
        """What is independent among the rows of one subject."""
        table = self.events
        recording, subject = table.recording.to_numpy(str), table.subject.to_numpy(str)
        return units_of_runs(
            recording, subject, table.start_s.to_numpy(float), window_s=self.window_s, average=self.average
        )

    @cached_property
    def summary(self) -> Summary:
        """All numbers."""
        return Summary(self)

    # -- Result --------------------------------------------------------------------------------------------------------

    def scores(self) -> Scores:
        """See `Result`."""
        return self.summary.scores

    def facts(self) -> dict:
        """See `Result`."""
        counts = {f"n_{name.replace(' ', '_')}": n for name, n in words.counts(self).items()}
        tests = {name: {"p": p, "p_holm": self.corrected[name]} for name, p in self.summary.p.items()}
        return counts | {
            "average": self.average,
            "tests": tests,
            "n_permutations": self.n_permutations,
            "seed": self.seed,
        }

    @property
    def corrected(self) -> dict[str, float]:
        """Score -> p, corrected for all scores of all test sets that are shown together."""
        own = self.summary.p
        return getattr(self, "_corrected", None) or dict(
            zip(own, holm(np.array(list(own.values()))).tolist(), strict=True)
        )

    @classmethod
    def settle(cls, results: Mapping[str, Self]) -> None:
        """See `Result`: p are corrected for the scores of all test sets."""
        every = [(result, name, p) for result in results.values() for name, p in result.summary.p.items()]
        for (result, name, _), corrected in zip(every, holm(np.array([p for *_, p in every])), strict=True):
            result.__dict__.setdefault("_corrected", {})[name] = float(corrected)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        return [
            Shown(
                headline=words.headline(self),
                scores=self.scores(),
                notes=words.notes(self),
                tables=words.tables(self),
                drawings=drawings(self),
                counts=words.counts(self),
                files={"predictions (CSV)": "predictions.csv", "probabilities (NumPy)": "probabilities.npz"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: one row a window, with what was said, and the probabilities of all classes."""
        names, p = np.array(self.names), np.exp(self.log_proba)
        table = self.events.assign(
            predicted=names[self.predicted],
            p_true=p[np.arange(len(p)), self.labels],
            p_predicted=p[np.arange(len(p)), self.predicted],
        )
        if self.n_averaged is not None:
            table = table.assign(n_averaged=self.n_averaged)
        with written_whole(folder / "predictions.csv") as path:
            table.to_csv(path, index=False, float_format="%.6g")
        with written_whole(folder / "probabilities.npz") as path, open(path, "wb") as file:
            np.savez(
                file, probabilities=p.astype(np.float32), names=names, labels=self.labels, predicted=self.predicted
            )

    @classmethod
    def pooled(cls, parts: Sequence[Self]) -> Self:
        """See `Result`: windows of all folds. Scores of different models are never compared (AUC is inside folds)."""
        first = parts[0]
        if any(part.names != first.names or part.average != first.average for part in parts):
            raise UserError("folds differ in their classes, or in how many windows they average: fit all folds again.")
        kept = [name for name in first.control_names if all(name in part.control_names for part in parts)]
        lost = [name for part in parts for name in part.control_names if name not in kept]
        notes = [note for part in parts for note in part.control_notes]
        notes += [f"No control '{name}': some folds lack it." for name in lost]
        at = [[part.control_names.index(name) for name in kept] for part in parts]
        return cls(
            events=pd.concat(
                [part.events.assign(fold=number) for number, part in enumerate(parts, 1)], ignore_index=True
            ),
            logits=np.concatenate([part.logits for part in parts]),
            names=first.names,
            trained=np.stack([part.trained for part in parts]),
            controls=np.concatenate([part.controls[own] for part, own in zip(parts, at, strict=True)], 1)
            if kept
            else None,
            control_names=kept,
            control_notes=list(dict.fromkeys(notes)),
            average=first.average,
            n_averaged=None if first.n_averaged is None else np.concatenate([part.n_averaged for part in parts]),
            frames=first.frames,
            step_s=first.step_s,
            window_s=first.window_s,
            offset_s=first.offset_s,
            min_run_s=first.min_run_s,
            weights=first.weights,
            split=first.split,
            n_folds=len(parts),
            n_permutations=first.n_permutations,
            seed=first.seed,
        )
