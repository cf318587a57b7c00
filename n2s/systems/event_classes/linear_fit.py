"""Decoders of one person: of each training condition and band, of all classes, of pairs and at single times."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from n2s.data.event_averages import Averages
from n2s.data.event_bands import WHOLE, BandWindows
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.models.sliding_lda import SlidingLDA
from n2s.models.window_classifiers import WindowClassifier

MOST_GB = 16.0  # of a person's windows, which are read at once
LEAST = 2  # training windows of a class in a condition; with fewer it is not decoded
EVERYBODY = "everybody"

#: Name of a decoder (`key`) -> what its `WindowClassifier.state` gives.
Fits = dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Decoders:
    """Which decoders there are.

    Parameters
    ----------
    classifier
        Of all classes, and of pairs.
    times
        At single times; None: none.
    pairs
        Numbers of two classes each, decoded by themselves.
    n_classes
        k
    average
        Windows of one class, condition and unit that a training sample is the mean of.
    seed
        Of averages.
    """

    classifier: WindowClassifier
    times: SlidingLDA | None
    pairs: Sequence[tuple[int, int]]
    n_classes: int
    average: int = 1
    seed: int = 0

    def settings(self, names: Sequence[str]) -> dict:
        """As plain types, to tell whether a test names others."""
        every = {"classifier": self.classifier, "times": self.times}
        own = {
            name: None if one is None else {"class": type(one).__name__} | one.settings() for name, one in every.items()
        }
        return own | {
            "pairs": [[names[one] for one in pair] for pair in self.pairs], "classes": list(names), "average": self.average,
        }  # fmt: skip


def key(band: str, condition: str, pair: tuple[int, int] | None = None, *, times: bool = False) -> str:
    """Name of a decoder among `Fits`."""
    what = "times" if times else "all" if pair is None else f"{pair[0]}-{pair[1]}"
    return f"{band}|{condition}|{what}"


def known_classes(table: pd.DataFrame, n_classes: int) -> dict[str, np.ndarray]:
    """Condition -> (k,) whether each class is decoded, the same for all conditions that have two classes or more.

    Parameters
    ----------
    table
        Training windows of a person: ``condition`` and ``label``.
    n_classes
        k
    """
    enough = {
        condition: np.bincount(own.label.to_numpy(np.int64), minlength=n_classes) >= LEAST
        for condition, own in table.groupby("condition", sort=False)
    }
    enough = {condition: own for condition, own in enough.items() if own.sum() > 1}
    every = np.all(list(enough.values()), axis=0) if enough else np.zeros(n_classes, bool)
    return dict.fromkeys(enough, every)


def decoded_classes(table: pd.DataFrame, people: pd.Series, n_classes: int, *, together: bool) -> np.ndarray:
    """(m, k) Which classes are decoded in the person of each window: see `known_classes`.

    Parameters
    ----------
    table
        All training windows: ``subject``, ``condition`` and ``label``.
    people
        (m,) The person of each window.
    n_classes
        k
    together
        Whether one decoder learned from everybody.
    """
    found = np.zeros((len(people), n_classes), bool)
    for subject in people.unique():
        own = table if together else table[table.subject == subject]
        found[(people == subject).to_numpy()] = next(
            iter(known_classes(own, n_classes).values()), np.zeros(n_classes, bool)
        )
    return found


def check_people(tables: Mapping[str, pd.DataFrame], names: Sequence[str]) -> None:
    """Tell which classes and conditions a person lacks in training; a UserError if no two classes are left.

    Parameters
    ----------
    tables
        Person -> training windows.
    names
        Of the classes.
    """
    conditions = list(dict.fromkeys(one for table in tables.values() for one in table.condition))
    for person, table in tables.items():
        own = known_classes(table, len(names))
        every = next(iter(own.values()), np.zeros(len(names), bool))
        lost = [name for name, has in zip(names, every, strict=True) if not has]
        if every.sum() < 2:
            counts = table.groupby(["condition", "name"]).size()
            said = first_of([f"{name} in {condition} ({n})" for (condition, name), n in counts.items()], 12)
            raise UserError(
                f"{person}: no two classes have {LEAST} training windows in every condition ({said or 'it has none'}). Take one condition "
                "(data.windows.conditions), other classes (data.windows.classes), or hold out less (data.split)."
            )
        if lost:
            tell(
                "left out",
                person,
                f"{first_of(lost)}: fewer than {LEAST} training windows in a condition ({', '.join(own)}); all conditions are decoded with the "
                "same classes.",
            )
        missing = [one for one in conditions if one not in own]
        if missing:
            tell("odd", person, f"no training windows of {first_of(missing)}: what is trained on that has no score.")


def fit_person(windows: BandWindows, rows: np.ndarray, decoders: Decoders) -> Fits:
    """All decoders of one person.

    Parameters
    ----------
    windows
        Of the data; training windows are taken.
    rows
        The person's, of ``windows.table("train")``.
    decoders
        Which there are.
    """
    table, data = windows.table("train").iloc[rows], windows.of[WHOLE]
    gigabytes = len(rows) * len(data.ch_names) * data.n_times * 4 / 1e9
    if gigabytes > MOST_GB:
        raise UserError(
            f"LinearClassifier reads all windows of a person at once: {len(rows)} of {len(data.ch_names)} sensors and {data.n_times} samples are "
            f"{gigabytes:.0f} GB, more than {MOST_GB:g}. Lower data.preprocessing.sfreq or data.window_s, or train a network (EventClassifier)."
        )
    known, found = known_classes(table, decoders.n_classes), {}
    for band in windows.names:
        every = windows.arrays("train", band, rows)
        for condition, classes in known.items():
            own = np.flatnonzero((table.condition == condition).to_numpy() & classes[table.label.to_numpy(np.int64)])
            x, first = averaged(every[own], table.iloc[own], decoders.average, decoders.seed)
            sample = table.iloc[own[first]]
            y, unit = sample.label.to_numpy(np.int64), sample.unit.to_numpy()
            fitted = copy.deepcopy(decoders.classifier).fit(x, y, unit, n_classes=decoders.n_classes)
            found[key(band, condition)] = fitted.state()
            for pair in decoders.pairs:
                of = np.isin(y, pair)
                if not classes[list(pair)].all():
                    continue
                one = copy.deepcopy(decoders.classifier).fit(x[of], y[of] == pair[1], unit[of], n_classes=2)
                found[key(band, condition, pair)] = one.state()
            if decoders.times is not None and band == WHOLE:
                one = copy.deepcopy(decoders.times).fit(x, y, unit, n_classes=decoders.n_classes)
                found[key(band, condition, times=True)] = one.state()
    return found


def averaged(
    x: np.ndarray, table: pd.DataFrame, k: int, seed: int, within: Sequence[str] = ("unit", "condition")
) -> tuple[np.ndarray, np.ndarray]:
    """Means of ``k`` windows of one class each, and the row of the first window of each.

    Parameters
    ----------
    x, table
        (n, c, t) windows, and what they are.
    k
        Windows; 1: they are as they were.
    seed
        Of the draws.
    within
        Columns: windows that differ there are never averaged.
    """
    if k == 1:
        return x, np.arange(len(x))
    part = pd.factorize(pd.MultiIndex.from_frame(table[list(within)]))[0]
    groups = Averages(table.label.to_numpy(np.int64), part, k, seed=seed, fixed=True)
    rows, which = groups.windows(np.arange(len(groups)), 0)
    total = np.zeros((len(groups), *x.shape[1:]), np.float32)
    np.add.at(total, which, x[rows])
    return total / groups.sizes()[:, None, None], rows[np.r_[True, which[1:] != which[:-1]]]
