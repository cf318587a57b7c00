"""What the test of a classifier of events holds: logits of windows, controls that see no brain, and what each says."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from n2s.metrics.classification_intervals import units_of_runs
from n2s.metrics.clip_scores import Units
from n2s.systems.event_classes.draws import Alike, Draws, joined
from n2s.systems.event_classes.loss import log_probabilities, predicted_classes
from n2s.systems.event_classes.speech_runs import drop_short


@dataclass(eq=False)
class Outcome:
    """Classes of test windows, or of averages of windows, and what was said.

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
        (k,) Training windows of each class; of several models (folds, conditions, people), (models, k).
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
    said
        (n,) Classes that were said, where these are not the likeliest: a vote.
    voters
        Who voted.
    top_k
        Of the likeliest classes, for `n2s.metrics.top_k`; 0: not scored.
    ideal
        (n, k) Log-posterior of the best possible classifier that sees no artifact of speech; None: not known.
    by_condition
        Whether each condition has a model of its own: scores of two models are never compared.
    alike
        Of averages: condition -> `n2s.systems.event_classes.draws.Alike` of the single windows; None: not known.
    scaled_by
        What the scale of the sensors is taken from, in words.
    model
        (n,) Row of ``trained`` that each row's model learned from; None: there is one.
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
    said: np.ndarray | None = None
    voters: list = field(default_factory=list)
    top_k: int = 0
    ideal: np.ndarray | None = None
    by_condition: bool = False
    alike: dict | None = None
    scaled_by: list = field(default_factory=list)
    model: np.ndarray | None = None

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
        """(n,) The likeliest class of each row, or that of a vote."""
        return predicted_classes(self.logits) if self.said is None else self.said

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
        """(n,) The recording of each row, in a fold."""
        fold = self.events.fold.astype(str) if "fold" in self.events else ""
        return (self.events.recording.astype(str) + "|" + fold).to_numpy(str)

    @property
    def folds(self) -> np.ndarray | None:
        """(n,) The fold of each row; None if there is one."""
        return self.events.fold.to_numpy() if self.n_folds > 1 else None

    @cached_property
    def strata(self) -> np.ndarray | None:
        """(n,) Which model each row is of; None if there is one for each person."""
        keys = ["fold"] * (self.n_folds > 1) + ["condition"] * self.by_condition
        return self.events.groupby(keys, sort=False).ngroup().to_numpy() if keys else None

    @cached_property
    def draws(self) -> Draws:
        """How labels are drawn for nulls."""
        alike = None if self.alike is None else joined([Alike(*one) for one in self.alike.values()])
        return Draws(
            self.events, window_s=self.window_s, average=self.average, frames=self.frames, step_s=self.step_s, alike=alike
        )  # fmt: skip

    def of_condition(self, condition: str) -> Self:
        """The rows of one condition alone."""
        rows = np.flatnonzero(self.events.condition.to_numpy(str) == condition)
        some = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("n_averaged", "said", "ideal", "model")
        }
        return replace(
            self,
            events=self.events.iloc[rows].reset_index(drop=True),
            logits=self.logits[rows],
            controls=None if self.controls is None else self.controls[:, rows],
            alike=None if self.alike is None else {condition: self.alike[condition]},
            **some,
        )

    @cached_property
    def units(self) -> Units:
        """What is independent among the rows of one subject."""
        table = self.events
        recording, subject = table.recording.to_numpy(str), table.subject.to_numpy(str)
        return units_of_runs(
            recording, subject, table.start_s.to_numpy(float), window_s=self.window_s, average=self.average
        )
