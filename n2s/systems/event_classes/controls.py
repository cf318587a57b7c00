"""Classifiers that see no brain: how long an event is, what came before it, and the sound itself. What they find is no decoding of the brain.

All are fitted on training events alone, and give likelihoods, so that several windows of one class (averages) add up.
"""

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from n2s.data.event_data import EventDataModule
from n2s.data.event_windows import LONG_PAUSE_S
from n2s.models.window_classifiers import WindowLDA
from n2s.systems.event_classes.heard import heard_windows

DURATION, PREVIOUS, AUDIO = "duration and pause only", "previous event only", "audio only"
N_DURATIONS, N_PAUSES = 12, 4  # bins, with as many training events each
AS_IF = 5.0  # events of each class that are added, spread over the cells as all events are
AUDIO_BIN_S = 0.05
LEAST_OWN = 10  # training events of each class, for a control of one condition (and person) alone


def control_likelihoods(
    data: EventDataModule, *, by_person: bool = False
) -> tuple[list[str], list[np.ndarray], list[str]]:
    """The controls that the data allow: their names, (n, k) log-likelihoods of all single test windows, and why others are missing.

    They are fitted to the training events of a window's condition, and of its person where decoders are; to more where these are too few.

    Parameters
    ----------
    data
        Set up.
    by_person
        Whether each person has decoders of their own.
    """
    train, test, k = data.events("train"), data.events("test"), len(data.class_names)
    names, found, told = [], [], []
    label, groups = train.label.to_numpy(np.int64), matched(train, test, by_person=by_person)
    heard = heard_windows(data)
    ways = {
        DURATION: (_by_durations, "all events have one duration, and no pauses."),
        PREVIOUS: (_by_previous, "no event follows another of its kind."),
    }
    for name, (way, why) in ways.items():
        likelihood, known = np.zeros((len(test), k)), False
        for learned, asked in groups:
            own = way(train.iloc[learned], label[learned], test.iloc[asked], k)
            if own is not None:
                likelihood[asked], known = own, True
        if known:
            names.append(name)
            found.append(likelihood)
        else:
            told.append(f"No control '{name}': {why}")
    if isinstance(heard, str):
        told.append(f"No control '{AUDIO}': {heard}")
    else:
        n_bins, likelihood = max(1, round(data.shape.window_s / AUDIO_BIN_S)), np.zeros((len(test), k))
        for learned, asked in groups:
            fitted = WindowLDA(n_bins=n_bins).fit(heard["train"][learned], label[learned], n_classes=k)
            likelihood[asked] = fitted.log_proba(heard["test"][asked])
        names.append(AUDIO)
        found.append(likelihood)
    return names, found, told


def matched(train: pd.DataFrame, test: pd.DataFrame, *, by_person: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of training, and the rows of the test that what was fitted to them is asked about.

    Those of one condition, and of one person if ``by_person``; where a class of the training has fewer than `LEAST_OWN` events there, those of
    the condition, or all.
    """
    keys = ["condition", "subject"] if by_person else ["condition"]
    asked = test.groupby(keys, sort=False).indices
    found = []
    for values, rows in asked.items():
        for n in range(len(keys), -1, -1):
            own = np.ones(len(train), bool)
            for key, value in list(zip(keys, np.atleast_1d(np.array(values, object)), strict=True))[:n]:
                own &= (train[key] == value).to_numpy()
            if n == 0 or (own.any() and _enough(train.label.to_numpy(np.int64), own)):
                break
        found.append((np.flatnonzero(own), rows))
    return found


def _enough(label: np.ndarray, own: np.ndarray) -> bool:
    counts, every = np.bincount(label[own], minlength=label.max() + 1), np.bincount(label)
    return bool(counts[every > 0].min() >= LEAST_OWN)


def _by_durations(train: pd.DataFrame, label: np.ndarray, test: pd.DataFrame, k: int) -> np.ndarray | None:
    cells = _cells_of_durations(train, test)
    return None if cells is None else cell_likelihoods(cells[0], label, cells[1], k)


def _by_previous(train: pd.DataFrame, label: np.ndarray, test: pd.DataFrame, k: int) -> np.ndarray | None:
    """What came before: its text, and whether a long pause lies between."""
    if not (train.previous != "").any():
        return None
    before, after = (
        pd.MultiIndex.from_arrays([table.previous, table.pause_s.to_numpy(float) >= LONG_PAUSE_S])
        for table in (train, test)
    )
    known = before.unique()
    return cell_likelihoods(known.get_indexer(before), label, known.get_indexer(after), k)


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
