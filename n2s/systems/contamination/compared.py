"""One decoder, taught from one source after another: the same windows, the same folds, scores with nulls and intervals."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from n2s.data.event_folds import Fold
from n2s.errors import UserError
from n2s.metrics.classification import auc_macro, balanced_accuracy, p_above, permutation_null
from n2s.metrics.classification_intervals import score_interval, units_of_runs
from n2s.metrics.cross_fitted import widened
from n2s.metrics.intervals import t_interval
from n2s.metrics.score import ALL
from n2s.models.window_classifiers import WindowClassifier
from n2s.systems.event_classes.draws import Draws

LEAST_WINDOWS = 10  # of a person
LEAST_OF_CLASS = 3  # windows
#: Of a person or of all: see `table_of`.
COLUMNS = (
    "subject", "source", "value", "low", "high", "auc", "p", "null_mean", "null_high", "chance", "n_windows", "n_classes", "of_brain", "interval", "why",
)  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """What is known of a person's windows: ``label``, ``unit``, ``recording`` and ``start_s`` (n,), and the folds."""

    label: np.ndarray
    unit: np.ndarray
    recording: np.ndarray
    start_s: np.ndarray
    folds: Sequence[Fold]
    n_classes: int
    window_s: float

    @classmethod
    def of(
        cls, table: pd.DataFrame, unit: np.ndarray, folds: Sequence[Fold], *, n_classes: int, window_s: float
    ) -> "Rows":
        """From a person's table of windows."""
        return cls(
            table.label.to_numpy(np.int64), unit, table.recording.to_numpy(str), table.start_s.to_numpy(float), folds, n_classes, window_s
        )  # fmt: skip

    def some(self, kept: np.ndarray) -> "Rows":
        """Those of some windows, and the same folds of them."""
        new = np.cumsum(kept) - 1
        folds = [Fold(new[one.train[kept[one.train]]], new[one.test[kept[one.test]]], one.units) for one in self.folds]
        rows = (self.label[kept], self.unit[kept], self.recording[kept], self.start_s[kept])
        return Rows(*rows, [one for one in folds if len(one.test)], self.n_classes, self.window_s)

    def with_folds(self, folds: Sequence[Fold]) -> "Rows":
        """The same windows in other folds."""
        return replace(self, folds=folds)

    def testable(self) -> np.ndarray:
        """(n,) Whether the class of a window is tested in one fold and learned in another, with enough windows."""
        kept = np.zeros(self.n_classes, bool)
        for name in np.unique(self.label):
            own = [int((self.label[one.test] == name).sum()) for one in self.folds]
            kept[name] = sum(own) >= LEAST_OF_CLASS and np.count_nonzero(own) > 1
        return kept[self.label]


@dataclass(frozen=True)
class Scored:
    """The scores of a source in one person: an entry of `table_of`, and ``null (N,)``. ``why``: the reason where there is none.

    ``n_turns``: how many different draws the null can have, where labels are turned in a circle: p is no less than one by this, and one more.
    ``of_brain``: what the brain has above chance at the same windows, where they are not all; else NaN.
    """

    source: str
    subject: str
    value: float = np.nan
    low: float | None = None
    high: float | None = None
    auc: float = np.nan
    null: np.ndarray | None = None
    chance: float = np.nan
    n_windows: int = 0
    n_classes: int = 0
    interval: str = ""
    why: str = ""
    of_brain: float = np.nan
    n_turns: float = np.inf

    @property
    def known(self) -> bool:
        """Whether there is a score."""
        return self.null is not None


def decoded(
    x: np.ndarray,
    rows: Rows,
    classifier: WindowClassifier,
    *,
    tested: np.ndarray | None = None,
    teach: np.ndarray | None = None,
) -> np.ndarray:
    """(n, k) log-probabilities of windows, each from a decoder that was taught without its unit; NaN where no fold could be taught.

    Parameters
    ----------
    x
        (n, c, t)
    rows
        Of the same windows.
    classifier
        A copy of it is fitted in each fold.
    tested, teach
        (n,) bool: which windows are tested and which are taught; by default all.
    """
    found = np.full((len(x), rows.n_classes), np.nan)
    for fold in rows.folds:
        train = fold.train if teach is None else fold.train[teach[fold.train]]
        test = fold.test if tested is None else fold.test[tested[fold.test]]
        if len(test) and len(np.unique(rows.label[train])) > 1:
            fitted = deepcopy(classifier).fit(x[train], rows.label[train], rows.unit[train], n_classes=rows.n_classes)
            found[test] = fitted.log_proba(x[test])
    return found


