"""What a finished test of a classifier leaves: logits of windows, beside controls that see no brain."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from torch import Tensor

from n2s.data.event_averages import Averages
from n2s.data.event_data import EventDataModule
from n2s.data.event_frames import Frames
from n2s.systems.event_classes.controls import combined, control_likelihoods
from n2s.systems.event_classes.draws import alike_by_condition
from n2s.systems.event_classes.ideal import ideal_posteriors
from n2s.systems.event_classes.result import EventResult

#: Columns of `n2s.data.EventDataModule.events` that a result keeps.
KEPT = (
    "recording", "study", "subject", "unit", "condition", "label", "name", "onset", "duration", "start_s", "text", "story", "sequence", "speaker",
    "previous", "pause_s",
)  # fmt: skip


class Logits(NamedTuple):
    """``row (n,)``: numbers of samples of a split; ``logits (n, k)``."""

    row: Tensor
    logits: Tensor


def test_sets(data: EventDataModule) -> dict[int, str]:
    """Windows in a sample -> the name of the test set: single windows first."""
    return {1: "test"} | {k: f"test, averages of {k}" for k in data.test_averages}


def event_result(
    data: EventDataModule,
    found: Logits,
    k: int,
    *,
    seed: int,
    weights: str = "none",
    min_run_s: float = 0.0,
    n_permutations: int = 1000,
    said: np.ndarray | None = None,
    voters: Sequence[str] = (),
    top_k: int = 0,
    prior_power: float = 1.0,
    by_condition: bool = False,
    by_person: bool = False,
) -> EventResult:
    """The result of logits, with the controls of the same windows.

    Parameters
    ----------
    data
        Set up.
    found
        Of samples in ``data.averages("test", k)``.
    k
        Windows in a sample.
    seed
        Of permutations.
    weights
        Of the classes in training.
    min_run_s, n_permutations, top_k
        See `n2s.systems.EventClassifier`.
    said, voters
        Of a vote: (n,) classes, and who voted.
    prior_power
        Of the classes' frequencies in training, in the prior that the logits and the controls have: see `n2s.systems.event_classes.loss.prior_power`.
    by_condition, by_person
        Whether each condition, and each person, has a model of its own.
    """
    row, logits = found.row.numpy(), found.logits.numpy()
    table, averages = data.events("test"), data.averages("test", k)
    windows, which = averages.windows(row, 0)
    first = windows[np.r_[True, which[1:] != which[:-1]]] if len(which) else windows
    order = np.argsort(first, kind="stable")  # as the table is: by recording and time
    asked = table.iloc[first]
    keys = ["condition"] * by_condition + ["subject"] * by_person
    trained, model = _trained(data, asked, keys)
    samples = trained[model] if keys else np.bincount(data.averages("train").label, minlength=trained.shape[1])[None]
    prior = log_softmax(prior_power * np.log(np.maximum(samples, 0.5)), axis=1)
    names, controls, told = control_likelihoods(data, by_person=by_person)
    likelihoods = np.stack([combined(one[windows], which, len(row), prior) for one in controls]) if names else None
    frames = isinstance(data.event_windows, Frames)
    best = ideal_posteriors(data, table) if k == 1 else None
    return EventResult(
        events=asked.iloc[order][list(KEPT)].reset_index(drop=True),
        logits=logits[order].astype(np.float32),
        names=list(data.class_names),
        trained=trained,
        model=model[order],
        controls=None if likelihoods is None else likelihoods[:, order].astype(np.float32),
        control_names=names,
        control_notes=told,
        average=k,
        n_averaged=_sizes(averages, row)[order] if k > 1 else None,
        frames=frames,
        step_s=_step_s(table) if frames else None,
        window_s=data.shape.window_s,
        offset_s=data.offset_s,
        min_run_s=min_run_s,
        weights=weights,
        split=type(data.split).__name__,
        n_permutations=n_permutations,
        top_k=top_k,
        seed=seed,
        said=None if said is None else said[order],
        voters=list(voters),
        ideal=None if best is None or not np.isfinite(best[windows]).all() else best[windows][order].astype(np.float32),
        by_condition=by_condition,
        scaled_by=scaled_by(data),
        alike=alike_by_condition(table.iloc[np.sort(windows)], data.shape.window_s) if k > 1 else None,
    )


def scaled_by(data: EventDataModule) -> list[str]:
    """What the scale of the sensors is taken from, in words."""
    return sorted({scaler.source for scaler in data.scalers.values()})


def _trained(data: EventDataModule, asked: pd.DataFrame, keys: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(models, k) training windows of each class, of every combination of ``keys`` (all, where it has none), and (n,) the one of each row."""
    train, k = data.events("train"), len(data.class_names)
    label = train.label.to_numpy(np.int64)
    if not keys:
        return np.bincount(label, minlength=k)[None], np.zeros(len(asked), np.int64)
    learned, model, counts = train.groupby(keys, sort=False).indices, np.empty(len(asked), np.int64), []
    for values, rows in asked.groupby(keys, sort=False).indices.items():
        model[rows] = len(counts)
        counts.append(np.bincount(label[learned.get(values, slice(None))], minlength=k))
    return np.stack(counts), model


def _sizes(averages: Averages, row: np.ndarray) -> np.ndarray:
    return averages.sizes()[row]


def _step_s(table: pd.DataFrame) -> float:
    """From one frame to the next: the median, since frames are on a grid."""
    step = table.groupby("recording").start_s.diff().dropna()
    return float(step.median()) if len(step) else 0.0
