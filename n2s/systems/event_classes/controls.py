"""Classifiers that see no brain: how long an event is, what came before it, and the sound itself. What they find is no decoding of the brain.

All are fitted on training events alone, and give likelihoods, so that several windows of one class (averages) add up.
"""

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from n2s.data.event_data import EventDataModule
from n2s.models.window_classifiers import WindowLDA
from n2s.systems.event_classes.heard import heard_windows

DURATION, PREVIOUS, AUDIO = "duration and pause only", "previous event only", "audio only"
N_DURATIONS, N_PAUSES = 12, 4  # bins, with as many training events each
AS_IF = 5.0  # events of each class that are added, spread over the cells as all events are
AUDIO_BIN_S = 0.05


def control_likelihoods(data: EventDataModule) -> tuple[list[str], list[np.ndarray], list[str]]:
    """The controls that the data allow: their names, (n, k) log-likelihoods of all single test windows, and why others are missing."""
    train, test, k = data.events("train"), data.events("test"), len(data.class_names)
    names, found, told = [], [], []
    label = train.label.to_numpy(np.int64)
    cells = _cells_of_durations(train, test)
    if cells is None:
        told.append(f"No control '{DURATION}': all events have one duration, and no pauses.")
    else:
        names.append(DURATION)
        found.append(cell_likelihoods(cells[0], label, cells[1], k))
    if (train.previous != "").any():
        names.append(PREVIOUS)
        found.append(cell_likelihoods(*_numbered(train, label, test), k))
    else:
        told.append(f"No control '{PREVIOUS}': no event follows another of its kind.")
    heard = heard_windows(data)
    if isinstance(heard, str):
        told.append(f"No control '{AUDIO}': {heard}")
    else:
        n_bins = max(1, round(data.shape.window_s / AUDIO_BIN_S))
        names.append(AUDIO)
        found.append(WindowLDA(n_bins=n_bins).fit(heard["train"], label, n_classes=k).log_proba(heard["test"]))
    return names, found, told


def cell_likelihoods(trained: np.ndarray, label: np.ndarray, tested: np.ndarray, k: int) -> np.ndarray:
    """(m, k) log-likelihood of each tested cell in each class, from counts of training; 0 for all classes where the cell is new.

    Parameters
    ----------
    trained, label
        (n,) cells and classes of training events.
    tested
        (m,) cells.
    k
        Classes.
    """
    known, cell = np.unique(trained, return_inverse=True)
    counts = np.zeros((len(known), k))
    np.add.at(counts, (cell, label), 1)
    share = counts.sum(1, keepdims=True) / max(counts.sum(), 1)
    likelihood = np.log((counts + AS_IF * share) / (counts.sum(0) + AS_IF))
    at = np.searchsorted(known, tested).clip(max=len(known) - 1)
    return np.where((known[at] == tested)[:, None], likelihood[at], 0.0)


def combined(likelihood: np.ndarray, which: np.ndarray, n: int, prior: np.ndarray) -> np.ndarray:
    """(m, k) log-likelihoods of windows -> (n, k) log-probabilities of the samples that they make: windows of one class, so that they add up."""
    total = np.zeros((n, likelihood.shape[1]))
    np.add.at(total, which, likelihood)
    return log_softmax(total + prior, axis=1)


def _cells_of_durations(train: pd.DataFrame, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray] | None:
    """Cells of duration and pause of both tables; None where neither differs between events."""
    edges = [_edges(train[name].to_numpy(float), n) for name, n in (("duration", N_DURATIONS), ("pause_s", N_PAUSES))]
    if not any(len(one) for one in edges):
        return None
    return tuple(
        np.searchsorted(edges[0], table.duration.to_numpy(float), "right") * (N_PAUSES + 2)
        + np.searchsorted(edges[1], table.pause_s.to_numpy(float), "right")
        for table in (train, test)
    )


def _edges(values: np.ndarray, n: int) -> np.ndarray:
    """Borders of bins: above the commonest smallest value, then quantiles of the rest."""
    lowest = values.min(initial=np.inf)
    rest = values[values > lowest + 1e-6]
    return np.unique(np.r_[lowest + 1e-6, np.quantile(rest, np.linspace(0, 1, n + 1)[1:-1])]) if len(rest) else rest


def _numbered(train: pd.DataFrame, label: np.ndarray, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = {text: index for index, text in enumerate(dict.fromkeys(train.previous))}
    before, after = (table.previous.map(number).fillna(-1).to_numpy(np.int64) for table in (train, test))
    return before, label, after
