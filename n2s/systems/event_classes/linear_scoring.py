"""What the decoders of each training condition say of the test windows of every condition."""

import copy
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from n2s.data.event_bands import WHOLE, BandWindows
from n2s.data.event_data import EventDataModule
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.systems.event_classes.draws import alike_by_condition
from n2s.systems.event_classes.ideal import ideal_said
from n2s.systems.event_classes.linear_fit import EVERYBODY, Decoders, Fits, averaged, decoded_classes, key
from n2s.systems.event_classes.tested import Logits, scaled_by
from n2s.systems.event_classes.transfer_result import TransferResult

KEPT = ("subject", "recording", "unit", "condition", "label", "name", "onset", "duration", "start_s", "text", "story", "previous", "pause_s")  # fmt: skip
MOST = 2**28  # numbers of what every decoder says at every time; beyond, each is tried at its own time alone


def transfer_of(
    windows: BandWindows, fits: Mapping[str, Fits], decoders: Decoders, *, average: int, n_permutations: int, seed: int
) -> TransferResult:
    """Ask every decoder about every test window of its person, of all conditions.

    Parameters
    ----------
    windows
        Of the data.
    fits
        Person (or `EVERYBODY`) -> decoders.
    decoders
        Which there are.
    average
        Windows of one class, condition and recording that a sample is the mean of.
    n_permutations, seed
        Of the null.
    """
    table, trained = windows.table("test"), windows.table("train")
    conditions = [
        one for one in dict.fromkeys(trained.condition) if any(key(WHOLE, one) in own for own in fits.values())
    ]
    made = pd.DataFrame([(band, one) for band in windows.names for one in conditions], columns=["band", "condition"])
    n_bins = n_times(decoders, windows.of[WHOLE].n_times)
    across = len(conditions) * len(table) * n_bins**2 <= MOST
    if not across:
        told = f"{len(table)} windows at {n_bins} times are too many for all pairs of times: each decoder is tried at its own."
        tell("left out", "model.times", f"{told} Set its n_bins.")
    classes = decoded_classes(trained, table.subject, decoders.n_classes, together=EVERYBODY in fits)
    known = classes[np.arange(len(table)), table.label.to_numpy(np.int64)]
    parts = []
    for subject in dict.fromkeys(table.subject):
        person = EVERYBODY if EVERYBODY in fits else subject
        rows = np.flatnonzero((table.subject == subject).to_numpy() & known)
        if person in fits and len(rows):
            parts.append(_person(windows, rows, fits[person], decoders, made, conditions, average, across))
    check_tested(len(parts), fits)
    log_proba, pairs, predicted = (
        None if parts[0][i] is None else np.concatenate([one[i] for one in parts], axis)
        for i, axis in ((1, 1), (2, 2), (3, 1))
    )
    events = pd.concat([one[0] for one in parts])
    best = ideal_said(windows.of[WHOLE], table, classes)[events.index] if average == 1 else -1
    tested = table[known]
    return TransferResult(
        events=events.assign(fold=0, best=best).reset_index(drop=True),
        decoders=made,
        log_proba=log_proba,
        pair_scores=pairs,
        predicted=predicted,
        time_conditions=conditions if predicted is not None else [],
        times_s=_times_s(windows.of[WHOLE], n_bins),
        names=list(windows.of[WHOLE].class_names),
        pairs=[list(pair) for pair in decoders.pairs],
        settings=_settings(windows, decoders, together=EVERYBODY in fits)
        | {"alike": alike_by_condition(tested, windows.of[WHOLE].shape.window_s)},
        average=average,
        n_permutations=n_permutations,
        seed=seed,
    )


def own_logits(windows: BandWindows, fits: Mapping[str, Fits], decoders: Decoders) -> Logits:
    """Log-probabilities of single test windows, each by the decoder of its person and condition.

    Windows without such a decoder, and those of classes that it cannot say, are left out and told.
    """
    table, data = windows.table("test"), windows.of[WHOLE]
    found = np.full((len(table), decoders.n_classes), np.nan, np.float32)
    classes = decoded_classes(windows.table("train"), table.subject, decoders.n_classes, together=EVERYBODY in fits)
    sayable = classes[np.arange(len(table)), table.label.to_numpy(np.int64)]
    for (subject, condition), own in table.groupby(["subject", "condition"], sort=False):
        state = fits.get(EVERYBODY, fits.get(subject, {})).get(key(WHOLE, condition))
        rows = own.index.to_numpy()[sayable[own.index.to_numpy()]]
        if state is not None and len(rows):
            found[rows] = _asked(decoders.classifier, state, windows.arrays("test", WHOLE, rows), decoders.n_classes)
    known = np.isfinite(found[:, 0])
    check_tested(int(known.sum()), fits)
    tell_untested(table, known)
    samples = data.averages("test", 1)
    sample = np.empty(len(samples), np.int64)  # of each window: one
    sample[samples.windows(np.arange(len(samples)), 0)[0]] = np.arange(len(samples))
    return Logits(torch.from_numpy(sample[windows.rows("test")[known]]), torch.from_numpy(found[known]))


