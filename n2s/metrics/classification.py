"""Scores of a classifier of events: F1, balanced accuracy, AUC, confusions; what chance gives, by permutation and by class balance.

Labels and guesses are (n,) numbers of classes from 0 to k - 1; a confusion matrix (k, k) has a row for each true class.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from n2s.metrics.controls import holm
from n2s.metrics.label_draws import LabelPlaces, permutations

#: (..., k, k) confusion matrices -> (...)
ConfusionScore = Callable[[np.ndarray], np.ndarray]


class PerClass(NamedTuple):
    """(k,) each: the share of guesses of a class that are right, the share of its windows that are found, F1, and its windows.

    NaN: the class does not occur. A class that is never guessed has a precision of 0, as in scikit-learn.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def confusion(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """(k, k) How often each class (rows) was taken for each (columns)."""
    labels, predicted = _classes(labels, n_classes), _classes(predicted, n_classes)
    if labels.shape != predicted.shape:
        raise ValueError(f"labels {labels.shape} and guesses {predicted.shape} are not of the same windows.")
    return np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def f1_of(confusions: np.ndarray) -> np.ndarray:
    """(..., k, k) -> (...) mean F1 over the classes that occur."""
    hits, true, said = _margins(confusions)
    occurs = true > 0
    return _ratio((_ratio(2 * hits, true + said) * occurs).sum(-1), occurs.sum(-1))


def balanced_of(confusions: np.ndarray) -> np.ndarray:
    """(..., k, k) -> (...) mean over the classes that occur of the share that is found."""
    hits, true, _ = _margins(confusions)
    return _ratio(_ratio(hits, true).sum(-1), (true > 0).sum(-1))


def accuracy_of(confusions: np.ndarray) -> np.ndarray:
    """(..., k, k) -> (...) share of windows whose class is found."""
    hits, true, _ = _margins(confusions)
    return _ratio(hits.sum(-1), true.sum(-1))


#: By the names that results give them.
SCORES: dict[str, ConfusionScore] = {"f1_macro": f1_of, "balanced_accuracy": balanced_of, "accuracy": accuracy_of}


def f1_macro(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> float:
    """Mean F1 over the classes that occur in ``labels``.

    It is ``sklearn.metrics.f1_score(labels, predicted, average="macro", labels=np.unique(labels), zero_division=0)``. Where ``labels`` have all
    classes, that is F1-macro as everybody has it; a class that was only guessed has no window to find, and is left out.
    """
    return float(f1_of(confusion(labels, predicted, n_classes)))


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> float:
    """Mean over the classes that occur of the share of their windows that is found: chance is 1 / k, whatever the balance."""
    return float(balanced_of(confusion(labels, predicted, n_classes)))


def accuracy(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> float:
    """Share of windows whose class is found."""
    return float(accuracy_of(confusion(labels, predicted, n_classes)))


def per_class(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> PerClass:
    """Precision, recall, F1 and number of windows of each class."""
    hits, true, said = _margins(confusion(labels, predicted, n_classes))
    nothing = np.where(true > 0, 0.0, np.nan)
    return PerClass(  # type: ignore[call-arg]
        *(_ratio(*parts) + nothing for parts in ((hits, said), (hits, true), (2 * hits, true + said))),
        true.astype(np.int64),
    )


def auc_macro(labels: np.ndarray, scores: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Area under the ROC curve of each class against the rest, mean over the classes that occur; NaN if only one does.

    Parameters
    ----------
    labels
        (n,)
    scores
        (n, k) higher for a likelier class, such as log-probabilities; or (n,) of the second of two classes. Logits of several classes
        are no scores: they say nothing before they are normalised (log-softmax).
    strata
        (n,) Only windows of one stratum are compared: folds of a cross-validation, whose scores are of different models.
    """
    ranks, n_below, pairs = _ranked(labels, scores, strata)
    labels = np.asarray(labels)
    total = np.bincount(labels, ranks[np.arange(len(labels)), labels], minlength=ranks.shape[1])
    return float(_mean_auc(total, n_below, pairs))


def permutation_null(
    labels: np.ndarray,
    predicted: np.ndarray,
    runs: np.ndarray | LabelPlaces,
    score: str | ConfusionScore,
    n: int = 1000,
    seed: int = 0,
    circular: bool = False,
    *,
    n_classes: int | None = None,
    least_shift: int = 1,
) -> np.ndarray:
    """(n,) The score of the same guesses with labels permuted within their runs: what a decoder that knows nothing reaches.

    Parameters
    ----------
    labels, predicted
        (n,)
    runs
        (n,) What labels stay in; or `n2s.metrics.label_draws.LabelPlaces`, which several people share.
    score
        One of `SCORES` by its name, or a function of confusion matrices.
    n
        Permutations.
    seed
        Of the permutations.
    circular
        Labels of each run, in the order given, are turned in a circle by a random number of rows in place of being permuted. For rows
        whose neighbours are alike, as frames of speech: permuted labels would have lost that, and the null would be too narrow.
    n_classes
        k; None: as many as there are.
    least_shift
        Rows that labels are turned by at least (in short runs at least a third of them): more than neighbours are alike.
    """
    found = permuted_confusions(
        labels, predicted, runs, n, seed, circular, n_classes=n_classes, least_shift=least_shift
    )
    return np.asarray((SCORES[score] if isinstance(score, str) else score)(found), np.float64)


def permuted_confusions(
    labels: np.ndarray,
    predicted: np.ndarray,
    runs: np.ndarray | LabelPlaces,
    n: int = 1000,
    seed: int = 0,
    circular: bool = False,
    *,
    n_classes: int | None = None,
    least_shift: int = 1,
) -> np.ndarray:
    """(n, k, k) Confusion matrices of permutations, from which several scores can be computed: see `permutation_null`."""
    k = int(max(np.max(labels), np.max(predicted))) + 1 if n_classes is None else n_classes
    labels, predicted = _classes(labels, k), _classes(predicted, k)
    found = np.empty((n, k, k), np.int64)
    for part, drawn in permutations(labels, runs, n, seed, circular, least_shift):
        cell = drawn * k
        cell += predicted
        cell += np.arange(len(drawn))[:, None] * k**2
        found[part] = np.bincount(cell.ravel(), minlength=len(drawn) * k**2).reshape(-1, k, k)
    return found


def auc_null(
    labels: np.ndarray,
    scores: np.ndarray,
    runs: np.ndarray | LabelPlaces,
    n: int = 1000,
    seed: int = 0,
    circular: bool = False,
    *,
    strata: np.ndarray | None = None,
    least_shift: int = 1,
) -> np.ndarray:
    """(n,) `auc_macro` of the same scores with labels permuted within runs: see `permutation_null`. Runs lie inside strata."""
    ranks, n_below, pairs = _ranked(labels, scores, strata)
    k, found, rows = ranks.shape[1], np.empty(n), np.arange(len(ranks))
    for part, drawn in permutations(np.asarray(labels, np.int64), runs, n, seed, circular, least_shift):
        weight = ranks[rows, drawn]
        cell = drawn + np.arange(len(drawn))[:, None] * k
        total = np.bincount(cell.ravel(), weight.ravel(), minlength=len(drawn) * k).reshape(-1, k)
        found[part] = _mean_auc(total, n_below, pairs)
    return found


def p_above(value: float, null: np.ndarray) -> float:
    """One-sided p of a score: how often the null is as high, the score itself among the draws (Phipson and Smyth 2010)."""
    return float((1 + (np.asarray(null) >= value - 1e-12).sum()) / (1 + len(null)))


def p_holm(values: Sequence[float], nulls: Sequence[np.ndarray]) -> np.ndarray:
    """(m,) `p_above` of several scores, corrected for their number (Holm)."""
    return holm(np.array([p_above(value, null) for value, null in zip(values, nulls, strict=True)]))


class Chance(NamedTuple):
    """What a decoder without a brain reaches by the class balance alone, in one of `SCORES`.

    ``commonest``: it always says the class that is commonest in training. ``proportion``: it draws classes as often as training has them
    (of F1: of the expected confusion matrix).
    """

    commonest: float
    proportion: float


def chance_by_balance(labels: np.ndarray, trained: np.ndarray, score: str | ConfusionScore) -> Chance:
    """Chance by the class balance.

    Parameters
    ----------
    labels
        (n,) of the tested windows.
    trained
        (k,) Windows of each class in training, all that such a decoder knows.
    score
        See `permutation_null`.
    """
    trained = np.asarray(trained, np.float64)
    counts = np.bincount(_classes(labels, len(trained)), minlength=len(trained)).astype(float)
    always = np.eye(len(trained))[np.argmax(trained)]
    of = SCORES[score] if isinstance(score, str) else score
    return Chance(*(float(of(counts[:, None] * said)) for said in (always, trained / max(trained.sum(), 1))))


def _classes(values: np.ndarray, n_classes: int) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"classes are {values.dtype} of shape {values.shape}; expected whole numbers (n,).")
    if len(values) and not (values.min() >= 0 and values.max() < n_classes):
        raise ValueError(f"classes lie between {values.min()} and {values.max()}; expected 0 to {n_classes - 1}.")
    return values.astype(np.int64, copy=False)


def _margins(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    confusions = np.asarray(confusions, np.float64)
    return np.diagonal(confusions, axis1=-2, axis2=-1), confusions.sum(-1), confusions.sum(-2)


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One by other, 0 where both are 0."""
    return np.divide(one, other, out=np.zeros(np.broadcast(one, other).shape), where=np.asarray(other) > 0)


def _members(runs: np.ndarray) -> list[np.ndarray]:
    """The rows of each run, in the order given."""
    which = np.unique(np.asarray(runs), return_inverse=True)[1]
    order = np.argsort(which, kind="stable")
    return np.split(order, np.cumsum(np.bincount(which))[:-1]) if len(order) else []


def _ranked(
    labels: np.ndarray, scores: np.ndarray, strata: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks (n, k) inside strata; the sum of ranks that each class's own pairs make; its pairs with the rest: (k,) each."""
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    if scores.ndim == 1 or scores.shape[1] == 1:
        second = scores.reshape(-1)
        scores = np.stack([-second, second], 1)
    if len(labels) != len(scores) or not np.isfinite(scores).all():
        raise ValueError(f"scores {scores.shape} of {len(labels)} windows; expected as many, all finite.")
    k = scores.shape[1]
    labels = _classes(labels, k)
    ranks, n_below, pairs = np.empty(scores.shape), np.zeros(k), np.zeros(k)
    for rows in _members(np.zeros(len(labels)) if strata is None else strata):
        ranks[rows] = rankdata(scores[rows], axis=0)
        own = np.bincount(labels[rows], minlength=k)
        n_below += own * (own + 1) / 2
        pairs += own * (len(rows) - own)
    return ranks, n_below, pairs


def _mean_auc(total: np.ndarray, n_below: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    known = pairs > 0
    if not known.any():
        return np.full(total.shape[:-1], np.nan)
    return ((total - n_below)[..., known] / pairs[known]).mean(-1)