def scored(source: str, subject: str, logs: np.ndarray, rows: Rows, *, n_permutations: int, seed: int) -> Scored:
    """Balanced accuracy and AUC of held-out windows, an interval over runs, and the null of labels permuted within runs.

    Guesses stay as they are when labels are permuted. Folds learn from each other, so that the null is spread more widely
    (`n2s.metrics.cross_fitted.widened`). Where windows overlap or classes come in stretches, labels are turned in a circle, too; of stretches whole
    ones also change places; and the largest p counts (`n2s.systems.event_classes.draws.Draws`). People whose runs have as many windows get the same draws: where they share events, they err alike.
    """
    known = np.isfinite(logs).all(1)
    label = rows.label[known]
    if not known.any() or len(np.unique(label)) < 2:
        return Scored(source, subject, why="no fold has two classes to learn, and windows to test")
    names, number = np.unique(label, return_inverse=True)
    logs, k = logs[known][:, names], len(names)
    said, unit, recording, start_s = logs.argmax(1), rows.unit[known], rows.recording[known], rows.start_s[known]
    fold = np.zeros(len(rows.label), int)
    for i, one in enumerate(rows.folds):
        fold[one.test] = i
    runs = np.char.add(np.char.add(unit.astype(str), " in "), recording)
    order = np.lexsort((start_s, runs))
    value = balanced_accuracy(number, said, k)
    table = {"subject": subject, "recording": runs, "condition": "", "unit": unit, "label": number, "start_s": start_s}
    draws = Draws(pd.DataFrame(table).iloc[order], window_s=rows.window_s)
    of, more = (number[order], said[order]), {"n_classes": k, "least_shift": draws.least_turn}
    nulls = [
        permutation_null(*of, places, "balanced_accuracy", n_permutations, seed, circular, **more)
        for places, circular in draws.ways.values()
    ]
    null = max(nulls, key=lambda one: p_above(value, one))
    units = units_of_runs(runs, np.full(len(runs), subject), start_s, window_s=rows.window_s)
    interval = score_interval(number, said, units.of, "balanced_accuracy", n_classes=k)
    return Scored(
        source,
        subject,
        value,
        interval.low,
        interval.high,
        auc_macro(number, logs, fold[known]),
        widened(null, len(rows.folds), bounds=(0.0, 1.0)),
        1 / k,
        int(known.sum()),
        k,
        f"95% over {units.words}",
        n_turns=draws.n_turns,
    )


def checked_rows(rows: Rows, where: str) -> np.ndarray:
    """(n,) Which windows of a person can be compared.

    Raises
    ------
    UserError
        Fewer than two classes, or too few windows are left.
    """
    kept = rows.testable()
    if len(np.unique(rows.label[kept])) < 2 or kept.sum() < LEAST_WINDOWS:
        n = {int(name): int((rows.label == name).sum()) for name in np.unique(rows.label)}
        raise UserError(
            f"{where}: {len(rows.label)} windows of {len(n)} classes in {len(set(rows.unit))} runs ({', '.join(map(str, n.values()))} of each); "
            f"expected two classes or more with {LEAST_OF_CLASS} windows each, in two runs or more. Take other classes or conditions "
            "(data.windows, --condition), or longer recordings."
        )
    return kept


def table_of(found: Sequence[Scored]) -> pd.DataFrame:
    """One row a source and subject, and one of the mean over subjects (`ALL`): see `COLUMNS`. Chance and p of a mean are those of these subjects.

    The interval of a mean is Student's over subjects; with one subject it is that subject's.
    """
    entries = [_entry(one) for one in found]
    for source in dict.fromkeys(one.source for one in found):
        own = [one for one in found if one.source == source]
        known = [one for one in own if one.known]
        if not known:
            entries.append(_entry(Scored(source, ALL, why=own[0].why)))
            continue
        value = float(np.mean([one.value for one in known]))
        low, high, kind = known[0].low, known[0].high, known[0].interval
        if len(known) > 1:
            low, high = t_interval(np.array([one.value for one in known]))[1:]
            kind = f"95% over {len(known)} subjects"
        lacking = [one.subject for one in own if not one.known]
        entries.append(
            _entry(
                Scored(
                    source, ALL, value, low, high, float(np.mean([one.auc for one in known])),
                    np.mean([one.null for one in known], axis=0), float(np.mean([one.chance for one in known])),
                    sum(one.n_windows for one in known), max(one.n_classes for one in known), kind,
                    f"without {', '.join(lacking)}: {next(one.why for one in own if not one.known)}" if lacking else "",
                    n_turns=max(one.n_turns for one in known),  # people share draws
                )
            )
        )  # fmt: skip
    return pd.DataFrame(entries, columns=list(COLUMNS))


def _entry(one: Scored) -> Mapping[str, object]:
    told = {name: getattr(one, name) for name in COLUMNS if hasattr(one, name)}
    told |= {"low": np.nan if one.low is None else one.low, "high": np.nan if one.high is None else one.high}
    if not one.known:
        return told | {"p": np.nan, "null_mean": np.nan, "null_high": np.nan}
    return told | {
        "p": max(p_above(one.value, one.null), 1 / (1 + one.n_turns)), "null_mean": float(one.null.mean()), "null_high": float(np.quantile(one.null, 0.95)),
    }  # fmt: skip