def check_tested(n: int, fits: Mapping[str, Fits]) -> None:
    """A UserError if nothing can be tested."""
    if not n:
        raise UserError(
            f"no test window is of a person and class with decoders (people: {first_of(fits)}). Hold out other units (data.split)."
        )


def tell_untested(table: pd.DataFrame, known: np.ndarray) -> None:
    """Say of which people, conditions and classes test windows are left out."""
    lost = table[~known]
    if len(lost):
        counts = lost.groupby(["subject", "condition", "name"], sort=False).size()
        listed = first_of(
            [f"{subject} {condition} {name} ({n})" for (subject, condition, name), n in counts.items()], 6
        )
        tell(
            "left out",
            "LinearClassifier",
            f"{len(lost)} of {len(table)} test windows have no decoder of their person, condition and class, which lack training windows: {listed}.",
        )


def _person(
    windows: BandWindows, rows: np.ndarray, fits: Fits, decoders: Decoders, made: pd.DataFrame, conditions: list[str], average: int,
    across_times: bool,
) -> tuple:  # fmt: skip
    table = windows.table("test").iloc[rows]
    log_proba, pairs, at_times = [], [], None
    for band in windows.names:
        x, first = averaged(
            windows.arrays("test", band, rows), table, average, decoders.seed, within=("recording", "condition")
        )
        for condition in made.condition[made.band == band]:
            log_proba.append(_asked(decoders.classifier, fits.get(key(band, condition)), x, decoders.n_classes))
            pairs.append([
                _odds(_asked(decoders.classifier, fits.get(key(band, condition, pair)), x, 2)) for pair in decoders.pairs
            ])  # fmt: skip
        if band == WHOLE and decoders.times is not None:
            at_times = np.stack([
                _times(decoders, fits.get(key(band, one, times=True)), x, across_times) for one in conditions
            ])  # fmt: skip
    events = table.iloc[first][list(KEPT)]
    scores = np.array(pairs, np.float32).transpose(1, 0, 2) if decoders.pairs else None
    return events, np.stack(log_proba).astype(np.float32), scores, at_times


def _asked(classifier: object, state: Mapping | None, x: np.ndarray, k: int) -> np.ndarray:
    """(n, k) log-probabilities; NaN without such a decoder."""
    if state is None:
        return np.full((len(x), k), np.nan)
    return copy.copy(classifier).load(state).log_proba(x)


def _odds(log_proba: np.ndarray) -> np.ndarray:
    return log_proba[:, 1] - log_proba[:, 0]


def _times(decoders: Decoders, state: Mapping | None, x: np.ndarray, across_times: bool) -> np.ndarray:
    """(n, b, b) the class that the decoder of each time says at each time, or (n, b)."""
    n_bins = n_times(decoders, x.shape[2])
    if state is None:
        return np.full((len(x), n_bins, n_bins) if across_times else (len(x), n_bins), -1, np.int16)
    sliding = copy.copy(decoders.times).load(state)
    if not across_times:
        return sliding.log_proba_at_times(x).argmax(2).T.astype(np.int16)
    return sliding.said_across_times(x)


def n_times(decoders: Decoders, n_samples: int) -> int:
    """How many times have a decoder, of windows of so many samples; 0 without such decoders."""
    if decoders.times is None:
        return 0
    n_bins = decoders.times.n_bins
    return n_samples if n_bins is None else min(n_bins, n_samples)


def _times_s(data: EventDataModule, n_bins: int) -> list[float]:
    """The middle of each bin, s from the event."""
    if not n_bins:
        return []
    edges = np.linspace(0, data.n_times, n_bins + 1).round()
    return [float(one) for one in data.offset_s + (edges[:-1] + edges[1:] - 1) / 2 / data.shape.sfreq]


def _settings(windows: BandWindows, decoders: Decoders, *, together: bool) -> dict:
    data, train = windows.of[WHOLE], windows.table("train")
    return {
        "classifier": type(decoders.classifier).__name__,
        "options": decoders.classifier.settings(),
        "window_s": data.shape.window_s,
        "offset_s": data.offset_s,
        "at": getattr(data.event_windows, "at", "start"),
        "sfreq": data.shape.sfreq,
        "n_sensors": len(data.ch_names),
        "average": decoders.average,
        "fitted": "to everybody together" if together else "to each person alone",
        "scaled_by": scaled_by(data),
        "support_s": windows.supports_s(),
        "n_train": [len(train)],
        "n_train_by_condition": {str(name): int(n) for name, n in train.condition.value_counts().items()},
    }
